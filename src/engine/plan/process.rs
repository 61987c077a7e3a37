//! A process, ready to be forked: its key in the file with everything looked up that needs the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PlanError;
use crate::engine::user_database;
use crate::topology::{
    After, Entry, Labels, Output, Position, Probe, Process, Program, RestartPolicy, Stdin, Stop, Terminal, Weight,
};

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in credentials(7)")]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// What the machine does not know.
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
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
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
        // Somebody whom the database knows is a member of groups; a bare number, or one with a group, of none but its own.
        let groups =
            known.filter(|_| group.is_none()).map_or_else(|| vec![gid], |known| user_database::groups_of(&known));
        Ok(Self { uid, gid, groups })
    }
}

/// A process, ready to be forked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `topology::Process`")]
pub struct ProcessPlan {
    pub name: String,
    pub program: Program,
    pub entry: Entry,
    pub env: BTreeMap<String, String>,
    pub cwd: Option<PathBuf>,
    pub identity: Option<Identity>,
    pub terminal: Terminal,
    pub stdin: Stdin,
    pub stdout: Output,
    pub stderr: Output,
    pub after: Vec<After>,
    pub ready: Option<Probe>,
    pub ok: Vec<u8>,
    pub oneshot: bool,
    pub weight: Weight,
    pub restart: RestartPolicy,
    pub stop: Stop,
    pub labels: Labels,
    pub position: Position,
}

impl ProcessPlan {
    /// Whether it waits for the gate that opens for all at once, rather than for a word of its own.
    pub fn is_unconditional(&self) -> bool {
        self.after.is_empty()
    }
}

impl ProcessPlan {
    /// Makes a process of `namespace` ready to be forked; `base` is where relative files are meant from.
    ///
    /// # Errors
    ///
    /// A user or group that the machine does not know.
    pub fn new(process: &Process, namespace: &str, base: &Path) -> Result<Self, PlanError> {
        let output = |output: &Output| match output {
            Output::File(path) => Output::File(base.join(path)),
            other => other.clone(),
        };
        let look_up = |user: &str| {
            let path = || format!("{namespace}/{}", process.name);
            let position = process.position;
            Identity::look_up(user).map_err(|unknown| match unknown {
                Unknown::User(user) => PlanError::UnknownUser { path: path(), user, position },
                Unknown::Group(group) => PlanError::UnknownGroup { path: path(), group, position },
            })
        };
        Ok(Self {
            name: process.name.clone(),
            program: process.program.clone(),
            entry: process.entry,
            env: process.env.clone(),
            cwd: process.cwd.clone(),
            identity: process.user.as_deref().map(look_up).transpose()?,
            terminal: process.terminal,
            stdin: match &process.stdin {
                Stdin::File(path) => Stdin::File(base.join(path)),
                other => other.clone(),
            },
            stdout: output(&process.stdout),
            stderr: output(&process.stderr),
            after: process.after.clone(),
            ready: process.ready.clone(),
            ok: process.ok.clone(),
            oneshot: process.oneshot,
            weight: process.weight,
            restart: process.restart,
            stop: process.stop,
            labels: process.labels.clone(),
            position: process.position,
        })
    }
}
