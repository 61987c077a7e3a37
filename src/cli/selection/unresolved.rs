//! Why addresses mean nothing in a topology, as it is told.

use crate::cli::command_error::{CommandError, ErrorKind};

/// So many are listed.
const LISTED: usize = 10;

/// Why there is nothing to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Unresolved {
    /// Nothing is called so.
    Nothing {
        address: String,
        nearest: Vec<String>,
    },
    /// A `/` or a number stands behind the path of a process.
    NoNamespace { path: String },
    /// `host` without a number.
    Host,
    /// No process of the topology has this number there; the process that had it has ended.
    Number {
        space: String,
        number: i32,
        was: Option<String>,
    },
    /// Something is called so, and the filters keep nothing of it.
    Filtered { has: Vec<(String, String)> },
    /// More than the one that is wanted.
    Several { address: String, paths: Vec<String> },
}

impl From<Unresolved> for CommandError {
    fn from(unresolved: Unresolved) -> Self {
        let kind = match &unresolved {
            Unresolved::Several { .. } => ErrorKind::Ambiguous,
            _ => ErrorKind::NotFound,
        };
        let (message, help) = unresolved.message_and_help();
        Self::new(kind, message).help(help)
    }
}

impl Unresolved {
    fn message_and_help(&self) -> (String, String) {
        match self {
            Self::Nothing { address, nearest } => {
                let help = match nearest.as_slice() {
                    [] => "`nestns tree` shows all namespaces and processes".to_owned(),
                    names => format!("did you mean {}?", either(names)),
                };
                (format!("there is no namespace or process `{address}`"), help)
            }
            Self::NoNamespace { path } => (
                format!("`{path}` is a process, but the suffix of the address needs a namespace"),
                format!("use `{path}`"),
            ),
            Self::Host => (
                "`host` is outside the topology".to_owned(),
                "`host#NUMBER` is the process of the topology with that number on the host, and `.` is the whole \
                 topology"
                    .to_owned(),
            ),
            Self::Number { space, number, was: Some(path) } => (
                format!("number {number} in `{space}` was `{path}`, which has ended"),
                "the kernel reuses numbers: a process that has it now is a different one".to_owned(),
            ),
            Self::Number { space, number, was: None } => (
                format!("no process of the topology has the number {number} in `{space}`"),
                "a process with that number was not started by nestns: it is a child of one of its processes, or \
                 unrelated"
                    .to_owned(),
            ),
            Self::Filtered { has } if has.is_empty() => {
                ("there is nothing to select from".to_owned(), "`nestns ls` lists running topologies".to_owned())
            }
            Self::Filtered { has } => {
                let one = |(path, state): &(String, String)| format!("`{path}` ({state})");
                let list: Vec<String> = has.iter().take(LISTED).map(one).collect();
                let more = more(has.len());
                (
                    "nothing that is addressed passes the filters".to_owned(),
                    format!("`--label`, `--leaves` and `--state` selected from {}{more}", list.join(", ")),
                )
            }
            Self::Several { address, paths } => {
                let list: Vec<String> = paths.iter().take(LISTED).map(|path| format!("\n  {path}")).collect();
                (
                    format!(
                        "`{address}` matches {} targets, but only one is allowed:{}{}",
                        paths.len(),
                        list.concat(),
                        more(paths.len())
                    ),
                    "use the path of one of them".to_owned(),
                )
            }
        }
    }
}

fn more(count: usize) -> String {
    if count > LISTED {
        format!(", and {} more", count - LISTED)
    } else {
        String::new()
    }
}

fn either(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
