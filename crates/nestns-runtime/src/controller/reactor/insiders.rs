//! Answers to a program inside the tree on the control socket: it may look at its own namespace and
//! at what is inside that one, and at nothing else; it changes nothing.

use super::Reactor;
use super::portrait::{self, Portrait};
use crate::controller::document::dependencies;
use nestns_client::protocol::message::{Reply, Request, RequestError, Snapshot, Status};

impl Reactor<'_> {
    /// Answers a client that is inside. Its PID namespace and those around it are given, the
    /// innermost first.
    pub(super) fn answer_inside(
        &mut self,
        request: &Request,
        namespaces: &[u64],
    ) -> Result<Reply, RequestError> {
        let home = namespaces
            .iter()
            .find_map(|&inode| self.tree.namespace_of(inode))
            .ok_or(RequestError::Elsewhere)?;
        let path = self.tree.plan.namespace(home).path.clone();
        match request {
            Request::Status => Ok(Reply::Status(Box::new(narrowed(
                Portrait::of(self).status(),
            )))),
            Request::Snapshot => Ok(Reply::Snapshot(Box::new(limited(
                portrait::snapshot(self),
                &path,
            )))),
            Request::Describe { path: asked, kind } if is_inside(asked, &path) => {
                let mut description = Portrait::of(self).describe(asked, *kind)?;
                hide_outside(&mut description.after, &path);
                Ok(Reply::Description(Box::new(description)))
            }
            Request::Dependencies => {
                let mut after = dependencies(&self.tree.roster);
                after.retain(|waiter, entries| {
                    hide_outside(entries, &path);
                    is_inside(waiter, &path) && !entries.is_empty()
                });
                Ok(Reply::Dependencies(after))
            }
            request => Err(RequestError::Inside {
                namespace: path,
                asked: request.word().to_owned(),
            }),
        }
    }
}

/// True if something is a namespace or in it.
fn is_inside(path: &str, namespace: &str) -> bool {
    path.strip_prefix(namespace)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Removes what is waited for outside of a namespace.
fn hide_outside(after: &mut Vec<String>, namespace: &str) {
    after.retain(|entry| {
        let name = entry.rsplit_once(": ").map_or(&**entry, |(name, _)| name);
        name.strip_prefix('/')
            .is_none_or(|path| is_inside(path, namespace))
    });
}

/// Without what says where the topology comes from.
fn narrowed(status: Status) -> Status {
    Status {
        file: None,
        hash: None,
        ..status
    }
}

fn limited(snapshot: Snapshot, namespace: &str) -> Snapshot {
    let Snapshot {
        mut namespaces,
        mut processes,
        mut unmarked,
        ..
    } = snapshot;
    namespaces.retain(|one| is_inside(&one.path, namespace));
    processes.retain(|one| is_inside(&one.ns, namespace));
    unmarked.retain(|(path, ..)| is_inside(path, namespace));
    Snapshot {
        status: narrowed(snapshot.status),
        namespaces,
        processes,
        unmarked,
        ..snapshot
    }
}
