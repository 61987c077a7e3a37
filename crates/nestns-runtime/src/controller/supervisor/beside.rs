//! A command that is run beside a process: in its namespaces, with its environment, directory and user,
//! and with its output dropped.

use nix::unistd::Pid;

use super::edge::Edge;
use crate::engine::children::{Entrance, OutsideProcess};
use crate::engine::chosen_pids::ChosenPids;
use crate::engine::plan::{Conditions, ProcessKey, ProcessPlan};
use nestns_topology::{Entry, Output, ProcessSpec, Program, Stdin, StopReach, Terminal, Weight};

/// Runs a command with this role beside a process. `None` where that cannot be, as when the process is
/// about to end.
pub(super) fn start(
    edge: &mut dyn Edge,
    subject: ProcessKey,
    role: ProcessKey,
    argv: Vec<String>,
) -> Option<Pid> {
    let (pid, start_time) = edge.tree().identity(subject)?;
    let beside = edge.kernel().open(pid, start_time).ok()?;
    let namespaces = edge.to_enter(pid, None).ok()?;
    let namespace = edge.tree().plan.namespace(subject.namespace);
    let process = command(
        namespace.process(subject.slot)?,
        namespace.path_of(subject.slot),
        argv,
    );
    let entrance = Entrance::Beside {
        process: beside,
        namespaces,
    };
    edge.start(OutsideProcess {
        subject: role,
        process,
        entrance,
        streams: None,
    })
    .ok()
}

/// The plan of the command beside the process: in its place and with its means, with its output
/// dropped.
fn command(process: &ProcessPlan, path: String, argv: Vec<String>) -> ProcessPlan {
    let spec = ProcessSpec {
        name: path,
        program: Program::Command(argv),
        entry: Entry::Join,
        terminal: Terminal::None,
        stdin: Stdin::Null,
        stdout: Output::Null,
        stderr: Output::Null,
        after: Vec::new(),
        ready: None,
        ok: vec![0].into(),
        oneshot: true,
        weight: Weight::Expendable,
        restart: None,
        stop_exec: None,
        stop_reach: StopReach::Process,
        ..process.spec.clone()
    };
    ProcessPlan {
        spec,
        identity: process.identity.clone(),
        pids: ChosenPids::default(),
        conditions: Conditions::None,
    }
}
