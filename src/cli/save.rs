//! `nestns save`: what a topology was built from, and what stands of it, as files.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, TypedValueParser as _};

use super::command_error::{CommandError, Context as _};
use super::launch;
use super::output_file::{self, Existing};
use super::status::Status;
use super::target::{Connection, Target};
use super::undeclared;
use crate::present::redact::Redaction;
use nestns_client::state_directory::{TOPOLOGY, open_file};
use nestns_runtime::controller::truth;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes two files to the directory: `topology.toml`, with everything merged, substituted and generated, so that \
`nestns up` builds the same tree from it anywhere, and `truth.json` (nestns.truth/1), with each namespace and process \
and its number on every level. The memory of processes is not saved. The directory is written whole or not at all; \
its name is printed. An existing one is left alone, with status 1; with --force its two files are replaced, and any \
others in it are kept.

  nestns save                        NAME.saved/topology.toml and NAME.saved/truth.json
  nestns save dind -o before
  nestns save --truth | jq '.processes[].pids'
  nestns save --topology -o again.toml")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Topology to save, needed if several are running; same as --name
    #[arg(value_name = "NAME", id = "topology_name", value_parser = launch::name)]
    named: Option<String>,

    #[command(flatten)]
    target: Target,

    /// Write only the current state (truth.json), to standard output by default
    #[arg(long, env = "NESTNS_TRUTH", value_parser = is_set)]
    truth: bool,

    /// Write only the topology file, to standard output by default
    #[arg(long, env = "NESTNS_TOPOLOGY", value_parser = FalseyValueParser::new())]
    topology: bool,

    /// Directory to write, or file with --truth or --topology; `-` is standard output [default: NAME.saved]
    #[arg(short, long, value_name = "PATH", env = "NESTNS_OUTPUT")]
    output: Option<PathBuf>,

    /// Overwrite existing files
    #[arg(long, env = "NESTNS_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,

    /// Replace values that differ on every run (host PIDs, inodes, times) in truth.json, for comparisons
    #[arg(long, env = "NESTNS_REDACT", value_parser = FalseyValueParser::new())]
    redact: bool,
}

/// Returns whether the environment asks for the truth. Programs of a tree are told in the same variable where its truth lies,
/// which asks for nothing.
fn is_set(text: &str) -> Result<bool, String> {
    if text.starts_with('/') {
        return Ok(false);
    }
    FalseyValueParser::new()
        .parse_ref(&clap::Command::new("save"), None, text.as_ref())
        .map_err(|why| why.to_string())
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let is_one = args.truth || args.topology;
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if args.truth && args.topology {
        let error = CommandError::usage("--truth and --topology cannot be used together");
        return Err(error.help("without either, both files are written"));
    }
    if to_stdout && !is_one {
        let error = CommandError::usage("cannot write two files to standard output");
        return Err(error.help("choose one with --truth or --topology"));
    }
    let target = Target {
        name: args.named.clone().or_else(|| args.target.name.clone()),
    };
    let mut connection = target.connect(None)?;
    let truth = if args.topology {
        None
    } else {
        Some(truth(&mut connection, args.redact)?)
    };
    let topology = if args.truth {
        None
    } else {
        Some(topology(&connection)?)
    };
    let existing = Existing::by_force(args.force);
    let (path, written) = match (truth, topology) {
        (Some(truth), Some(topology)) => {
            let path = args
                .output
                .clone()
                .unwrap_or_else(|| format!("{}.saved", connection.name).into());
            let files = [
                ("topology.toml", topology.as_str()),
                ("truth.json", truth.as_str()),
            ];
            let written = output_file::write_directory(&path, &files, existing);
            (path, written)
        }
        (one, other) => {
            let text = one.or(other).unwrap_or_default();
            match &args.output {
                Some(path) if !to_stdout => {
                    (path.clone(), output_file::write(path, &text, existing))
                }
                _ => {
                    io::stdout().lock().write_all(text.as_bytes())?;
                    return Ok(Status::Done);
                }
            }
        }
    };
    output_file::written(&path, written)?;
    writeln!(io::stdout(), "{}", path.display())?;
    Ok(Status::Done)
}

/// The document of this moment, by the controller itself: the file in the state directory is as old as it may be.
fn truth(connection: &mut Connection, redact: bool) -> Result<String, CommandError> {
    let (mut snapshot, undeclared) = undeclared::both(connection)?;
    for process in &mut snapshot.processes {
        process.read_threads();
        process.read_groups();
    }
    let document = truth::document(&snapshot, &undeclared);
    let text = if redact {
        let mut document = serde_json::to_value(document)?;
        Redaction::On.document(&mut document);
        serde_json::to_string_pretty(&document)?
    } else {
        serde_json::to_string_pretty(&document)?
    };
    Ok(text + "\n")
}

/// Reads the text it was built from, as kept by its controller.
fn topology(connection: &Connection) -> Result<String, CommandError> {
    let path = connection.directory.join(TOPOLOGY);
    let read = || {
        let mut text = String::new();
        open_file(&path)?
            .ok_or(io::ErrorKind::NotFound)?
            .read_to_string(&mut text)?;
        io::Result::Ok(text)
    };
    read().context(format_args!(
        "cannot read the saved topology {} (`--truth` does not need it)",
        path.display()
    ))
}
