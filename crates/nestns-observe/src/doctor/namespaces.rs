//! Namespaces that the caller can make, their depth, and the mount of a /proc in them.

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::trial::{attempt, continue_in_child, try_call};
use super::{Check, ceiling, reason};
use nestns_sys::capability::{SYS_ADMIN, is_effective};
use nestns_sys::errno;

/// Way of the caller to PID namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The caller's present credentials.
    Direct,
    /// A user namespace that the caller makes for that, with itself as the only user.
    UserNamespace,
    /// No way.
    Refused(Obstacle),
}

/// Obstacle to a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacle {
    /// The kind of namespace that is refused, by its name in `/proc/PID/ns`.
    pub kind: &'static str,
    /// Errno of the refusal.
    pub errno: Errno,
}

impl Obstacle {
    fn remedy(self) -> String {
        reason::no_namespace(self.kind, self.errno)
    }
}

/// `ENOSPC` is about namespaces here, and not about a disk.
fn spelled(errno: Errno) -> String {
    match errno {
        Errno::ENOSPC => "a limit is reached".to_owned(),
        errno => errno::spelled(errno),
    }
}

impl Way {
    /// Takes this way, up to where a PID namespace can be made.
    fn go(self) -> nix::Result<()> {
        match self {
            Self::Direct => Ok(()),
            Self::UserNamespace => unshare(CloneFlags::CLONE_NEWUSER),
            Self::Refused(obstacle) => Err(obstacle.errno),
        }
    }

    /// Takes this way, and goes on as PID 1 of a namespace.
    pub(super) fn go_inside(self) -> nix::Result<()> {
        self.go()?;
        unshare(CloneFlags::CLONE_NEWPID)?;
        continue_in_child()
    }
}

/// Number of PID namespaces that nest from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// Number of levels that existed at once.
    pub left: u32,
    /// Errno for the next one.
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
/// Processes of a measurement besides one a level.
const HELPERS: u64 = 4;

/// Namespaces that can be made.
#[derive(Debug)]
pub struct Nesting {
    /// Way to make PID namespaces.
    pub way: Way,
    /// Number of levels.
    pub levels: Levels,
    /// Result of making a user namespace, needed or not.
    user: nix::Result<()>,
    /// Results for the other kinds, by their words in a topology.
    pub kinds: Vec<(&'static str, nix::Result<()>)>,
    /// Result of a PID 1 mounting a /proc of its own.
    pub proc_mount: Result<(), Refusal>,
    /// True if a part of the visible /proc is covered by a mount.
    is_masked: bool,
}

impl Nesting {
    pub(super) fn try_out() -> Self {
        let user = try_call(|| unshare(CloneFlags::CLONE_NEWUSER));
        let way = find_way();
        let levels = match way {
            Way::Refused(obstacle) => Levels {
                left: 0,
                then: obstacle.errno,
            },
            way => measure(way),
        };
        let kind = |(word, flag)| (word, try_call(|| way.go().and_then(|()| unshare(flag))));
        Self {
            way,
            levels,
            user,
            kinds: KINDS.map(kind).to_vec(),
            proc_mount: mount_proc(way),
            is_masked: !reason::proc_masks().is_empty(),
        }
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![
            self.user_namespaces(),
            self.pid_namespaces(),
            self.nesting(),
            self.isolation(),
            self.proc_mount(),
        ]
    }

    fn user_namespaces(&self) -> Check {
        const ID: &str = "user-namespaces";
        match self.user {
            Ok(()) => Check::yes(ID, "can be created by the caller"),
            Err(errno) => {
                let found = format!("refused: {}", spelled(errno));
                Check::warn(ID, found, reason::no_namespace("user", errno))
            }
        }
    }

    fn pid_namespaces(&self) -> Check {
        const ID: &str = "pid-namespaces";
        match self.way {
            Way::Direct => Check::yes(ID, "can be created with the caller's own privileges"),
            Way::UserNamespace => Check::yes(
                ID,
                "can be created inside a user namespace, in which the caller is the only user",
            ),
            Way::Refused(obstacle @ Obstacle { kind: "pid", errno }) => Check::no(
                ID,
                format!("refused: {}", spelled(errno)),
                obstacle.remedy(),
            ),
            Way::Refused(obstacle @ Obstacle { errno, .. }) => {
                let found = format!(
                    "the user namespace they need is not permitted: {}",
                    spelled(errno)
                );
                Check::no(ID, found, obstacle.remedy())
            }
        }
    }

    fn nesting(&self) -> Check {
        const ID: &str = "nesting";
        let Levels { left, then } = self.levels;
        if let Way::Refused(obstacle) = self.way {
            return Check::no(ID, "no level can be created", obstacle.remedy());
        }
        match left {
            0 => Check::no(ID, "no level can be created", self.no_level()),
            1..8 if then == Errno::ENOSPC => Check::warn(
                ID,
                format!("{left} more levels (measured)"),
                reason::no_space(left as usize + 1),
            ),
            _ if then == Errno::ENOSPC => Check::yes(ID, format!("{left} more levels (measured)")),
            _ => {
                let found = format!("{left} more levels (measured), then: {}", spelled(then));
                Check::warn(ID, found, self.no_level())
            }
        }
    }

    /// Reason why there is no further level, determined once the levels that were made have ended.
    fn no_level(&self) -> String {
        let Levels { left, then } = self.levels;
        match then {
            Errno::EAGAIN => ceiling::reached_with(&[], u64::from(left) + HELPERS),
            then => reason::no_namespace("pid", then),
        }
    }

    fn isolation(&self) -> Check {
        const ID: &str = "isolation";
        let refused: Vec<String> = self
            .kinds
            .iter()
            .filter_map(|(word, result)| Some(format!("{word}: {}", spelled(result.err()?))))
            .collect();
        if refused.is_empty() {
            let words: Vec<&str> = self.kinds.iter().map(|(word, _)| *word).collect();
            return Check::yes(
                ID,
                format!("{} namespaces can be created", words.join(", ")),
            );
        }
        let remedy = "leave them out with `unshare` in the topology, or start the container with more privileges";
        Check::warn(ID, format!("refused: {}", refused.join(", ")), remedy)
    }

    fn proc_mount(&self) -> Check {
        const ID: &str = "proc-mount";
        match self.proc_mount {
            Ok(()) => Check::yes(ID, "a new namespace can mount a /proc of its own"),
            Err(Refusal {
                call: Call::MountProc,
                errno: Errno::EPERM,
            }) if self.is_masked => Check::warn(
                ID,
                format!("refused: {}", errno::spelled(Errno::EPERM)),
                reason::masked_proc(),
            ),
            Err(Refusal {
                call: Call::Mount | Call::MountProc,
                errno,
            }) => {
                let remedy = "allow mount in the seccomp filter or security module around this process (docker and \
                              podman: `--security-opt seccomp=unconfined`), or set `mount_proc = false`";
                Check::warn(
                    ID,
                    format!("mount is not permitted: {}", errno::spelled(errno)),
                    remedy,
                )
            }
            Err(Refusal {
                call: Call::Namespaces,
                errno,
            }) => {
                let found = format!("no namespace can be created for it: {}", spelled(errno));
                Check::warn(
                    ID,
                    found,
                    "see the checks before this one; `mount_proc = false` avoids the mount",
                )
            }
        }
    }
}

fn find_way() -> Way {
    let refused = |kind, errno| Way::Refused(Obstacle { kind, errno });
    let direct = try_call(|| Way::Direct.go_inside());
    let Err(errno) = direct else {
        return Way::Direct;
    };
    if errno != Errno::EPERM {
        return refused("pid", errno);
    }
    // A filter refuses root, which a user namespace does not lift; the refusal of the first call is reported.
    if let Err(errno) = try_call(|| Way::UserNamespace.go()) {
        let kind = if is_effective(SYS_ADMIN) {
            "pid"
        } else {
            "user"
        };
        return refused(kind, errno);
    }
    match try_call(|| Way::UserNamespace.go_inside()) {
        Ok(()) => Way::UserNamespace,
        Err(errno) => refused("pid", errno),
    }
}

/// Measures a chain of forks, each in a namespace of its own, until the kernel refuses: nothing else shows how many
/// levels are left in a container (R1).
fn measure(way: Way) -> Levels {
    let answer = attempt(|tell| {
        if let Err(errno) = way.go() {
            tell.end(0, errno as i32);
        }
        for level in 0..MOST_LEVELS {
            if let Err(errno) = unshare(CloneFlags::CLONE_NEWPID).and_then(|()| continue_in_child())
            {
                tell.end(level, errno as i32);
            }
        }
        tell.end(MOST_LEVELS, 0)
    });
    let (left, then) = answer.unwrap_or((0, Errno::ECHILD as i32));
    Levels {
        left: u32::try_from(left).unwrap_or(0),
        then: Errno::from_raw(then),
    }
}

/// Calls that give a namespace a /proc of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// unshare(2) and fork(2), before anything is mounted.
    Namespaces,
    /// mount(2), of nothing new.
    Mount,
    /// mount(2), of a new proc.
    MountProc,
}

/// A refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub call: Call,
    /// Errno of the refusal.
    pub errno: Errno,
}

fn mount_proc(way: Way) -> Result<(), Refusal> {
    let job = || {
        way.go_inside()
            .and_then(|()| unshare(CloneFlags::CLONE_NEWNS))
            .map_err(|errno| (Call::Namespaces, errno))?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(Some("none"), "/", None::<&str>, private, None::<&str>)
            .map_err(|errno| (Call::Mount, errno))?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
            .map_err(|errno| (Call::MountProc, errno))
    };
    let answer = attempt(|tell| match job() {
        Ok(()) => tell.end(0, 0),
        Err((call, errno)) => tell.end(call as i32, errno as i32),
    });
    let errno = Errno::from_raw;
    match answer {
        Some((_, 0)) => Ok(()),
        Some((call, number)) if call == Call::MountProc as i32 => Err(Refusal {
            call: Call::MountProc,
            errno: errno(number),
        }),
        Some((call, number)) if call == Call::Mount as i32 => Err(Refusal {
            call: Call::Mount,
            errno: errno(number),
        }),
        Some((_, number)) => Err(Refusal {
            call: Call::Namespaces,
            errno: errno(number),
        }),
        None => Err(Refusal {
            call: Call::Namespaces,
            errno: Errno::ECHILD,
        }),
    }
}
