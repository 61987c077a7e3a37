//! Terminals of processes of `exec` whose clients have left them alone.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::EpollFlags;
use nix::unistd::isatty;

use crate::controller::event_loop::{EventLoop, Token};
use crate::engine::plan::ProcessKey;

/// Terminals, by the numbers of their sessions.
#[derive(Debug, Default)]
pub(super) struct ExecTerminals(pub(super) BTreeMap<u32, (ProcessKey, OwnedFd)>);

impl ExecTerminals {
    /// Takes one in.
    ///
    /// # Errors
    ///
    /// `ENOTTY` for what is none.
    pub(super) fn keep(
        &mut self,
        subject: ProcessKey,
        master: OwnedFd,
        events: &EventLoop,
    ) -> nix::Result<()> {
        let number = subject.exec_number().ok_or(Errno::EINVAL)?;
        if !isatty(&master)? {
            return Err(Errno::ENOTTY);
        }
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        events.add(&master, Token::ExecTerminal(number), EpollFlags::EPOLLIN)?;
        self.0.insert(number, (subject, master));
        Ok(())
    }
}
