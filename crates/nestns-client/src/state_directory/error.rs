//! Errors of state directories.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use nestns_observe::doctor::files::shortage;
use nestns_sys::call::Call;
use nestns_sys::errno::{number_of, of_io};

/// Reason why a state directory could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StateError {
    /// A topology of that name runs.
    #[error("a topology named `{name}` is already running (its state is in {})", directory.display())]
    NameInUse { name: String, directory: PathBuf },
    /// A topology of that name runs, and its directory was removed.
    #[error("a topology named `{name}` is already running: its controller, PID {controller}, has lost {}", directory.display())]
    Homeless {
        name: String,
        directory: PathBuf,
        controller: i32,
    },
    /// The directory belongs to another user.
    #[error("{} belongs to user {owner}, not to the caller ({caller})", directory.display())]
    Foreign {
        directory: PathBuf,
        owner: u32,
        caller: u32,
    },
    /// Others may write to it.
    #[error("{} is writable by others (mode {mode:04o}), so nothing in it can be trusted", directory.display())]
    Exposed { directory: PathBuf, mode: u32 },
    /// Another user could put another directory in its place.
    #[error("{} cannot be trusted: another user could replace it, because {} {why}", directory.display(), above.display())]
    Exchangeable {
        directory: PathBuf,
        above: PathBuf,
        why: String,
    },
    /// Something that nestns has not put there, or not like this.
    #[error("{} {found} that nestns did not create; it is neither followed nor removed", path.display())]
    Strange { path: PathBuf, found: String },
    /// A document that cannot be read tells nothing about what still runs.
    #[error("{} cannot be read ({problem}): what is still running is unknown, so nothing is removed", path.display())]
    Unreadable { path: PathBuf, problem: String },
    /// The controller was killed, and is still there.
    #[error("{} of an earlier topology, left behind in {}, cannot be killed: {problem}", path, directory.display())]
    Stuck {
        directory: PathBuf,
        path: String,
        problem: String,
    },
    /// A system call failed.
    #[error("cannot {action} {}{}: {}", path.display(), named(*call), of_io(source))]
    System {
        action: &'static str,
        call: Call,
        path: PathBuf,
        source: io::Error,
    },
}

/// " (unlinkat)"; nothing of a call that has no name.
fn named(call: Call) -> String {
    call.name()
        .map_or_else(String::new, |name| format!(" ({name})"))
}

/// The remedy for a directory that cannot be used.
const ELSEWHERE: &str = "set NESTNS_STATE_ROOT to a writable directory of your own";

impl StateError {
    /// Suggested remedy.
    pub fn help(&self) -> String {
        match self {
            Self::NameInUse { .. } => "stop it first, or give this one another name with `--name`".to_owned(),
            Self::Homeless { name, controller, .. } => format!(
                "a running controller restores its directory: use `kill -CONT {controller}` if it is stopped, or \
                 `nestns down --now {name}` to end it"
            ),
            Self::Foreign { .. } => "remove it, or set NESTNS_STATE_ROOT to a directory of your own".to_owned(),
            Self::Exposed { directory, .. } => {
                format!("examine its contents, then `chmod 700 {}`", directory.display())
            }
            Self::Exchangeable { .. } => {
                "set NESTNS_STATE_ROOT to a directory of your own, below directories that only you and root can write \
                 to"
                .to_owned()
            }
            Self::Strange { path, .. } if is_device(path) => {
                "set NESTNS_STATE_ROOT to a directory of your own".to_owned()
            }
            Self::Strange { path, .. } => format!("examine it, then remove it: `rm -r {}`", path.display()),
            Self::Unreadable { path, .. } => {
                let directory = path.parent().unwrap_or(path).display();
                format!("make sure that nothing of it is running (`ps -e`), then remove it: `rm -r {directory}`")
            }
            Self::Stuck { .. } => "examine it with `ps`; when it has ended, `nestns prune` removes the rest".to_owned(),
            Self::System { call, source, .. } => {
                shortage(*call, number_of(source)).unwrap_or_else(|| ELSEWHERE.to_owned())
            }
        }
    }

    /// The errno of the call that has failed.
    pub fn errno(&self) -> Errno {
        match self {
            Self::System { source, .. } => number_of(source),
            _ => Errno::EIO,
        }
    }

    /// True if there was nothing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// A failure to read /proc, as one of the state that was to be written from it.
    pub fn unreadable_proc(source: io::Error) -> Self {
        Self::System {
            action: "read",
            call: Call::Unnamed,
            path: PathBuf::from("/proc"),
            source,
        }
    }
}

impl From<StateError> for io::Error {
    fn from(error: StateError) -> Self {
        match error {
            StateError::System { source, .. } => source,
            error => Self::other(error),
        }
    }
}

/// True if a path is a device, which is no matter of nestns.
fn is_device(path: &Path) -> bool {
    let kind = std::fs::symlink_metadata(path).map(|found| found.file_type());
    kind.is_ok_and(|kind| kind.is_char_device() || kind.is_block_device())
}
