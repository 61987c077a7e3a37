//! The rows that are measured, how often, and the bound that each has to hold.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::unistd::geteuid;
use serde_json::Value;

use crate::memory::wait_until_quiet;
use crate::ordered;
use crate::shape::Shape;
use crate::subject::{Ending, Figures, NESTNS, up};

/// The shape whose memory counts: a smaller one fits into what the kernel's caches kept of the trees before, and seems to
/// cost next to nothing.
const WEIGHED: Shape = Shape::Wide(10_000);

/// The shape that is also stopped by request.
const STOPPED_GRACEFULLY: Shape = Shape::Wide(1_000);

/// Bound of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// Multiple of the baseline.
    Times(f64),
    /// Absolute bound, in the unit of the row.
    Most(f64),
}

/// A line of the report.
#[derive(Debug)]
pub(crate) struct Row {
    /// The shape that was built or run.
    pub(crate) shape: String,
    /// The figure that was measured.
    pub(crate) what: &'static str,
    /// Median of all figures of the row.
    pub(crate) unit: &'static str,
    /// The other side, where there is one.
    pub(crate) baseline: Option<f64>,
    /// Ours, or why there is none.
    pub(crate) nestns: Result<f64, String>,
    /// Bound of our side.
    pub(crate) bound: Bound,
}

/// Measures every row whose shape begins with the filter, and says on standard error what it is at.
pub(crate) fn measure(filter: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (shape, rounds) in [(STOPPED_GRACEFULLY, 5), (WEIGHED, 3), (Shape::Chain(32), 7)] {
        if shape.to_string().starts_with(filter) {
            eprintln!("measuring {shape}, {rounds} rounds");
            rows.extend(tree(shape, rounds));
        }
    }
    rows.extend(ordered::measure(filter));
    if "run -- true".starts_with(filter) {
        eprintln!("measuring run -- true");
        rows.push(run());
    }
    if "--version".starts_with(filter) {
        eprintln!("measuring --version");
        rows.push(version());
    }
    rows
}

fn tree(shape: Shape, rounds: usize) -> Vec<Row> {
    let mut baselines = Vec::new();
    let mut kills = Vec::new();
    let mut graceful = Vec::new();
    let mut failure = None;
    for _ in 0..rounds {
        match baseline(shape) {
            Ok(figures) => baselines.push(figures),
            Err(error) => eprintln!("no baseline for {shape}: {error}"),
        }
        // What failed once is not tried again: a stop that hangs would take its whole time limit each time.
        if failure.is_none() {
            let live = |ending, lives: &mut Vec<Figures>| {
                up(shape, ending).map(|figures| lives.push(figures))
            };
            let mut lived = live(Ending::Kill, &mut kills);
            if lived.is_ok() && shape == STOPPED_GRACEFULLY {
                lived = live(Ending::Graceful, &mut graceful);
            }
            failure = lived.err().map(|error| error.to_string());
        }
    }
    let row = |what, unit, of: fn(&Figures) -> f64, bound| Row {
        shape: shape.to_string(),
        what,
        unit,
        baseline: median(baselines.iter().map(of)),
        nestns: median(kills.iter().map(of)).ok_or_else(|| failure.clone().unwrap_or_default()),
        bound,
    };
    let mut rows = vec![
        row("build", "ms", |figures| figures.build, Bound::Times(2.0)),
        row("kill", "ms", |figures| figures.stop, Bound::Times(1.5)),
    ];
    if shape == WEIGHED {
        rows.push(row(
            "memory per namespace",
            "KiB",
            |figures| figures.memory,
            Bound::Most(150.0),
        ));
    }
    if shape == STOPPED_GRACEFULLY {
        rows.push(Row {
            shape: shape.to_string(),
            // Beside the kill of nestns itself: there is no graceful stop in bare system calls.
            what: "graceful stop, beside own kill",
            unit: "ms",
            baseline: median(kills.iter().map(|figures| figures.stop)),
            nestns: median(graceful.iter().map(|figures| figures.stop))
                .ok_or(failure.unwrap_or_default()),
            bound: Bound::Times(4.0),
        });
    }
    rows
}

/// A run of this executable as the baseline.
fn baseline(shape: Shape) -> io::Result<Figures> {
    wait_until_quiet();
    let own = std::env::current_exe()?;
    let mut command = if geteuid().is_root() {
        Command::new(own)
    } else {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user"]).arg(own);
        command
    };
    let output = command
        .arg("baseline")
        .args(shape.words())
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', "; "),
        ));
    }
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| {
        figures[key]
            .as_f64()
            .ok_or_else(|| io::Error::other(format!("no `{key}`")))
    };
    Ok(Figures {
        build: number("build_ms")?,
        stop: number("teardown_ms")?,
        memory: number("kib_per_ns")?,
    })
}

/// `nestns run -- true` beside the same of util-linux, pair by pair.
fn run() -> Row {
    const PAIRS: usize = 100;
    let mut unshare = Command::new("unshare");
    if !geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--fork", "--pid", "--mount-proc", "true"]);
    let mut nestns = Command::new(NESTNS);
    nestns.args(["run", "--", "true"]);

    let mut baselines = Vec::new();
    let mut ours = Vec::new();
    // A command that exits with 0 without having run anything would win: this one has to hand a status through.
    let mut proof = Command::new(NESTNS);
    proof.args(["run", "--", "sh", "-c", "exit 7"]);
    let mut failure = match quiet(&mut proof).status() {
        Ok(status) if status.code() == Some(7) => None,
        Ok(status) => Some(format!("`run -- sh -c 'exit 7'` ended with {status}")),
        Err(error) => Some(error.to_string()),
    };
    for _ in 0..PAIRS {
        if let Ok(time) = time(&mut unshare) {
            baselines.push(time);
        }
        if failure.is_none() {
            match time(&mut nestns) {
                Ok(time) => ours.push(time),
                Err(error) => failure = Some(error.to_string()),
            }
        }
    }
    Row {
        shape: "run -- true".to_owned(),
        what: "beside `unshare --fork --pid --mount-proc`",
        unit: "ms",
        baseline: median(baselines.into_iter()),
        nestns: failure.map_or_else(|| median(ours.into_iter()).ok_or_else(String::new), Err),
        bound: Bound::Times(1.0),
    }
}

fn version() -> Row {
    const TIMES: usize = 100;
    let mut command = Command::new(NESTNS);
    command.arg("--version");
    let nestns = match command.output() {
        Ok(output) if output.stdout.starts_with(b"nestns") => {
            median((0..TIMES).filter_map(|_| time(&mut command).ok())).ok_or_else(String::new)
        }
        Ok(output) => Err(format!("`--version` says nothing ({})", output.status)),
        Err(error) => Err(error.to_string()),
    };
    Row {
        shape: "--version".to_owned(),
        what: "start-up",
        unit: "ms",
        baseline: None,
        nestns,
        bound: Bound::Most(3.0),
    }
}

/// Time from before the fork to after the wait, in milliseconds.
pub(crate) fn time(command: &mut Command) -> io::Result<f64> {
    let start = Instant::now();
    let status = quiet(command).status()?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    if status.success() {
        Ok(elapsed)
    } else {
        Err(io::Error::other(format!("ended with {status}")))
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
