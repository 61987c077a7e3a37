//! Failures of a start, and the status with which `up` then ends.

use nix::errno::Errno;

use crate::engine::exec_error::ExecError;
use crate::engine::failure::{Failure, Stage, described};
use crate::engine::plan::PlanError;
use nestns_observe::doctor::required::{self, RefusedCall};
use nestns_sys::call::{Call, CallError};
use nestns_sys::errno::spelled;
use nestns_topology::Position;
use nestns_topology::diagnostic::Code;

use super::errno_hints::{Occasion, check_of, errno_hint};
use super::verification::Mismatch;
use nestns_client::state_directory::StateError;

/// Failure of a start. Whatever existed has been removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StartError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(
        "`{path}` needs user {uid}, but without root a tree has only ID 0, which is mapped to the caller"
    )]
    SingleUser {
        path: String,
        uid: u32,
        position: Position,
    },
    #[error(
        "the controller needs {needed} descriptors{}, but its hard limit, RLIMIT_NOFILE, is {limit}", for_streams(*captured)
    )]
    Descriptors {
        needed: u64,
        captured: u64,
        limit: u64,
    },
    #[error("`{path}`: {}", sentence(failure))]
    Failed {
        path: String,
        position: Position,
        failure: Failure,
        /// Found out while what it was about was still there.
        errno_hint: Option<String>,
    },
    #[error("this machine forbids system calls that nestns requires: {}", required::listed(.0))]
    Calls(Vec<RefusedCall>),
    #[error("the kernel does not agree with the plan: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Mismatch(Vec<Mismatch>),
    #[error("cannot {}: {}", with_call(what, cause.call), spelled(cause.errno))]
    System {
        what: &'static str,
        cause: CallError,
    },
}

fn for_streams(captured: u64) -> String {
    if captured == 0 {
        String::new()
    } else {
        format!(" ({captured} of them for captured streams)")
    }
}

fn with_call(what: &str, call: Call) -> String {
    call.name()
        .map_or_else(|| what.to_owned(), |name| format!("{what} ({name})"))
}

/// "cannot make a PID namespace (unshare): a limit is reached (ENOSPC)": what failed, as it is told
/// everywhere.
pub fn sentence(failure: &Failure) -> String {
    format!(
        "cannot {}{}: {}",
        described(failure.stage, failure.call),
        detail(failure),
        errno_text(failure)
    )
}

/// Sentence about a program that did not run; told apart from a program that ran and failed.
pub fn exec_error_sentence(refusal: &ExecError) -> String {
    let ExecError {
        stage,
        call,
        errno,
        detail,
    } = refusal;
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(" {detail}")
    };
    match (stage, Errno::from_raw(*errno)) {
        (Stage::Execute, Errno::ENOENT) => {
            format!(
                "cannot execute{detail}: there is no such program, or the interpreter that its first line names is missing"
            )
        }
        (Stage::Execute, Errno::EACCES) => {
            format!("cannot execute{detail}: it is not executable, or its user may not access it")
        }
        (Stage::Execute, errno) => format!("cannot execute{detail}: {}", spelled(errno)),
        (&stage, errno) => format!(
            "cannot {}{detail}: {}",
            described(stage, *call),
            spelled(errno)
        ),
    }
}

/// Suggested remedy for a program that did not run, if its errno alone does not suggest one.
pub fn exec_error_help(refusal: &ExecError) -> Option<String> {
    let ExecError {
        stage, call, errno, ..
    } = *refusal;
    let errno = Errno::from_raw(errno);
    errno_hint(&Occasion {
        stage: Some(stage),
        call,
        errno,
        level: 0,
        inside: &[],
        ended: 0,
    })
    .filter(|_| stage != Stage::Execute)
}

fn detail(failure: &Failure) -> String {
    failure
        .detail
        .as_ref()
        .map(|detail| format!(" `{detail}`"))
        .unwrap_or_default()
}

/// The system's own text and the errno's name, which is what people search for. "No space left on
/// device" would send them to their disks where it is namespaces that there may be no more of.
pub fn errno_text(failure: &Failure) -> String {
    let is_namespace = matches!(
        failure.stage,
        Stage::UnsharePid | Stage::CloneSibling | Stage::Isolate | Stage::UnshareUser
    );
    match failure.errno {
        0 => "it was killed".to_owned(),
        _ if is_namespace && failure.errno() == Errno::ENOSPC => {
            "a limit is reached (ENOSPC)".to_owned()
        }
        _ => spelled(failure.errno()),
    }
}

impl StartError {
    /// The exit status: 1 for a name in use, 4 for what this machine cannot do, 5 for a start that
    /// could not be finished.
    pub fn status(&self) -> u8 {
        match self {
            Self::State(StateError::NameInUse { .. } | StateError::Homeless { .. }) => 1,
            Self::State(_)
            | Self::Plan(_)
            | Self::SingleUser { .. }
            | Self::Descriptors { .. }
            | Self::Calls(_) => 4,
            Self::Failed { failure, .. } if failure.is_refusal() => 4,
            Self::Failed { .. } | Self::Mismatch(_) | Self::System { .. } => 5,
        }
    }

    /// Code of the error: 4xx is this machine's, 5xx happened at run time.
    pub fn code(&self) -> Code {
        match self {
            Self::State(StateError::NameInUse { .. } | StateError::Homeless { .. }) => {
                Code::NameInUse
            }
            Self::State(_) => Code::NoStateDirectory,
            Self::Plan(_) | Self::SingleUser { .. } => Code::UnavailableUser,
            Self::Descriptors { .. } => Code::TooFewDescriptors,
            Self::Calls(_) => Code::Refused,
            Self::Failed { failure, .. } if failure.is_refusal() => Code::Refused,
            Self::Failed { .. } => Code::NotStarted,
            Self::Mismatch(_) => Code::Disagreement,
            Self::System { .. } => Code::SystemFailure,
        }
    }

    /// Suggested remedy.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::State(error) => Some(error.help()),
            Self::Plan(PlanError::Memory { .. } | PlanError::Record { .. }) => None,
            Self::Plan(_) => Some("use numeric IDs, as in `user = \"1000:1000\"`".to_owned()),
            Self::SingleUser { .. } => Some("leave `user` out, or run as root".to_owned()),
            Self::Descriptors { captured: 0, .. } => Some("raise `ulimit -Hn`".to_owned()),
            Self::Descriptors { .. } => Some(
                "set `stdout` and `stderr` to \"null\" or \"inherit\" in [defaults.proc], or raise `ulimit -Hn`"
                    .to_owned(),
            ),
            Self::Failed { errno_hint, .. } => errno_hint.clone(),
            Self::Calls(refused) => Some(required::remedy(refused)),
            Self::Mismatch(_) => Some(
                "check whether /proc belongs to this PID namespace (nestns explain NS503); if it does, this is a bug \
                 in nestns. None of the topology's programs has run"
                    .to_owned(),
            ),
            Self::System { cause, .. } => errno_hint(&Occasion::of_controller(cause.call, cause.errno)),
        }
    }

    /// The check of `nestns doctor` that looks at the same, where it is this machine that refuses.
    pub fn check(&self) -> Option<&'static str> {
        match self {
            Self::State(StateError::NameInUse { .. } | StateError::Homeless { .. })
            | Self::Plan(PlanError::Memory { .. } | PlanError::Record { .. }) => None,
            Self::State(_) => Some("state-directory"),
            Self::Plan(_) | Self::SingleUser { .. } => Some("file-users"),
            Self::Descriptors { .. } => Some("rlimit-nofile"),
            Self::Calls(_) => Some(required::ID),
            Self::Failed { failure, .. } if failure.is_refusal() => check_of(failure),
            Self::Failed { .. } | Self::Mismatch(_) | Self::System { .. } => None,
        }
    }

    /// Position in the file at which it was asked for.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Plan(
                PlanError::UnknownUser { position, .. } | PlanError::UnknownGroup { position, .. },
            )
            | Self::SingleUser { position, .. }
            | Self::Failed { position, .. } => Some(*position),
            _ => None,
        }
    }
}
