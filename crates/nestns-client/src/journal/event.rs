//! Everything that can happen to a topology, as `events.jsonl` has it.
//!
//! A line is an object with `ts`, `seq` (one more than that of the line before), `event` and
//! `path`, and what else belongs to the event. `path` is `.` for the topology as a whole. Numbers
//! of processes stand outermost first, the host's first.

use serde::Serialize;

pub use crate::documents::Caller;
use crate::documents::ExitDocument;

/// The path of the topology as a whole.
pub const WHOLE: &str = ".";

/// Force of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Every process is asked, and has its grace period.
    Ask,
    /// The roots are killed.
    Kill,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants' text names the fields")]
pub enum Event<'a> {
    /// The creation of the topology begins.
    Create {
        path: &'a str,
        name: &'a str,
        controller: i32,
        namespaces: u32,
        processes: u32,
        depth: u32,
    },
    /// A PID 1 or a process exists; nothing of the user's runs in it.
    Created { path: &'a str, pids: &'a [i32] },
    /// The tree stands, and the kernel agrees.
    Verify {
        path: &'a str,
        namespaces: u32,
        processes: u32,
        depth: u32,
        ms: f64,
    },
    /// The gates are open; or one process may go on, whose conditions are met.
    Release { path: &'a str },
    /// A process has become its program.
    Started { path: &'a str, pids: &'a [i32] },
    /// A process is ready; or everything is, for the first time.
    Ready { path: &'a str },
    /// A process will never be ready, unless it is started again: so many tries of its probe have
    /// failed in a row. It goes on running.
    Unready { path: &'a str, tries: u32 },
    /// nestns has had this program executed, or has tried to: then `error` says why it does not
    /// run. `by` is the client that asked for it; `None` for what the file declares.
    Exec {
        path: &'a str,
        pids: &'a [i32],
        argv: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
    /// nestns has sent this signal. `by` is the client that asked for it; `None` if it is a part of
    /// a stop.
    Signal {
        path: &'a str,
        signal: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
    },
    /// A process has ended. In the state `gone` it was taken along by the kernel when the PID 1
    /// `with` ended.
    Exit {
        path: &'a str,
        pids: &'a [i32],
        exit: ExitDocument,
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        with: Option<&'a str>,
    },
    /// A process whose parent has ended has fallen to the PID 1 `path` (`host`: to the controller),
    /// which numbers it `pid`, and was reaped there. Where too many are for each to be told,
    /// `count` of them in one.
    Reparent {
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<ExitDocument>,
    },
    /// A stop begins, or goes on to its next stage, because of `cause`, or of the client `by`; of a
    /// namespace by the process inside that has told its PID 1 to.
    Stopping {
        path: &'a str,
        stage: Stage,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by_pid: Option<i32>,
    },
    /// The process `pid` (on the host), in this namespace, has sent a report to the controller that
    /// was not its to send. It was dropped, as are all that follow; only the first is told.
    Refused { path: &'a str, pid: i32 },
    /// The command has ended, or could not be run (`error`), that is run before a process is asked to
    /// stop.
    StopExec {
        path: &'a str,
        argv: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<ExitDocument>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
    /// A namespace does not exist any more; `.` is the last event of all. With its PID 1 the kernel has
    /// killed `not_asked` processes, besides declared ones, that were not asked to end.
    Gone {
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_asked: Option<u32>,
    },
    /// A process is started again, or a namespace with all that is in it, for the `attempt`-th time
    /// by its policy.
    Restart {
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
    },
    /// A namespace and all that is in it is frozen.
    Pause {
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
    },
    /// A namespace and all that is in it goes on.
    Resume {
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Caller>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Caller, Event, Stage};
    use crate::documents::ExitDocument;

    const PATH: &str = "vm/app";
    const PIDS: &[i32] = &[10, 2];
    const BY: Option<Caller> = Some(Caller { pid: 7, uid: 1000 });

    /// One of each event, with its word.
    const EVENTS: [(Event<'_>, &str); 18] = [
        (
            Event::Create {
                path: ".",
                name: "n",
                controller: 1,
                namespaces: 1,
                processes: 2,
                depth: 1,
            },
            "create",
        ),
        (
            Event::Verify {
                path: ".",
                namespaces: 1,
                processes: 2,
                depth: 1,
                ms: 1.5,
            },
            "verify",
        ),
        (
            Event::Exec {
                path: PATH,
                pids: PIDS,
                argv: &[],
                by: BY,
                error: None,
            },
            "exec",
        ),
        (
            Event::Signal {
                path: PATH,
                signal: "TERM",
                by: None,
            },
            "signal",
        ),
        (
            Event::Exit {
                path: PATH,
                pids: PIDS,
                exit: ExitDocument::Code(3),
                state: "failed",
                with: None,
            },
            "exit",
        ),
        (
            Event::Reparent {
                path: PATH,
                pid: Some(5),
                count: None,
                exit: Some(ExitDocument::Signal(9)),
            },
            "reparent",
        ),
        (
            Event::Stopping {
                path: ".",
                stage: Stage::Ask,
                cause: Some("asked"),
                by: BY,
                by_pid: None,
            },
            "stopping",
        ),
        (
            Event::Restart {
                path: PATH,
                attempt: Some(1),
                by: None,
            },
            "restart",
        ),
        (Event::Pause { path: PATH, by: BY }, "pause"),
        (Event::Resume { path: PATH, by: BY }, "resume"),
        (
            Event::Created {
                path: PATH,
                pids: PIDS,
            },
            "created",
        ),
        (Event::Release { path: PATH }, "release"),
        (
            Event::Started {
                path: PATH,
                pids: PIDS,
            },
            "started",
        ),
        (Event::Ready { path: PATH }, "ready"),
        (
            Event::Unready {
                path: PATH,
                tries: 3,
            },
            "unready",
        ),
        (Event::Refused { path: PATH, pid: 7 }, "refused"),
        (
            Event::StopExec {
                path: PATH,
                argv: &[],
                exit: None,
                error: Some("no such file"),
            },
            "stopexec",
        ),
        (
            Event::Gone {
                path: PATH,
                not_asked: Some(2),
            },
            "gone",
        ),
    ];

    #[test]
    fn every_event_has_its_word_and_its_path() {
        for (event, word) in EVENTS {
            let value: Value = serde_json::to_value(&event).unwrap();
            assert_eq!(value["event"], word);
            assert!(value["path"].is_string(), "{value}");
        }
    }

    #[test]
    fn a_field_without_a_value_is_left_out() {
        let argv = ["sleep".to_owned()];
        let exec = Event::Exec {
            path: PATH,
            pids: PIDS,
            argv: &argv,
            by: BY,
            error: None,
        };
        let expected = json!({
            "event": "exec", "path": "vm/app", "pids": [10, 2], "argv": ["sleep"], "by": { "pid": 7, "uid": 1000 },
        });
        assert_eq!(serde_json::to_value(&exec).unwrap(), expected);
    }

    #[test]
    fn a_signal_is_an_exit_by_its_number() {
        let exit = Event::Exit {
            path: PATH,
            pids: PIDS,
            exit: ExitDocument::Signal(9),
            state: "gone",
            with: Some("vm/init"),
        };
        assert_eq!(
            serde_json::to_value(&exit).unwrap()["exit"],
            json!({ "signal": 9 })
        );
    }
}
