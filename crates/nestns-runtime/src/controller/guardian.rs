//! The process that outlives the controller by a moment, whatever becomes of it.
//!
//! Nothing else survives every case: a root PID 1 that changes its user loses `PR_SET_PDEATHSIG`,
//! and a program watches no lifeline. The guardian is forked first, outside all namespaces and
//! before anything is made, and does one thing: it holds the other end of a channel to the
//! controller, a pidfd of every root, the terminal's settings and the lock of the state directory.
//! At end of file it kills the roots, restores the terminal, removes the directory, and ends. Of a
//! detached topology whose controller was killed it leaves a record in the directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{ForkResult, Pid};

use crate::controller::end_record::seconds;
use crate::controller::state_directory::{Remains, Seized, seize};

use crate::engine::program;
use nestns_client::documents::EndedDocument;
use nestns_client::state_directory::{ENDED, TRUTH};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::descriptor;
use nestns_sys::fault;
use nestns_sys::fork::fork;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;
use nestns_sys::title;

/// The number of guardians that are started before it is taken for a fact that none can live here.
pub(super) const GUARDIANS: u32 = 4;

/// Time that the guardian waits for the roots that it has killed. Where one is not gone by then the
/// state stays, so that the next start knows of it.
const COLLAPSE: Duration = Duration::from_secs(5);

/// Time that the guardian has to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Tag of a message that hands over a root.
const ROOT: u8 = b'r';
/// Tag of a message that hands over the lock of the state directory.
const LOCK: u8 = b'l';
/// Tag of a message that hands over nothing: roots that have ended are to be forgotten.
const FORGET: u8 = b'f';
/// Tag of the last message of a controller that ends in order.
const DISMISS: u8 = b'd';

/// A terminal and how its owner had it.
#[derive(Debug)]
pub(super) struct SavedTerminal {
    /// A descriptor of its own: standard input may be closed by then.
    pub(super) terminal: OwnedFd,
    /// The settings to go back to.
    pub(super) settings: Termios,
}

impl SavedTerminal {
    /// Puts the settings back.
    ///
    /// From outside the terminal's session the call is not refused (tcsetattr(3) stops only members
    /// of a background group of the *same* session), which is why the guardian, with a session of
    /// its own, may do it.
    pub(super) fn restore(&self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.settings);
    }
}

/// Things that the guardian looks after.
#[derive(Debug)]
pub(super) struct Ward<'a> {
    /// The terminal, where the tree uses one.
    pub(super) terminal: Option<&'a SavedTerminal>,
    /// The state directory, which may be made later.
    pub(super) directory: &'a Path,
    pub(super) name: Name,
    /// The end of the topology if its controller is killed; `None` if that leaves no record.
    pub(super) record: Option<&'a EndedDocument>,
}

/// Owner of the topology's name, as long as its lock has not been handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// No owner yet: what is in the directory may belong to others.
    Untaken,
    /// The controller's, which has had another guardian before: whatever is in the directory is
    /// this topology's.
    Taken,
}

/// The controller's view of its guardian.
#[derive(Debug)]
pub(super) struct Guardian {
    /// PID of the guardian, a child of the controller.
    pub(super) pid: Pid,
    process: Pidfd,
    channel: Channel,
}

impl Guardian {
    /// Forks the guardian.
    ///
    /// # Errors
    ///
    /// Those of socketpair(2), setsockopt(2), fork(2) and `pidfd_open(2)`.
    pub(super) fn start(ward: &Ward<'_>) -> Result<Self, CallError> {
        let (mine, theirs) = Channel::pair()?;
        // One that does not answer, because it was stopped, is as good as dead.
        mine.limit_waiting(ANSWER)?;
        match fork().by(Call::Fork)? {
            ForkResult::Parent { child } => match Pidfd::open(child).by(Call::PidfdOpen) {
                Ok(process) => Ok(Self {
                    pid: child,
                    process,
                    channel: mine,
                }),
                Err(cause) => {
                    // It ends with the channel, having nothing to look after yet.
                    drop((mine, theirs));
                    reap(child);
                    Err(cause)
                }
            },
            ForkResult::Child => {
                drop(mine);
                watch(&theirs, ward)
            }
        }
    }

    /// Hands a root over and waits until the guardian has it. No gate opens before.
    ///
    /// # Errors
    ///
    /// `EPIPE` when the guardian has been killed, `EAGAIN` when it does not answer.
    pub(super) fn guard(&self, root: &Pidfd) -> Result<(), CallError> {
        self.hand_over(ROOT, &[root.as_fd()])
    }

    /// Hands the state directory and its lock over: the name stays taken until the guardian has
    /// removed what is left. One that takes the place of another has been told of all roots before:
    /// it removes what tells of them.
    ///
    /// # Errors
    ///
    /// `EPIPE` when the guardian has been killed.
    pub(super) fn entrust(&self, remains: &Remains) -> Result<(), CallError> {
        let descriptors = remains.descriptors().by(Call::Fcntl)?;
        self.hand_over(
            LOCK,
            &[
                descriptors[0].as_fd(),
                descriptors[1].as_fd(),
                descriptors[2].as_fd(),
            ],
        )
    }

    /// Has it let go of the roots that have ended, so that roots that come again and again do not
    /// pile up.
    ///
    /// # Errors
    ///
    /// `EPIPE` when the guardian has been killed, `EAGAIN` when it does not answer.
    pub(super) fn forget_the_dead(&self) -> Result<(), CallError> {
        self.hand_over(FORGET, &[])
    }

    fn hand_over(&self, kind: u8, descriptors: &[BorrowedFd<'_>]) -> Result<(), CallError> {
        self.channel
            .send_with_retry(&[kind], descriptors, Wait::Allowed)
            .by(Call::Sendmsg)?;
        match self
            .channel
            .receive(&mut [0], Wait::Allowed)
            .by(Call::Recvmsg)?
            .bytes
        {
            0 => Err(Errno::EPIPE.into()),
            _ => Ok(()),
        }
    }

    /// Makes sure that it is dead before its channel is closed, which it would take for the
    /// controller's death.
    pub(super) fn bury(&self) {
        // It may be dead, or even reaped: the descriptor is of no other process.
        let _ = self.process.signal(libc::SIGKILL);
        reap(self.pid);
    }

    /// Lets the guardian finish, as it would if the controller had died, and reaps it. It may have
    /// removed the state directory then, or not: the caller looks.
    pub(super) fn dismiss(self) {
        // One that has been killed needs no word.
        let _ = self.channel.send_with_retry(&[DISMISS], &[], Wait::Allowed);
        drop(self.channel);
        // The guardian may have been stopped.
        let _ = self.process.signal(libc::SIGCONT);
        let mut ended = [PollFd::new(self.process.as_fd(), PollFlags::POLLIN)];
        let limit = COLLAPSE + ANSWER;
        if poll(
            &mut ended,
            PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX),
        ) == Ok(0)
        {
            let _ = self.process.signal(libc::SIGKILL);
        }
        reap(self.pid);
    }
}

fn reap(guardian: Pid) {
    // Unless it has been reaped already: then there is no such child, and the call says so.
    let _ = await_child(guardian);
}

/// The guardian's whole life. Every signal is blocked, as it was in the controller; only KILL ends
/// it.
fn watch(channel: &Channel, ward: &Ward<'_>) -> ! {
    let _ = nix::unistd::setsid();
    title::set_name("nestns-guardian");
    let _ = nix::unistd::chdir("/");
    leave_standard_descriptors();
    let terminal = ward.terminal.map(|saved| saved.terminal.as_fd());
    // On a kernel that cannot close them it keeps more open than it needs, and works.
    let _ = descriptor::close_from_but(3, &[Some(channel.as_fd()), terminal]);
    let mut roots: Vec<Pidfd> = Vec::new();
    let mut remains = None;
    let mut record = ward.record;
    while let Some((kind, mut descriptors)) = receive(channel) {
        match kind {
            LOCK => {
                remains = descriptors
                    .try_into()
                    .ok()
                    .map(|all| Remains::handed_over(ward.directory, all));
            }
            ROOT => roots.extend(descriptors.pop().map(Pidfd::from)),
            FORGET => roots.retain(|root| !root.has_ended()),
            DISMISS => record = None,
            _ => {}
        }
        // The controller waits for this byte, or is gone.
        let _ = channel.send(b"k", &[], Wait::Allowed);
    }
    fault::point("guardian-alone");
    for root in &roots {
        let _ = root.signal(libc::SIGKILL);
    }
    if let Some(saved) = ward.terminal {
        saved.restore();
    }
    let end = Moment::now().plus(COLLAPSE);
    let are_gone = fault::errno("await-roots").is_none()
        && roots
            .iter()
            .all(|root| root.await_end(end.since(Moment::now())));
    let ended = record.map(|record| EndedDocument {
        ended: seconds(SystemTime::now()),
        ..record.clone()
    });
    let is_removed = are_gone && remove(remains.as_ref(), ward, ended.as_ref());
    program::leave(u8::from(!is_removed))
}

/// Removes what a dead controller has left: everything that it has handed over. If it died before
/// that, the directory as it was made; of a successor to another guardian, the roots that the state
/// names, and then the state. What `ended` tells of is made a record.
fn remove(remains: Option<&Remains>, ward: &Ward<'_>, ended: Option<&EndedDocument>) -> bool {
    if let Some(remains) = remains {
        let directory = remains.handle();
        // A tree that never stood leaves nothing, and a controller may have written the end itself.
        if let Some(ended) = ended.filter(|_| !directory.lacks(TRUTH) && directory.lacks(ENDED)) {
            // Without a record it is removed like any other.
            let _ = remains.record(ended);
        }
        return remains.remove().is_ok();
    }
    match (seize(ward.directory), ward.name) {
        (Ok(Seized::LeftOver(left_over)), Name::Taken) => match ended {
            Some(ended) => left_over.record(ended).is_ok(),
            None => left_over.remove().is_ok(),
        },
        (Ok(Seized::LeftOver(left_over)), Name::Untaken) => left_over.remove_if_bare().is_ok(),
        (Ok(Seized::Vanished | Seized::Held | Seized::Record(_)), _) => true,
        (Err(_), _) => false,
    }
}

/// Receives what is handed over, and what it is; `None` at end of file.
fn receive(channel: &Channel) -> Option<(u8, Vec<OwnedFd>)> {
    let mut kind = [0_u8];
    let received = channel.receive(&mut kind, Wait::Allowed).ok()?;
    (received.bytes > 0).then_some((kind[0], received.descriptors))
}

/// The guardian must not keep a pipe open whose reader waits for nestns to end.
fn leave_standard_descriptors() {
    if let Ok(null) = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
    {
        for number in 0..=2 {
            let _ = descriptor::make_standard(&null, number);
        }
    }
}
