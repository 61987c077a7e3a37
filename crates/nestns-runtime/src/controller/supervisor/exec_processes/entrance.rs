//! The way into a namespace for a process of `exec`: the process whose namespaces it enters, its
//! user, and its plan.

use std::collections::HashMap;
use std::path::PathBuf;

use nix::sched::CloneFlags;
use nix::unistd::Pid;

use super::GRACE;
use crate::controller::supervisor::edge::Edge;
use crate::engine::children::Entrance;
use crate::engine::plan::{
    Identity, InitPlan, NamespaceIndex, NamespacePlan, ProcessKey, ProcessPlan,
};
use nestns_client::protocol::message::{ExecRequest, RequestError, Target};
use nestns_observe::thread;
use nestns_sys::errno::of_io;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{
    Entry, Output, Position, ProcessSpec, Program, RestartPolicy, Stdin, Stop, Terminal, Weight,
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
    let gone = |path: &str| RequestError::TargetEnded {
        path: path.to_owned(),
    };
    let (path, pid, start_time) = if let Some(Target {
        path,
        pid,
        start_time,
    }) = &execution.beside
    {
        (path.clone(), *pid, *start_time)
    } else {
        let path = format!("{}/init", execution.namespace);
        let record = edge.tree().roster.get(ProcessKey::init(namespace));
        let facts = record
            .and_then(|record| record.facts.as_ref())
            .ok_or_else(|| gone(&path))?;
        let pid = facts.numbers.first().copied().ok_or_else(|| gone(&path))?;
        (path, pid, facts.start_time)
    };
    let pid = Pid::from_raw(pid);
    let mut process = edge
        .kernel()
        .open(pid, start_time)
        .map_err(|_| gone(&path))?;
    let unreadable = |error: std::io::Error| RequestError::NamespacesUnreadable {
        path: path.clone(),
        reason: of_io(&error),
    };
    let only = execution.only.as_deref();
    // nestns as PID 1 stays in the namespaces that it was born in, so that these are found out
    // once.
    let is_settled = execution.beside.is_none()
        && only.is_none()
        && matches!(
            edge.tree().plan.namespace(namespace).init,
            InitPlan::Builtin | InitPlan::Pause
        );
    let namespaces = match entered.get(&namespace) {
        Some(&(known, flags)) if is_settled && known == start_time => flags,
        _ => match edge.to_enter(pid, only) {
            // Its first thread has ended, and has left its namespaces; the others are still in them
            // (R71).
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let thread = thread::of_process(pid)
                    .ok()
                    .and_then(|threads| threads.into_iter().next());
                let tid = Pid::from_raw(thread.ok_or_else(|| gone(&path))?.tid());
                process = Pidfd::open_thread(tid).map_err(|_| gone(&path))?;
                edge.to_enter(tid, only).map_err(unreadable)?
            }
            flags => flags.map_err(unreadable)?,
        },
    };
    if is_settled {
        entered.insert(namespace, (start_time, namespaces));
    }
    let is_elsewhere = namespaces.contains(CloneFlags::CLONE_NEWUSER);
    let identity = match &execution.identity {
        Some((uid, gid, groups)) => Some(Identity {
            uid: *uid,
            gid: *gid,
            groups: groups.clone(),
        }),
        // In a user namespace that was made inside, the controller's own user may have no number at
        // all.
        None if is_elsewhere => Some(Identity {
            uid: 0,
            gid: 0,
            groups: vec![0],
        }),
        None => None,
    };
    Ok((
        Entrance::Beside {
            process,
            namespaces,
        },
        identity,
    ))
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
        program: Program::Command(execution.argv),
        entry: Entry::Join,
        env,
        cwd: execution
            .cwd
            .map(PathBuf::from)
            .or_else(|| home.cwd.clone()),
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
        after: Vec::new(),
        ok: vec![0],
        oneshot: true,
        weight: Weight::Expendable,
        stop: Stop {
            signal: nestns_topology::Signal::TERM,
            grace: GRACE,
        },
        ready: None,
        restart: RestartPolicy::default(),
        labels: nestns_topology::Labels::default(),
        position: Position::default(),
    };
    ProcessPlan { spec, identity }
}
