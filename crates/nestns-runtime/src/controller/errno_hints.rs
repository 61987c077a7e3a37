//! Explanation of a failed system call where it was made, and its remedy: one table by call, errno
//! and stage.
//!
//! "No space left on device" from unshare(2) is true and useless: here it is a nesting limit. The
//! first row that fits is the one that is told. `docs/errors.md` is this table for readers, which a
//! test compares.

use nix::errno::Errno;

use crate::engine::failure::{Failure, Stage};
use nestns_observe::doctor::ceiling::{self, Inside};
use nestns_observe::doctor::files::{
    FILE_SYSTEM_FULL, NO_MEMORY, number_not_allowed, open_files, setting_reached,
};
use nestns_observe::doctor::reason::{limits_reached, masked_proc, no_permission, no_space};
use nestns_sys::call::Call;

/// Circumstances of a failure, as far as a meaning depends on them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion<'a> {
    /// Stage at which it failed; `None` if the controller failed on its own behalf.
    pub(super) stage: Option<Stage>,
    /// The call.
    pub(super) call: Call,
    /// Error of the call.
    pub(super) errno: Errno,
    /// The depth of the namespace that was to be.
    pub(super) level: usize,
    /// The PID namespaces in which a number was needed, the innermost first.
    pub(super) inside: &'a [Inside],
    /// Number of processes of a tree that was being built that may have ended since: with a process
    /// that fails go those inside.
    pub(super) ended: u64,
}

impl<'a> Occasion<'a> {
    /// Occasion of a failure in the tree.
    pub(super) fn of(failure: &Failure, level: usize, inside: &'a [Inside]) -> Self {
        Self {
            stage: Some(failure.stage),
            call: failure.call,
            errno: failure.errno(),
            level,
            inside,
            ended: 0,
        }
    }

    /// Occasion of a call of the controller's own.
    pub(super) fn of_controller(call: Call, errno: Errno) -> Self {
        Self {
            stage: None,
            call,
            errno,
            level: 0,
            inside: &[],
            ended: 0,
        }
    }
}

/// Source of a meaning.
enum HintText {
    /// Fixed text.
    Text(&'static str),
    /// The limit of this name in /proc/sys, with its value.
    Setting(&'static str),
    /// Text found out when it is needed; the string names the finding, for `docs/errors.md`.
    Measured(
        #[cfg_attr(not(test), expect(dead_code, reason = "for readers"))] &'static str,
        fn(&Occasion<'_>) -> String,
    ),
}

/// A line of the table. An empty list stands for all.
struct Row {
    calls: &'static [Call],
    errnos: &'static [Errno],
    stages: &'static [Stage],
    errno_hint: HintText,
}

const ADMINISTRATIVE: &[Errno] = &[Errno::EPERM, Errno::EACCES, Errno::ENOSYS];

/// The table. What is special stands before what is general.
const ROWS: &[Row] = &[
    Row {
        calls: &[Call::Unshare, Call::Clone3],
        errnos: &[Errno::ENOSPC],
        stages: &[Stage::UnsharePid, Stage::CloneSibling],
        errno_hint: HintText::Measured(
            "32 PID namespaces nest below the initial one, or user.max_pid_namespaces is reached: which of the two, by \
             the level and the value of the limit",
            |occasion| no_space(occasion.level),
        ),
    },
    Row {
        calls: &[Call::Unshare],
        errnos: &[Errno::ENOSPC],
        stages: &[Stage::UnshareUser],
        errno_hint: HintText::Measured(
            "user.max_user_namespaces is reached, with its value",
            |_| limits_reached(&["user"]),
        ),
    },
    Row {
        calls: &[Call::Unshare],
        errnos: &[Errno::ENOSPC],
        stages: &[Stage::Isolate],
        errno_hint: HintText::Measured(
            "the lowest of user.max_mnt_namespaces, max_uts, max_ipc, max_net and max_cgroup is reached, with its value",
            |_| limits_reached(&["mnt", "uts", "ipc", "net", "cgroup"]),
        ),
    },
    Row {
        calls: &[Call::Unshare, Call::Open, Call::Write],
        errnos: ADMINISTRATIVE,
        stages: &[
            Stage::UnshareUser,
            Stage::UnsharePid,
            Stage::Isolate,
            Stage::WriteMaps,
        ],
        errno_hint: HintText::Measured(
            "which setting forbids user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, \
             AppArmor), or that it is a seccomp filter or security module",
            |_| no_permission(),
        ),
    },
    Row {
        calls: &[Call::Mount],
        errnos: &[Errno::EPERM],
        stages: &[Stage::MountProc],
        errno_hint: HintText::Measured(
            "which parts of the visible /proc are masked, by path",
            |_| masked_proc(),
        ),
    },
    Row {
        calls: &[Call::Clone3],
        errnos: &[Errno::EEXIST],
        stages: &[Stage::ChoosePid],
        errno_hint: HintText::Text(
            "one of these PIDs, in its namespace or in one around it, is in use: by a process that was started there \
             meanwhile, or by one that has ended and is not reaped; `nestns whois PID --in NAMESPACE` names it",
        ),
    },
    Row {
        calls: &[Call::Clone3],
        errnos: &[Errno::EINVAL],
        stages: &[Stage::ChoosePid],
        errno_hint: HintText::Text(
            "one of these PIDs is not below the pid_max of its namespace, which `cat /proc/sys/kernel/pid_max` shows inside",
        ),
    },
    Row {
        calls: &[Call::Clone3],
        errnos: ADMINISTRATIVE,
        stages: &[Stage::ChoosePid],
        errno_hint: HintText::Text(
            "a chosen PID needs clone3(2) with set_tid, since Linux 5.5, and CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the \
             user namespace that owns each of the PID namespaces; a seccomp filter may refuse clone3",
        ),
    },
    Row {
        calls: &[],
        errnos: &[Errno::ENOSYS],
        stages: &[Stage::PidMax],
        errno_hint: HintText::Text(
            "PID namespaces have a pid_max of their own since Linux 6.14; before, it is one for the whole machine, which \
             nestns does not change; leave `pid_max` out",
        ),
    },
    Row {
        calls: &[Call::Open, Call::Write],
        errnos: &[Errno::EROFS, Errno::EACCES, Errno::EPERM, Errno::ENOENT],
        stages: &[Stage::PidMax, Stage::LastPid],
        errno_hint: HintText::Text(
            "/proc/sys is read-only, missing or protected here: give the namespace a /proc of its own (mount_proc = true)",
        ),
    },
    Row {
        calls: &[Call::Fork, Call::Clone3],
        errnos: &[Errno::ENOMEM],
        stages: &[Stage::Fork, Stage::NumberHelper, Stage::CloneSibling],
        errno_hint: HintText::Text(
            "PID 1 of the namespace has already exited, and nothing can be started in it; or the machine or the cgroup \
             has no memory left",
        ),
    },
    Row {
        calls: &[Call::Fork, Call::Clone3],
        errnos: &[Errno::EAGAIN],
        stages: &[],
        errno_hint: HintText::Measured(
            "which limit on processes is reached: pids.max of which cgroup, RLIMIT_NPROC of which user, kernel.threads-max, or \
             kernel.pid_max of which PID namespace; with the value",
            |occasion| ceiling::reached_with(occasion.inside, occasion.ended),
        ),
    },
    Row {
        calls: &[Call::Setgroups, Call::Setresgid, Call::Setresuid],
        errnos: &[Errno::EINVAL, Errno::EPERM],
        stages: &[],
        errno_hint: HintText::Text(
            "the ID is not mapped in this user namespace: the tree of an ordinary user has only ID 0, which is that \
             user; leave `user` out, or run as root",
        ),
    },
    Row {
        calls: &[Call::EpollCtl],
        errnos: &[Errno::ENOSPC],
        stages: &[],
        errno_hint: HintText::Setting("fs.epoll.max_user_watches"),
    },
    Row {
        calls: &[Call::InotifyAddWatch],
        errnos: &[Errno::ENOSPC],
        stages: &[],
        errno_hint: HintText::Setting("fs.inotify.max_user_watches"),
    },
    Row {
        calls: &[Call::InotifyInit],
        errnos: &[Errno::EMFILE],
        stages: &[],
        errno_hint: HintText::Setting("fs.inotify.max_user_instances"),
    },
    Row {
        calls: &[Call::Sendmsg],
        errnos: &[Errno::ETOOMANYREFS],
        stages: &[],
        errno_hint: HintText::Text(
            "too many descriptors are in flight through sockets (RLIMIT_NOFILE of the user counts them); raise `ulimit \
             -n`",
        ),
    },
    Row {
        calls: &[Call::OpenPty],
        errnos: &[Errno::ENOSPC],
        stages: &[],
        errno_hint: HintText::Measured(
            "there are no more pseudo-terminals: kernel.pty.max, with its value",
            |_| setting_reached("kernel.pty.max"),
        ),
    },
    Row {
        calls: &[],
        errnos: &[Errno::EMFILE],
        stages: &[],
        errno_hint: HintText::Measured(
            "the process has reached its limit on open files: its RLIMIT_NOFILE, with its value",
            |_| open_files(),
        ),
    },
    Row {
        calls: &[Call::Fcntl, Call::Dup2, Call::Dup3],
        errnos: &[Errno::EINVAL, Errno::EBADF],
        stages: &[],
        errno_hint: HintText::Measured(
            "the number that a descriptor needs is not below RLIMIT_NOFILE of the process, with its value",
            |_| number_not_allowed(),
        ),
    },
    Row {
        calls: &[],
        errnos: &[Errno::ENFILE],
        stages: &[],
        errno_hint: HintText::Measured(
            "the machine has reached its limit on open files: fs.file-max, with its value",
            |_| setting_reached("fs.file-max"),
        ),
    },
    Row {
        calls: &[],
        errnos: &[Errno::ENOMEM, Errno::ENOBUFS],
        stages: &[],
        errno_hint: HintText::Text(NO_MEMORY),
    },
    Row {
        calls: &[Call::Open, Call::Chdir],
        errnos: &[Errno::ENOENT, Errno::ENOTDIR],
        stages: &[
            Stage::WorkingDirectory,
            Stage::Stdin,
            Stage::Stdout,
            Stage::Stderr,
        ],
        errno_hint: HintText::Text("the path is looked up inside the namespace, with its mounts"),
    },
    Row {
        calls: &[Call::Open, Call::Chdir],
        errnos: &[Errno::EACCES],
        stages: &[
            Stage::WorkingDirectory,
            Stage::Stdin,
            Stage::Stdout,
            Stage::Stderr,
        ],
        errno_hint: HintText::Text(
            "the user running nestns may not access it; change its mode or owner, or choose another path",
        ),
    },
    Row {
        calls: &[Call::Mkdir, Call::Open, Call::Write, Call::Rename],
        errnos: &[Errno::ENOSPC, Errno::EDQUOT],
        stages: &[],
        errno_hint: HintText::Text(FILE_SYSTEM_FULL),
    },
    Row {
        calls: &[Call::Sendmsg, Call::Recvmsg, Call::Read, Call::Write],
        errnos: &[Errno::EPIPE, Errno::ECONNRESET],
        stages: &[],
        errno_hint: HintText::Text("the process at the other end has ended"),
    },
    Row {
        calls: &[Call::Recvmsg],
        errnos: &[Errno::EAGAIN],
        stages: &[],
        errno_hint: HintText::Text(
            "the process at the other end did not answer in time: it may be stopped or traced",
        ),
    },
    Row {
        calls: &[Call::Unnamed],
        errnos: &[Errno::ETIMEDOUT],
        stages: &[Stage::Call, Stage::Channel, Stage::Observe],
        errno_hint: HintText::Text(
            "the process did not answer in time: it may be stopped or traced",
        ),
    },
    Row {
        calls: Call::ALL,
        errnos: &[Errno::EPERM, Errno::ENOSYS],
        stages: &[],
        errno_hint: HintText::Measured(
            "a seccomp filter or security module forbids the call, by its name, or the kernel does not have it",
            |occasion| {
                let name = occasion.call.name().unwrap_or_default();
                format!(
                    "a seccomp filter or security module forbids {name} (docker and podman: `--security-opt \
                     seccomp=unconfined`), or this kernel does not have it; `nestns doctor` shows what else is \
                     forbidden"
                )
            },
        ),
    },
];

impl Row {
    fn fits(&self, occasion: &Occasion<'_>) -> bool {
        let is_stage = self.stages.is_empty()
            || occasion
                .stage
                .is_some_and(|stage| self.stages.contains(&stage));
        let is_call = self.calls.is_empty() || self.calls.contains(&occasion.call);
        is_stage && is_call && self.errnos.contains(&occasion.errno)
    }
}

/// Explanation of the errno there, as far as it differs from the system's own text, and the remedy.
pub(super) fn errno_hint(occasion: &Occasion<'_>) -> Option<String> {
    let row = ROWS.iter().find(|row| row.fits(occasion))?;
    Some(match row.errno_hint {
        HintText::Text(text) => text.to_owned(),
        HintText::Setting(name) => setting_reached(name),
        HintText::Measured(_, find) => find(occasion),
    })
}

/// The check of `nestns doctor` that looks at what was refused.
pub(super) fn check_of(failure: &Failure) -> Option<&'static str> {
    match (failure.stage, failure.errno()) {
        (_, Errno::EMFILE | Errno::ENFILE) => Some("rlimit-nofile"),
        (Stage::UnshareUser | Stage::WriteMaps, _) => Some("user-namespaces"),
        (Stage::UnsharePid | Stage::CloneSibling, Errno::ENOSPC) => Some("nesting"),
        (Stage::UnsharePid | Stage::CloneSibling, _) => Some("pid-namespaces"),
        (Stage::Isolate, _) => Some("isolation"),
        (Stage::PrivateMounts | Stage::MountProc, _) => Some("proc-mount"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::engine::failure::described;

    /// Path of the table for readers.
    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

    fn render() -> String {
        let mut text = String::from(
            "# Errors of system calls\n\nWhat nestns reports when a system call fails, besides the path, the call and \
             the errno. The first row that matches applies; a text in italics says what is determined at that moment. \
             The table is generated from `crates/nestns-runtime/src/controller/errno_hints.rs`; a test compares the two, and regenerates this \
             file with `NESTNS_BLESS=1 cargo test errors_document`.\n\nA message names a call only if that call was \
             made, and a limit only if it is reached.\n\n| call | errno | while nestns was to | meaning and remedy \
             |\n|---|---|---|---|\n",
        );
        for row in ROWS {
            let any = |list: String| {
                if list.is_empty() {
                    "any".to_owned()
                } else {
                    list
                }
            };
            let calls: Vec<&str> = row.calls.iter().filter_map(|call| call.name()).collect();
            let calls = match row.calls {
                [Call::Unnamed] => "none".to_owned(),
                all if all.len() == Call::ALL.len() => "any other".to_owned(),
                _ => any(calls.join(", ")),
            };
            let errnos: Vec<String> = row
                .errnos
                .iter()
                .map(|errno| format!("{errno:?}"))
                .collect();
            let stages: Vec<String> = row.stages.iter().map(ToString::to_string).collect();
            let (open, close, errno_hint) = match row.errno_hint {
                HintText::Text(text) => ("", "", text.to_owned()),
                HintText::Setting(name) => {
                    let text = format!("the limit {name} is reached, with its value");
                    ("*", "*", text)
                }
                HintText::Measured(text, _) => ("*", "*", text.to_owned()),
            };
            let (errnos, stages) = (errnos.join(", "), any(stages.join("; ")));
            let _ = writeln!(
                text,
                "| {calls} | {errnos} | {stages} | {open}{errno_hint}{close} |"
            );
        }
        text.push_str(
            "\n## What nestns is doing when a call fails\n\nAs in \"cannot create a PID namespace (unshare)\". A step \
             that takes several calls names the one that failed.\n\n| step | call |\n|---|---|\n",
        );
        for &stage in Stage::ALL {
            let _ = writeln!(
                text,
                "| {stage} | {} |",
                stage.call().name().unwrap_or("the one that failed")
            );
        }
        text
    }

    #[test]
    fn the_errors_document_is_the_table() {
        // What follows is written by hand.
        let before = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
        let rest = before
            .find("\n## Errors for programs\n")
            .map_or("", |place| &before[place..]);
        let text = render() + rest;
        if std::env::var_os("NESTNS_BLESS").is_some() {
            std::fs::write(DOCUMENT, &text).unwrap();
        } else {
            assert_eq!(before, text, "NESTNS_BLESS=1 writes it anew");
        }
    }

    #[test]
    fn no_row_is_hidden_by_those_before() {
        for (place, row) in ROWS.iter().enumerate() {
            let calls = if row.calls.is_empty() {
                Call::ALL
            } else {
                row.calls
            };
            let is_reached = calls.iter().any(|&call| {
                row.errnos.iter().any(|&errno| {
                    let stages = row
                        .stages
                        .iter()
                        .copied()
                        .map(Some)
                        .chain(row.stages.is_empty().then_some(None));
                    stages.into_iter().any(|stage| {
                        let occasion = Occasion {
                            stage,
                            call,
                            errno,
                            level: 1,
                            inside: &[],
                            ended: 0,
                        };
                        ROWS.iter().position(|row| row.fits(&occasion)) == Some(place)
                    })
                })
            });
            assert!(is_reached, "row {place} never fits");
        }
    }

    #[test]
    fn each_errno_means_what_it_means_where_it_came_from() {
        let text = |stage, call, errno| {
            errno_hint(&Occasion {
                stage,
                call,
                errno,
                level: 1,
                inside: &[],
                ended: 0,
            })
            .unwrap_or_default()
        };
        let epoll = text(Some(Stage::Channel), Call::EpollCtl, Errno::ENOSPC);
        assert!(
            epoll.starts_with("the limit fs.epoll.max_user_watches ("),
            "{epoll}"
        );
        let files = text(Some(Stage::EnterPid), Call::PidfdOpen, Errno::EMFILE);
        assert!(files.contains("RLIMIT_NOFILE ("), "{files}");
        assert!(
            text(None, Call::InotifyInit, Errno::EMFILE).contains("fs.inotify.max_user_instances")
        );
        assert!(text(None, Call::Open, Errno::ENFILE).contains("fs.file-max"));
        assert!(
            text(Some(Stage::Guard), Call::PidfdOpen, Errno::EPERM).contains("forbids pidfd_open")
        );
        assert_eq!(
            errno_hint(&Occasion::of_controller(Call::Unnamed, Errno::EIO)),
            None
        );
    }

    #[test]
    fn a_step_names_the_call_that_failed() {
        assert_eq!(
            described(Stage::UnsharePid, Call::Unshare),
            "create a PID namespace (unshare)"
        );
        assert_eq!(
            described(Stage::EnterPid, Call::PidfdOpen),
            "enter the PID namespace (pidfd_open)"
        );
        assert_eq!(described(Stage::Fork, Call::Fork), "fork");
        assert_eq!(
            described(Stage::Channel, Call::Unnamed),
            "communicate with the process that creates it"
        );
    }
}
