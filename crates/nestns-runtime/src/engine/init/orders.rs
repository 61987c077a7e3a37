//! Commands to a PID 1 whose namespace is set up: to restart something.
//!
//! A fork takes negligible time. A whole namespace does not, and while it is created nothing is
//! reaped here: that wait ends when it is set up, when a stop is requested, and at the latest after
//! [`CREATION`].

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::unistd::Pid;

use super::{ExitCondition, Init, Member, until};
use crate::engine::children::{BuildError, WaitHook};
use crate::engine::control_channel::{Answer, Command, Heard, STREAMS};
use crate::engine::failure::{Failure, Stage};
use crate::engine::gate::{self, Delivered};
use crate::engine::plan::ProcessKey;
use crate::engine::program;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{self, SIGNALS};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Number of commands that are taken before everything else is checked again.
const TURN: usize = 4;
/// Time limit for the creation of a namespace, for which the rest of this one waits.
const CREATION: Duration = Duration::from_mins(1);

impl Init {
    /// Carries out pending commands.
    pub(super) fn obey(&mut self) {
        for _ in 0..TURN {
            let Some(Heard { said, descriptors }) = self.control_channel.take() else {
                return;
            };
            let answer = if self.stopping.is_some() {
                let subject = self.subject_of(said);
                Err(Failure::new(subject, Stage::Leaving, Errno::ESHUTDOWN))
            } else {
                self.carry_out(said, descriptors)
            };
            match answer {
                Ok(pidfd) => self.control_channel.answer(&Answer::Done, pidfd.as_ref()),
                Err(failure) => self.control_channel.answer(&Answer::Failed(failure), None),
            }
        }
    }

    fn subject_of(&self, command: Command) -> ProcessKey {
        match command {
            Command::Fork { slot } | Command::Member { slot } => ProcessKey {
                namespace: self.index,
                slot,
            },
            Command::Join { namespace, slot } => ProcessKey { namespace, slot },
            Command::Raise { namespace } => ProcessKey::init(namespace),
            Command::EndWhenEmpty => ProcessKey::init(self.index),
        }
    }

    fn carry_out(
        &mut self,
        command: Command,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Option<Pidfd>, Failure> {
        let subject = self.subject_of(command);
        let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
        if command.takes_streams() {
            take_streams(&descriptors).map_err(failed(Stage::Channel))?;
        }
        let result = match command {
            Command::Fork { .. } => match &mut self.children {
                Some(children) => children.fork_again(subject).map(|()| None),
                None => Err(Failure::of_no_call(subject, Stage::Fork, Errno::ECHILD)),
            },
            Command::Join { .. } => self.patiently(subject, |children, wait_hook| {
                let pid = children.join_again(subject, wait_hook)?;
                Ok(Some(
                    Pidfd::open(pid)
                        .by(Call::PidfdOpen)
                        .map_err(failed(Stage::Channel))?,
                ))
            }),
            Command::Raise { namespace } => self.patiently(subject, |children, wait_hook| {
                children.create_again(namespace, wait_hook)?;
                Ok(None)
            }),
            Command::Member { slot } => match descriptors.into_iter().next() {
                Some(pidfd) => {
                    self.members.retain(|member| member.slot != slot);
                    self.members.push(Member {
                        slot,
                        pidfd: Pidfd::from(pidfd),
                    });
                    Ok(None)
                }
                None => Err(failed(Stage::Channel)(Errno::EBADF.into())),
            },
            Command::EndWhenEmpty => {
                self.exit_condition = ExitCondition::UntilEmpty;
                Ok(None)
            }
        };
        if command.takes_streams() {
            program::drop_standard_descriptors();
        }
        result
    }

    /// The signals that stop the namespace: for a pause init INT is one.
    fn stop_signals(&self) -> [i32; 3] {
        let interrupt = if self.is_pause() {
            libc::SIGINT
        } else {
            libc::SIGTERM
        };
        [libc::SIGTERM, self.stop.signal.number(), interrupt]
    }

    /// Has the parent do something that may take a while, and then handles the signals that arrived
    /// meanwhile.
    fn patiently(
        &mut self,
        subject: ProcessKey,
        work: impl FnOnce(
            &mut crate::engine::children::Children,
            &mut StopHook,
        ) -> Result<Option<Pidfd>, BuildError>,
    ) -> Result<Option<Pidfd>, Failure> {
        let stops = self.stop_signals();
        let Some(children) = &mut self.children else {
            return Err(Failure::of_no_call(subject, Stage::Fork, Errno::ECHILD));
        };
        let mut wait_hook = StopHook {
            subject,
            stops,
            end: Moment::now().plus(CREATION),
            heard: Vec::new(),
        };
        let result = work(children, &mut wait_hook);
        for delivered in wait_hook.heard {
            self.on_signal(delivered);
        }
        result.map_err(|build_error| match build_error {
            BuildError::Failed(failure) => failure,
            BuildError::Interrupted => Failure::new(subject, Stage::Leaving, Errno::EINTR),
        })
    }
}

/// Puts the controller's streams at the numbers that programs inherit.
fn take_streams(descriptors: &[OwnedFd]) -> Result<(), CallError> {
    if descriptors.len() != STREAMS.len() {
        return Err(Errno::EBADF.into());
    }
    for (descriptor, number) in descriptors.iter().zip(STREAMS) {
        if number <= libc::STDERR_FILENO {
            descriptor::make_standard(descriptor, number).by(Call::Dup2)?;
        } else {
            descriptor::place_at(descriptor, number).by(Call::Dup3)?;
        }
    }
    Ok(())
}

/// Wait hook of an init whose namespace is running: a stop interrupts it, and a time limit.
struct StopHook {
    subject: ProcessKey,
    /// The signals that stop the namespace.
    stops: [i32; 3],
    end: Moment,
    /// Signals that arrived meanwhile, each once.
    heard: Vec<Delivered>,
}

impl StopHook {
    /// Records pending signals; true if one of them is a stop.
    fn listen(&mut self) -> bool {
        while let Some(delivered) = gate::read_signal() {
            let is_known = self.heard.iter().any(|known| {
                (known.signal, known.sender == 0) == (delivered.signal, delivered.sender == 0)
            });
            if delivered.signal != libc::SIGCHLD && !is_known {
                self.heard.push(delivered);
            }
        }
        self.heard
            .iter()
            .any(|heard| self.stops.contains(&heard.signal))
    }
}

impl WaitHook for StopHook {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, BuildError> {
        loop {
            if self.listen() {
                return Err(BuildError::Interrupted);
            }
            if self.end <= Moment::now() {
                return Err(Failure::new(self.subject, Stage::Channel, Errno::ETIMEDOUT).into());
            }
            let mut ready: Vec<_> = channels
                .iter()
                .map(|&channel| PollFd::new(channel, PollFlags::POLLIN))
                .collect();
            ready.push(PollFd::new(
                descriptor_layout::fd(SIGNALS),
                PollFlags::POLLIN,
            ));
            if poll(&mut ready, until(self.end)).is_ok()
                && let Some(place) = ready[..channels.len()]
                    .iter()
                    .position(|fd| fd.any().unwrap_or(true))
            {
                return Ok(place);
            }
        }
    }

    fn guard(&mut self, _root: Pid, _subject: ProcessKey) -> Result<(), BuildError> {
        // Only a PID 1 directly below the host is guarded.
        Ok(())
    }
}
