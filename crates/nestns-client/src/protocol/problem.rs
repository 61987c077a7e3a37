//! Refusal of a request: facts on the wire, a sentence where it is read.

use serde::{Deserialize, Serialize};

use crate::documents::ExitDocument;
use nestns_topology::Signal;

/// Refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RequestError {
    #[error("not a request: {reason}")]
    Malformed { reason: String },
    #[error("the controller speaks version {controller} of the messages, not {client}")]
    Version { controller: u32, client: u32 },
    #[error("a line is longer than {most} bytes")]
    LineTooLong { most: usize },
    #[error("too many long lines at the same time")]
    TooManyLongLines,
    #[error("the request has too many descriptors")]
    TooManyDescriptors,
    #[error("the arguments and the environment are too long to send")]
    TooLong,
    #[error("each program started by `exec` needs three descriptors")]
    StreamsMissing,
    /// The client is in a namespace of the tree, from where it may only look, and asks for a
    /// change.
    #[error(
        "this client is inside the tree, in `{namespace}`; from there it may inspect `{namespace}`, but not change \
         anything (request: `{asked}`)"
    )]
    Inside { namespace: String, asked: String },
    /// The client is in a namespace of neither the controller nor the tree.
    #[error(
        "this client is in another PID or user namespace than the controller, and not in the tree"
    )]
    Elsewhere,
    #[error("there is no namespace `{path}`")]
    NoNamespace { path: String },
    #[error("there is no process `{path}`")]
    NoProcess { path: String },
    #[error("there is neither a namespace nor a declared process `{path}`")]
    Undeclared { path: String },
    #[error("there is no longer a `{path}`")]
    Gone { path: String },
    #[error("there is no longer a namespace or process `{path}`")]
    Unnamed { path: String },
    #[error("no namespace or process is named")]
    Nothing,
    #[error("`{path}` has ended")]
    Ended { path: String },
    #[error("`{path}` has ended")]
    TargetEnded { path: String },
    #[error("it has ended")]
    ProgramEnded,
    #[error("PID 1 of `{path}` has ended")]
    InitEnded { path: String },
    #[error("the topology has ended")]
    TopologyEnded,
    #[error("the topology has not been released yet")]
    Unreleased,
    #[error("it has already been released")]
    Released,
    #[error("the topology is being stopped, so nothing can be started in it")]
    TopologyStopping,
    #[error("the topology is being stopped, so nothing in it can be paused")]
    TooLateToPause,
    #[error("`{path}` is being stopped, so nothing can be started in it")]
    NamespaceStopping { path: String },
    #[error("PID 1 of `{path}` has already exited, so nothing can be started in it")]
    InitExited { path: String },
    #[error("PID 1 of `{around}` has exited, and `{path}` cannot be restarted without it")]
    NothingAround { around: String, path: String },
    #[error("there are already {most} programs started by `exec`")]
    TooManyPrograms { most: usize },
    #[error("{most} clients are already attached")]
    TooManyAttached { most: usize },
    #[error("too many clients are waiting: more than twice the size of the topology")]
    TooManyAwaited,
    #[error(
        "`{path}` is paused{}, so nothing can be started in it",
        with(path, by)
    )]
    Paused { path: String, by: String },
    #[error("`{path}` is already paused{}", with_apart(path, by))]
    PausedAlready { path: String, by: String },
    #[error("`{path}` is paused with `{by}`")]
    PausedWith { path: String, by: String },
    #[error("`{path}` is not paused")]
    NotPaused { path: String },
    #[error("`{path}` was resumed before it was paused")]
    Resumed { path: String },
    #[error("`{path}` was not frozen within {seconds} s{}; it was resumed", because_of(*laggard))]
    NotAtRest {
        path: String,
        seconds: u64,
        laggard: Option<i32>,
    },
    /// The cgroup of a pause could not be made or filled; `check` is what `nestns doctor` says
    /// where it is the machine that refuses.
    #[error("cannot pause `{path}`: {reason}")]
    CannotPause {
        path: String,
        reason: String,
        check: Option<String>,
    },
    #[error("cannot examine PID 1 of `{path}`: {reason}")]
    InitUnreadable { path: String, reason: String },
    #[error("cannot read the namespaces of `{path}`: {reason}")]
    NamespacesUnreadable { path: String, reason: String },
    #[error("`{path}` is connected to the `nestns exec` that started it")]
    Foreground { path: String },
    #[error("`{path}` is nestns itself, which has no output")]
    BuiltinInit { path: String },
    #[error("`{path}` uses the terminal of `nestns up`")]
    TerminalOfUp { path: String },
    #[error("nothing of what `{path}` writes is kept: it goes to {place}")]
    NotKept { path: String, place: String },
    #[error("`{path}` {} before it was {awaited}", how_ended(*exit))]
    Never {
        path: String,
        exit: Option<ExitDocument>,
        awaited: String,
    },
    #[error(
        "`{path}` will not be started: `{dependency}`, which it waits for, will not reach the required state"
    )]
    NotStarted { path: String, dependency: String },
    #[error("`{path}` did not become ready: {}", how_often(*tries))]
    NeverReady { path: String, tries: u32 },
    #[error("killed, but still there: {}", paths.join(", "))]
    Stuck { paths: Vec<String> },
    /// A system call has failed before the program could be executed, or while what was taken down
    /// was to come back.
    #[error("{what}: {reason}")]
    Failed {
        what: String,
        reason: String,
        help: Option<String>,
        status: u8,
    },
    #[error("`{path}` ended before it could execute its program")]
    EndedBeforeExec { path: String },
    #[error("cannot signal it: {reason}")]
    Unsignalled { reason: String },
    #[error("cannot keep its terminal: {reason}")]
    TerminalLost { reason: String },
}

impl RequestError {
    /// Suggested remedy.
    pub fn help(&self) -> Option<String> {
        let fixed = match self {
            Self::Version { .. } => "use the nestns that started the topology, or restart it",
            Self::TooManyLongLines => "try again in a moment",
            Self::Inside { .. } | Self::Elsewhere => {
                "run the command outside, in the PID and user namespace in which the topology was started"
            }
            Self::Undeclared { .. } => "use `nestns kill` to end a program started by `exec`",
            Self::Unreleased => {
                "release it with `nestns release`; until then none of its programs runs"
            }
            Self::Released => {
                "only a topology started with `nestns up --hold` waits to be released, and only once"
            }
            Self::TooManyAwaited => "let others finish waiting first",
            Self::BuiltinInit { .. } => {
                "name a process, or follow a whole namespace with `nestns logs -f`"
            }
            Self::NotKept { .. } => "leave out `stdout` in the file to send it to the log",
            Self::Stuck { .. } => {
                "a debugger, a frozen cgroup or a file system that does not respond may be holding it"
            }
            Self::NothingAround { around, .. } => {
                return Some(format!(
                    "restart the whole namespace with `nestns restart {around}`"
                ));
            }
            Self::Paused { by, .. } => return Some(format!("`nestns resume {by}` resumes it")),
            Self::PausedAlready { path, by } if path == by => return None,
            Self::PausedAlready { by, .. } | Self::PausedWith { by, .. } => {
                return Some(format!("`nestns resume {by}` resumes all of it"));
            }
            Self::Ended { path } | Self::Never { path, .. } | Self::NeverReady { path, .. } => {
                return Some(format!("`nestns logs {path}` shows its output"));
            }
            Self::CannotPause { check, .. } => return check.clone(),
            Self::Failed { help, .. } => return help.clone(),
            _ => return None,
        };
        Some(fixed.to_owned())
    }

    /// The exit status that it is worth: 1 for nearly all.
    pub fn status(&self) -> u8 {
        match self {
            Self::Malformed { .. } => 2,
            Self::CannotPause { check: Some(_), .. } => 4,
            Self::Failed { status, .. } => *status,
            _ => 1,
        }
    }
}

fn with(path: &str, by: &str) -> String {
    if path == by {
        String::new()
    } else {
        format!(" with `{by}`")
    }
}

fn with_apart(path: &str, by: &str) -> String {
    if path == by {
        String::new()
    } else {
        format!(", with `{by}`")
    }
}

fn because_of(laggard: Option<i32>) -> String {
    laggard.map_or_else(String::new, |pid| {
        format!(": process {pid} is in uninterruptible sleep")
    })
}

fn how_often(tries: u32) -> String {
    match tries {
        1 => "one try of its probe has failed".to_owned(),
        tries => format!("{tries} tries of its probe in a row have failed"),
    }
}

fn how_ended(exit: Option<ExitDocument>) -> String {
    match exit {
        Some(ExitDocument::Code(code)) => format!("ended with status {code}"),
        Some(ExitDocument::Signal(signal)) => {
            format!("was killed by {}", Signal::from_number(signal))
        }
        None => "ended with its namespace".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RequestError;

    #[test]
    fn facts_travel_and_the_sentence_does_not() {
        let problem = RequestError::PausedAlready {
            path: "vm/ci".to_owned(),
            by: "vm".to_owned(),
        };
        let wire = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            wire,
            json!({ "code": "paused_already", "path": "vm/ci", "by": "vm" })
        );
        assert_eq!(
            serde_json::from_value::<RequestError>(wire).unwrap(),
            problem
        );
        assert_eq!(problem.to_string(), "`vm/ci` is already paused, with `vm`");
        assert_eq!(
            problem.help().as_deref(),
            Some("`nestns resume vm` resumes all of it")
        );
    }

    #[test]
    fn statuses() {
        let pause = |check| RequestError::CannotPause {
            path: "vm".to_owned(),
            reason: "no".to_owned(),
            check,
        };
        assert_eq!(
            [pause(None), pause(Some("look".to_owned()))].map(|problem| problem.status()),
            [1, 4]
        );
        assert_eq!(
            RequestError::Malformed {
                reason: String::new()
            }
            .status(),
            2
        );
    }
}
