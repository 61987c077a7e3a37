//! Values of `stop`.

use schemars::JsonSchema;

use super::placeholder::word_or_placeholder;

/// The processes that a request to stop reaches.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "process"))]
pub(super) enum Reach {
    /// The process alone.
    Process,
    /// Its process group, as with the default of dumb-init: also what a shell has started in the background, unless
    /// that has made a session or a group of its own. Linux 6.9 or later; an older kernel signals the process alone.
    Group,
    /// Everything that comes from it, in whatever session, as nestns finds it in the moment of the request: its
    /// descendants, the members of its session, the orphans that its PID 1 has inherited, and the descendants of these.
    /// Of a PID 1: everything in its namespace. Other declared processes and those of `nestns exec` are left out.
    All,
}
