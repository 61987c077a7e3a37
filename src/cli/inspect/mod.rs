//! `nestns inspect`: everything known of one namespace or process, from its declaration, its controller and the kernel.

mod document;
mod sheet;

use std::io::Write as _;

use super::answer_format::AnswerFormat;
use super::ended::EndedTopology;
use super::selection::{self, Selected};
use super::source::Source;
use super::status::Status;
use super::table_arguments::AnswerArguments;
use super::target::{Connection, Target};
use super::undeclared;
use crate::cli::command_error::CommandError;
use crate::present::sheet::{self as drawing, Section};
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
listed as well, with an address: `nestns inspect vm#17`.

For a detached topology that has ended, the end comes first: when, why, and with which status. `nestns inspect \
NAME:/` shows that alone.")]
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
    let addresses = std::slice::from_ref(&args.address);
    let mut connection = match Source::find(&args.target, addresses)? {
        Source::Running(connection) => connection,
        Source::Ended(ended) => return of_ended(args, &ended),
    };
    let mut snapshot = undeclared::snapshot(&mut connection)?;
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
        end: None,
        subject,
    };
    write(args, &document)
}

/// Answers from the record of a topology: its end first. Of the whole that is all.
fn of_ended(args: &Args, ended: &EndedTopology) -> Result<Status, CommandError> {
    if args.address.is_everything() {
        match args.answer.format {
            AnswerFormat::Json => args.answer.write(&ended.end)?,
            AnswerFormat::Human => {
                show(&[sheet::end(&ended.end, args.answer.redaction())], args)?;
            }
        }
        return Ok(Status::Done);
    }
    let snapshot = ended.snapshot()?;
    let declaration = Description::default();
    let subject = match selection::resolve_one(&snapshot, &args.address)? {
        Selected::Namespace(namespace) => document::of_namespace(&snapshot, namespace, declaration),
        Selected::Process(process) => document::of_process(&snapshot, process, declaration),
    };
    let document = InspectDocument {
        schema: documents::Kind::Inspect.schema().into(),
        topology: ended.end.topology.clone(),
        problem: None,
        end: Some(ended.end.clone()),
        subject,
    };
    write(args, &document)
}

fn write(args: &Args, document: &InspectDocument) -> Result<Status, CommandError> {
    match args.answer.format {
        AnswerFormat::Json => args.answer.write(document)?,
        AnswerFormat::Human => show(&sheet::sections(document, args.answer.redaction()), args)?,
    }
    Ok(Status::Done)
}

fn show(sections: &[Section], args: &Args) -> std::io::Result<()> {
    let text = drawing::render(sections, args.answer.colour());
    std::io::stdout().write_all(text.as_bytes())
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
