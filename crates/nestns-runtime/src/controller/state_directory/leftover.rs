//! Left-over of a controller that died together with its guardian: a directory whose lock has no
//! holder.
//!
//! Verified against the kernel: a root is still that root if its number, its start, the ID of its
//! PID namespace and the boot are those in the file (R18). It is killed through a descriptor that
//! was opened before the comparison; everything else in the file proves nothing and is not acted
//! upon.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use serde::Deserialize;

use crate::controller::freezer::group;
use crate::controller::state_directory::remains::{self, Attempt, Remains};
use nestns_client::documents::{EndedDocument, NamespaceDocument, ProcessDocument};
use nestns_client::ended;
use nestns_client::state_directory::entries::{self, TRUTH};
use nestns_client::state_directory::error::StateError;
use nestns_client::state_directory::handle::Directory;
use nestns_observe::namespaces::{self, Member};
use nestns_observe::{boot, process};
use nestns_sys::call::Call;
use nestns_sys::errno::{is_gone, of_io, spelled};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time that a killed root may take to be gone.
const COLLAPSE: Duration = Duration::from_secs(5);

/// Content of a state directory.
#[derive(Debug)]
pub enum Seized {
    /// No directory any more.
    Vanished,
    /// The lock is held: by a controller, or by the guardian of one that has died.
    Held,
    /// A left-over, whose lock the caller now holds.
    LeftOver(LeftOver),
    /// The record of a topology that has ended, held in the same way.
    Record(EndRecord),
}

/// The record of a topology that has ended, held so that no other process removes it or takes its
/// name meanwhile.
#[derive(Debug)]
pub struct EndRecord {
    remains: Remains,
}

impl EndRecord {
    /// The end.
    pub fn ended(&self) -> Option<EndedDocument> {
        ended::read(&self.remains.directory())
    }

    /// Removes it.
    ///
    /// # Errors
    ///
    /// [`StateError`] when something of it stays.
    pub fn remove(self) -> Result<(), StateError> {
        self.remains.clear()?;
        self.remains.remove_if_bare()
    }
}

impl Drop for EndRecord {
    /// Lets go of what stays.
    fn drop(&mut self) {
        if self.remains.is_record() {
            self.remains.unlock_record();
        }
    }
}

/// A left-over, held so that no other process takes its name meanwhile.
#[derive(Debug)]
pub struct LeftOver {
    remains: Remains,
    survey: Survey,
}

/// Fate of a topology that has neither controller nor guardian any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Never stood: its controller died in the middle of the start.
    Unfinished,
    /// Dates from before the machine was started again.
    OtherBoot,
    /// Stood, on this boot.
    Stood,
    /// Has ended, and left a record.
    Ended,
}

impl Fate {
    /// Words for the reason why nothing of it can be left.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unfinished => "its start was never completed",
            Self::OtherBoot => "it dates from before the last boot",
            Self::Stood => "all of its processes have ended",
            Self::Ended => "it has ended",
        }
    }
}

/// Result of clearing a left-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The roots that were still there, and were killed.
    pub killed: Vec<String>,
    /// Fate of the topology.
    pub fate: Fate,
}

impl Cleared {
    /// The findings, as the end of a sentence: `; …`, or nothing to add.
    pub fn words(&self) -> String {
        if self.killed.is_empty() {
            return String::new();
        }
        let roots: Vec<String> = self.killed.iter().map(|path| format!("`{path}`")).collect();
        let (list, count) = (roots.join(", "), roots.len());
        let was = if count == 1 { "was" } else { "were" };
        format!("; {list} {was} still running without a controller and {was} killed")
    }
}

/// Takes a look at a directory, and its lock if that is free.
///
/// # Errors
///
/// [`StateError`] for what cannot be trusted or understood; nothing was changed then.
pub fn seize(directory: &Path) -> Result<Seized, StateError> {
    let tried = || {
        let base = Directory::open(directory.parent().unwrap_or(directory))?;
        let opened = base.inside(directory.file_name().unwrap_or_default())?;
        let lock = remains::lock_file(&opened)?;
        Remains::take(base, opened, lock)
    };
    match tried() {
        Err(error) if error.is_not_found() => Ok(Seized::Vanished),
        Err(error) => Err(error),
        Ok(Attempt::Held) => Ok(Seized::Held),
        Ok(Attempt::Vanished) => Ok(Seized::Vanished),
        Ok(Attempt::Taken(remains)) if remains.is_record() => {
            Ok(Seized::Record(EndRecord { remains }))
        }
        Ok(Attempt::Taken(remains)) => {
            let survey = Survey::of(&remains.handle())?;
            Ok(Seized::LeftOver(LeftOver { remains, survey }))
        }
    }
}

impl LeftOver {
    /// Fate of the topology.
    pub fn fate(&self) -> Fate {
        self.survey.fate
    }

    /// Removes it where there is nothing in it but the lock.
    ///
    /// # Errors
    ///
    /// Those of unlinkat(2).
    pub fn remove_if_bare(self) -> Result<(), StateError> {
        self.remains.remove_if_bare()
    }

    /// The roots that still run.
    pub fn alive(&self) -> Vec<&str> {
        self.survey.roots.iter().map(|root| &*root.path).collect()
    }

    /// Ends what still runs of it, and makes a record of it.
    ///
    /// # Errors
    ///
    /// [`StateError`] when something still runs, or the record cannot be written.
    pub fn record(self, ended: &EndedDocument) -> Result<(), StateError> {
        if self.survey.fate != Fate::Stood {
            return self.remove().map(drop);
        }
        self.survey.end(&self.remains)?;
        let recorded = self.remains.record(ended);
        self.remains.remove().and(recorded)
    }

    /// Ends what still runs of it, and removes it.
    ///
    /// # Errors
    ///
    /// [`StateError`] when something of it stays.
    pub fn remove(self) -> Result<Cleared, StateError> {
        let cleared = self.survey.clear(&self.remains)?;
        self.remains.remove_if_bare()?;
        Ok(cleared)
    }
}

/// Content of a left-over.
#[derive(Debug)]
pub(super) struct Survey {
    roots: Vec<Root>,
    fate: Fate,
    is_empty: bool,
}

/// A root that is the one of the file.
#[derive(Debug)]
struct Root {
    path: String,
    pidfd: Pidfd,
}

impl Survey {
    /// Looks at everything and changes nothing. The caller holds the lock.
    pub(super) fn of(directory: &Directory) -> Result<Self, StateError> {
        let is_empty = entries::own(directory)?.len() <= 1;
        let mut survey = Self {
            roots: Vec::new(),
            fate: Fate::Unfinished,
            is_empty,
        };
        if entries::is_record(directory) {
            survey.fate = Fate::Ended;
            return Ok(survey);
        }
        // Without a truth no gate was opened: its roots, all still nestns itself, have ended with
        // their parent.
        let Some(record) = read(directory)? else {
            return Ok(survey);
        };
        if record.boot_id != boot::id() {
            survey.fate = Fate::OtherBoot;
            return Ok(survey);
        }
        survey.fate = Fate::Stood;
        let unreadable = |problem: String| StateError::Unreadable {
            path: directory.path().join(TRUTH),
            problem,
        };
        if namespaces::own().map_err(StateError::unreadable_proc)? != record.host.pidns {
            return Err(unreadable(
                "it was written in another PID namespace".to_owned(),
            ));
        }
        for namespace in record
            .namespaces
            .iter()
            .filter(|namespace| namespace.parent.is_none())
        {
            let init = record
                .processes
                .iter()
                .find(|process| process.ns == namespace.path && process.enter == "init");
            match init.map(|init| find(namespace, init)).transpose() {
                Ok(found) => survey.roots.extend(found.flatten()),
                Err(problem) => {
                    return Err(unreadable(format!(
                        "of its root `{}`: {problem}",
                        namespace.path
                    )));
                }
            }
        }
        Ok(survey)
    }

    /// True if there was nothing but the lock.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Kills the roots, waits until they are gone, and removes everything but the lock.
    pub(super) fn clear(self, remains: &Remains) -> Result<Cleared, StateError> {
        self.end(remains)?;
        remains.clear()?;
        let killed = self.roots.into_iter().map(|root| root.path).collect();
        Ok(Cleared {
            killed,
            fate: self.fate,
        })
    }

    /// Kills the roots, and waits until they are gone.
    fn end(&self, remains: &Remains) -> Result<(), StateError> {
        let directory = remains.directory();
        let stuck = |path: &str, problem: String| StateError::Stuck {
            directory: directory.clone(),
            path: format!("`{path}`"),
            problem,
        };
        for root in &self.roots {
            match root.pidfd.signal(libc::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(stuck(&root.path, spelled(errno))),
            }
        }
        let end = Moment::now().plus(COLLAPSE);
        for root in &self.roots {
            if !root.pidfd.await_end(end.since(Moment::now())) {
                return Err(stuck(
                    &root.path,
                    format!(
                        "it was killed {} s ago but has not ended",
                        COLLAPSE.as_secs()
                    ),
                ));
            }
        }
        group::dissolve_recorded(&remains.handle())
    }
}

/// Facts of a left-over truth about those processes that may still run.
#[derive(Debug, Deserialize)]
struct Record {
    boot_id: String,
    host: Host,
    namespaces: Vec<NamespaceDocument>,
    processes: Vec<ProcessDocument>,
}

#[derive(Debug, Deserialize)]
struct Host {
    pidns: u64,
}

fn read(directory: &Directory) -> Result<Option<Record>, StateError> {
    let path = || directory.path().join(TRUTH);
    let failed = |source| StateError::System {
        action: "read",
        call: Call::Unnamed,
        path: path(),
        source,
    };
    let Some(mut file) = directory.read(TRUTH).map_err(failed)? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| StateError::Unreadable {
            path: path(),
            problem: error.to_string(),
        })
}

/// The root's PID 1, if it is still the one of the file.
///
/// # Errors
///
/// The reason why it cannot be told: then it counts as alive.
fn find(namespace: &NamespaceDocument, init: &ProcessDocument) -> Result<Option<Root>, String> {
    let (Some(&Some(pid)), Some(start_time)) = (init.pids.first(), init.start_time) else {
        return Ok(None);
    };
    let pid = Pid::from_raw(pid);
    let pidfd = match Pidfd::open(pid) {
        Ok(pidfd) => pidfd,
        // EINVAL is for no process's number.
        Err(Errno::ESRCH | Errno::EINVAL) => return Ok(None),
        Err(errno) => return Err(format!("cannot open process {pid}: {}", spelled(errno))),
    };
    let read = process::start_time(pid);
    // It was read of the process that has the number now; the descriptor tells whether that is
    // still the same.
    if pidfd.has_ended() || read.as_ref().is_ok_and(|&found| found != start_time) {
        return Ok(None);
    }
    if let Err(error) = read {
        return Err(format!("cannot examine process {pid}: {}", of_io(&error)));
    }
    let found = Member::open(pid).and_then(|member| member.pid_namespace());
    // One that is about to end has left its namespaces before it can be waited for.
    // One that goes with its controller may take a moment on a machine that is busy.
    let is_ending = found.as_ref().is_err_and(is_gone) || process::is_ending(pid).unwrap_or(false);
    let wait_hook = if is_ending { COLLAPSE } else { Duration::ZERO };
    if pidfd.await_end(wait_hook) {
        return Ok(None);
    }
    let found =
        found.map_err(|error| format!("cannot examine process {pid}: {}", of_io(&error)))?;
    let is_same = match (found.id, namespace.pidns_id) {
        (Some(found), Some(recorded)) => found == recorded,
        _ => Some(found.inode) == namespace.pidns,
    };
    Ok(is_same.then(|| Root {
        path: namespace.path.clone(),
        pidfd,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::{Seized, TRUTH, boot, namespaces, seize};
    use nestns_client::state_directory::LOCK;

    const TRUTH_OF_NOBODY: &str = r#"{"boot_id":"@boot","host":{"pidns":@pidns},"namespaces":[{"path":"a","parent":null,"level":1,"pidns":1,"pidns_id":null,"userns":null,"mntns":null,"init":"builtin","state":null,"shared":[],"labels":{}}],"processes":[{"path":"a/init","ns":"a","name":"init","pids":[1],"ppids":[0],"state":null,"exit":null,"enter":"init","argv":[],"start_time":1,"labels":{}}]}"#;

    #[test]
    fn whatever_a_truth_says_only_what_the_kernel_confirms_lives() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("left");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(directory.join(LOCK), "").unwrap();
        let truth = TRUTH_OF_NOBODY
            .replace("@boot", &boot::id())
            .replace("@pidns", &namespaces::own().unwrap().to_string());
        let config = ProptestConfig {
            cases: 3000,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        proptest!(config, |(from: Index, to: Index, word in proptest::collection::vec(any::<u8>(), 0..6))| {
            let (one, other) = (from.index(truth.len() + 1), to.index(truth.len() + 1));
            let text = [&truth.as_bytes()[..one], &word, &truth.as_bytes()[other..]].concat();
            fs::write(directory.join(TRUTH), text).unwrap();
            match seize(&directory) {
                // Process 1 is not the one that began at another time, in a namespace of another
                // number.
                Ok(Seized::Record(_)) => prop_assert!(false, "it has no end"),
                Ok(Seized::LeftOver(left_over)) => prop_assert_eq!(left_over.alive(), [""; 0]),
                // What another test forks has the lock as well, for a moment.
                Ok(Seized::Held) => {}
                Ok(Seized::Vanished) => prop_assert!(false, "it is there"),
                Err(error) => prop_assert!(error.to_string().contains("nothing is removed"), "{error}"),
            }
        });
    }
}
