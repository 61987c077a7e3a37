//! `nestns inspect`: everything known of one namespace or process, from its declaration, its controller and the kernel.

mod document;
mod sheet;

use std::io::Write as _;

use super::answer_format::AnswerFormat;
use super::selection::{self, Selected};
use super::status::Status;
use super::table_arguments::AnswerArguments;
use super::target::{Connection, Target};
use super::undeclared;
use crate::cli::command_error::CommandError;
use crate::present::sheet as drawing;
use clap::builder::FalseyValueParser;
use nestns_client::documents::{self, Description, InspectDocument};
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Kind, Reply, Request};
use nestns_topology::Address;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
If a namespace and a process have the same path, a trailing `/` means the namespace. What the kernel shows only to \
callers allowed to trace the process is shown as `hidden` to others. Namespaces are marked as in `nestns ps -N`: `=` \
is that of the surrounding namespace, `!` the process's own. Processes in a namespace that nestns did not start are \
listed as well, with an address: `nestns inspect vm#17`.")]
pub(super) struct Args {
    /// Namespace or process to inspect
    #[arg(value_name = "ADDR")]
    address: Address,

    /// List the threads as well, each with its numbers
    #[arg(long, env = "NESTNS_THREADS", value_parser = FalseyValueParser::new())]
    threads: bool,

    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    answer: AnswerArguments,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let (mut connection, mut snapshot) =
        undeclared::look(&args.target, std::slice::from_ref(&args.address))?;
    undeclared::name_hosts(&mut snapshot);
    let selected = selection::resolve_one(&snapshot, &args.address)?;
    let declaration = describe(&mut connection, selected)?;
    let mut subject = match selected {
        Selected::Namespace(namespace) => document::of_namespace(&snapshot, namespace, declaration),
        Selected::Process(process) => document::of_process(&snapshot, process, declaration),
    };
    // Asking by the number of a thread is asking about that one.
    let asked = selection::threads::named(&snapshot, &args.address);
    document::read_threads(&mut subject, args.threads, asked.as_ref());
    selection::threads::note(&snapshot, std::slice::from_ref(&args.address));
    let problems = &snapshot.status.problems;
    let problem = (!problems.is_empty()).then(|| problems.join("; "));
    let document = InspectDocument {
        schema: documents::Kind::Inspect.schema().into(),
        topology: snapshot.status.name.clone(),
        problem,
        subject,
    };
    match args.answer.format {
        AnswerFormat::Json => args.answer.write(&document)?,
        AnswerFormat::Human => {
            let sections = sheet::sections(&document, args.answer.redaction());
            std::io::stdout()
                .write_all(drawing::render(&sections, args.answer.colour()).as_bytes())?;
        }
    }
    Ok(Status::Done)
}

fn describe(
    connection: &mut Connection,
    selected: Selected<'_>,
) -> Result<Description, CommandError> {
    let (kind, is_declared) = match selected {
        Selected::Namespace(namespace) => (Kind::Namespace, namespace.declared),
        Selected::Process(process) => (Kind::Process, process.declared),
    };
    if !is_declared {
        return Ok(Description::default());
    }
    match connection.client.ask(Request::Describe {
        path: selected.path().to_owned(),
        kind,
    }) {
        Ok(Reply::Description(description)) => Ok(*description),
        Ok(_) => Err(connection.fail(&ClientError::Unreadable("it is something else".to_owned()))),
        Err(error) => Err(connection.fail(&error)),
    }
}
