//! The way into a namespace for a process of `exec`: the process whose namespaces it enters, its
//! user, and its plan.

use std::collections::HashMap;
use std::path::PathBuf;

use nix::sched::CloneFlags;
use nix::unistd::Pid;

use super::GRACE;
use crate::controller::supervisor::edge::Edge;
use crate::engine::children::Entrance;
use crate::engine::chosen_pids::ChosenPids;
use crate::engine::plan::{
    Conditions, Identity, InitPlan, NamespaceIndex, NamespacePlan, ProcessKey, ProcessPlan,
};
use nestns_client::protocol::message::{ExecRequest, RequestError, Target};
use nestns_observe::thread;
use nestns_sys::errno::of_io;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{
    Entry, Output, ProcessSpec, Program, Session, Stdin, Stop, Terminal, Weight,
};

/// Namespaces to enter beside a PID 1 that is nestns, and the time when that began.
pub(super) type Entered = HashMap<NamespaceIndex, (u64, CloneFlags)>;

/// The process whose namespaces are entered, which of them, and the user.
pub(super) fn find(
    edge: &dyn Edge,
    entered: &mut Entered,
    namespace: NamespaceIndex,
    execution: &ExecRequest,
) -> Result<(Entrance, Option<Identity>), RequestError> {
    let target = target(edge, namespace, execution)?;
    let process = edge
        .kernel()
        .open(Pid::from_raw(target.pid), target.start_time)
        .map_err(|_| ended(&target.path))?;
    let only = execution.only.as_deref();
    // nestns as PID 1 stays in the namespaces that it was born in, so that these are found out
    // once.
    let is_constant = execution.beside.is_none()
        && only.is_none()
        && matches!(
            edge.tree().plan.namespace(namespace).init,
            InitPlan::Builtin | InitPlan::Pause
        );
    let (process, namespaces) = match entered.get(&namespace) {
        Some(&(known, flags)) if is_constant && known == target.start_time => (process, flags),
        _ => enterable(edge, &target, process, only)?,
    };
    if is_constant {
        entered.insert(namespace, (target.start_time, namespaces));
    }
    Ok((
        Entrance::Beside {
            process,
            namespaces,
        },
        identity(execution, namespaces),
    ))
}

fn ended(path: &str) -> RequestError {
    RequestError::TargetEnded {
        path: path.to_owned(),
    }
}

/// The process that is named, or else the PID 1 of the namespace.
fn target(
    edge: &dyn Edge,
    namespace: NamespaceIndex,
    execution: &ExecRequest,
) -> Result<Target, RequestError> {
    if let Some(target) = &execution.beside {
        return Ok(target.clone());
    }
    let path = format!("{}/init", execution.namespace);
    let record = edge.tree().roster.get(ProcessKey::init(namespace));
    let numbered = record
        .and_then(|record| record.facts.as_ref())
        .and_then(|facts| Some((*facts.numbers.first()?, facts.start_time)));
    let (pid, start_time) = numbered.ok_or_else(|| ended(&path))?;
    Ok(Target {
        path,
        pid,
        start_time,
    })
}

/// The namespaces of a process, and the process or the thread of it that is in them.
fn enterable(
    edge: &dyn Edge,
    target: &Target,
    process: Pidfd,
    only: Option<&[String]>,
) -> Result<(Pidfd, CloneFlags), RequestError> {
    let unreadable = |error: std::io::Error| RequestError::NamespacesUnreadable {
        path: target.path.clone(),
        reason: of_io(&error),
    };
    let pid = Pid::from_raw(target.pid);
    match edge.to_enter(pid, only) {
        // Its first thread has ended, and has left its namespaces; the others are still in them
        // (R71).
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let thread = thread::of_process(pid)
                .ok()
                .and_then(|threads| threads.into_iter().next());
            let tid = Pid::from_raw(thread.ok_or_else(|| ended(&target.path))?.tid());
            let thread = Pidfd::open_thread(tid).map_err(|_| ended(&target.path))?;
            let namespaces = edge.to_enter(tid, only).map_err(unreadable)?;
            Ok((thread, namespaces))
        }
        namespaces => Ok((process, namespaces.map_err(unreadable)?)),
    }
}

/// The user that is asked for, or else root of a user namespace that is entered.
fn identity(execution: &ExecRequest, namespaces: CloneFlags) -> Option<Identity> {
    match &execution.identity {
        Some((uid, gid, groups)) => Some(Identity {
            uid: *uid,
            gid: *gid,
            groups: groups.clone(),
        }),
        // In a user namespace that was made inside, the controller's own user may have no number at
        // all.
        None if namespaces.contains(CloneFlags::CLONE_NEWUSER) => Some(Identity {
            uid: 0,
            gid: 0,
            groups: vec![0],
        }),
        None => None,
    }
}

/// The plan of a process, by what a client wants and what its namespace says.
pub(super) fn plan(
    path: String,
    execution: ExecRequest,
    identity: Option<Identity>,
    home: &NamespacePlan,
) -> ProcessPlan {
    let mut env = execution.env;
    env.extend(home.env.clone());
    env.extend(execution.set);
    let captured = if execution.detached {
        Output::Log
    } else {
        Output::Inherit
    };
    let spec = ProcessSpec {
        name: path,
        entry: Entry::Join,
        env,
        cwd: execution
            .cwd
            .map(PathBuf::from)
            .or_else(|| home.cwd.clone()),
        session: if execution.terminal {
            Session::Own
        } else {
            execution.session
        },
        terminal: if execution.terminal {
            Terminal::Own
        } else {
            Terminal::None
        },
        stdin: if execution.detached {
            Stdin::Null
        } else {
            Stdin::Inherit
        },
        stdout: if execution.terminal {
            Output::Log
        } else {
            captured.clone()
        },
        stderr: if execution.terminal {
            Output::Log
        } else {
            captured
        },
        keeps: nestns_topology::Keeps::Nothing,
        oneshot: true,
        weight: Weight::Expendable,
        stop: Stop {
            signal: nestns_topology::Signal::TERM,
            grace: GRACE,
        },
        ..ProcessSpec::new(Program::Command(execution.argv))
    };
    ProcessPlan {
        spec,
        identity,
        pids: ChosenPids::default(),
        conditions: Conditions::None,
    }
}
