//! A tree without a file: a chain of namespaces around one command, for `nestns run`.
//!
//! A second entrance to the house, which needs no checks: every value is given here or typed by the caller.

use std::time::Duration;

use super::Signal;
use super::{
    Entry, Init, Namespace, OnExit, Output, Process, ProcessSpec, Program, Stdin, Stop, Terminal,
    Topology,
};

/// The name of the command's process.
const COMMAND: &str = "cmd";
/// The grace of the innermost namespace; each around it gets a second more.
const GRACE: Duration = Duration::from_secs(5);

/// The role of the command in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A child of a builtin PID 1.
    Child,
    /// PID 1 itself.
    Init,
}

/// The standard descriptors of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// True if it gets a terminal of its own for what is not inherited.
    pub terminal: Terminal,
    /// True if standard output is the caller's.
    pub stdout_inherited: bool,
    /// True if standard error is the caller's.
    pub stderr_inherited: bool,
}

impl Connection {
    /// All three are the caller's.
    pub const INHERITED: Self = Self {
        terminal: Terminal::None,
        stdout_inherited: true,
        stderr_inherited: true,
    };
}

/// The process that a command line stands for.
pub fn command(name: &str, words: Vec<String>, connection: Connection) -> Process {
    let output = |inherited| {
        if inherited {
            Output::Inherit
        } else {
            Output::Log
        }
    };
    Process::from(ProcessSpec {
        name: name.to_owned(),
        terminal: connection.terminal,
        stdin: Stdin::Inherit,
        stdout: output(connection.stdout_inherited),
        stderr: output(connection.stderr_inherited),
        stop: Stop {
            signal: Signal::TERM,
            grace: GRACE,
        },
        ..ProcessSpec::new(Program::Command(words))
    })
}

/// The path of the command in such a tree.
pub fn path(depth: usize, role: Role) -> String {
    let mut path = String::from("l1");
    for level in 2..=depth {
        path.push_str("/l");
        path.push_str(&level.to_string());
    }
    let name = if role == Role::Child { COMMAND } else { "init" };
    format!("{path}/{name}")
}

/// `depth` namespaces, `l1/l2/…`, the command in the innermost; the tree ends with it.
pub fn around(name: String, depth: usize, role: Role, process: Process) -> Topology {
    let mut topology = Topology::new(name);
    topology.on_exit = OnExit::Any;
    let mut process = Some(process);
    let (mut parent, mut path) = (None, String::new());
    for level in 1..=depth.max(1) {
        path = if path.is_empty() {
            "l1".to_owned()
        } else {
            format!("{path}/l{level}")
        };
        let inside = if level == depth.max(1) {
            process.take()
        } else {
            None
        };
        let (init, processes) = match (inside, role) {
            (None, _) => (Init::Builtin, Vec::new()),
            (Some(mut command), Role::Child) => {
                COMMAND.clone_into(&mut command.name);
                (Init::Builtin, vec![command])
            }
            (Some(mut command), Role::Init) => {
                "init".clone_into(&mut command.name);
                command.entry = Entry::Init;
                (Init::Program(Box::new(command)), Vec::new())
            }
        };
        let above = u32::try_from(depth.max(1) - level).unwrap_or_default();
        let stop = Stop {
            signal: Signal::TERM,
            grace: GRACE + Duration::from_secs(1) * above,
        };
        let mut namespace = Namespace::new(path.clone(), init);
        namespace.processes = processes;
        namespace.stop = stop;
        parent = Some(topology.add(parent, namespace));
    }
    topology
}
