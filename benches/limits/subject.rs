//! nestns as its user meets it: the built executable, a topology file, signals, and the documents that it prints.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::memory::{available_kib, per_namespace, wait_until_quiet};
use crate::shape::Shape;

/// The executable of this build.
pub(crate) const NESTNS: &str = env!("CARGO_BIN_EXE_nestns");

/// Bound of a step of any shape; one that takes longer has failed, and is killed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Way to end a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// One request, which travels downward.
    Graceful,
    /// A second request before the first is done, which kills the roots.
    Kill,
}

/// Times of one life of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Time until all namespaces are made, in milliseconds.
    pub(crate) build: f64,
    /// Time from the last request to the end, in milliseconds.
    pub(crate) stop: f64,
    /// Per namespace while it stood, in KiB.
    pub(crate) memory: f64,
}

/// Builds the shape, looks at the memory, ends it.
pub(crate) fn up(shape: Shape, ending: Ending) -> io::Result<Figures> {
    let directory = tempfile::tempdir()?;
    let name = format!("bench-{}", shape.words().join("-"));
    let file = directory.path().join(format!("{name}.toml"));
    fs::write(&file, shape.topology())?;
    // Files and no pipes: nothing reads while the tree runs.
    let (answer, report) = (
        directory.path().join("stdout"),
        directory.path().join("stderr"),
    );
    wait_until_quiet();
    let memory_before = available_kib();
    let mut child = Command::new(NESTNS)
        .arg("up")
        .arg(&file)
        .args(["--format", "json", "--progress", "quiet"])
        // A state directory of its own.
        .env("NESTNS_STATE_ROOT", directory.path().join("nestns"))
        .stdin(Stdio::null())
        .stdout(File::create(&answer)?)
        .stderr(File::create(&report)?)
        .spawn()?;
    let truth = directory
        .path()
        .join("nestns")
        .join(&name)
        .join("truth.json");
    if let Err(error) = await_standing(&mut child, &truth) {
        // Already dead is what a kill may find here.
        let _ = child.kill();
        let status = child.wait()?;
        let report = fs::read(&report)?;
        let reason = String::from_utf8_lossy(&report)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        return Err(io::Error::other(format!("{error} ({status}) {reason}")));
    }
    wait_until_quiet();
    let memory_after = available_kib();
    ask(&child, ending)?;
    await_end(&mut child)?;
    let document: Value = serde_json::from_slice(&fs::read(&answer)?)?;
    let number = |pointer: &str| {
        document
            .pointer(pointer)
            .and_then(Value::as_f64)
            .ok_or_else(|| io::Error::other(format!("no `{pointer}`")))
    };
    Ok(Figures {
        build: number("/create_ms")?,
        stop: number("/stop/ms")?,
        memory: per_namespace(memory_before, memory_after, shape),
    })
}

fn ask(child: &Child, ending: Ending) -> io::Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    kill(pid, Signal::SIGTERM)?;
    if ending == Ending::Kill {
        // Another signal: two of the same that are pending at once are one.
        kill(pid, Signal::SIGINT)?;
    }
    Ok(())
}

/// The truth is written when the tree stands, and before any gate opens.
fn await_standing(child: &mut Child, truth: &Path) -> io::Result<()> {
    poll(|| match child.try_wait()? {
        Some(_) => Err(io::Error::other("`up` ended before the tree stood")),
        None => Ok(truth.exists().then_some(())),
    })
}

fn await_end(child: &mut Child) -> io::Result<()> {
    let ended = poll(|| child.try_wait()).map(drop);
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended
}

fn poll<T>(mut condition: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other("`up` did not answer in time"))
}
