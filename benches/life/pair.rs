//! The pairs that are measured, and how often.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::topology::{NAME, Topology};

/// Number of runs of each side.
const ROUNDS: usize = 15;
/// Number of runs that take two milliseconds, of which the scheduler has a share that varies.
const MANY_ROUNDS: usize = 201;
/// Numbers of processes that `ps` and lsns(8) list, and of namespaces that `tree --host` and lsns(8) list.
const MANY: u32 = 1_000;
/// Bound of the ratio of our time to the other's.
pub(crate) const BOUND: f64 = 1.0;

/// A line of the report, in milliseconds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    /// The other side's and ours, or why there is none.
    pub(crate) figures: Result<(f64, f64), String>,
}

/// The other side's figure and ours.
type Measure = fn() -> io::Result<(f64, f64)>;

/// Measures every row whose name begins with the filter, and says on standard error what it is at.
pub(crate) fn measure(filter: &str) -> Vec<Row> {
    let rows: [(&str, &str, Measure); 3] = [
        ("exec one -- true", "nsenter -t PID -p -m true", exec),
        ("ps, 1000 processes", "lsns", ps),
        ("tree --host, 1000 namespaces", "lsns -t pid", tree),
    ];
    let wanted = rows
        .into_iter()
        .filter(|(ours, ..)| ours.starts_with(filter));
    wanted
        .map(|(ours, theirs, measure)| {
            eprintln!("measuring {ours}");
            Row {
                ours,
                theirs,
                figures: measure().map_err(|error| error.to_string()),
            }
        })
        .collect()
}

fn exec() -> io::Result<(f64, f64)> {
    let topology = Topology::with_processes(1)?;
    let init = topology.init()?.to_string();
    alternate(
        MANY_ROUNDS,
        || {
            let mut command = Command::new("nsenter");
            command.args(["-t", &init, "-p", "-m", "true"]);
            command
        },
        || topology.command(&["exec", &format!("{NAME}:/one"), "--", "true"]),
    )
}

fn ps() -> io::Result<(f64, f64)> {
    let topology = Topology::with_processes(MANY)?;
    alternate(
        ROUNDS,
        || Command::new("lsns"),
        || topology.command(&["ps", "-n", NAME]),
    )
}

/// Compares with lsns(8), which does not look for namespaces that a mount or a descriptor keeps alive; ours does.
fn tree() -> io::Result<(f64, f64)> {
    let topology = Topology::with_namespaces(MANY)?;
    alternate(
        ROUNDS,
        || {
            let mut command = Command::new("lsns");
            command.args(["-t", "pid"]);
            command
        },
        || topology.command(&["tree", "--host"]),
    )
}

/// Runs both in turn, so many times, and gives the medians of the other side and of ours. The first round warms up.
fn alternate(
    rounds: usize,
    theirs: impl Fn() -> Command,
    ours: impl Fn() -> Command,
) -> io::Result<(f64, f64)> {
    let (mut others, mut own) = (Vec::new(), Vec::new());
    for _ in 0..=rounds {
        others.push(time(theirs())?);
        own.push(time(ours())?);
    }
    Ok((median(&mut others[1..]), median(&mut own[1..])))
}

/// Time of a command from its start until all of its output was read, in milliseconds.
fn time(mut command: Command) -> io::Result<f64> {
    command.stdin(Stdio::null());
    let began = Instant::now();
    let output = command.output()?;
    let took = began.elapsed();
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!(
            "{}: {} {told}",
            command.get_program().display(),
            output.status
        )));
    }
    Ok(took.as_secs_f64() * 1e3)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
