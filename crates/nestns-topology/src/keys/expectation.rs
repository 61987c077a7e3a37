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

/// A state, as `nestns ps` shows it.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
pub(super) enum State {
    /// Being created.
    Creating,
    /// Created, but not running its program yet.
    Created,
    /// Running its program; this includes `ready`.
    Running,
    /// Ready for use.
    Ready,
    /// Frozen.
    Paused,
    /// Asked to stop.
    Stopping,
    /// Killed, but not ended yet.
    Killing,
    /// Exited successfully.
    Exited,
    /// Ended in another way.
    Failed,
    /// Killed by nestns.
    Killed,
}
