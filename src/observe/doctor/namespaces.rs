//! Which namespaces the caller can make, how deep, and whether a /proc can be mounted in them.

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::trial::{attempt, continue_in_child, try_call};
use super::{Check, reason};

/// How the caller comes to PID namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As he is.
    Direct,
    /// Inside a user namespace that he makes for it, with himself as its only user.
    UserNamespace,
    /// Not at all, for this reason.
    Refused(Errno),
}

impl Way {
    /// Goes it, up to where a PID namespace can be made.
    fn go(self) -> nix::Result<()> {
        match self {
            Self::Direct => Ok(()),
            Self::UserNamespace => unshare(CloneFlags::CLONE_NEWUSER),
            Self::Refused(errno) => Err(errno),
        }
    }

    /// Goes it, and on as PID 1 of a namespace.
    pub(super) fn go_inside(self) -> nix::Result<()> {
        self.go()?;
        unshare(CloneFlags::CLONE_NEWPID)?;
        continue_in_child()
    }
}

/// How deep PID namespaces nest from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// So many stood at once.
    pub left: u32,
    /// What the next one met.
    pub then: Errno,
}

/// The kinds that a topology can ask for besides PID, in its words.
const KINDS: [(&str, CloneFlags); 5] = [
    ("mount", CloneFlags::CLONE_NEWNS),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
];

/// More levels than a kernel has.
const MOST_LEVELS: i32 = 64;

/// What can be made.
#[derive(Debug)]
pub struct Nesting {
    /// How PID namespaces are made.
    pub way: Way,
    /// How deep.
    pub levels: Levels,
    /// Whether a user namespace can be made, whoever needs it.
    user: nix::Result<()>,
    /// Each of the other kinds, by its word in a topology.
    pub kinds: Vec<(&'static str, nix::Result<()>)>,
    /// Whether a PID 1 can mount a /proc of its own.
    pub proc_mount: nix::Result<()>,
}

impl Nesting {
    pub(super) fn try_out() -> Self {
        let user = try_call(|| unshare(CloneFlags::CLONE_NEWUSER));
        let way = find_way();
        let levels = match way {
            Way::Refused(errno) => Levels { left: 0, then: errno },
            way => measure(way),
        };
        let kind = |(word, flag)| (word, try_call(|| way.go().and_then(|()| unshare(flag))));
        Self { way, levels, user, kinds: KINDS.map(kind).to_vec(), proc_mount: try_call(|| mount_proc(way)) }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![self.user_namespaces(), self.pid_namespaces(), self.nesting(), self.isolation(), self.proc_mount()]
    }

    fn user_namespaces(&self) -> Check {
        const ID: &str = "user-namespaces";
        match self.user {
            Ok(()) => Check::yes(ID, "the caller can make them"),
            Err(errno) => Check::warn(ID, format!("refused: {}", errno.desc()), reason::no_permission()),
        }
    }

    fn pid_namespaces(&self) -> Check {
        const ID: &str = "pid-namespaces";
        match self.way {
            Way::Direct => Check::yes(ID, "the caller can make them as he is"),
            Way::UserNamespace => {
                Check::yes(ID, "the caller can make them inside a user namespace, where he is the only user")
            }
            Way::Refused(Errno::ENOSPC) => Check::no(ID, "refused: a limit is reached", reason::no_space(1)),
            Way::Refused(errno) => Check::no(ID, format!("refused: {}", errno.desc()), reason::no_permission()),
        }
    }

    fn nesting(&self) -> Check {
        const ID: &str = "nesting";
        let Levels { left, then } = self.levels;
        match left {
            0 => Check::no(ID, "no level can be made", reason::no_space(1)),
            1..8 => Check::warn(ID, format!("{left} more levels (measured)"), reason::no_space(left as usize + 1)),
            _ if then == Errno::ENOSPC => Check::yes(ID, format!("{left} more levels (measured)")),
            _ => {
                Check::warn(ID, format!("{left} more levels (measured), then: {}", then.desc()), reason::no_processes())
            }
        }
    }

    fn isolation(&self) -> Check {
        const ID: &str = "isolation";
        let refused: Vec<String> =
            self.kinds.iter().filter_map(|(word, result)| Some(format!("{word} ({})", result.err()?.desc()))).collect();
        if refused.is_empty() {
            let words: Vec<&str> = self.kinds.iter().map(|(word, _)| *word).collect();
            return Check::yes(ID, format!("{} namespaces can be made", words.join(", ")));
        }
        let remedy = "leave them out with `unshare` in the topology, or start the container with more rights";
        Check::warn(ID, format!("refused: {}", refused.join(", ")), remedy)
    }

    fn proc_mount(&self) -> Check {
        const ID: &str = "proc-mount";
        match self.proc_mount {
            Ok(()) => Check::yes(ID, "a new namespace can have a /proc of its own"),
            Err(Errno::EPERM) if !matches!(self.way, Way::Refused(_)) => {
                Check::warn(ID, "refused: Operation not permitted", reason::masked_proc())
            }
            Err(errno) => Check::warn(ID, format!("refused: {}", errno.desc()), "set `mount_proc = false`"),
        }
    }
}

fn find_way() -> Way {
    let direct = try_call(|| Way::Direct.go_inside());
    let Err(errno) = direct else { return Way::Direct };
    if errno != Errno::EPERM {
        return Way::Refused(errno);
    }
    match try_call(|| Way::UserNamespace.go_inside()) {
        Ok(()) => Way::UserNamespace,
        Err(errno) => Way::Refused(errno),
    }
}

/// A chain of forks, each in a namespace of its own, until the kernel refuses: nothing else tells how many levels are left
/// in a container (R1).
fn measure(way: Way) -> Levels {
    let answer = attempt(|tell| {
        if let Err(errno) = way.go() {
            tell.end(0, errno as i32);
        }
        for level in 0..MOST_LEVELS {
            if let Err(errno) = unshare(CloneFlags::CLONE_NEWPID).and_then(|()| continue_in_child()) {
                tell.end(level, errno as i32);
            }
        }
        tell.end(MOST_LEVELS, 0)
    });
    let (left, then) = answer.unwrap_or((0, Errno::ECHILD as i32));
    Levels { left: u32::try_from(left).unwrap_or(0), then: Errno::from_raw(then) }
}

fn mount_proc(way: Way) -> nix::Result<()> {
    way.go_inside()?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(Some("none"), "/", None::<&str>, private, None::<&str>)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
}
