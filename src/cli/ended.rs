//! Topologies that have ended, from their records: what is said of the end.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::command_error::{CommandError, Context as _};
use super::standard_error;
use crate::present::age::{Age, date};
use nestns_client::discovery;
use nestns_client::documents::EndedDocument;
use nestns_client::ended;
use nestns_client::protocol::message::Snapshot;

/// A topology that has ended.
#[derive(Debug)]
pub(super) struct EndedTopology {
    pub(super) directory: PathBuf,
    pub(super) end: EndedDocument,
}

impl EndedTopology {
    /// The one of this name that has ended last, if none of that name runs.
    pub(super) fn find(name: &str) -> Option<Self> {
        let (directory, end) = discovery::ended(name)?;
        Some(Self { directory, end })
    }

    /// The topology as it was at its end.
    pub(super) fn snapshot(&self) -> Result<Snapshot, CommandError> {
        ended::snapshot(&self.directory, &self.end)
            .context(format!("cannot read the record of `{}`", self.end.topology))
    }

    /// Makes sure that what has been opened is of this end: meanwhile the record may have been removed, and the name used again.
    pub(super) fn confirm(&self) -> Result<(), CommandError> {
        if ended::read(&self.directory).as_ref() == Some(&self.end) {
            return Ok(());
        }
        let name = &self.end.topology;
        Err(
            CommandError::not_found(format!("the record of `{name}` has just been removed"))
                .help("it was pruned, or the name is used again; see `nestns ls -a`"),
        )
    }

    /// Says on standard error that it has ended, and why.
    pub(super) fn tell(&self) {
        standard_error::write(&format!("note: {}\n", sentence(&self.end)));
    }

    /// Error of a verb that needs a topology which runs.
    pub(super) fn error(&self) -> CommandError {
        let name = &self.end.topology;
        CommandError::not_found(sentence(&self.end)).help(format!(
            "`nestns logs {name}:/` shows its output, `nestns inspect {name}:/` how it ended; `nestns prune {name}` removes that"
        ))
    }
}

/// The end in a sentence, without a full stop.
pub(super) fn sentence(end: &EndedDocument) -> String {
    format!(
        "`{}` ended {} ago ({}): {}; status {}",
        end.topology,
        Age(age(end.ended)),
        date(end.ended),
        reason(end),
        end.status
    )
}

/// The reason of the end, with the client that has asked for it.
pub(super) fn reason(end: &EndedDocument) -> String {
    match end.by {
        Some(by) => format!("{} (PID {}, user {})", end.reason, by.pid, by.uid),
        None => end.reason.clone().into_owned(),
    }
}

/// Time since a moment that a document has, in seconds since 1970.
pub(super) fn age(since: f64) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::try_from_secs_f64(since).unwrap_or_default())
}
