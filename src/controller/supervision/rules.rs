//! Requests that the state of the tree forbids: what cannot start, and what cannot be brought back.

use crate::controller::control::message::Problem;
use crate::controller::life::Life;
use crate::controller::part::Part;
use crate::controller::roster::State;
use crate::controller::tree::Tree;
use crate::engine::plan::{NamespaceIndex, Subject};

/// Refuses what can be done only as long as something may still be started in the tree.
pub(super) fn refuse_unless_running(tree: &Tree) -> Result<(), Problem> {
    match tree.life {
        Life::Running if tree.stop.is_none() => Ok(()),
        Life::Creating | Life::Created => Err(Problem::no("the topology has not been released yet")
            .help("release it with `nestns release`; until then none of its programs runs")),
        _ => Err(Problem::no("the topology is being stopped, so nothing can be started in it")),
    }
}

/// The namespace of a path, if anything can still start in it.
pub(super) fn find_open_namespace(tree: &Tree, path: &str) -> Result<NamespaceIndex, Problem> {
    let index = tree.plan.find(path).ok_or_else(|| Problem::no(format!("there is no namespace `{path}`")))?;
    let mut around = Some(index);
    while let Some(at) = around {
        let namespace = tree.plan.namespace(at);
        let state = tree.roster.get(Subject::init(at)).map(|record| record.state).unwrap_or_default();
        let name = &namespace.path;
        if state.is_over() {
            let message = format!("PID 1 of `{name}` has already exited, so nothing can be started in it");
            return Err(Problem::no(message).status(125));
        }
        if matches!(state, State::Stopping | State::Killing) {
            let message = format!("`{name}` is being stopped, so nothing can be started in it");
            return Err(Problem::no(message).status(125));
        }
        around = namespace.parent;
    }
    Ok(index)
}

/// Refuses what cannot happen in a paused namespace.
pub(super) fn refuse_paused(tree: &Tree, index: NamespaceIndex) -> Result<(), Problem> {
    let Some(by) = tree.roster.paused_by(index) else { return Ok(()) };
    let (path, by) = (tree.plan.namespace(index).path.clone(), tree.plan.namespace(by).path.clone());
    let message = if path == by {
        format!("`{path}` is paused, so nothing can be started in it")
    } else {
        format!("`{path}` is paused with `{by}`, so nothing can be started in it")
    };
    Err(Problem::no(message).help(format!("`nestns resume {by}` resumes it")))
}

/// Why a part cannot be brought back.
pub(super) fn obstacle(tree: &Tree, part: Part) -> Option<Problem> {
    let path = part.path(&tree.plan);
    let namespace = tree.plan.namespace(part.0.namespace);
    let around = if part.0.is_init() { namespace.parent } else { Some(part.0.namespace) };
    let around = around?;
    let name = tree.plan.namespace(around).path.clone();
    let state = tree.roster.get(Subject::init(around)).map(|record| record.state).unwrap_or_default();
    match state {
        State::Stopping | State::Killing => {
            Some(Problem::no(format!("`{name}` is being stopped, so nothing can be started in it")))
        }
        state if state.is_over() => {
            let message = format!("PID 1 of `{name}` has exited, and `{path}` cannot be restarted without it");
            Some(Problem::no(message).help(format!("restart the whole namespace with `nestns restart {name}`")))
        }
        _ => None,
    }
}
