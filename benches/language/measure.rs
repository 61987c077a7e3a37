//! One run of the executable: its time, and its memory as the kernel counts it.

use std::fs;
use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

use crate::topology::Tree;

/// The executable of this build.
const NESTNS: &str = env!("CARGO_BIN_EXE_nestns");

/// Cost of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Time from before the fork to after the wait, in milliseconds.
    pub(crate) time: f64,
    /// The largest resident set, in MiB.
    pub(crate) memory: f64,
}

/// The quickest of some rounds, with the largest memory of all.
pub(crate) fn best(words: &[&str], rounds: usize) -> io::Result<Figures> {
    best_of("measure", words, rounds)
}

/// The same of reading a file into a tree of values, which a copy of this executable does itself.
pub(crate) fn best_parse(tree: Tree, file: &str, rounds: usize) -> io::Result<Figures> {
    best_of("parse", &[tree.word(), file], rounds)
}

fn best_of(mode: &str, words: &[&str], rounds: usize) -> io::Result<Figures> {
    let mut best: Option<Figures> = None;
    for _ in 0..rounds {
        let round = one(mode, words)?;
        best = Some(best.map_or(round, |best| Figures {
            time: best.time.min(round.time),
            memory: best.memory.max(round.memory),
        }));
    }
    best.ok_or_else(|| io::Error::other("no rounds"))
}

/// A copy of this executable runs it: that copy has no other child, and is small.
fn one(mode: &str, words: &[&str]) -> io::Result<Figures> {
    let output = Command::new(std::env::current_exe()?)
        .arg(mode)
        .args(words)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', "; "),
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(time)), Some(Ok(memory))) => Ok(Figures { time, memory }),
        _ => Err(io::Error::other(format!("no figures in {text:?}"))),
    }
}

/// The other side of [`one`]: prints milliseconds and MiB.
pub(crate) fn print(figures: io::Result<Figures>) -> ExitCode {
    match figures {
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

/// Runs the executable with some words.
pub(crate) fn run(words: &[String]) -> io::Result<Figures> {
    let start = Instant::now();
    let status = Command::new(NESTNS)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    if !status.success() {
        return Err(io::Error::other(format!("ended with {status}")));
    }
    Ok(Figures {
        time,
        memory: largest(UsageWho::RUSAGE_CHILDREN)?,
    })
}

/// Reads a file into a tree; the words are both.
pub(crate) fn parse(words: &[String]) -> io::Result<Figures> {
    let [tree, file] = words else {
        return Err(io::Error::other("a tree and a file are needed"));
    };
    let tree =
        Tree::find(tree).ok_or_else(|| io::Error::other(format!("there is no tree `{tree}`")))?;
    let time = tree.parse(fs::read_to_string(file)?)?;
    Ok(Figures {
        time,
        memory: largest(UsageWho::RUSAGE_SELF)?,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of KiB is far below 2^53"
)]
fn largest(who: UsageWho) -> io::Result<f64> {
    Ok(getrusage(who)?.max_rss() as f64 / 1024.0)
}
