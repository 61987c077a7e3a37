//! `nestns capture`: a topology file from what runs.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::FalseyValueParser;
use nix::unistd::Pid;

use super::output_file::{self, Existing};
use super::status::Status;
use super::tell::tell;
use crate::observe::capture::{Missing, Scope, capture};
use crate::observe::machine::{Machine, Search};
use crate::observe::thread;
use crate::present::config;
use crate::present::count::count;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of a process, the namespaces below this one are written that it is in, or that it or its descendants have made, with all that \
is inside them; nestns need not have started it. Each process becomes an idle actor: the file rebuilds namespaces, who is \
PID 1, who was forked and who has joined, host names, which /proc is seen, users, not the work. What could not be read, and what a \
file has no word for (mounts, root directories, capabilities, seccomp, limits, priorities, cgroups, namespaces of single \
processes), is counted by kind on standard error and in comments of the file.

The status is 1 when there is no namespace to write.

  nestns capture 4711 > found.toml          what hangs on process 4711
  nestns capture --host -o machine.toml     everything below this namespace
  nestns capture 4711 --programs            the command lines, too")]
pub(super) struct Args {
    /// A process, by its number here
    #[arg(value_name = "PID", required_unless_present = "host", value_parser = clap::value_parser!(i32).range(1..=1 << 22))]
    pid: Option<i32>,

    /// Everything below the namespace of the caller
    #[arg(long, env = "NESTNS_HOST", value_parser = FalseyValueParser::new(), conflicts_with = "pid")]
    host: bool,

    /// Keep the command lines of programs, as far as they make no namespaces themselves
    #[arg(long, env = "NESTNS_PROGRAMS", value_parser = FalseyValueParser::new())]
    programs: bool,

    /// Write it to this file instead of standard output
    #[arg(short, long, value_name = "FILE", env = "NESTNS_OUTPUT")]
    output: Option<PathBuf>,

    /// Replace a file that is there already
    #[arg(long, env = "NESTNS_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    Machine::make_room();
    let machine = Machine::read(Search::Members)?;
    let (scope, from) = match args.pid {
        Some(number) => {
            // The number of a thread is as good as that of its process.
            let pid = match thread::read(Pid::from_raw(number)) {
                Ok(Some(thread)) => thread.pid(),
                _ => number,
            };
            let Some(process) = machine.process(pid) else {
                anyhow::bail!("there is no process {pid} here: `nestns whois {pid}` shows where the number exists");
            };
            (Scope::Process(pid), format!("process {pid} ({})", process.name.escape_default()))
        }
        None => (Scope::Host, "all that was below the caller's namespace".to_owned()),
    };
    let captured = capture(&machine, scope, args.programs);
    let missing: Vec<String> = captured
        .missing
        .iter()
        .map(|&Missing { number, noun, matter }| format!("{} {matter}", count(number, noun)))
        .collect();
    for line in &missing {
        tell(&format!("{line}\n"));
    }
    if captured.namespaces == 0 {
        tell(&format!("{from}: there is no PID namespace below this one to write\n"));
        return Ok(Status::No);
    }
    let comment = if missing.is_empty() {
        String::new()
    } else {
        missing.iter().fold("# Not in this file:\n".to_owned(), |text, line| text + "#   " + line + "\n")
    };
    let text = format!(
        "# Captured by nestns {} at {}, from {from}.\n{comment}{}",
        env!("CARGO_PKG_VERSION"),
        humantime::format_rfc3339_seconds(SystemTime::now()),
        config::text(&captured.document),
    );
    if let Some(path) = &args.output {
        return output_file::outcome(path, output_file::write(path, &text, Existing::by_force(args.force)));
    }
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}
