//! nestns as its user meets it: the built executable, a topology file, signals, and the documents that it prints.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::memory::{available_kib, per_namespace, settle};
use crate::shape::Shape;

/// The executable of this build.
pub(crate) const NESTNS: &str = env!("CARGO_BIN_EXE_nestns");

/// No step of any shape takes longer; what does is a failure, and is killed.
const PATIENCE: Duration = Duration::from_mins(2);

/// How the tree is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By one request, which travels downward.
    Graceful,
    /// By a second request before the first is done, which kills the roots.
    Kill,
}

/// What one life of a tree took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// All namespaces made, in milliseconds.
    pub(crate) build: f64,
    /// From the (last) request to the end, in milliseconds.
    pub(crate) stop: f64,
    /// Per namespace while it stood, in KiB.
    pub(crate) memory: f64,
}

/// Builds the shape, looks at the memory, ends it.
pub(crate) fn up(shape: Shape, ending: Ending) -> io::Result<Figures> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join(format!("bench-{}.toml", shape.words().join("-")));
    fs::write(&file, shape.topology())?;
    // A file and no pipe: nobody reads it while the tree stands.
    let story = directory.path().join("stderr");
    settle();
    let memory_before = available_kib();
    let mut child = Command::new(NESTNS)
        .arg("up")
        .arg(&file)
        .args(["--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&story)?)
        .spawn()?;
    let documents = read_documents(&mut child)?;
    let mut seen = Vec::new();
    if let Err(error) = receive(&documents, &mut seen, Until::First) {
        // Already dead is what a kill may find here.
        let _ = child.kill();
        let status = child.wait()?;
        let story = fs::read(&story)?;
        let reason = String::from_utf8_lossy(&story).lines().next().unwrap_or_default().to_owned();
        return Err(io::Error::other(format!("{error} ({status}) {reason}")));
    }
    let memory_after = available_kib();
    let asked = Instant::now();
    ask(&child, ending)?;
    let ended = receive(&documents, &mut seen, Until::EndOfFile);
    if ended.is_err() {
        child.kill()?;
    }
    child.wait()?;
    let outside = asked.elapsed().as_secs_f64() * 1e3;
    ended?;
    let reported = Reported::of(&seen);
    Ok(Figures {
        build: reported.create.ok_or_else(|| io::Error::other("no `create_ms` in the document"))?,
        stop: reported.stop.unwrap_or(outside),
        memory: per_namespace(memory_before, memory_after, shape),
    })
}

/// What the documents say, in milliseconds.
struct Reported {
    create: Option<f64>,
    stop: Option<f64>,
}

impl Reported {
    /// The one place that knows the documents of `up`: `nestns.up/1` has `create_ms`, and the time of the stop is in its
    /// `stop` object or in a document `nestns.stop/1` of its own.
    fn of(documents: &[Value]) -> Self {
        let number = |pointer: &str| documents.iter().rev().find_map(|document| document.pointer(pointer)?.as_f64());
        let own_stop = documents.iter().find(|document| document["schema"] == "nestns.stop/1");
        let stop = number("/stop/ms").or_else(|| own_stop.and_then(|document| document["ms"].as_f64()));
        Self { create: number("/create_ms"), stop }
    }
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

/// Reads the documents as they come: when the first is there, the tree stands.
fn read_documents(child: &mut Child) -> io::Result<Receiver<Value>> {
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let values = serde_json::Deserializer::from_reader(BufReader::new(output)).into_iter::<Value>();
        for value in values.map_while(Result::ok) {
            if sender.send(value).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    First,
    EndOfFile,
}

fn receive(documents: &Receiver<Value>, seen: &mut Vec<Value>, until: Until) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match documents.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(document) => {
                seen.push(document);
                if until == Until::First {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Disconnected) if until == Until::EndOfFile => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("`up` printed no document")),
            Err(RecvTimeoutError::Timeout) => return Err(io::Error::other("`up` did not answer in time")),
        }
    }
}
