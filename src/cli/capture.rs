//! `nestns capture`: a topology file from what runs.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::FalseyValueParser;
use nix::unistd::Pid;

use super::command_error::CommandError;
use super::output_file::{self, Existing};
use super::standard_error;
use super::status::Status;
use crate::present::count::count;
use nestns_observe::capture::{Missing, Scope, capture};
use nestns_observe::host_snapshot::{HostSnapshot, Search};
use nestns_observe::thread;
use nestns_topology::config;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
For a process, writes the namespaces below this one that the process is in, or that it or its descendants have \
created, with everything inside them; they need not have been started by nestns. Each process becomes an idle actor: \
the file rebuilds namespaces, PID 1s, which processes were forked and which have joined, host names, which /proc is \
visible, and users, but not what the processes do. What could not be read, and what a topology file cannot express \
(mounts, root directories, capabilities, seccomp, limits, priorities, cgroups, namespaces of single processes), is \
counted by kind on standard error and in comments of the file.

The exit status is 1 if there is no namespace to write.

  nestns capture 4711 > found.toml          the namespaces of process 4711 and its descendants
  nestns capture --host -o machine.toml     everything below this namespace
  nestns capture 4711 --programs            command lines included")]
pub(super) struct Args {
    /// Process to capture, by its PID in the caller's namespace
    #[arg(value_name = "PID", required_unless_present = "host", value_parser = clap::value_parser!(i32).range(1..=1 << 22))]
    pid: Option<i32>,

    /// Capture everything below the caller's namespace
    #[arg(long, env = "NESTNS_HOST", value_parser = FalseyValueParser::new(), conflicts_with = "pid")]
    host: bool,

    /// Keep the command lines of programs, except those that create namespaces themselves
    #[arg(long, env = "NESTNS_PROGRAMS", value_parser = FalseyValueParser::new())]
    programs: bool,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", env = "NESTNS_OUTPUT")]
    output: Option<PathBuf>,

    /// Overwrite an existing file
    #[arg(long, env = "NESTNS_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    HostSnapshot::make_room();
    let machine = HostSnapshot::read(Search::Members)?;
    let (scope, from) = match args.pid {
        Some(number) => {
            // The number of a thread is as good as that of its process.
            let pid = match thread::read(Pid::from_raw(number)) {
                Ok(Some(thread)) => thread.pid(),
                _ => number,
            };
            let Some(process) = machine.process(pid) else {
                let message = format!(
                    "there is no process {pid} in this namespace; `nestns whois {pid}` shows where that number exists"
                );
                return Err(CommandError::not_found(message));
            };
            (
                Scope::Process(pid),
                format!("process {pid} ({})", process.name.escape_default()),
            )
        }
        None => (
            Scope::Host,
            "everything below the caller's namespace".to_owned(),
        ),
    };
    let captured = capture(&machine, scope, args.programs);
    let missing: Vec<String> = captured
        .missing
        .iter()
        .map(
            |&Missing {
                 number,
                 noun,
                 matter,
             }| format!("{} {matter}", count(number, noun)),
        )
        .collect();
    for line in &missing {
        standard_error::write(&format!("{line}\n"));
    }
    if captured.namespaces == 0 {
        let message = format!("{from}: no PID namespace below this one, nothing to write");
        return Err(CommandError::not_found(message));
    }
    let comment = if missing.is_empty() {
        String::new()
    } else {
        missing
            .iter()
            .fold("# Not in this file:\n".to_owned(), |text, line| {
                text + "#   " + line + "\n"
            })
    };
    let text = format!(
        "# Captured by nestns {} at {}, from {from}.\n{comment}{}",
        env!("CARGO_PKG_VERSION"),
        humantime::format_rfc3339_seconds(SystemTime::now()),
        config::text(&captured.document),
    );
    if let Some(path) = &args.output {
        output_file::written(
            path,
            output_file::write(path, &text, Existing::by_force(args.force)),
        )?;
        return Ok(Status::Done);
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}
