//! `restart`, which a process and a namespace have alike.

use schemars::JsonSchema;

use super::placeholder::word_or_placeholder;

/// After which end something begins again.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", inline, transform = word_or_placeholder, extend("default" = "never"))]
pub(super) enum Restart {
    /// Never.
    Never,
    /// After a failure: it was killed by a signal, or its status is not in its `ok`.
    OnFailure,
    /// After any end that was not requested.
    Always,
}
