//! Standard input on its way to a program's terminal.
//!
//! A terminal is in raw mode meanwhile, so that every key is the program's: in *its* line discipline Ctrl-C and Ctrl-Z act on
//! its foreground group. Anything else is read as it is, and its end is what Ctrl-D says.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, write};

use super::detach_keys::{DetachKeys, Typed};
use nestns_sys::descriptor;
use nestns_sys::moment::Moment;

/// End of transmission: what a terminal sends for Ctrl-D.
const END: u8 = 4;
/// Time from the first END to the next, and its longest. The line discipline takes it for an end only
/// in the mode in which it arrives: one from before a shell sets its own mode would be lost.
const REMINDER: Duration = Duration::from_millis(50);
const SLOWEST_REMINDER: Duration = Duration::from_secs(2);
/// Bytes that are read ahead of a program that does not take them.
const AHEAD: usize = 64 * 1024;

/// Outcome of reading the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Typing {
    /// Typed, or nothing.
    GoesOn,
    /// The keys that leave the program alone.
    Detach,
}

/// Standard input.
#[derive(Debug)]
pub(in crate::cli) struct Keyboard {
    /// Settings of the terminal before; `None` where it is none, or another's.
    before: Option<Termios>,
    keys: DetachKeys,
    pending: Vec<u8>,
    ended: bool,
    reminder: Option<(Moment, Duration)>,
}

impl Keyboard {
    /// Takes it: a terminal is raw from here on, until this is dropped.
    pub(in crate::cli) fn take(keys: DetachKeys) -> Self {
        let before = tcgetattr(stdin()).ok();
        if let Some(settings) = &before {
            let mut raw = settings.clone();
            cfmakeraw(&mut raw);
            // Of a client in the background this would stop the process, as it does with every program.
            let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &raw);
        }
        Self {
            before,
            keys,
            pending: Vec::new(),
            ended: false,
            reminder: None,
        }
    }

    /// Settings for the program's terminal: those of the caller's.
    pub(in crate::cli) fn settings(&self) -> Option<&Termios> {
        self.before.as_ref()
    }

    /// Standard input, while there is room for more of it.
    pub(in crate::cli) fn readable(&self) -> Option<BorrowedFd<'static>> {
        (!self.ended && self.pending.len() < AHEAD).then(stdin)
    }

    /// Returns whether something waits for the program.
    pub(in crate::cli) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Time at which there is something to do without further input.
    pub(in crate::cli) fn next(&self) -> Option<Moment> {
        self.reminder.map(|(due, _)| due)
    }

    /// Reads what was typed.
    pub(in crate::cli) fn read(&mut self) -> Typing {
        let mut buffer = [0_u8; 4096];
        match read(stdin(), &mut buffer) {
            Ok(0) | Err(Errno::EIO) => {
                self.ended = true;
                self.pending.push(END);
                self.reminder = Some((Moment::now().plus(REMINDER), REMINDER));
            }
            Ok(count) => match self.keys.look_at(&buffer[..count]) {
                Typed::Passed(bytes) => self.pending.extend(bytes),
                Typed::Detach(bytes) => {
                    self.pending.extend(bytes);
                    return Typing::Detach;
                }
            },
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            // Nothing that can be read, such as a directory.
            Err(_) => self.ended = true,
        }
        Typing::GoesOn
    }

    /// Hands the program what it takes.
    pub(in crate::cli) fn deliver(&mut self, terminal: impl AsFd) {
        if let Some((due, pause)) = self.reminder
            && due <= Moment::now()
        {
            let pause = SLOWEST_REMINDER.min(pause * 2);
            self.reminder = Some((Moment::now().plus(pause), pause));
            if self.pending.is_empty() {
                self.pending.push(END);
            }
        }
        while !self.pending.is_empty() {
            match write(terminal.as_fd(), &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                // The program's side is no longer open.
                Err(_) => self.pending.clear(),
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It may have been hung up; then there is nothing to give back.
            let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, before);
        }
    }
}

fn stdin() -> BorrowedFd<'static> {
    descriptor::inherited(libc::STDIN_FILENO)
}
