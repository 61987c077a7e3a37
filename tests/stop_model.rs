//! Random trees with random graces, handlers, signals and PID 1s, stopped, beside a model of the stop: what is requested
//! when, what ends when, and how. Nothing may come sooner than the model says, and nothing much later; where two ways to end are
//! so close that a busy machine may swap them, either is right.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::harness::identity::identities;
use crate::harness::nest::Nest;
use crate::harness::random;
use crate::harness::requirement::{nesting, require};

/// Tolerance between model and run, in milliseconds: scheduling, shells, and reaping.
const SLACK: f64 = 6000.0;
/// Distance of two ways to end within which either is right.
const TIE: f64 = 1500.0;
/// Error of times in whole milliseconds, which are rounded down once per level.
const ROUNDING: f64 = 10.0;
/// Time that a parent waits for an init beyond its grace.
const MARGIN: f64 = 500.0;
const NEVER: f64 = f64::INFINITY;

/// A small generator of numbers, so that a failure can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.roll(choices.len() as u64)).expect("few")]
    }
}

/// Behaviour of a program on its stop signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// Works for this number of milliseconds, and exits.
    Handles(u32),
    Ignores,
    /// The default action, which a PID 1 does not have.
    Default,
}

impl Behaviour {
    fn random(dice: &mut Dice) -> Self {
        dice.pick(&[
            Self::Handles(0),
            Self::Handles(300),
            Self::Handles(900),
            Self::Handles(2500),
            Self::Ignores,
            Self::Default,
        ])
    }

    fn script(self, signal: &str, ready: &str) -> String {
        let mark = format!(": > DIRECTORY/{ready}.ready");
        match self {
            Self::Handles(ms) => format!(
                "trap 'sleep {}; exit 0' {signal}; {mark}; while :; do sleep 1000 & wait; done",
                f64::from(ms) / 1000.0
            ),
            Self::Ignores => format!("trap '' {signal}; {mark}; while :; do sleep 1000; done"),
            Self::Default => format!("{mark}; exec sleep 1000"),
        }
    }

    /// Time at which it exits by itself, if it is requested at `asked`.
    fn end(self, asked: f64, is_first: bool) -> (f64, &'static str) {
        match self {
            Self::Handles(ms) => (asked + f64::from(ms), "exited"),
            Self::Default if !is_first => (asked, "signalled"),
            Self::Ignores | Self::Default => (NEVER, "exited"),
        }
    }
}

#[derive(Debug)]
struct Process {
    behaviour: Behaviour,
    signal: &'static str,
    grace: Option<f64>,
    /// The process before it in the file has no dependency but is requested after this one.
    depends: bool,
    joins: bool,
}

#[derive(Debug)]
enum Init {
    Builtin,
    Pause,
    Program(Behaviour, &'static str),
}

#[derive(Debug)]
struct Namespace {
    path: String,
    init: Init,
    grace: f64,
    processes: Vec<Process>,
    children: Vec<Namespace>,
}

const SIGNALS: [&str; 5] = ["TERM", "TERM", "INT", "HUP", "USR1"];

impl Namespace {
    fn random(dice: &mut Dice, path: String, depth: u64) -> Self {
        let init = match dice.roll(5) {
            0 | 1 => Init::Builtin,
            2 => Init::Pause,
            _ => Init::Program(Behaviour::random(dice), dice.pick(&SIGNALS)),
        };
        let process = |dice: &mut Dice, index: u64| Process {
            behaviour: Behaviour::random(dice),
            signal: dice.pick(&SIGNALS),
            grace: dice.pick(&[None, None, Some(400.0), Some(2000.0), Some(4000.0)]),
            depends: index > 0 && dice.roll(3) == 0,
            joins: dice.roll(2) == 0,
        };
        let processes = (0..=dice.roll(2))
            .map(|index| process(dice, index))
            .collect();
        let count = if depth == 0 { 0 } else { dice.roll(3) };
        let children = (0..count)
            .map(|place| Self::random(dice, format!("{path}/s{place}"), depth - 1))
            .collect();
        let grace = dice.pick(&[600.0, 1500.0, 3000.0, 4500.0]);
        Self {
            path,
            init,
            grace,
            processes,
            children,
        }
    }

    fn write(&self, text: &mut String, ready: &mut Vec<String>) {
        let mark = |path: &str| path.replace('/', "-").replace('@', "root");
        let _ = writeln!(text, "[ns.\"{}\"]", self.path);
        match &self.init {
            Init::Builtin => {}
            Init::Pause => text.push_str("init = \"pause\"\n"),
            Init::Program(behaviour, signal) => {
                let name = mark(&format!("{}/init", self.path));
                let _ = writeln!(
                    text,
                    "init = [\"sh\", \"-c\", \"{}\"]",
                    behaviour.script(signal, &name)
                );
                let _ = writeln!(text, "stop.signal = \"{signal}\"");
                ready.push(name);
            }
        }
        let _ = writeln!(text, "stop.grace = \"{}ms\"", self.grace);
        for (index, process) in self.processes.iter().enumerate() {
            let name = mark(&format!("{}/p{index}", self.path));
            let grace = process
                .grace
                .map(|grace| format!(", grace = \"{grace}ms\""))
                .unwrap_or_default();
            let joins = process.joins || !matches!(self.init, Init::Builtin);
            let _ = writeln!(
                text,
                "proc.p{index} = {{ sh = \"{}\", essential = false, enter = \"{}\", stop = {{ signal = \"{}\"{grace} }}{} }}",
                process.behaviour.script(process.signal, &name),
                if joins { "join" } else { "fork" },
                process.signal,
                if process.depends {
                    format!(", after = {{ p{} = \"started\" }}", index - 1)
                } else {
                    String::new()
                }
            );
            ready.push(name);
        }
        for child in &self.children {
            child.write(text, ready);
        }
    }
}

/// Possible outcomes of a process: the time of its request, and the ways in which it may end, each with its time.
#[derive(Debug, Clone)]
struct Fate {
    asked: f64,
    ways: Vec<(f64, &'static str)>,
}

impl Fate {
    fn end(&self) -> f64 {
        self.ways.iter().fold(NEVER, |end, way| end.min(way.0))
    }
}

type Fates = BTreeMap<String, Fate>;

/// The bounds that come from around a namespace.
#[derive(Debug, Clone, Copy)]
struct Around {
    /// The deadline that it is given.
    told: f64,
    /// Time at which its parent kills it.
    kill: f64,
    /// Time at which it is killed with a PID 1 further out.
    collapse: f64,
    /// The part of their graces for which processes are left to those that wait for their end.
    scale: f64,
}

const KILLED: &str = "killed at deadline";
const COLLAPSED: &str = "collapsed";

/// Stops a namespace, requested of its parent at `now`. Returns the time at which its PID 1 is gone.
fn stop(namespace: &Namespace, now: f64, around: Around, fates: &mut Fates) -> f64 {
    match namespace.init {
        Init::Builtin | Init::Pause => stop_own(namespace, now, around, fates),
        Init::Program(behaviour, _) => stop_program(namespace, now, around, behaviour, fates),
    }
}

fn stop_own(namespace: &Namespace, now: f64, around: Around, fates: &mut Fates) -> f64 {
    let deadline = now + namespace.grace;
    let told = around.told.min(deadline);
    let kill = around.kill.min(deadline + MARGIN);
    let inside = Around {
        told,
        kill: deadline,
        collapse: around.collapse.min(kill),
        scale: ((told - now) / stop_time(namespace)).min(1.0),
    };
    let mut gone = stop_processes(namespace, now, inside, fates);
    for child in &namespace.children {
        gone = gone.max(stop(child, now, inside, fates));
    }
    let ways = vec![
        (gone, "exited"),
        (kill, KILLED),
        (around.collapse, COLLAPSED),
    ];
    let fate = Fate { asked: now, ways };
    let end = fate.end();
    fates.insert(format!("{}/init", namespace.path), fate);
    end
}

fn stop_program(
    namespace: &Namespace,
    now: f64,
    around: Around,
    behaviour: Behaviour,
    fates: &mut Fates,
) -> f64 {
    let left = namespace.grace.min(around.told - now);
    let half = now + (left / 2.0).max(stop_time(namespace).min((left - LAST).max(0.0)));
    let kill = around.kill.min(now + namespace.grace);
    let mut inside = Around {
        told: half,
        ..around
    };
    let mut asked = now;
    let mut fate = None;
    // The first time to find out when all inside would be gone, the second with the end of the PID 1.
    for _ in 0..2 {
        let mut gone = stop_processes(namespace, now, inside, fates);
        for child in &namespace.children {
            gone = gone.max(stop(child, now, inside, fates));
        }
        if fate.is_none() {
            asked = gone.min(half);
        }
        let own = Fate {
            asked,
            ways: vec![
                behaviour.end(asked, true),
                (kill, KILLED),
                (around.collapse, COLLAPSED),
            ],
        };
        inside.collapse = own.end();
        fate = Some(own);
    }
    let fate = fate.expect("it was set twice");
    let end = fate.end();
    fates.insert(format!("{}/init", namespace.path), fate);
    end
}

/// Time that a program that is PID 1 has at least when everything inside takes as long as it may.
const LAST: f64 = 1000.0;

/// True of a process that waits for the one before it, or that the next one waits for.
fn is_chained(namespace: &Namespace, index: usize) -> bool {
    let next = namespace.processes.get(index + 1);
    namespace.processes[index].depends || next.is_some_and(|next| next.depends)
}

/// The grace of a process: its own, a share of its namespace's beside others in a chain, or all of that.
fn grace(namespace: &Namespace, index: usize) -> f64 {
    let whole = namespace.grace;
    namespace.processes[index]
        .grace
        .unwrap_or(if is_chained(namespace, index) {
            (whole / 2.0).min(5000.0)
        } else {
            whole
        })
}

/// The time of a process in a chain of graces: nothing for one that has none of its own and is in no chain.
fn weight(namespace: &Namespace, index: usize) -> f64 {
    let is_counted = namespace.processes[index].grace.is_some() || is_chained(namespace, index);
    if is_counted {
        grace(namespace, index)
    } else {
        0.0
    }
}

/// For each process the graces of those before it in a stop.
fn offsets(namespace: &Namespace) -> Vec<f64> {
    let mut offsets = vec![0.0; namespace.processes.len()];
    for index in (1..namespace.processes.len()).rev() {
        if namespace.processes[index].depends {
            offsets[index - 1] = offsets[index] + weight(namespace, index);
        }
    }
    offsets
}

/// The time that everything in a namespace takes at most.
fn stop_time(namespace: &Namespace) -> f64 {
    let processes = offsets(namespace).into_iter().enumerate();
    let processes = processes.map(|(index, offset)| offset + weight(namespace, index));
    let children = namespace.children.iter().map(|child| child.grace);
    processes.chain(children).fold(0.0, f64::max)
}

/// Stops the processes of a namespace, those first that waited for others. Returns when all of them are gone.
fn stop_processes(namespace: &Namespace, now: f64, around: Around, fates: &mut Fates) -> f64 {
    let mut gone = now;
    let mut dependent = None;
    // What is asked after others is left to them for no longer than their graces, shortened where there is less time.
    let offsets = offsets(namespace);
    for (index, process) in namespace.processes.iter().enumerate().rev() {
        let hold = now + offsets[index] * around.scale;
        let asked = dependent.map_or(now, |end: f64| end.min(hold));
        let kill = around.kill.min(asked + grace(namespace, index));
        let ways = vec![
            process.behaviour.end(asked, false),
            (kill, KILLED),
            (around.collapse, COLLAPSED),
        ];
        let fate = Fate { asked, ways };
        dependent = process.depends.then(|| fate.end());
        gone = gone.max(fate.end());
        fates.insert(format!("{}/p{index}", namespace.path), fate);
    }
    gone
}

/// The deviation of a step of the timeline from the model, if any.
fn differs(step: &Value, fate: &Fate) -> Option<String> {
    let time = |key: &str| step[key].as_f64();
    let how = step["how"].as_str().unwrap_or("nothing");
    let end = fate.end();
    if !fate
        .ways
        .iter()
        .any(|&(at, way)| way == how && at <= end + TIE)
    {
        return Some(format!("how: {how}"));
    }
    let Some(ended) = time("ended_ms") else {
        return Some("it has not ended".to_owned());
    };
    if ended + ROUNDING < end || ended > end + SLACK {
        return Some(format!("ended at {ended}"));
    }
    match time("asked_ms") {
        Some(asked) if asked + ROUNDING < fate.asked => Some(format!("asked at {asked}")),
        Some(asked) if asked > fate.asked + SLACK => Some(format!("asked as late as {asked}")),
        // Where it ends with others it may not have been asked any more.
        None if how != COLLAPSED && fate.asked + TIE < end => Some("not asked".to_owned()),
        _ => None,
    }
}

/// The order of what has really happened.
fn order(namespace: &Namespace, steps: &BTreeMap<String, Value>) -> Option<String> {
    let time = |path: &str, key: &str| steps.get(path).and_then(|step| step[key].as_f64());
    let init = format!("{}/init", namespace.path);
    let mut inside: Vec<String> = (0..namespace.processes.len())
        .map(|index| format!("{}/p{index}", namespace.path))
        .collect();
    inside.extend(
        namespace
            .children
            .iter()
            .map(|child| format!("{}/init", child.path)),
    );
    for path in &inside {
        if time(path, "ended_ms") > time(&init, "ended_ms") {
            return Some(format!("{path} has ended after {init}"));
        }
        let is_own = !matches!(namespace.init, Init::Program(..));
        if is_own
            && let (Some(outer), Some(inner)) = (time(&init, "asked_ms"), time(path, "asked_ms"))
            && inner < outer
        {
            return Some(format!("{path} was asked before {init}"));
        }
    }
    namespace
        .children
        .iter()
        .find_map(|child| order(child, steps))
}

fn check(seed: u64) -> Result<(), String> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        dice.roll(2);
    }
    let root = Namespace::random(&mut dice, "@".to_owned(), 3);
    let (mut text, mut ready) = ("on_exit = \"ignore\"\n".to_owned(), Vec::new());
    root.write(&mut text, &mut ready);
    let all = identities();
    let identity = all[usize::try_from(seed).expect("few") % all.len()];
    let mut running = Nest::new(&text)
        .identity(identity)
        .arguments(&["--format", "json"])
        .up();
    for name in &ready {
        running.until(name, |nest| {
            nest.directory
                .path()
                .join(format!("{name}.ready"))
                .exists()
                .then_some(())
        });
    }
    let name = running.nest.root.clone();
    let ended = running.stop();
    let document: Value = serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("{error}: {}", ended.stderr))?;
    let steps: BTreeMap<String, Value> = document["stop"]["steps"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|step| {
            (
                step["path"]
                    .as_str()
                    .expect("a path")
                    .replacen(&name, "@", 1),
                step.clone(),
            )
        })
        .collect();
    let mut fates = Fates::new();
    stop(
        &root,
        0.0,
        Around {
            told: NEVER,
            kill: NEVER,
            collapse: NEVER,
            scale: 1.0,
        },
        &mut fates,
    );
    let context = || {
        format!(
            "seed {seed}, {identity:?}\n{text}\n{:#}\n{fates:#?}\n{}",
            document["stop"], ended.stderr
        )
    };
    for (path, fate) in &fates {
        let Some(step) = steps.get(path) else {
            return Err(format!("no {path}\n{}", context()));
        };
        if let Some(difference) = differs(step, fate) {
            return Err(format!("{path}: {difference}, not {fate:?}\n{}", context()));
        }
    }
    if let Some(difference) = order(&root, &steps) {
        return Err(format!("{difference}\n{}", context()));
    }
    Ok(())
}

#[test]
fn random_trees_stop_as_the_model_says() {
    require!(nesting());
    let count = random::cases(25, 500);
    let (next, wrong) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    // Most of the time is waiting.
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    if let Err(error) = check(seed as u64) {
                        wrong
                            .lock()
                            .expect("no check panics while it holds this")
                            .push(error);
                    }
                }
            });
        }
    });
    let wrong = wrong
        .into_inner()
        .expect("no check panics while it holds this");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong[0]
    );
}
