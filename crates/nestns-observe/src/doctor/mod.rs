//! Abilities of the caller on this machine, found by trying them in throw-away processes, never by the kernel's
//! version.
//!
//! Distributions backport, containers filter, and security modules refuse: only an attempt shows it. Nothing of an
//! attempt outlives it, and none changes anything that others see.

mod calls;
pub mod ceiling;
pub mod files;
pub mod freezer;
mod limits;
mod namespaces;
pub mod reason;
pub mod required;
mod surroundings;
mod trial;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ceiling::PidsMax;
pub use limits::Limits;
pub use namespaces::{Levels, Nesting, Way};

/// Outcome of a check.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Success.
    Yes,
    /// A restriction; topologies that do not need what is restricted can run.
    Warn,
    /// A failure: no topology can run, or not the one in question.
    No,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Name, used everywhere.
    pub id: Cow<'static, str>,
    /// Outcome.
    pub status: Status,
    /// Finding, with the value.
    pub found: String,
    /// Remedy; `None` if nothing is wrong.
    pub remedy: Option<String>,
}

impl Check {
    /// Check with the outcome that all is well.
    pub fn yes(id: &'static str, found: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: Status::Yes,
            found: found.into(),
            remedy: None,
        }
    }

    /// Check with the outcome that something is restricted.
    pub fn warn(id: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: Status::Warn,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Check with the outcome that something is not possible.
    pub fn no(id: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            status: Status::No,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// The check as the remedy of an error that it explains.
    pub fn as_help(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!(
                "{remedy} (`nestns doctor` checks it as {}: {})",
                self.id, self.found
            ),
            None => format!("`nestns doctor` checks it as {}: {}", self.id, self.found),
        }
    }

    /// The check as the last line of an error that it explains.
    pub fn as_last_line(&self) -> String {
        match self.status {
            // The call was refused a moment ago, or it is a matter of how much is asked for.
            Status::Yes => format!("`nestns doctor` checks this as {}", self.id),
            Status::Warn | Status::No => {
                format!("`nestns doctor` checks this as {}: {}", self.id, self.found)
            }
        }
    }
}

/// Results of all attempts.
#[derive(Debug)]
pub struct HostCheck {
    /// The system calls that nothing works without.
    calls: Check,
    /// Way to make PID namespaces, and the other kinds.
    pub nesting: Nesting,
    /// Limits.
    pub limits: Limits,
    /// True if processes can be given chosen numbers.
    can_number: bool,
}

impl HostCheck {
    /// Tries everything. The caller has one thread.
    pub fn try_out() -> Self {
        // First of all: a call that is refused here is met again in every other attempt.
        let calls = required::check();
        let nesting = Nesting::try_out();
        let can_number = calls::can_number(nesting.way);
        Self {
            calls,
            nesting,
            limits: Limits::read(),
            can_number,
        }
    }

    /// The checks, in the order in which people ask.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = vec![
            surroundings::kernel(),
            surroundings::container(),
            self.calls.clone(),
            calls::pidfd(),
        ];
        checks.extend(self.nesting.checks());
        checks.push(freezer::check());
        checks.extend(self.limits.checks());
        checks.extend([
            calls::namespace_ids(),
            calls::pid_translation(),
            calls::pidfd_info(),
        ]);
        checks.extend([calls::set_tid(self.can_number), calls::mount_api()]);
        checks.extend([surroundings::seccomp(), surroundings::yama()]);
        checks
    }
}

/// The check of that name, made anew; `None` for one that is made elsewhere.
pub fn check(id: &str) -> Option<Check> {
    match id {
        // Checks of the file, or of the state directory.
        "file-users" | "state-directory" => None,
        freezer::ID => Some(freezer::check()),
        required::ID => Some(required::check()),
        _ => HostCheck::try_out()
            .checks()
            .into_iter()
            .find(|check| check.id == id),
    }
}
