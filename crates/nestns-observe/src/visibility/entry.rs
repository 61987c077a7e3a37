//! Entry of a throw-away process into the place of an observer.
//!
//! The process enters every namespace of the observer and takes over its credentials. As setns(2) moves only children
//! into a PID namespace, it takes two: a helper, forked by the caller, and the prober, forked by the helper, which
//! reaps it at once; the caller reaps the helper (R3: nothing that has entered stays unreaped, or the namespace could
//! not end). The order is that of [`Passage`]: an observer with a user namespace of its own is entered from the PID
//! namespace that it is in.
//!
//! **No number is used up.** The prober is forked with `set_tid` (R13): it has a number from near the top on every
//! level below the caller's, which no counter has reached, and the counters do not move: the next process in there has
//! the number that it would have had anyway. If that is refused, no prober is put there: a missing number would be
//! noticed. On the caller's own level it takes ordinary numbers, as every command does.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::prctl::{set_dumpable, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Gid, Pid, Uid, pipe2, setgroups, setresgid, setresuid};

use super::Observer;
use super::probe::{ProbeAnswer, Question, failed};
use crate::host_snapshot::{HostSnapshot, PidNamespace};
use crate::namespaces::Standpoint;
use nestns_sys::clone::fork_without_number;
use nestns_sys::fork::{exit_now, fork};
use nestns_sys::passage::{Passage, Step};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::proc_status::Fields;
use nestns_sys::reap::await_child;
use nestns_sys::{capability, descriptor, namespace};

/// So long a prober may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Place of an observer.
#[derive(Debug)]
pub(super) struct Place {
    target: Pidfd,
    /// Namespaces besides PID that are not the caller's.
    others: CloneFlags,
    /// Gateway for a caller without a right to the PID namespace: the user namespace that owns the outermost one around
    /// it, and the namespaces that are left to enter from in there.
    gateway: Option<(OwnedFd, CloneFlags)>,
    /// Number of levels below the caller's.
    levels: usize,
    credentials: Credentials,
}

/// Credentials to take, in the numbering of the namespace that is entered.
#[derive(Debug, Default)]
struct Credentials {
    user: Option<(Uid, Gid, Vec<Gid>)>,
    capabilities: Option<u64>,
}

/// Asks a question in an observer's place.
pub(super) fn ask(
    machine: &HostSnapshot,
    observer: &Observer,
    question: &Question<'_>,
) -> io::Result<ProbeAnswer> {
    let place = match Place::of(machine, observer) {
        Ok(place) => place,
        Err(error) => return Ok(failed("examine it", &error)),
    };
    Asked::begin(place, question, None)?.end()
}

impl Place {
    /// Descriptors needed to get there: a pidfd of the process, and the gateway.
    pub(super) fn descriptors(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [
            Some(self.target.as_fd()),
            self.gateway.as_ref().map(|(gateway, _)| gateway.as_fd()),
        ]
    }

    /// The place of the first candidate that may be looked into; `None` for the caller's own.
    pub(super) fn of(machine: &HostSnapshot, observer: &Observer) -> io::Result<Option<Self>> {
        let levels = machine.space(observer.space).level;
        let mut problem = None;
        for &candidate in &observer.candidates {
            let pid = Pid::from_raw(candidate);
            let place = || -> io::Result<Self> {
                let target = Pidfd::open_any(pid)?;
                let standpoint = Standpoint::own(None)?;
                let others = standpoint.to_enter(pid, None)?;
                let gateway = match machine
                    .line(observer.space)
                    .get(1)
                    .map(|&outermost| machine.space(outermost))
                {
                    Some(outermost) => gateway(outermost, &standpoint, pid)?,
                    None => None,
                };
                Ok(Self {
                    target,
                    others,
                    gateway,
                    levels,
                    credentials: Credentials::read(candidate)?,
                })
            };
            match place() {
                Ok(place) => return Ok(Some(place)),
                Err(error) => problem = Some(error),
            }
        }
        match problem {
            Some(error) => Err(error),
            None if levels == 0 => Ok(None),
            // No process is in it whose place could be taken.
            None => Err(Errno::ESRCH.into()),
        }
    }
}

/// The user namespace that owns a PID namespace, and what is left to enter from in there; `None` where it is the caller's own.
fn gateway(
    outermost: &PidNamespace,
    standpoint: &Standpoint,
    pid: Pid,
) -> io::Result<Option<(OwnedFd, CloneFlags)>> {
    // If its owner is out of the caller's reach, it is a namespace around the caller, which needs no gateway.
    let Ok(owner) = namespace::owner(outermost) else {
        return Ok(None);
    };
    let Some(inside) = standpoint.in_user_namespace(&owner)? else {
        return Ok(None);
    };
    let others = inside.to_enter(pid, None)?;
    Ok(Some((owner, others)))
}

impl Credentials {
    fn read(pid: i32) -> io::Result<Self> {
        let status = std::fs::read(format!("/proc/{pid}/status"))?;
        let fields = Fields::of(&status);
        let numbers = |name: &str| fields.numbers::<u32>(name).unwrap_or_default();
        let users = std::fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap_or_default();
        let groups = std::fs::read_to_string(format!("/proc/{pid}/gid_map")).unwrap_or_default();
        // Real, effective, saved, and that for files.
        let user = numbers("Uid")
            .get(1)
            .and_then(|&outer| inside(&users, outer))
            .map(Uid::from_raw);
        let group = numbers("Gid")
            .get(1)
            .and_then(|&outer| inside(&groups, outer))
            .map(Gid::from_raw);
        let others = numbers("Groups")
            .into_iter()
            .filter_map(|outer| inside(&groups, outer))
            .map(Gid::from_raw);
        Ok(Self {
            user: user
                .zip(group)
                .map(|(user, group)| (user, group, others.collect())),
            capabilities: fields.mask("CapEff"),
        })
    }

    fn take(&self) -> nix::Result<()> {
        if let Some((user, group, others)) = &self.user {
            // In a user namespace of an ordinary user groups may not be changed: then there are none to be had either.
            let _ = setgroups(others);
            setresgid(*group, *group, *group)?;
            setresuid(*user, *user, *user)?;
        }
        match self.capabilities {
            // A user other than root has lost them all by now. A capability that cannot be taken was never there to be
            // kept.
            Some(mask) => capability::keep_only(mask).or_else(|errno| {
                if errno == Errno::EPERM {
                    Ok(())
                } else {
                    Err(errno)
                }
            }),
            None => Ok(()),
        }
    }
}

/// The number inside, by a map as /proc shows it to the reader: inside, outside, count.
fn inside(map: &str, outer: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut fields = line
            .split_whitespace()
            .map(|field| field.parse::<u32>().ok());
        let (first, outside, count) = (fields.next()??, fields.next()??, fields.next()??);
        let offset = outer
            .checked_sub(outside)
            .filter(|&offset| offset < count)?;
        first.checked_add(offset)
    })
}

/// A prober on its way.
#[derive(Debug)]
pub(super) struct Asked {
    helper: Pid,
    answer: File,
}

impl Asked {
    /// Forks the prober. `socket` is for the question that needs one, and is closed on this side.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the caller's copy is to be closed"
    )]
    pub(super) fn begin(
        place: Option<Place>,
        question: &Question<'_>,
        socket: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let (answer, tell) = pipe2(OFlag::O_CLOEXEC)?;
        match fork()? {
            ForkResult::Child => {
                let [target, gateway] = place.as_ref().map_or([None; 2], Place::descriptors);
                withdraw(&[
                    Some(tell.as_fd()),
                    socket.as_ref().map(AsFd::as_fd),
                    target,
                    gateway,
                ]);
                let mut tell = File::from(tell);
                let (probe_answer, code) = match help(place, question, socket.as_ref(), &mut tell) {
                    Ok(()) => exit_now(0),
                    Err((stage, errno)) => (
                        ProbeAnswer::Failed {
                            stage: stage.to_owned(),
                            errno: errno as i32,
                        },
                        1,
                    ),
                };
                say(&mut tell, &probe_answer);
                exit_now(code)
            }
            ForkResult::Parent { child } => Ok(Self {
                helper: child,
                answer: File::from(answer),
            }),
        }
    }

    /// Waits for the answer, and reaps.
    pub(super) fn end(mut self) -> io::Result<ProbeAnswer> {
        let read = self.read();
        if read.is_err() {
            // The helper is an unreaped child, so that its number is not reused; the prober ends with it.
            if let Ok(pidfd) = Pidfd::open(self.helper) {
                let _ = pidfd.signal(Signal::SIGKILL as i32);
            }
        }
        let _ = await_child(self.helper);
        let bytes = read?;
        // A prober that was killed has sent nothing.
        postcard::from_bytes(&bytes).or_else(|_| Ok(failed("probe there", &Errno::ECHILD.into())))
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let end = Instant::now() + TIMEOUT;
        let mut bytes = Vec::new();
        let mut part = vec![0; 64 * 1024];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(
                &mut [PollFd::new(self.answer.as_fd(), PollFlags::POLLIN)],
                timeout,
            ) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            match self.answer.read(&mut part)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&part[..count]),
            }
        }
    }
}

fn say(tell: &mut File, probe_answer: &ProbeAnswer) {
    if let Ok(bytes) = postcard::to_stdvec(probe_answer) {
        // Without a reader there is nothing to do about it.
        let _ = tell.write_all(&bytes);
    }
}

/// Prepares to enter a namespace: no descriptor but these is carried in, and no process inside may trace this one or
/// open its files.
pub(super) fn withdraw(spared: &[Option<BorrowedFd<'_>>]) {
    // Owners of what is closed here are never dropped: the process leaves by `_exit`.
    let _ = descriptor::close_from_but(3, spared);
    let _ = set_dumpable(false);
}

/// Body of the helper: enters, forks the prober, reaps it.
fn help(
    place: Option<Place>,
    question: &Question<'_>,
    socket: Option<&OwnedFd>,
    tell: &mut File,
) -> Result<(), (&'static str, Errno)> {
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| ("set its parent-death signal", errno))?;
    let Some(place) = place else {
        say(tell, &question.answer(socket));
        return Ok(());
    };
    let passage = place.enter()?;
    let prober = match place.fork()? {
        ForkResult::Child => {
            let probe_answer = match place.arrive(&passage) {
                Ok(()) => question.answer(socket),
                Err((stage, errno)) => ProbeAnswer::Failed {
                    stage: stage.to_owned(),
                    errno: errno as i32,
                },
            };
            say(tell, &probe_answer);
            exit_now(0)
        }
        ForkResult::Parent { child } => child,
    };
    // Where the caller ignores SIGCHLD the kernel has reaped it.
    let _ = await_child(prober);
    Ok(())
}

impl Place {
    /// Enters the PID namespace for the children of the helper, through the gateway if that is refused otherwise. The
    /// prober enters the rest.
    pub(super) fn enter(&self) -> Result<Passage<'_>, (&'static str, Errno)> {
        let direct = Passage {
            gateway: None,
            target: self.target.as_fd(),
            others: self.others,
        };
        if self.levels == 0 {
            return Ok(direct);
        }
        let refused = match (direct.enter_pid(), &self.gateway) {
            (Ok(()), _) => return Ok(direct),
            (Err((Step::Pid, Errno::EPERM)), Some((gateway, others))) => {
                let through = Passage {
                    gateway: Some(gateway.as_fd()),
                    others: *others,
                    ..direct
                };
                match through.enter_pid() {
                    Ok(()) => return Ok(through),
                    Err(stopped) => stopped,
                }
            }
            (Err(stopped), _) => stopped,
        };
        Err(words(refused))
    }

    /// Forks without using up a number below the caller's level.
    pub(super) fn fork(&self) -> Result<ForkResult, (&'static str, Errno)> {
        if self.levels == 0 {
            return fork().map_err(|errno| ("fork", errno));
        }
        fork_without_number(self.levels).map_err(|errno| ("fork with an unused PID", errno))
    }

    /// Enters the remaining namespaces and takes over the credentials, in the prober.
    pub(super) fn arrive(&self, passage: &Passage<'_>) -> Result<(), (&'static str, Errno)> {
        passage.enter_others().map_err(words)?;
        self.credentials
            .take()
            .map_err(|errno| ("adopt its credentials", errno))?;
        // Changing the user has cleared it; the helper, if it has died since, is gone for good.
        set_pdeathsig(Signal::SIGKILL).map_err(|errno| ("set its parent-death signal", errno))
    }
}

fn words((step, errno): (Step, Errno)) -> (&'static str, Errno) {
    let stage = match step {
        Step::User => "enter its user namespace",
        Step::Pid => "enter its PID namespace",
        Step::Others => "enter its other namespaces",
    };
    (stage, errno)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn users_are_translated_inward() {
        let map = "         0     100000      65536\n     70000       1000          1\n";
        assert_eq!(
            [
                inside(map, 100_000),
                inside(map, 165_535),
                inside(map, 165_536)
            ],
            [Some(0), Some(65_535), None]
        );
        assert_eq!(
            [inside(map, 1000), inside(map, 999), inside("", 0)],
            [Some(70_000), None, None]
        );
    }
}
