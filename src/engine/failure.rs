//! What can go wrong with a namespace or a process: the bare facts (stage, errno, the thing at hand), as a failing process
//! sends them. The sentence is made where there is time for it.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::plan::Subject;

/// What was being done.
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
    Adopt,
    Died,
    Channel,
    Isolate,
    PrivateMounts,
    MountProc,
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
            Self::OpenSelf => "open a descriptor of the creating process (pidfd_open)",
            Self::UnshareUser => "make a user namespace (unshare)",
            Self::WriteMaps => "write the user namespace's maps",
            Self::EnterUser => "enter the user namespace (setns)",
            Self::UnsharePid => "make a PID namespace (unshare)",
            Self::Fork => "fork",
            Self::ReturnHome => "set the namespace for children back (setns)",
            Self::EnterPid => "enter the PID namespace (setns)",
            Self::NumberHelper => "fork a helper that takes no number of its own (clone3)",
            Self::CloneSibling => "make a PID namespace beside its creator (clone3)",
            Self::Adopt => "take over from the helper",
            Self::Died => "create it: its PID 1 ended before it stood",
            Self::Channel => "talk to its keeper",
            Self::Isolate => "unshare its other namespaces (unshare)",
            Self::PrivateMounts => "make its mounts private (mount)",
            Self::MountProc => "mount its /proc (mount)",
            Self::HostName => "set its host name (sethostname)",
            Self::DomainName => "set its domain name (setdomainname)",
            Self::Loopback => "bring its loopback interface up (ioctl)",
            Self::EnterNamespaces => "enter the other namespaces (setns)",
            Self::WorkingDirectory => "enter its working directory (chdir)",
            Self::Stdin => "open its standard input (open)",
            Self::Stdout => "open its standard output (open)",
            Self::Stderr => "open its standard error (open)",
            Self::Pipe => "make the pipes of its output (pipe2)",
            Self::Readiness => "make what it says that it is ready with (pipe2, bind)",
            Self::ControllingTerminal => "take its terminal (ioctl)",
            Self::Groups => "set its supplementary groups (setgroups)",
            Self::Group => "set its group (setresgid)",
            Self::User => "set its user (setresuid)",
            Self::Execute => "execute its program (execve)",
            Self::Guard => "put it under the guardian",
            Self::Observe => "read what the kernel says about it",
            Self::Call => "call the PID 1 that is to create it",
            Self::Leaving => "create it: the PID 1 that is to do it is being stopped",
            Self::Panic => "go on: nestns itself failed there",
        })
    }
}

/// A failure in a process of the tree, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose: PID 1 stands for its namespace.
    pub subject: Subject,
    /// At what.
    pub stage: Stage,
    /// With which errno; 0 where no system call failed.
    pub errno: i32,
    /// The directory, file or program at hand.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure without a file to name.
    pub fn new(subject: Subject, stage: Stage, errno: Errno) -> Self {
        Self { subject, stage, errno: errno as i32, detail: None }
    }

    /// A failure that names what was at hand.
    pub fn with(subject: Subject, stage: Stage, errno: Errno, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(subject, stage, errno) }
    }

    /// The errno as `nix` has it.
    pub fn errno(&self) -> Errno {
        Errno::from_raw(self.errno)
    }

    /// Whether this machine refuses what was asked, rather than one request having gone wrong: such a failure is the
    /// machine's (exit 4), any other an unfinished start (exit 5).
    pub fn is_refusal(&self) -> bool {
        let creates = matches!(
            self.stage,
            Stage::UnshareUser | Stage::WriteMaps | Stage::UnsharePid | Stage::CloneSibling | Stage::Isolate
        );
        creates || (self.stage == Stage::MountProc && self.errno() == Errno::EPERM)
    }
}
