//! Properties common to all processes of a tree: the caller's environment, signals and directory.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ProcessPlan;
use nestns_sys::caller::Dispositions;
use nestns_sys::title::TitleArea;

/// Number of subtrees of one namespace that may be created at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Sequence in the order of the file: the same numbers on every run.
    FileOrder,
    /// Parallel creation of so many at once: each process is given the number that it would have in sequence.
    Parallel(u32),
}

/// Properties common to all processes of a tree.
#[derive(Debug, Clone)]
pub struct Common {
    /// The caller's environment, with additions by the controller.
    pub environment: BTreeMap<OsString, OsString>,
    /// The caller's signal mask and dispositions.
    pub dispositions: Dispositions,
    /// The caller's working directory, where a program without `cwd` starts.
    pub directory: PathBuf,
    /// The caller's limits on descriptors, soft and hard; the controller may raise the soft one for
    /// itself.
    pub descriptors: Option<(u64, u64)>,
    /// Memory for the title of a forked copy.
    pub title: Option<TitleArea>,
    /// Namespace of the command of `run`: it and those around it stay until they are told to end.
    pub visited: Option<String>,
    /// Order in which siblings are created.
    pub order: Order,
}

impl Common {
    /// The environment of a program: the caller's, then the namespace's and its own, as
    /// `NAME=value`.
    pub fn environment_of(&self, process: &ProcessPlan) -> Vec<CString> {
        // In a child that is about to execute its program, every page that is written to is copied:
        // nothing is cloned first.
        let mut environment: BTreeMap<&OsStr, &OsStr> = self
            .environment
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        environment.extend(
            process
                .env
                .iter()
                .map(|(name, value)| (OsStr::new(name), OsStr::new(value))),
        );
        environment
            .into_iter()
            .filter_map(|(name, value)| {
                let mut entry = Vec::with_capacity(name.len() + value.len() + 2);
                entry.extend_from_slice(name.as_bytes());
                entry.push(b'=');
                entry.extend_from_slice(value.as_bytes());
                // The kernel's own strings and checked ones hold no NUL.
                CString::new(entry).ok()
            })
            .collect()
    }
}
