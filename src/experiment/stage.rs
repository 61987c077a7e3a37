//! Stage of an experiment: a PID namespace of its own, whose PID 1 ends as soon as the experimenter has reported the
//! finding.
//!
//! Four processes: the caller; a helper that unshares; PID 1 of the stage, which reaps; and the experimenter, number 2
//! there, which is "outside" in every layout. When the experimenter ends, PID 1 does, and the kernel kills whatever the
//! experiment has left (`pid_namespaces(7)`: a PID 1 takes its namespace along). When the caller dies, so does the
//! helper, and with it PID 1, both by `PR_SET_PDEATHSIG`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, ftruncate, getegid, geteuid, getpid, pipe2, setsid};

use super::Finding;
use nestns_observe::namespaces;
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::errno::number_of;
use nestns_sys::fork::{exit_now, fork};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;

/// Time limit of an experiment.
const TIMEOUT: Duration = Duration::from_secs(30);
/// So long a line is listened to.
const SILENCE: Duration = Duration::from_secs(10);

/// Reason why there is no stage.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {}", super::explain(*errno))]
pub(crate) struct StageError {
    /// The step that failed.
    pub(crate) what: &'static str,
    /// Errno of that step.
    pub(crate) errno: Errno,
}

/// Properties of a stage that an experimenter has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    /// True if the stage is directly below the initial namespace.
    pub(super) is_outermost: bool,
    /// True if /proc is that of the stage.
    pub(super) has_proc: bool,
}

/// The file in which a process on the stage records a shortage: most of them have no listener.
static SHORTAGE: OnceLock<File> = OnceLock::new();

/// Makes a note of an errno that is about a limit of this machine; the first one counts.
pub(super) fn note(errno: Errno) -> Errno {
    if matches!(errno, Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE)
        && shortage().is_none()
        && let Some(file) = SHORTAGE.get()
    {
        let _ = file.write_all_at(&(errno as i32).to_ne_bytes(), 0);
    }
    errno
}

/// The shortage since the stage was set.
pub(super) fn shortage() -> Option<Errno> {
    let mut number = [0; 4];
    SHORTAGE.get()?.read_exact_at(&mut number, 0).ok()?;
    Some(Errno::from_raw(i32::from_ne_bytes(number)))
}

/// A file in memory, which all that are forked share, without a note in it.
fn clear_notes() -> nix::Result<()> {
    if let Some(file) = SHORTAGE.get() {
        return ftruncate(file, 0);
    }
    let file = memfd_create(c"nestns", MFdFlags::MFD_CLOEXEC)?;
    let _ = SHORTAGE.set(file.into());
    Ok(())
}

/// Builds a stage, carries an experiment out on it, and takes it down.
pub(super) fn set(perform: impl FnOnce(Stage) -> Finding) -> Result<Finding, StageError> {
    let failed = |what| move |errno| StageError { what, errno };
    let is_outermost = namespaces::own().is_ok_and(|own| own == namespaces::INITIAL);
    clear_notes().map_err(failed("create a file in memory"))?;
    let (answer, tell) = pipe2(OFlag::O_CLOEXEC).map_err(failed("create a pipe"))?;
    let helper = match fork().map_err(failed("fork"))? {
        ForkResult::Child => {
            drop(answer);
            let mut tell = File::from(tell);
            let built = build(is_outermost, &mut tell, perform);
            if let Err((what, errno)) = built {
                let _ = tell.write_all(&encode(&Err((what.to_owned(), errno as i32))));
                exit_now(1);
            }
            exit_now(0)
        }
        ForkResult::Parent { child } => child,
    };
    drop(tell);
    let read = read(&mut File::from(answer));
    if read.is_none() {
        // It is an unreaped child, so that the number is its own; PID 1 goes with it.
        if let Ok(pidfd) = Pidfd::open(helper) {
            let _ = pidfd.signal(Signal::SIGKILL as i32);
        }
    }
    await_end(helper);
    let Some(bytes) = read else {
        return Ok(Finding::skip(format!(
            "it took longer than {} s",
            TIMEOUT.as_secs()
        )));
    };
    match postcard::from_bytes::<Result<Finding, (String, i32)>>(&bytes) {
        Ok(Ok(finding)) => Ok(finding),
        Ok(Err((what, errno))) => {
            let what = STEPS
                .into_iter()
                .find(|step| *step == what)
                .unwrap_or("build the namespaces");
            Err(StageError {
                what,
                errno: Errno::from_raw(errno),
            })
        }
        Err(_) => Ok(Finding::skip("the experiment process died")),
    }
}

const STEPS: [&str; 5] = [
    "set a parent-death signal",
    "create a user namespace",
    "write the maps of a user namespace",
    "create a PID and a mount namespace",
    "fork",
];

fn encode(result: &Result<Finding, (String, i32)>) -> Vec<u8> {
    postcard::to_stdvec(result).unwrap_or_default()
}

/// Body of the helper.
fn build(
    is_outermost: bool,
    tell: &mut File,
    perform: impl FnOnce(Stage) -> Finding,
) -> Result<(), (&'static str, Errno)> {
    let [die, user, maps, make, split] = STEPS;
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| (die, errno))?;
    let (uid, gid) = (geteuid(), getegid());
    if !uid.is_root() {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| (user, errno))?;
        let write = |file: &str, text: String| std::fs::write(format!("/proc/self/{file}"), text);
        write("setgroups", "deny".to_owned())
            .and_then(|()| write("uid_map", format!("0 {uid} 1")))
            .and_then(|()| write("gid_map", format!("0 {gid} 1")))
            .map_err(|error| (maps, number_of(&error)))?;
    }
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS).map_err(|errno| (make, errno))?;
    let first = match fork().map_err(|errno| (split, errno))? {
        ForkResult::Child => {
            // If the helper had died before this was set, it would have closed nothing: the caller's time limit covers
            // that.
            let _ = set_pdeathsig(Signal::SIGKILL);
            let _ = setsid();
            let has_proc = mount_proc().is_ok();
            let child = match fork() {
                Ok(ForkResult::Child) => {
                    let finding = perform(Stage {
                        is_outermost,
                        has_proc,
                    });
                    let _ = tell.write_all(&encode(&Ok(finding)));
                    exit_now(0)
                }
                Ok(ForkResult::Parent { child }) => child,
                Err(errno) => {
                    let why = format!(
                        "cannot place a process in the namespaces: {}",
                        super::explain(errno)
                    );
                    let _ = tell.write_all(&encode(&Ok(Finding::skip_at_limit(why, errno, 4))));
                    exit_now(1)
                }
            };
            // Every child is reaped; when the experimenter ends, everything ends.
            loop {
                match waitpid(None, Some(WaitPidFlag::__WALL)) {
                    Ok(status) if status.pid() == Some(child) => exit_now(0),
                    Err(Errno::ECHILD) => exit_now(0),
                    _ => {}
                }
            }
        }
        ForkResult::Parent { child } => child,
    };
    await_end(first);
    Ok(())
}

/// Mounts the stage's own /proc, in a private mount namespace: the mount must not be seen outside.
fn mount_proc() -> nix::Result<()> {
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
}

fn read(answer: &mut File) -> Option<Vec<u8>> {
    let end = Instant::now() + TIMEOUT;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now()))
            .unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(answer.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) => return None,
            Err(Errno::EINTR) => continue,
            _ => {}
        }
        match answer.read(&mut part) {
            Ok(0) | Err(_) => return Some(bytes),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

/// Waits until a child has ended, and reaps it. Returns its status, unless nix has no name for it.
pub(super) fn await_end(child: Pid) -> Option<WaitStatus> {
    WaitStatus::from_raw(child, await_child(child).ok()?).ok()
}

/// Socket between two processes: one message at a time, without translation.
#[derive(Debug)]
pub(super) struct Line(pub(super) Channel);

impl Line {
    fn pair() -> nix::Result<(Self, Self)> {
        let (ours, theirs) = Channel::pair()?;
        ours.limit_waiting(SILENCE)?;
        theirs.limit_waiting(SILENCE)?;
        Ok((Self(ours), Self(theirs)))
    }

    /// Sends a message. A receiver that is gone is not an error of the sender.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "words and numbers are said as they are"
    )]
    pub(super) fn say(&self, text: impl ToString) {
        let _ = self.0.send(text.to_string().as_bytes(), &[], Wait::Allowed);
    }

    /// Waits for a message, for a while.
    ///
    /// # Errors
    ///
    /// `EPIPE` if no process is left that could send one, `EAGAIN` if none has arrived.
    pub(super) fn hear(&self) -> nix::Result<String> {
        let mut buffer = [0; 512];
        match self
            .0
            .receive_without_descriptors(&mut buffer, Wait::Allowed)?
            .bytes
        {
            0 => Err(Errno::EPIPE),
            count => Ok(String::from_utf8_lossy(&buffer[..count]).into_owned()),
        }
    }

    /// Waits for a message that is a number.
    ///
    /// # Errors
    ///
    /// Those of [`Line::hear`], and `EBADMSG` for anything else.
    pub(super) fn hear_number(&self) -> nix::Result<i32> {
        self.hear()?.parse().map_err(|_| Errno::EBADMSG)
    }
}

/// Process on the stage.
#[derive(Debug)]
pub(super) struct Actor {
    /// Number in the namespace of its maker.
    pub(super) pid: Pid,
    /// Socket to it.
    pub(super) line: Line,
}

/// Namespace for a new process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Where<'a> {
    /// The namespace of its maker.
    Here,
    /// A new one, as PID 1.
    New,
    /// The namespace of another process, by setns(2).
    Beside(&'a Actor),
}

/// Forks a process that plays a role and ends.
pub(super) fn cast(place: Where<'_>, role: impl FnOnce(&Line)) -> nix::Result<Actor> {
    let (ours, theirs) = Line::pair().map_err(note)?;
    let myself = Pidfd::open(getpid()).map_err(note)?;
    match place {
        Where::Here => {}
        Where::New => unshare(CloneFlags::CLONE_NEWPID)?,
        Where::Beside(actor) => setns(
            Pidfd::open(actor.pid).map_err(note)?,
            CloneFlags::CLONE_NEWPID,
        )?,
    }
    let child = match fork() {
        Ok(ForkResult::Child) => {
            drop(ours);
            role(&theirs);
            exit_now(0)
        }
        Ok(ForkResult::Parent { child }) => Ok(child),
        Err(errno) => Err(note(errno)),
    };
    if !matches!(place, Where::Here) {
        setns(&myself, CloneFlags::CLONE_NEWPID)?;
    }
    Ok(Actor {
        pid: child?,
        line: ours,
    })
}

impl Actor {
    /// Sends a signal by a pidfd: the process is an unreaped child.
    pub(super) fn signal(&self, signal: Signal) -> nix::Result<()> {
        Pidfd::open(self.pid).map_err(note)?.signal(signal as i32)
    }

    /// True if the process has not ended.
    pub(super) fn lives(&self) -> bool {
        Pidfd::open(self.pid).is_ok_and(|pidfd| !pidfd.has_ended())
    }

    /// Closes its socket, which ends it, and reaps it.
    pub(super) fn end(self) -> Option<WaitStatus> {
        // Processes that were forked later have copies of this end: the end of the line must not
        // wait for theirs.
        let _ = shutdown(self.line.0.as_fd().as_raw_fd(), Shutdown::Both);
        await_end(self.pid)
    }
}

/// Blocks until the maker closes the socket.
pub(super) fn wait(line: &Line) {
    while matches!(line.hear(), Ok(_) | Err(Errno::EAGAIN)) {}
}
