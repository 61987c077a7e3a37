//! `restart`, which a process and a namespace have alike.

use schemars::JsonSchema;

use super::placeholder::word_or_placeholder;

/// After which end something begins again.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", inline, transform = word_or_placeholder, extend("default" = "never"))]
pub(super) enum Restart {
    /// None.
    Never,
    /// One that is a failure: a signal, or a status that is not among its `ok`.
    OnFailure,
    /// Any that was not requested.
    Always,
}
