//! Requests that the state of the tree forbids: what cannot start, and what cannot be brought back.

use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::target::Target;
use crate::controller::tree::Tree;
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_client::protocol::message::RequestError;

/// Refuses what can be done only as long as something may still be started in the tree.
pub(super) fn refuse_unless_running(tree: &Tree) -> Result<(), RequestError> {
    match tree.life {
        Life::Running if tree.stop.is_none() => Ok(()),
        Life::Creating | Life::Created => Err(RequestError::Unreleased),
        _ => Err(RequestError::TopologyStopping),
    }
}

/// The namespace of a path, if anything can still start in it.
pub(super) fn find_open_namespace(tree: &Tree, path: &str) -> Result<NamespaceIndex, RequestError> {
    let index = tree
        .plan
        .find(path)
        .ok_or_else(|| RequestError::NoNamespace {
            path: path.to_owned(),
        })?;
    let mut around = Some(index);
    while let Some(at) = around {
        let namespace = tree.plan.namespace(at);
        let state = tree
            .roster
            .get(ProcessKey::init(at))
            .map(|record| record.state)
            .unwrap_or_default();
        let name = &namespace.path;
        if state.is_over() {
            return Err(RequestError::InitExited { path: name.clone() });
        }
        if matches!(state, State::Stopping | State::Killing) {
            return Err(RequestError::NamespaceStopping { path: name.clone() });
        }
        around = namespace.parent;
    }
    Ok(index)
}

/// Refuses what cannot happen in a paused namespace.
pub(super) fn refuse_paused(tree: &Tree, index: NamespaceIndex) -> Result<(), RequestError> {
    let Some(by) = tree.roster.paused_by(index) else {
        return Ok(());
    };
    let (path, by) = (
        tree.plan.namespace(index).path.clone(),
        tree.plan.namespace(by).path.clone(),
    );
    Err(RequestError::Paused { path, by })
}

/// Reason why a target cannot be brought back.
pub(super) fn obstacle(tree: &Tree, part: Target) -> Option<RequestError> {
    let path = part.path(&tree.plan);
    let namespace = tree.plan.namespace(part.0.namespace);
    let around = if part.0.is_init() {
        namespace.parent
    } else {
        Some(part.0.namespace)
    };
    let around = around?;
    let name = tree.plan.namespace(around).path.clone();
    let state = tree
        .roster
        .get(ProcessKey::init(around))
        .map(|record| record.state)
        .unwrap_or_default();
    match state {
        State::Stopping | State::Killing => Some(RequestError::NamespaceStopping { path: name }),
        state if state.is_over() => Some(RequestError::NothingAround { around: name, path }),
        _ => None,
    }
}
