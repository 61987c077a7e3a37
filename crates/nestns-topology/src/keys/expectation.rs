//! Values of `[[expect]]`.

use schemars::JsonSchema;

use super::placeholder::word_or_placeholder;

/// One path, or several.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum Paths {
    One(String),
    Several(Vec<String>),
}

/// A number, or a placeholder for one.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum Number {
    Itself(u32),
    Placeholder(String),
}

/// A mechanism of the kernel's.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "chain"))]
pub(super) enum Via {
    /// What the kernel says from outside: `NSpid` and the namespaces around.
    Chain,
    /// What the observer's /proc lists.
    Proc,
    /// kill(2) with signal 0.
    Kill,
    /// `pidfd_open(2)`.
    Pidfd,
    /// May it attach: the check of ptrace(2).
    Ptrace,
    /// The number that `SCM_CREDENTIALS` delivers.
    Cred,
}

/// A state, as `nestns ps` shows it.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
pub(super) enum State {
    /// It is being made.
    Creating,
    /// It is there, and has not become its program.
    Created,
    /// It runs its program; what is ready does as well.
    Running,
    /// Others may use it.
    Ready,
    /// It is frozen.
    Paused,
    /// It was asked to end.
    Stopping,
    /// It was killed, and has not ended yet.
    Killing,
    /// It has ended well.
    Exited,
    /// It has ended otherwise.
    Failed,
    /// It was ended by nestns.
    Killed,
}
