//! A process, ready to be forked: its key in the file with everything looked up that depends on the
//! machine.

use std::ops::Deref;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::PlanError;
use crate::engine::chosen_pids::ChosenPids;
use crate::engine::user_database;
use nestns_topology::{Output, Process, ProcessSpec, Stdin, Terminal};

/// User and groups of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in credentials(7)")]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// Name that the machine does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A user's name.
    #[error("there is no user `{0}` on this machine")]
    User(String),
    /// A group's name.
    #[error("there is no group `{0}` on this machine")]
    Group(String),
}

impl Identity {
    /// Turns `name`, `uid`, `name:group` or `uid:gid` into numbers.
    ///
    /// # Errors
    ///
    /// A name that is in neither of `/etc/passwd` and `/etc/group`.
    pub fn look_up(text: &str) -> Result<Self, Unknown> {
        let (user, group) = text
            .split_once(':')
            .map_or((text, None), |(user, group)| (user, Some(group)));
        let known = user_database::user(user);
        let uid = match (user.parse::<u32>(), &known) {
            (Ok(uid), _) => uid,
            (Err(_), Some(known)) => known.uid,
            (Err(_), None) => return Err(Unknown::User(user.to_owned())),
        };
        let gid = match group.map(|group| (group, group.parse::<u32>())) {
            None => known.as_ref().map_or(uid, |known| known.gid),
            Some((_, Ok(gid))) => gid,
            Some((name, Err(_))) => match user_database::group(name) {
                Some(gid) => gid,
                None => return Err(Unknown::Group(name.to_owned())),
            },
        };
        // A user of the user database is a member of groups; a bare number, or one with a group, of
        // none but its own.
        let groups = known
            .filter(|_| group.is_none())
            .map_or_else(|| vec![gid], |known| user_database::groups_of(&known));
        Ok(Self { uid, gid, groups })
    }
}

/// Presence of conditions that are to be true before something is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as many as the variants say")]
pub enum Conditions {
    None,
    Some,
}

/// A process, ready to be forked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessPlan {
    /// Specification of the program to run; files are absolute.
    pub spec: ProcessSpec,
    /// Identity that it runs under, if it is another user than the caller.
    pub identity: Option<Identity>,
    /// PIDs that it is given.
    pub pids: ChosenPids,
    /// Conditions of its own, or of a namespace around it.
    pub conditions: Conditions,
}

impl Deref for ProcessPlan {
    type Target = ProcessSpec;

    fn deref(&self) -> &ProcessSpec {
        &self.spec
    }
}

impl ProcessPlan {
    /// True if it waits for the gate that opens for all at once, rather than for a signal of its
    /// own.
    pub fn is_unconditional(&self) -> bool {
        self.conditions == Conditions::None
    }

    /// True if one of its standard streams is `/dev/null`.
    pub fn uses_null(&self) -> bool {
        self.terminal == Terminal::None
            && (self.stdin == Stdin::Null
                || self.stdout == Output::Null
                || self.stderr == Output::Null)
    }
}

impl ProcessPlan {
    /// Makes a process of `namespace` ready to be forked; relative files are relative to `base`.
    ///
    /// # Errors
    ///
    /// A user or group that the machine does not know.
    pub fn new(process: &Process, namespace: &str, base: &Path) -> Result<Self, PlanError> {
        let look_up = |user: &str| {
            let path = || format!("{namespace}/{}", process.name);
            let position = process.position;
            Identity::look_up(user).map_err(|unknown| match unknown {
                Unknown::User(user) => PlanError::UnknownUser {
                    path: path(),
                    user,
                    position,
                },
                Unknown::Group(group) => PlanError::UnknownGroup {
                    path: path(),
                    group,
                    position,
                },
            })
        };
        let identity = process.user.as_deref().map(look_up).transpose()?;
        let mut spec = process.spec.clone();
        if let Stdin::File(path) = &mut spec.stdin {
            *path = base.join(&path);
        }
        for output in [&mut spec.stdout, &mut spec.stderr] {
            if let Output::File(path) = output {
                *path = base.join(&path);
            }
        }
        let conditions = if spec.after.is_empty() {
            Conditions::None
        } else {
            Conditions::Some
        };
        Ok(Self {
            spec,
            identity,
            pids: ChosenPids::default(),
            conditions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Unknown};

    #[test]
    fn numbers_need_no_database() {
        let nobody = Identity {
            uid: 4_000_001,
            gid: 4_000_002,
            groups: vec![4_000_002],
        };
        assert_eq!(Identity::look_up("4000001:4000002"), Ok(nobody));
        // One that is not in it has its own number as its group.
        let unknown = Identity {
            uid: 4_000_001,
            gid: 4_000_001,
            groups: vec![4_000_001],
        };
        assert_eq!(Identity::look_up("4000001"), Ok(unknown));
    }

    #[test]
    fn root_is_known_by_name_and_number() {
        let root = Identity::look_up("root").expect("every machine has it");
        assert_eq!((root.uid, root.gid, root.groups.first()), (0, 0, Some(&0)));
        assert_eq!(Identity::look_up("0"), Ok(root));
        assert_eq!(
            Identity::look_up("root:7"),
            Ok(Identity {
                uid: 0,
                gid: 7,
                groups: vec![7]
            })
        );
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(
            Identity::look_up("no-such-user:0"),
            Err(Unknown::User("no-such-user".to_owned()))
        );
        assert_eq!(
            Identity::look_up("0:no-such-group"),
            Err(Unknown::Group("no-such-group".to_owned()))
        );
        assert_eq!(Identity::look_up("-1"), Err(Unknown::User("-1".to_owned())));
    }
}
