//! What has gone wrong without ending the topology: what `ls` and `inspect` tell as its problem.

use super::World;

/// What is not known by anybody else.
#[derive(Debug, Default)]
pub(in crate::controller) struct Troubles {
    /// What became of the state directory.
    pub(super) home: Option<String>,
    /// Processes whose output could not be taken over.
    pub(super) unheard: Vec<String>,
    /// Whether there is no guardian.
    pub(super) unguarded: bool,
}

impl World<'_> {
    /// A sentence each, the gravest first.
    pub(in crate::controller) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.troubles.unguarded {
            problems.push(
                "it has no guardian: if its controller is killed, processes that have changed their user survive"
                    .to_owned(),
            );
        }
        problems.extend(self.troubles.home.clone());
        problems.extend(self.journal.problems());
        if let Some(errno) = self.truth.problem() {
            problems.push(format!(
                "truth.json is out of date because it cannot be written: {}",
                crate::sys::errno::spelled(errno)
            ));
        }
        if !self.troubles.unheard.is_empty() {
            let list = self.troubles.unheard.join(", ");
            problems.push(format!("output of {list} is lost: too many open descriptors (ulimit -n)"));
        }
        problems
    }
}
