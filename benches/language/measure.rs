//! One run of the executable: its time, and its memory as the kernel counts it.

use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// The executable of this build.
const NESTNS: &str = env!("CARGO_BIN_EXE_nestns");

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// From before the fork to after the wait, in milliseconds.
    pub(crate) time: f64,
    /// The largest resident set, in MiB.
    pub(crate) memory: f64,
}

/// The quickest of some rounds, with the largest memory of all.
pub(crate) fn best(words: &[&str], rounds: usize) -> io::Result<Figures> {
    let mut best: Option<Figures> = None;
    for _ in 0..rounds {
        let round = one(words)?;
        best =
            Some(best.map_or(round, |best| Figures {
                time: best.time.min(round.time),
                memory: best.memory.max(round.memory),
            }));
    }
    best.ok_or_else(|| io::Error::other("no rounds"))
}

/// A copy of this executable runs it: that copy has no other child, and is small.
fn one(words: &[&str]) -> io::Result<Figures> {
    let output = Command::new(std::env::current_exe()?).arg("measure").args(words).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(time)), Some(Ok(memory))) => Ok(Figures { time, memory }),
        _ => Err(io::Error::other(format!("no figures in {text:?}"))),
    }
}

/// The other side of [`one`]: prints milliseconds and MiB.
pub(crate) fn child(words: &[String]) -> ExitCode {
    match run(words) {
        Ok(Figures { time, memory }) => {
            println!("{time} {memory}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of KiB is far below 2^53")]
fn run(words: &[String]) -> io::Result<Figures> {
    let start = Instant::now();
    let status =
        Command::new(NESTNS).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    if !status.success() {
        return Err(io::Error::other(format!("ended with {status}")));
    }
    Ok(Figures { time, memory: getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0 })
}
