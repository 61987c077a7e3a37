//! The world as a keeper's patience: waiting for a creation without missing anything else, and the guardian's part in it.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::World;
use crate::controller::audience::{Loss, Note};
use crate::controller::event_loop::Token;
use crate::controller::guardian::{Guardian, Ward};
use crate::engine::failure::{Failure, Stage};
use crate::engine::keeper::{Patience, Setback};
use crate::engine::plan::Subject;
use crate::sys::call::{Call, CallError, Named};
use crate::sys::pidfd::Pidfd;

impl World<'_> {
    /// Starts another guardian when the first has been killed, and tells it all it has to know.
    pub(in crate::controller) fn replace_guardian(&mut self, loss: Loss) -> Result<(), CallError> {
        self.audience.note(&Note::GuardianLost { loss });
        self.guardian.bury();
        self.guardian = Guardian::start(&Ward { terminal: self.saved, directory: self.remains.directory() })?;
        self.guardian.entrust(self.remains)?;
        for &root in &self.roots {
            match Pidfd::open(root).by(Call::PidfdOpen) {
                Ok(pidfd) => self.guardian.guard(&pidfd)?,
                // It has ended, and nobody has reaped it yet: there is nothing to guard.
                Err(CallError { errno: Errno::ESRCH, .. }) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

impl Patience for World<'_> {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, Setback> {
        self.nursery_ready = None;
        for (place, channel) in (0..).zip(channels) {
            let flags = EpollFlags::EPOLLIN;
            self.events
                .add(channel, Token::Nursery(place), flags)
                .by(Call::EpollCtl)
                .map_err(|cause| Setback::Failed(Failure::new(Subject::init(0), Stage::Channel, cause)))?;
        }
        let result = loop {
            if self.is_interrupted() {
                break Err(Setback::Interrupted);
            }
            if let Some(place) = self.nursery_ready {
                break Ok(place);
            }
            self.pump_reports();
        };
        for (place, channel) in (0..).zip(channels) {
            self.events.remove(channel, Token::Nursery(place));
        }
        result
    }

    fn guard(&mut self, root: Pid, subject: Subject) -> Result<(), Setback> {
        let failed = |cause: CallError| Setback::Failed(Failure::new(subject, Stage::Guard, cause));
        let pidfd = Pidfd::open(root).by(Call::PidfdOpen).map_err(failed)?;
        if let Err(cause) = self.guardian.guard(&pidfd) {
            self.replace_guardian(Loss::of(cause)).map_err(failed)?;
            self.guardian.guard(&pidfd).map_err(failed)?;
        }
        self.roots.push(root);
        Ok(())
    }
}
