//! Failures of a namespace or a process: the bare facts (stage, errno, the object), as a failing
//! process sends them. The receiver, which has time, makes the sentence.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::plan::ProcessKey;
use nestns_sys::call::{Call, CallError};

/// Step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "`Display` says it")]
pub enum Stage {
    OpenSelf,
    UnshareUser,
    WriteMaps,
    EnterUser,
    UnsharePid,
    Fork,
    ReturnHome,
    EnterPid,
    NumberHelper,
    CloneSibling,
    ChoosePid,
    Adopt,
    Died,
    Channel,
    Isolate,
    PrivateMounts,
    MountProc,
    PidMax,
    LastPid,
    HostName,
    DomainName,
    Loopback,
    EnterNamespaces,
    WorkingDirectory,
    Stdin,
    Stdout,
    Stderr,
    Pipe,
    Readiness,
    ControllingTerminal,
    Groups,
    Group,
    User,
    Execute,
    Guard,
    Observe,
    Call,
    Leaving,
    Panic,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenSelf => "open a descriptor of the creating process",
            Self::UnshareUser => "create a user namespace",
            Self::WriteMaps => "write the user namespace's maps",
            Self::EnterUser => "enter the user namespace",
            Self::UnsharePid => "create a PID namespace",
            Self::Fork => "fork",
            Self::ReturnHome => "restore the namespace for children",
            Self::EnterPid => "enter the PID namespace",
            Self::NumberHelper => "fork a helper that uses no PID of its own",
            Self::CloneSibling => "create a PID namespace next to its creator",
            Self::ChoosePid => "fork it with the PIDs chosen for it",
            Self::Adopt => "take over from the helper",
            Self::Died => "create it: its PID 1 ended before it was set up",
            Self::Channel => "communicate with the process that creates it",
            Self::Isolate => "unshare its other namespaces",
            Self::PrivateMounts => "make its mounts private",
            Self::MountProc => "mount its /proc",
            Self::PidMax => "set its pid_max",
            Self::LastPid => "set its last PID",
            Self::HostName => "set its host name",
            Self::DomainName => "set its domain name",
            Self::Loopback => "bring its loopback interface up",
            Self::EnterNamespaces => "enter the other namespaces",
            Self::WorkingDirectory => "enter its working directory",
            Self::Stdin => "open its standard input",
            Self::Stdout => "open its standard output",
            Self::Stderr => "open its standard error",
            Self::Pipe => "create the pipes for its output",
            Self::Readiness => "create its readiness channel",
            Self::ControllingTerminal => "acquire its terminal",
            Self::Groups => "set its supplementary groups",
            Self::Group => "set its group",
            Self::User => "set its user",
            Self::Execute => "execute its program",
            Self::Guard => "put it under the guardian",
            Self::Observe => "read its entry in /proc",
            Self::Call => "call the PID 1 that is to create it",
            Self::Leaving => "create it: the PID 1 that is to create it is being stopped",
            Self::Panic => "continue: nestns itself failed there",
        })
    }
}

impl Stage {
    /// Call that the stage is about; any other call of the stage names itself.
    pub const fn call(self) -> Call {
        match self {
            Self::OpenSelf => Call::PidfdOpen,
            Self::UnshareUser | Self::UnsharePid | Self::Isolate => Call::Unshare,
            Self::EnterUser | Self::ReturnHome | Self::EnterPid | Self::EnterNamespaces => {
                Call::Setns
            }
            Self::Fork => Call::Fork,
            Self::NumberHelper | Self::CloneSibling | Self::ChoosePid => Call::Clone3,
            Self::PrivateMounts | Self::MountProc => Call::Mount,
            Self::HostName => Call::Sethostname,
            Self::DomainName => Call::Setdomainname,
            Self::Loopback | Self::ControllingTerminal => Call::Ioctl,
            Self::WorkingDirectory => Call::Chdir,
            Self::PidMax | Self::LastPid | Self::Stdin | Self::Stdout | Self::Stderr => Call::Open,
            Self::Pipe => Call::Pipe,
            Self::Groups => Call::Setgroups,
            Self::Group => Call::Setresgid,
            Self::User => Call::Setresuid,
            Self::Execute => Call::Execve,
            Self::WriteMaps
            | Self::Adopt
            | Self::Died
            | Self::Channel
            | Self::Readiness
            | Self::Guard
            | Self::Observe
            | Self::Call
            | Self::Leaving
            | Self::Panic => Call::Unnamed,
        }
    }

    /// All stages.
    pub const ALL: &'static [Self] = &[
        Self::OpenSelf,
        Self::UnshareUser,
        Self::WriteMaps,
        Self::EnterUser,
        Self::UnsharePid,
        Self::Fork,
        Self::ReturnHome,
        Self::EnterPid,
        Self::NumberHelper,
        Self::CloneSibling,
        Self::ChoosePid,
        Self::Adopt,
        Self::Died,
        Self::Channel,
        Self::Isolate,
        Self::PrivateMounts,
        Self::MountProc,
        Self::PidMax,
        Self::LastPid,
        Self::HostName,
        Self::DomainName,
        Self::Loopback,
        Self::EnterNamespaces,
        Self::WorkingDirectory,
        Self::Stdin,
        Self::Stdout,
        Self::Stderr,
        Self::Pipe,
        Self::Readiness,
        Self::ControllingTerminal,
        Self::Groups,
        Self::Group,
        Self::User,
        Self::Execute,
        Self::Guard,
        Self::Observe,
        Self::Call,
        Self::Leaving,
        Self::Panic,
    ];
}

/// "make a PID namespace (unshare)": the step, and the call that failed, if known.
pub fn described(stage: Stage, call: Call) -> String {
    match call.name() {
        Some(name) if stage != Stage::Fork || call != Call::Fork => format!("{stage} ({name})"),
        _ => stage.to_string(),
    }
}

/// A failure in a process of the tree, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The namespace, as its PID 1, or process that failed.
    pub subject: ProcessKey,
    /// The step.
    pub stage: Stage,
    /// The call.
    pub call: Call,
    /// The errno; 0 if no system call failed.
    pub errno: i32,
    /// The directory, file or program concerned.
    pub detail: Option<String>,
}

impl Failure {
    /// Failure without a file to name.
    pub fn new(subject: ProcessKey, stage: Stage, cause: impl Into<CallError>) -> Self {
        let CallError { call, errno } = cause.into().or(stage.call());
        Self {
            subject,
            stage,
            call,
            errno: errno as i32,
            detail: None,
        }
    }

    /// Failure with the file or program concerned.
    pub fn with(
        subject: ProcessKey,
        stage: Stage,
        cause: impl Into<CallError>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(subject, stage, cause)
        }
    }

    /// Failure of no call: something expected was missing, or did not come.
    pub fn of_no_call(subject: ProcessKey, stage: Stage, errno: Errno) -> Self {
        Self {
            call: Call::Unnamed,
            ..Self::new(subject, stage, errno)
        }
    }

    /// The errno as a value of `nix`.
    pub fn errno(&self) -> Errno {
        Errno::from_raw(self.errno)
    }

    /// True if this machine refuses the request, rather than one request having gone wrong: such a
    /// failure is the machine's (exit 4), any other an unfinished start (exit 5).
    pub fn is_refusal(&self) -> bool {
        let creates = matches!(
            self.stage,
            Stage::UnshareUser
                | Stage::WriteMaps
                | Stage::UnsharePid
                | Stage::CloneSibling
                | Stage::Isolate
        );
        let mounts = matches!(self.stage, Stage::PrivateMounts | Stage::MountProc);
        creates || (mounts && matches!(self.errno(), Errno::EPERM | Errno::EACCES | Errno::ENOSYS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use nix::errno::Errno;

    use super::{Failure, Stage, described};
    use crate::engine::plan::ProcessKey;
    use nestns_sys::call::{Call, CallError};

    #[test]
    fn a_failure_names_the_call_of_its_stage_where_none_is_named() {
        let subject = ProcessKey::init(0);
        assert_eq!(
            Failure::new(subject, Stage::MountProc, Errno::EPERM).call,
            Call::Mount
        );
        let cause = CallError {
            call: Call::Dup3,
            errno: Errno::EBADF,
        };
        let failure = Failure::with(subject, Stage::Channel, cause, "x");
        assert_eq!(
            (failure.call, failure.errno(), failure.detail.as_deref()),
            (Call::Dup3, Errno::EBADF, Some("x"))
        );
        assert_eq!(
            Failure::of_no_call(subject, Stage::MountProc, Errno::ESRCH).call,
            Call::Unnamed
        );
    }

    #[test]
    fn a_stage_is_described_with_its_call_unless_that_says_the_same() {
        assert!(described(Stage::UnsharePid, Call::Unshare).ends_with(" (unshare)"));
        assert_eq!(described(Stage::Fork, Call::Fork), Stage::Fork.to_string());
        assert_eq!(
            described(Stage::Died, Call::Unnamed),
            Stage::Died.to_string()
        );
        assert!(described(Stage::Fork, Call::Clone3).ends_with(" (clone3)"));
    }

    #[test]
    fn a_machine_that_refuses_is_told_from_a_start_that_has_gone_wrong() {
        let is_refusal =
            |stage, errno: Errno| Failure::new(ProcessKey::init(0), stage, errno).is_refusal();
        assert!(
            is_refusal(Stage::UnsharePid, Errno::ENOSPC)
                && is_refusal(Stage::WriteMaps, Errno::EPERM)
        );
        assert!(
            is_refusal(Stage::MountProc, Errno::EPERM)
                && !is_refusal(Stage::MountProc, Errno::ENOENT)
        );
        assert!(
            !is_refusal(Stage::Execute, Errno::EPERM) && !is_refusal(Stage::Fork, Errno::EAGAIN)
        );
    }

    #[test]
    fn each_stage_is_listed_once_and_has_a_text_of_its_own() {
        let texts: HashSet<String> = Stage::ALL.iter().map(Stage::to_string).collect();
        assert_eq!(texts.len(), Stage::ALL.len());
        assert!(
            Stage::ALL
                .iter()
                .zip(0..)
                .all(|(&stage, number)| stage as i32 == number),
            "in the order of the enum"
        );
    }
}
