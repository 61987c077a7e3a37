//! Behaviours of the kernel, each shown and checked by a small experiment: hypothesis, layout, procedure and the
//! kernel's answer.
//!
//! Every experiment has a stage of its own (`stage`): a PID namespace that ends with it, so that nothing is left
//! behind, whatever goes wrong, and the numbers on it are the same on every run. Responsible for the claims and the
//! measurements, not for their presentation. On the level of `engine` and `observe`: uses neither a topology nor a
//! controller.

mod beginnings;
mod company;
mod ends;
mod signals;
mod stage;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub(crate) use nestns_client::documents::Verdict;
use nestns_observe::doctor::{ceiling, files};
use nestns_sys::errno::spelled;
use stage::Stage;
pub(crate) use stage::StageError;

/// Answer of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The answer in words and numbers.
    pub(crate) found: String,
    /// Conclusion from the answer.
    pub(crate) verdict: Verdict,
    /// Number of processes when no further one could be made; the caller can determine the limit from outside.
    pub(crate) shortage: Option<u64>,
}

impl Finding {
    fn check(found: impl Into<String>, holds: bool) -> Self {
        Self {
            found: found.into(),
            verdict: if holds {
                Verdict::Holds
            } else {
                Verdict::Fails
            },
            shortage: None,
        }
    }

    fn skip(why: impl Into<String>) -> Self {
        Self {
            found: why.into(),
            verdict: Verdict::Skipped,
            shortage: None,
        }
    }

    /// Finding for an experiment that had no stage.
    pub(crate) fn without_stage(error: &StageError) -> Self {
        let limit = if error.errno == Errno::EAGAIN {
            Some(ceiling::reached(&[]))
        } else {
            file_limit(error.errno)
        };
        let limit = limit.map_or_else(String::new, |limit| format!("; {limit}"));
        Self::skip(format!(
            "cannot create the namespaces for experiments: {error}{limit}"
        ))
    }

    /// Finding for an experiment that had too few processes: a limit of this machine is no answer of the kernel.
    fn skip_at_limit(why: impl Into<String>, errno: Errno, processes: u64) -> Self {
        let mut why = why.into();
        if let Some(limit) = file_limit(errno) {
            why = format!("{why}; {limit}");
        }
        Self {
            shortage: (errno == Errno::EAGAIN).then_some(processes),
            ..Self::skip(why)
        }
    }
}

/// Experiment about one behaviour of the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Experiment {
    /// Name on the command line.
    pub(crate) id: &'static str,
    /// The claim.
    pub(crate) hypothesis: &'static str,
    /// Namespaces and processes: `outside > inside`, `one & another`.
    pub(crate) layout: &'static str,
    /// Procedure.
    pub(crate) did: &'static str,
    perform: fn(Stage) -> nix::Result<Finding>,
}

/// All experiments, in the order of a lesson.
pub(crate) const ALL: [Experiment; 15] = [
    Experiment {
        id: "pid-one",
        hypothesis: "The first process in a PID namespace is PID 1 there.",
        layout: "outside > a",
        did: "unshare(CLONE_NEWPID), fork; the child calls getpid()",
        perform: beginnings::pid_one,
    },
    Experiment {
        id: "two-numbers",
        hypothesis: "A process has one PID in its own namespace and one in each namespace around it.",
        layout: "outside > a > b",
        did: "compare what fork() returns, what getpid() says inside, and NSpid in /proc",
        perform: beginnings::two_numbers,
    },
    Experiment {
        id: "collision",
        hypothesis: "Sibling namespaces assign the same PIDs to different processes.",
        layout: "outside > a & outside > b",
        did: "both PID 1s call getpid(), and /proc shows which namespaces they are in",
        perform: beginnings::collision,
    },
    Experiment {
        id: "downward-only",
        hypothesis: "A parent sees into its children's namespaces; a child does not see out.",
        layout: "outside > a",
        did: "kill(number, 0) from outside inward and from inside outward, and to a sibling",
        perform: beginnings::downward_only,
    },
    Experiment {
        id: "root-death",
        hypothesis: "When a PID 1 dies, the kernel kills everything in its namespace and those inside, before the PID \
                     1 can be reaped.",
        layout: "outside > a > b, two processes in each",
        did: "SIGKILL to a's PID 1, waitpid(), then look for the others",
        perform: ends::root_death,
    },
    Experiment {
        id: "orphans",
        hypothesis: "A process whose parent dies becomes a child of its namespace's PID 1.",
        layout: "outside > a: 1 > parent > orphan",
        did: "the parent exits; the orphan calls getppid()",
        perform: ends::orphans,
    },
    Experiment {
        id: "ppid-zero",
        hypothesis: "A parent outside the namespace is 0 inside: for PID 1, and for a process that joined.",
        layout: "outside > a, and a process that joins a",
        did: "both call getppid(); outside, /proc shows their PPid",
        perform: company::ppid_zero,
    },
    Experiment {
        id: "deaf-init",
        hypothesis: "A signal that a PID 1 does not handle is dropped, and kill() returns 0; only KILL and STOP from outside act.",
        layout: "outside > a: 1, 2",
        did: "TERM from outside, KILL from inside, then KILL from outside",
        perform: signals::deaf_init,
    },
    Experiment {
        id: "sender-zero",
        hypothesis: "A signal from an outer namespace has sender 0; from inside, the sender's PID.",
        layout: "outside > a: 1, 2",
        did: "USR1 from outside and from 2; PID 1 reads ssi_pid from a signalfd",
        perform: signals::sender_zero,
    },
    Experiment {
        id: "dead-space",
        hypothesis: "No process can be created in a namespace whose PID 1 has exited: fork() fails with ENOMEM.",
        layout: "outside > a",
        did: "unshare, fork a PID 1 that exits, fork again",
        perform: ends::dead_space,
    },
    Experiment {
        id: "depth-32",
        hypothesis: "PID namespaces nest 32 deep below the initial one; the next one fails with ENOSPC.",
        layout: "outside > 1 > 2 > 3 > …",
        did: "unshare and fork in each, until it fails",
        perform: ends::depth,
    },
    Experiment {
        id: "stale-proc",
        hypothesis: "A /proc belongs to the namespace in which it was mounted: inside a new one it shows the PIDs \
                     outside.",
        layout: "outside > a, with outside's /proc",
        did: "inside: getpid() against the link /proc/self, and a process outside by /proc and by kill()",
        perform: company::stale_proc,
    },
    Experiment {
        id: "joined-orphans",
        hypothesis: "Orphans of a process that joined are reparented to PID 1, although their parent's parent is \
                     outside.",
        layout: "outside > a, and a process that joins a and forks",
        did: "the joined one exits; its child calls getppid()",
        perform: company::joined_orphans,
    },
    Experiment {
        id: "kill-all",
        hypothesis: "kill(-1) reaches every visible process, including those in namespaces inside, but not PID 1 and \
                     the caller.",
        layout: "outside > a: 1, sender, 3; a > b: 1",
        did: "kill(-1, USR1) by the sender; all others report whether it arrived, and the sender",
        perform: signals::kill_all,
    },
    Experiment {
        id: "scm-credentials",
        hypothesis: "SCM_CREDENTIALS are translated for the receiver: inward 0, outward the PID outside.",
        layout: "outside > a",
        did: "a message each way through a socket pair; both read the sender's PID",
        perform: company::credentials,
    },
];

/// Experiment with this name.
pub(crate) fn find(id: &str) -> Option<&'static Experiment> {
    ALL.iter().find(|experiment| experiment.id == id)
}

impl Experiment {
    /// Carries the experiment out. Forks: the caller has one thread.
    ///
    /// # Errors
    ///
    /// When there is no stage, because namespaces cannot be made here.
    pub(crate) fn run(&self) -> Result<Finding, StageError> {
        let perform = self.perform;
        let mut finding = stage::set(move |stage| {
            let unable = |errno| {
                let why = format!("could not be run: {}", explain(errno));
                Finding::skip_at_limit(why, errno, FEW)
            };
            let performed = perform(stage);
            match (performed, stage::shortage()) {
                // A result without a process or a descriptor that was to be there says nothing about the kernel.
                (
                    Ok(Finding {
                        verdict: Verdict::Fails,
                        ..
                    })
                    | Err(_),
                    Some(errno),
                ) => unable(errno),
                (performed, _) => performed.unwrap_or_else(unable),
            }
        })?;
        if let Some(processes) = finding.shortage {
            finding.found = format!(
                "{}; {}",
                finding.found,
                ceiling::reached_with(&[], processes)
            );
        }
        Ok(finding)
    }
}

/// Greatest number of processes of a stage, except that of the one that measures the depth.
const FEW: u64 = 8;

/// Limit on open files that an errno is about.
fn file_limit(errno: Errno) -> Option<String> {
    match errno {
        Errno::EMFILE => Some(files::open_files()),
        Errno::ENFILE => Some(files::setting_reached("fs.file-max")),
        _ => None,
    }
}

/// Error of the kernel in words: no experiment is about disks.
fn explain(errno: Errno) -> String {
    if errno == Errno::ENOSPC {
        "a limit is reached (ENOSPC)".to_owned()
    } else {
        spelled(errno)
    }
}
