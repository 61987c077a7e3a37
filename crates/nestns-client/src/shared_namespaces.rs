//! Owner of the namespaces that a process is in: the namespace around its own, its PID namespace,
//! or the process.
//!
//! The answer of the kernel as of now, not of the declaration: a comparison of the process, of the
//! PID 1 beside it and of the PID 1 around it. Each is verified to be the process that the snapshot
//! means; the comparison holds for inodes, because all three lived after the last was read (R18).

use std::collections::HashMap;
use std::io;

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::documents::{NamespaceOf, NamespaceRelation, NamespaceRelations, ProcessDocument};
use crate::protocol::message::Snapshot;
use nestns_observe::memberships::{self, Depth, Membership};
use nestns_observe::{namespaces, process};

/// The comparisons within a snapshot.
#[derive(Debug)]
pub struct SharedNamespaces<'a> {
    inits: HashMap<&'a str, &'a ProcessDocument>,
    /// The namespace around each.
    arounds: HashMap<&'a str, &'a str>,
    controller: i32,
    /// True if the numbers of the snapshot mean something to the caller.
    is_here: bool,
    depth: Depth,
    /// Known memberships of PID 1s, by their namespaces' paths; the controller's under the empty
    /// one.
    known: HashMap<&'a str, Option<Vec<Membership>>>,
}

impl<'a> SharedNamespaces<'a> {
    /// Comparisons within this snapshot.
    pub fn new(snapshot: &'a Snapshot, depth: Depth) -> Self {
        let inits = snapshot
            .processes
            .iter()
            .filter(|process| process.enter == "init");
        Self {
            inits: inits.map(|process| (&*process.ns, process)).collect(),
            arounds: snapshot
                .namespaces
                .iter()
                .filter_map(|namespace| Some((&*namespace.path, namespace.parent.as_deref()?)))
                .collect(),
            controller: snapshot.status.controller,
            is_here: namespaces::own().is_ok_and(|own| own == snapshot.host_pidns),
            depth,
            known: HashMap::new(),
        }
    }

    /// All namespaces of a process of the snapshot.
    ///
    /// # Errors
    ///
    /// `ESRCH` when it is gone, `EACCES` where it may not be looked into, and in words when the snapshot's numbers are those
    /// of another PID namespace than the caller's.
    pub fn of(&mut self, document: &'a ProcessDocument) -> io::Result<NamespaceRelations> {
        if !self.is_here {
            return Err(io::Error::other(
                "the controller runs in another PID namespace, whose numbers mean nothing here",
            ));
        }
        let own = read(document, self.depth)?;
        let beside = if document.enter == "init" {
            Some(own.clone())
        } else {
            self.init_of(&document.ns).cloned()
        };
        let around = self.arounds.get(&*document.ns).copied().unwrap_or_default();
        let around = self.init_of(around).cloned();
        let relations = own.into_iter().map(|membership| {
            let Membership { kind, inode, id } = membership;
            let of = owner(membership, beside.as_deref(), around.as_deref());
            (kind.into(), NamespaceRelation { inode, id, of })
        });
        Ok(NamespaceRelations(relations.collect()))
    }

    /// Known memberships of the PID 1 of a namespace, of the controller for the host.
    fn init_of(&mut self, path: &'a str) -> Option<&Vec<Membership>> {
        let Self {
            inits,
            controller,
            depth,
            known,
            ..
        } = self;
        let read = || match path {
            "" => memberships::read(Pid::from_raw(*controller), *depth).ok(),
            path => inits.get(path).and_then(|init| read(init, *depth).ok()),
        };
        known.entry(path).or_insert_with(read).as_ref()
    }
}

fn read(document: &ProcessDocument, depth: Depth) -> io::Result<Vec<Membership>> {
    let (pid, start) = identity(document).ok_or(Errno::ESRCH)?;
    process::verified(pid, start, || memberships::read(pid, depth))
}

/// The number and the start time of a process that is not known to be over.
pub fn identity(document: &ProcessDocument) -> Option<(Pid, u64)> {
    let pid = document.pids.first().copied().flatten()?;
    (document.exit.is_none()).then_some((Pid::from_raw(pid), document.start_time?))
}

/// The owner of a namespace; `None` where the other side of the comparison may not be looked into.
fn owner(
    membership: Membership,
    beside: Option<&[Membership]>,
    around: Option<&[Membership]>,
) -> Option<NamespaceOf> {
    let same = |other: &[Membership]| {
        other
            .iter()
            .any(|other| other.kind == membership.kind && other.inode == membership.inode)
    };
    match (around.map(same), beside.map(same)) {
        (Some(true), _) => Some(NamespaceOf::Around),
        (Some(false), Some(true)) => Some(NamespaceOf::Namespace),
        (Some(false), Some(false)) => Some(NamespaceOf::Process),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Membership, NamespaceOf, owner};

    #[test]
    fn a_namespace_belongs_to_the_outermost_who_has_it() {
        let of = |kind, inode| Membership {
            kind,
            inode,
            id: None,
        };
        let around = [of("net", 1), of("mnt", 2)];
        let beside = [of("net", 1), of("mnt", 3)];
        let whose = |membership| owner(membership, Some(&beside), Some(&around));
        assert_eq!(whose(of("net", 1)), Some(NamespaceOf::Around));
        assert_eq!(whose(of("mnt", 3)), Some(NamespaceOf::Namespace));
        assert_eq!(whose(of("mnt", 4)), Some(NamespaceOf::Process));
        assert_eq!(
            whose(of("net", 3)),
            Some(NamespaceOf::Process),
            "an inode of another kind is no match"
        );
        assert_eq!(owner(of("net", 1), None, None), None);
    }
}
