//! Facts that /proc has about one process, as far as the reader may see them.
//!
//! `status` is readable by every user; links, the environment and the descriptors only with the
//! permission to trace the process (`ptrace(2)`, "ptrace access mode"). Each thing that cannot be
//! read is reported by itself.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use nix::unistd::Pid;

use super::process::words;
use super::signals::{self, Fates, Role};
use super::status::Status;

/// Ancestor of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Ancestor {
    pub pid: i32,
    pub name: String,
}

/// Facts about a process. A field that could not be read is empty, and among the problems.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are the files of proc(5)")]
pub struct Portrait {
    pub status: Status,
    /// Fates of signals from outside.
    pub fates: Fates,
    /// The parent, the parent's parent and so on, as far as the reader's namespace reaches.
    pub ancestors: Vec<Ancestor>,
    pub command_line: Vec<String>,
    pub exe: Option<PathBuf>,
    pub cwd: Option<PathBuf>,
    pub root: Option<PathBuf>,
    /// Number of open descriptors.
    pub descriptors: Option<usize>,
    /// Names in the environment; the values may be secrets and are not read out.
    pub environment: Option<Vec<String>>,
    pub cgroups: Option<Vec<String>>,
    pub uid_map: Option<Vec<String>>,
    pub gid_map: Option<Vec<String>>,
    pub oom_score: Option<i64>,
    pub oom_score_adj: Option<i64>,
    /// Reasons why files could not be read, by the names of the files.
    pub problems: BTreeMap<&'static str, String>,
}

impl Portrait {
    /// Reads all facts.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process.
    pub fn read(pid: Pid) -> io::Result<Self> {
        let status = Status::read(pid)?;
        let role = if status.numbers.last() == Some(&1) {
            Role::First
        } else {
            Role::Member
        };
        let mut problems = BTreeMap::new();
        let bytes = |name: &str| std::fs::read(format!("/proc/{pid}/{name}"));
        let link = |name: &str| match std::fs::read_link(format!("/proc/{pid}/{name}")) {
            // An empty path is a refusal, on kernels that answer so (R43).
            Ok(path) if path.as_os_str().is_empty() => Err(io::ErrorKind::PermissionDenied.into()),
            answer => answer,
        };
        let mut note =
            |name: &'static str, error: &io::Error| drop(problems.insert(name, reason(error)));
        let mut keep = Keep { note: &mut note };
        Ok(Self {
            fates: signals::fates(pid, role, u64::MAX)?,
            ancestors: ancestors(status.parent),
            command_line: keep
                .of("cmdline", bytes("cmdline"))
                .map(|bytes| words(&bytes))
                .unwrap_or_default(),
            exe: keep.of("exe", link("exe")),
            cwd: keep.of("cwd", link("cwd")),
            root: keep.of("root", link("root")),
            descriptors: keep
                .of("fd", std::fs::read_dir(format!("/proc/{pid}/fd")))
                .map(Iterator::count),
            environment: keep
                .of("environ", bytes("environ"))
                .map(|bytes| names(&bytes)),
            cgroups: keep
                .of("cgroup", bytes("cgroup"))
                .map(|bytes| lines(&bytes)),
            uid_map: keep
                .of("uid_map", bytes("uid_map"))
                .map(|bytes| lines(&bytes)),
            gid_map: keep
                .of("gid_map", bytes("gid_map"))
                .map(|bytes| lines(&bytes)),
            oom_score: keep
                .of("oom_score", bytes("oom_score"))
                .and_then(|bytes| number(&bytes)),
            oom_score_adj: keep
                .of("oom_score_adj", bytes("oom_score_adj"))
                .and_then(|bytes| number(&bytes)),
            status,
            problems,
        })
    }
}

/// Keeps values that could be read, and notes why others could not.
struct Keep<'a> {
    note: &'a mut dyn FnMut(&'static str, &io::Error),
}

impl Keep<'_> {
    fn of<T>(&mut self, name: &'static str, result: io::Result<T>) -> Option<T> {
        result.inspect_err(|error| (self.note)(name, error)).ok()
    }
}

/// Reason why something of a process cannot be read, as the end of a sentence.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "the kernel shows it only to callers permitted to trace the process".to_owned()
        }
        io::ErrorKind::NotFound => {
            "there is none: the process has no memory, or is nestns itself".to_owned()
        }
        _ => error.to_string(),
    }
}

fn ancestors(mut parent: i32) -> Vec<Ancestor> {
    let mut ancestors = Vec::new();
    // A chain that changes while it is read could lead anywhere, but it cannot be longer than this.
    while parent > 0 && ancestors.len() < 4096 {
        let Ok(status) = Status::read(Pid::from_raw(parent)) else {
            break;
        };
        ancestors.push(Ancestor {
            pid: parent,
            name: status.name,
        });
        parent = status.parent;
    }
    ancestors
}

/// The names of an `environ`, in their order.
pub fn names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = words(bytes)
        .into_iter()
        .map(|word| {
            word.split_once('=')
                .map_or(word.clone(), |(name, _)| name.to_owned())
        })
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn number(bytes: &[u8]) -> Option<i64> {
    String::from_utf8_lossy(bytes).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getppid};

    use super::{Portrait, names, words};

    #[test]
    fn of_oneself_nothing_is_hidden() {
        let portrait = Portrait::read(Pid::this()).unwrap();
        assert!(portrait.problems.is_empty(), "{:?}", portrait.problems);
        assert_eq!(portrait.exe, std::env::current_exe().ok());
        assert_eq!(
            portrait.ancestors.first().map(|parent| parent.pid),
            Some(getppid().as_raw())
        );
        assert!(portrait.descriptors.is_some_and(|count| count >= 3));
        assert!(Portrait::read(Pid::from_raw(i32::MAX)).is_err());
    }

    #[test]
    fn words_and_names() {
        assert_eq!(words(b"a\0b c\0\0"), ["a", "b c", ""]);
        assert_eq!(words(b""), Vec::<String>::new());
        assert_eq!(names(b"B=1\0A=x=y\0"), ["A", "B"]);
    }
}
