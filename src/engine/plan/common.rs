//! What all processes of a tree share: the caller's environment, signals and directory.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ProcessPlan;
use crate::sys::caller::Dispositions;
use crate::sys::title::TitleArea;

/// How many subtrees of one namespace may be created at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// One after the other: the same numbers on every run.
    FileOrder,
    /// So many at once: faster, and the numbers differ from run to run.
    Parallel(u32),
}

/// What all processes of a tree share.
#[derive(Debug, Clone)]
pub struct Common {
    /// The caller's environment, with what the controller adds.
    pub environment: BTreeMap<OsString, OsString>,
    /// The caller's signal mask and dispositions.
    pub dispositions: Dispositions,
    /// The caller's working directory, where a program without `cwd` starts.
    pub directory: PathBuf,
    /// The caller's limits on descriptors, soft and hard; the controller may raise the soft one for itself.
    pub descriptors: Option<(u64, u64)>,
    /// Where the command line of a forked copy is written.
    pub title: Option<TitleArea>,
    /// The namespace that the command of `run` will visit: it and those around it stay until they are told to end.
    pub visited: Option<String>,
    /// In which order siblings are created.
    pub order: Order,
}

impl Common {
    /// The environment of a program: the caller's, then the namespace's and its own, as `NAME=value`.
    pub fn environment_of(&self, process: &ProcessPlan) -> Vec<CString> {
        // A child that is about to execute its program has every page that it writes to copied: nothing is cloned first.
        let mut environment: BTreeMap<&OsStr, &OsStr> =
            self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        environment.extend(process.env.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))));
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
