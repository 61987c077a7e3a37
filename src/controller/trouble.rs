//! Why a topology did not come to stand, and with which status `up` then ends.

use nix::errno::Errno;

use crate::diagnostic::Code;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::PlanError;
use crate::topology::Position;

use super::meaning::{check_of, meaning};
use super::state_directory::StateError;
use super::verification::Mismatch;

/// What went wrong. Whatever existed has been removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Trouble {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(
        "`{path}` asks for the user {uid}, and an ordinary user's tree has only the id 0, which is the user himself"
    )]
    SingleUser { path: String, uid: u32, position: Position },
    #[error(
        "the controller needs {needed} descriptors ({captured} of them for captured streams), its hard limit is {limit}"
    )]
    Descriptors { needed: u64, captured: u64, limit: u64 },
    #[error("`{path}`: cannot {}{}: {}", failure.stage, detail(failure), errno_text(failure))]
    Failed { path: String, position: Position, level: usize, failure: Failure },
    #[error("the kernel does not agree with the plan: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Mismatch(Vec<Mismatch>),
    #[error("cannot {what}: {errno}")]
    System { what: &'static str, errno: nix::Error },
}

fn detail(failure: &Failure) -> String {
    failure.detail.as_ref().map(|detail| format!(" `{detail}`")).unwrap_or_default()
}

/// The system's own text and the errno's name, which is what people search for. "No space left on device" would send them to
/// their disks where it is namespaces that there may be no more of.
pub fn errno_text(failure: &Failure) -> String {
    let is_namespace =
        matches!(failure.stage, Stage::UnsharePid | Stage::CloneSibling | Stage::Isolate | Stage::UnshareUser);
    match failure.errno {
        0 => "it was killed".to_owned(),
        _ if is_namespace && failure.errno() == Errno::ENOSPC => "a limit is reached (ENOSPC)".to_owned(),
        _ => format!("{} ({:?})", failure.errno().desc(), failure.errno()),
    }
}

impl Trouble {
    /// The exit status: 1 for a name in use, 4 for what this machine cannot do, 5 for a start that could not be finished.
    pub fn status(&self) -> u8 {
        match self {
            Self::State(StateError::NameInUse { .. }) => 1,
            Self::State(_) | Self::Plan(_) | Self::SingleUser { .. } | Self::Descriptors { .. } => 4,
            Self::Failed { failure, .. } if failure.is_refusal() => 4,
            Self::Failed { .. } | Self::Mismatch(_) | Self::System { .. } => 5,
        }
    }

    /// Its code: 4xx is this machine's, 5xx happened at run time.
    pub fn code(&self) -> Code {
        match self {
            Self::State(StateError::NameInUse { .. }) => Code::NameInUse,
            Self::State(_) => Code::NoStateDirectory,
            Self::Plan(_) | Self::SingleUser { .. } => Code::UnavailableUser,
            Self::Descriptors { .. } => Code::TooFewDescriptors,
            Self::Failed { failure, .. } if failure.is_refusal() => Code::Refused,
            Self::Failed { .. } => Code::NotStarted,
            Self::Mismatch(_) => Code::Disagreement,
            Self::System { .. } => Code::SystemFailure,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::State(error) => Some(error.help()),
            Self::Plan(_) => Some("write the numbers, as in `user = \"1000:1000\"`".to_owned()),
            Self::SingleUser { .. } => Some("leave `user` out, or run as root".to_owned()),
            Self::Descriptors { captured: 0, .. } => Some("raise `ulimit -Hn`".to_owned()),
            Self::Descriptors { .. } => Some(
                "set `stdout` and `stderr` to \"null\" or \"inherit\" in [defaults.proc], or raise `ulimit -Hn`"
                    .to_owned(),
            ),
            Self::Failed { failure, level, .. } => meaning(failure, *level),
            Self::Mismatch(_) => Some(
                "look whether /proc is that of this PID namespace (nestns explain NS503); if it is, this is a bug in nestns. \
                 Nothing of the topology has run"
                    .to_owned(),
            ),
            Self::System { .. } => None,
        }
    }

    /// The check of `nestns doctor` that looks at the same, where it is this machine that refuses.
    pub fn check(&self) -> Option<&'static str> {
        match self {
            Self::State(StateError::NameInUse { .. }) => None,
            Self::State(_) => Some("state-directory"),
            Self::Plan(_) | Self::SingleUser { .. } => Some("file-users"),
            Self::Descriptors { .. } => Some("rlimit-nofile"),
            Self::Failed { failure, .. } if failure.is_refusal() => check_of(failure),
            Self::Failed { .. } | Self::Mismatch(_) | Self::System { .. } => None,
        }
    }

    /// Where in the file it was asked for.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Plan(PlanError::UnknownUser { position, .. } | PlanError::UnknownGroup { position, .. })
            | Self::SingleUser { position, .. }
            | Self::Failed { position, .. } => Some(*position),
            _ => None,
        }
    }
}
