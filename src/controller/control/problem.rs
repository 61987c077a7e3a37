//! Why a request was refused: facts on the wire, a sentence where it is read.

use serde::{Deserialize, Serialize};

use crate::controller::document::ExitDocument;
use crate::topology::Signal;

/// Refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum Problem {
    #[error("this is not a request: {reason}")]
    Malformed { reason: String },
    #[error("the controller speaks version {controller} of the messages, not {client}")]
    Version { controller: u32, client: u32 },
    #[error("a line is longer than {most} bytes")]
    LineTooLong { most: usize },
    #[error("too many long lines come at the same time")]
    TooManyLongLines,
    #[error("more descriptors came than a request has")]
    TooManyDescriptors,
    #[error("the arguments and the environment are too long to be sent")]
    TooLong,
    #[error("a program of `exec` takes three descriptors")]
    StreamsMissing,
    /// The client is in a namespace of the tree, from where it may only look, and asks for a change.
    #[error(
        "this client is inside the tree, in `{namespace}`, from where `{namespace}` can be looked at and nothing can be changed \
         (`{asked}` was asked)"
    )]
    Inside { namespace: String, asked: String },
    /// The client is in a namespace of neither the controller nor the tree.
    #[error("this client is in another PID or user namespace than the controller, and is not of the tree")]
    Elsewhere,
    #[error("there is no namespace `{path}`")]
    NoNamespace { path: String },
    #[error("there is no process `{path}`")]
    NoProcess { path: String },
    #[error("there is neither a namespace nor a declared process `{path}`")]
    Undeclared { path: String },
    #[error("there is no `{path}` any more")]
    Gone { path: String },
    #[error("nothing is called `{path}` any more")]
    Unnamed { path: String },
    #[error("nothing is named")]
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
    #[error("it has been released already")]
    Released,
    #[error("the topology is being stopped; nothing can start in it any more")]
    TopologyStopping,
    #[error("the topology is being stopped; nothing of it is paused any more")]
    TooLateToPause,
    #[error("`{path}` is being stopped; nothing can start in it any more")]
    NamespaceStopping { path: String },
    #[error("PID 1 of `{path}` has already exited; nothing can start in it any more")]
    InitExited { path: String },
    #[error("PID 1 of `{around}` has exited; `{path}` cannot come back without it")]
    NothingAround { around: String, path: String },
    #[error("there are {most} programs of `exec` already")]
    TooManyPrograms { most: usize },
    #[error("{most} clients are attached already")]
    TooManyAttached { most: usize },
    #[error("more is waited for than the topology has, twice over")]
    TooManyAwaited,
    #[error("`{path}` is paused{}; nothing starts in it", with(path, by))]
    Paused { path: String, by: String },
    #[error("`{path}` is paused already{}", with_apart(path, by))]
    PausedAlready { path: String, by: String },
    #[error("`{path}` is paused with `{by}`")]
    PausedWith { path: String, by: String },
    #[error("`{path}` is not paused")]
    NotPaused { path: String },
    #[error("`{path}` was let go on before it was paused")]
    Resumed { path: String },
    #[error("`{path}` did not come to rest within {seconds} s{}; it goes on", because_of(*laggard))]
    NotAtRest { path: String, seconds: u64, laggard: Option<i32> },
    /// The cgroup of a pause could not be made or filled; `check` is what `nestns doctor` says where it is the machine that refuses.
    #[error("cannot pause `{path}`: {reason}")]
    CannotPause { path: String, reason: String, check: Option<String> },
    #[error("cannot look into PID 1 of `{path}`: {reason}")]
    InitUnreadable { path: String, reason: String },
    #[error("cannot read the namespaces of `{path}`: {reason}")]
    NamespacesUnreadable { path: String, reason: String },
    #[error("`{path}` is the program of a client, who has its input and output")]
    Foreground { path: String },
    #[error("`{path}` is nestns itself, and writes nothing")]
    BuiltinInit { path: String },
    #[error("the terminal of `{path}` is that of `nestns up`")]
    TerminalOfUp { path: String },
    #[error("nothing of what `{path}` writes is kept: it goes to {place}")]
    NotKept { path: String, place: String },
    #[error("`{path}` {} and was not {awaited} before", how_ended(*exit))]
    Never { path: String, exit: Option<ExitDocument>, awaited: String },
    #[error("killed, but still there: {}", paths.join(", "))]
    Stuck { paths: Vec<String> },
    /// A system call has failed before the program could be executed, or while what was taken down was to come back.
    #[error("{what}: {reason}")]
    Failed { what: String, reason: String, help: Option<String>, status: u8 },
    #[error("`{path}` has ended before it could execute its program")]
    EndedBeforeExec { path: String },
    #[error("cannot signal it: {reason}")]
    Unsignalled { reason: String },
    #[error("cannot keep its terminal: {reason}")]
    TerminalLost { reason: String },
}

impl Problem {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let fixed = match self {
            Self::Version { .. } => "use the nestns that started the topology, or start it again",
            Self::TooManyLongLines => "ask again in a moment",
            Self::Inside { .. } | Self::Elsewhere => {
                "ask from outside: in the PID and user namespace in which the topology was started"
            }
            Self::Undeclared { .. } => "a program of `exec` is ended with `nestns kill`",
            Self::Unreleased => "open its gates with `nestns release`; until then nothing of it runs",
            Self::Released => "only a topology that was started with `nestns up --hold` waits to be released, and once",
            Self::TooManyAwaited => "let others end their waiting first",
            Self::BuiltinInit { .. } => "name a process, or see all of a namespace with `nestns logs -f`",
            Self::NotKept { .. } => "leave out `stdout` in the file, and it goes to the log",
            Self::Stuck { .. } => {
                "a debugger that traces it, a frozen cgroup or a file system that does not answer keeps it"
            }
            Self::NothingAround { around, .. } => {
                return Some(format!("bring the whole back with `nestns restart {around}`"));
            }
            Self::Paused { by, .. } => return Some(format!("`nestns resume {by}` lets it go on")),
            Self::PausedAlready { path, by } if path == by => return None,
            Self::PausedAlready { by, .. } | Self::PausedWith { by, .. } => {
                return Some(format!("`nestns resume {by}` lets all of it go on"));
            }
            Self::Ended { path } => return Some(format!("`nestns logs {path}` shows what it has written")),
            Self::Never { path, .. } => return Some(format!("`nestns logs {path}` shows what it has said")),
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
    if path == by { String::new() } else { format!(" with `{by}`") }
}

fn with_apart(path: &str, by: &str) -> String {
    if path == by { String::new() } else { format!(", with `{by}`") }
}

fn because_of(laggard: Option<i32>) -> String {
    laggard
        .map_or_else(String::new, |pid| format!(": process {pid} waits in the kernel for what cannot be interrupted"))
}

fn how_ended(exit: Option<ExitDocument>) -> String {
    match exit {
        Some(ExitDocument::Code(code)) => format!("has ended with status {code}"),
        Some(ExitDocument::Signal(signal)) => format!("was ended by {}", Signal::from_number(signal)),
        None => "has ended with its namespace".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Problem;

    #[test]
    fn facts_travel_and_the_sentence_does_not() {
        let problem = Problem::PausedAlready { path: "vm/ci".to_owned(), by: "vm".to_owned() };
        let wire = serde_json::to_value(&problem).unwrap();
        assert_eq!(wire, json!({ "code": "paused_already", "path": "vm/ci", "by": "vm" }));
        assert_eq!(serde_json::from_value::<Problem>(wire).unwrap(), problem);
        assert_eq!(problem.to_string(), "`vm/ci` is paused already, with `vm`");
        assert_eq!(problem.help().as_deref(), Some("`nestns resume vm` lets all of it go on"));
    }

    #[test]
    fn statuses() {
        let pause = |check| Problem::CannotPause { path: "vm".to_owned(), reason: "no".to_owned(), check };
        assert_eq!([pause(None), pause(Some("look".to_owned()))].map(|problem| problem.status()), [1, 4]);
        assert_eq!(Problem::Malformed { reason: String::new() }.status(), 2);
    }
}
