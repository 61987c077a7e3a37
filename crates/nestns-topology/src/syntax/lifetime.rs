//! The stop and restart keys of a table together, which most tables do not have.

use super::restart::RestartSyntax;
use super::stop::StopSyntax;

/// The stop and restart keys of a process or namespace; a pointer where it has none, because each of a hundred thousand
/// namespaces keeps them until the tree is checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct LifetimeSyntax(Option<Box<(StopSyntax, RestartSyntax)>>);

impl LifetimeSyntax {
    pub(super) fn new(stop: StopSyntax, restart: RestartSyntax) -> Self {
        let is_given = stop.span().is_some() || restart.when.is_some();
        Self(is_given.then(|| Box::new((stop, restart))))
    }

    /// The stop keys.
    pub(crate) fn stop(&self) -> StopSyntax {
        let keys = self.0.as_ref();
        keys.map(|keys| keys.0.clone()).unwrap_or_default()
    }

    /// The restart keys.
    pub(crate) fn restart(&self) -> RestartSyntax {
        let keys = self.0.as_ref();
        keys.map(|keys| keys.1.clone()).unwrap_or_default()
    }
}
