//! Trees whose parts wait for each other, of one size and of a quarter of it: start and stop have to grow with the number.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::process::Command;

use crate::memory::wait_until_quiet;
use crate::rows::{Bound, Row, median, time};
use crate::subject::NESTNS;

/// Runs of each size.
const ROUNDS: usize = 5;
/// Number of times that the smaller tree goes into the larger one.
const PARTS: u32 = 4;
const NAME: &str = "ordered";

/// Parts that wait, each for the readiness of the one before.
#[derive(Debug, Clone, Copy)]
enum Ordered {
    /// Members that join one namespace.
    Members(u32),
    /// Namespaces side by side, with one process in each.
    Namespaces(u32),
}

impl Ordered {
    fn part(self) -> Self {
        match self {
            Self::Members(number) => Self::Members(number / PARTS),
            Self::Namespaces(number) => Self::Namespaces(number / PARTS),
        }
    }

    fn topology(self) -> String {
        let (Self::Members(number) | Self::Namespaces(number)) = self;
        let mut file = format!(
            "name = \"{NAME}\"\n[limits]\nnamespaces = 2000\nprocesses = 4000\n[ns.root]\n"
        );
        for number in 0..number {
            let after = match number.checked_sub(1) {
                None => String::new(),
                Some(before) => format!("after = {{ p{before} = \"ready\" }}"),
            };
            // Writing to a string cannot fail.
            let _ = match self {
                Self::Members(_) => {
                    writeln!(
                        file,
                        "[ns.root.proc.p{number}]\nactor = \"serve\"\nenter = \"join\"\n{after}"
                    )
                }
                Self::Namespaces(_) => {
                    writeln!(
                        file,
                        "[ns.\"root/p{number}\"]\nproc.a = {{ actor = \"serve\" }}\n{after}"
                    )
                }
            };
        }
        file
    }
}

impl fmt::Display for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Members(number) => write!(f, "{number} joined, in a row"),
            Self::Namespaces(number) => write!(f, "{number} namespaces, in a row"),
        }
    }
}

/// Measures the rows whose shape begins with the filter.
pub(crate) fn measure(filter: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for shape in [Ordered::Members(200), Ordered::Namespaces(1_000)] {
        if shape.to_string().starts_with(filter) {
            eprintln!("measuring {shape}, {ROUNDS} rounds");
            rows.extend(row(shape));
        }
    }
    rows
}

/// The rows of a shape, each beside as many times the figure of its part as it is larger.
fn row(shape: Ordered) -> [Row; 2] {
    let (mut parts, mut wholes) = (Vec::new(), Vec::new());
    let mut failure = None;
    for _ in 0..ROUNDS {
        for (shape, figures) in [(shape.part(), &mut parts), (shape, &mut wholes)] {
            match live(shape) {
                Ok(times) => figures.push(times),
                Err(error) => failure = Some(error.to_string()),
            }
        }
    }
    let row = |what, of: fn(&(f64, f64)) -> f64| Row {
        shape: shape.to_string(),
        what,
        unit: "ms",
        baseline: median(parts.iter().map(of)).map(|part| part * f64::from(PARTS)),
        nestns: match &failure {
            Some(failure) => Err(failure.clone()),
            None => median(wholes.iter().map(of)).ok_or_else(String::new),
        },
        bound: Bound::Times(1.5),
    };
    [
        row("until ready, beside 4 × a quarter", |times| times.0),
        row("stop, beside 4 × a quarter", |times| times.1),
    ]
}

/// Times until a tree is ready, and from the request to stop until its end, in milliseconds.
fn live(shape: Ordered) -> io::Result<(f64, f64)> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("ordered.toml");
    std::fs::write(&file, shape.topology())?;
    wait_until_quiet();
    let ready = time(nestns(directory.path(), &["up", "-d"]).arg(&file));
    let stop = time(&mut nestns(directory.path(), &["down", NAME]));
    if ready.is_err() || stop.is_err() {
        // Whatever of it runs; nothing may, and the failure itself is told.
        let _ = time(&mut nestns(directory.path(), &["down", NAME, "--now"]));
    }
    Ok((ready?, stop?))
}

fn nestns(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(NESTNS);
    command
        .args(arguments)
        .env("NESTNS_STATE_ROOT", directory.join("nestns"));
    command
}
