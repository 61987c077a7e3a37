//! The terminal of the one program that has one: a pseudo-terminal, carried to and from the
//! caller's.
//!
//! After setsid(2) the caller's own terminal cannot be taken without robbing the caller's shell, so
//! that the program gets another one, in whose line discipline Ctrl-C and Ctrl-Z act on *its*
//! foreground group. The caller's is in raw mode meanwhile; its settings are the guardian's to
//! restore when the controller is killed.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::sys::epoll::EpollFlags;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, isatty, read, tcgetpgrp, write};

use super::event_loop::{EventLoop, Token};
use super::guardian::SavedTerminal;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{self, NULL, TERMINAL};
use nestns_sys::moment::Moment;
use nestns_sys::terminal;

/// End of transmission: what a terminal sends for Ctrl-D.
const END: u8 = 4;
/// Time until the second reminder, and the longest one between two.
const REMINDER: Duration = Duration::from_millis(50);
const SLOWEST_REMINDER: Duration = Duration::from_secs(2);

/// State of the caller's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Unread: no program yet, or nestns is in the background.
    Idle,
    /// Watched.
    Watched,
    /// Unwatched until the program has taken what was read.
    Held,
    /// A regular file, which epoll does not take: always ready.
    AlwaysReady,
    /// Ended.
    Ended,
}

/// The carrier.
#[derive(Debug)]
pub(super) struct Relay {
    master: Option<OwnedFd>,
    input: Input,
    raw: bool,
    /// Read from the caller, not yet taken by the program.
    pending: Vec<u8>,
    /// Moment at which the program is told again that there is no more input, and the time to wait
    /// after that.
    reminder: Option<(Moment, Duration)>,
    keyboard: Keyboard,
}

/// Owner of the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyboard {
    /// The caller.
    Caller,
    /// Attached clients: the controller is on its own.
    Lent,
}

/// Takes note of the caller's terminal, for the process that has to restore it; `None` if standard
/// input is none.
pub(super) fn saved_terminal() -> Option<SavedTerminal> {
    let stdin = descriptor::inherited(libc::STDIN_FILENO);
    let settings = tcgetattr(stdin).ok()?;
    Some(SavedTerminal {
        terminal: stdin.try_clone_to_owned().ok()?,
        settings,
    })
}

impl Relay {
    /// Makes the pseudo-terminal and puts the program's side where processes inherit it.
    ///
    /// # Errors
    ///
    /// Those of openpty(3).
    pub(super) fn open(keyboard: Keyboard) -> Result<Self, CallError> {
        let size = terminal::size(descriptor::inherited(libc::STDIN_FILENO))
            .or_else(|_| terminal::size(descriptor::inherited(libc::STDOUT_FILENO)));
        let size = size.unwrap_or(terminal::Size {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        });
        let pair = openpty(Some(&size), None).by(Call::OpenPty)?;
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).by(Call::Fcntl)?;
        fcntl(
            &pair.master,
            FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
        )
        .by(Call::Fcntl)?;
        descriptor::place_at(&pair.slave, TERMINAL).by(Call::Dup3)?;
        Ok(Self {
            master: Some(pair.master),
            input: Input::Idle,
            raw: false,
            pending: Vec::new(),
            reminder: None,
            keyboard,
        })
    }

    /// Makes another pseudo-terminal for a program that comes again; the caller's end stays what it
    /// was.
    ///
    /// # Errors
    ///
    /// Those of openpty(3).
    pub(super) fn renew(&mut self) -> Result<(), CallError> {
        let input = if self.input == Input::AlwaysReady {
            Input::Ended
        } else {
            Input::Idle
        };
        *self = Self {
            input,
            ..Self::open(self.keyboard)?
        };
        Ok(())
    }

    /// The program runs: from here on the caller's keys are its own.
    pub(super) fn begin(&mut self, saved: Option<&SavedTerminal>, events: &EventLoop) {
        let Some(master) = &self.master else { return };
        // As long as another process holds the program's side, its end could not be seen.
        let _ = descriptor::place_at(descriptor_layout::fd(NULL), TERMINAL);
        let _ = events.add(master, Token::Terminal, EpollFlags::EPOLLIN);
        self.listen(saved, events);
    }

    /// The terminal for a client that attaches and types into it; `None` where the caller does.
    pub(super) fn lend(&self) -> Option<OwnedFd> {
        self.master
            .as_ref()
            .filter(|_| self.keyboard == Keyboard::Lent)?
            .try_clone()
            .ok()
    }

    /// Takes the caller's terminal, unless nestns is in the background, where it belongs to others.
    pub(super) fn listen(&mut self, saved: Option<&SavedTerminal>, events: &EventLoop) {
        // Without a caller there is no end of input that would be the program's.
        if self.master.is_none()
            || self.keyboard == Keyboard::Lent
            || matches!(
                self.input,
                Input::Watched | Input::Held | Input::AlwaysReady | Input::Ended
            )
        {
            return;
        }
        let stdin = descriptor::inherited(libc::STDIN_FILENO);
        if isatty(stdin) == Ok(true) {
            if tcgetpgrp(stdin) != Ok(getpgrp()) {
                return;
            }
            if let Some(saved) = saved {
                let mut settings = saved.settings.clone();
                cfmakeraw(&mut settings);
                self.raw = tcsetattr(stdin, SetArg::TCSADRAIN, &settings).is_ok();
            }
            self.resize();
        }
        self.input = match events.add(stdin, Token::StandardInput, EpollFlags::EPOLLIN) {
            Ok(()) => Input::Watched,
            Err(Errno::EPERM) => Input::AlwaysReady,
            Err(_) => Input::Ended,
        };
    }

    /// Gives the caller's terminal back, for a while or for good.
    pub(super) fn release(&mut self, saved: Option<&SavedTerminal>, events: &EventLoop) {
        if self.raw
            && let Some(saved) = saved
        {
            saved.restore();
        }
        self.raw = false;
        if self.input == Input::Watched {
            events.remove(stdin(), Token::StandardInput);
        }
        if self.input != Input::Ended {
            self.input = Input::Idle;
        }
    }

    /// True if the caller's terminal is in raw mode, so that a line feed alone does not return the
    /// carriage.
    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    /// True if there is something to read that epoll does not tell of.
    pub(super) fn is_always_ready(&self) -> bool {
        self.input == Input::AlwaysReady && self.pending.is_empty() && self.master.is_some()
    }

    /// The caller's terminal has another size.
    pub(super) fn resize(&self) {
        if let Some(master) = &self.master
            && let Ok(size) = terminal::size(descriptor::inherited(libc::STDIN_FILENO))
        {
            let _ = terminal::set_size(master, &size);
        }
    }

    /// Reads from the caller.
    pub(super) fn take_input(&mut self, events: &EventLoop) {
        if !self.pending.is_empty() {
            return;
        }
        let mut buffer = [0_u8; 4096];
        match read(descriptor::inherited(libc::STDIN_FILENO), &mut buffer) {
            Ok(0) | Err(Errno::EIO) => {
                events.remove(stdin(), Token::StandardInput);
                self.input = Input::Ended;
                // A program that reads a terminal waits for more until it is told that there is
                // none.
                self.pending.push(END);
                self.reminder = Some((Moment::now().plus(REMINDER), REMINDER));
            }
            Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
            Err(Errno::EINTR | Errno::EAGAIN) => return,
            // Nothing that can be read, such as a directory.
            Err(_) => {
                self.input = Input::Ended;
                return;
            }
        }
        self.flush(events);
    }

    /// Time until [`remind`](Self::remind) has something to do.
    pub(super) fn until_reminder(&self) -> Option<Duration> {
        self.reminder.map(|(due, _)| due.since(Moment::now()))
    }

    /// Says once more, and ever more rarely, that there is no more input.
    ///
    /// The line discipline takes Ctrl-D for an end only in the mode in which it arrives: one from
    /// before a shell sets its own mode becomes a zero byte, and the shell would wait for ever.
    pub(super) fn remind(&mut self, events: &EventLoop) {
        let Some((due, pause)) = self.reminder else {
            return;
        };
        let now = Moment::now();
        if due > now {
            return;
        }
        let pause = SLOWEST_REMINDER.min(pause * 2);
        self.reminder = Some((now.plus(pause), pause));
        if self.pending.is_empty() {
            self.pending.push(END);
            self.flush(events);
        }
    }

    /// Hands the program what the caller has typed.
    pub(super) fn flush(&mut self, events: &EventLoop) {
        let Some(master) = &self.master else {
            self.pending.clear();
            return;
        };
        while !self.pending.is_empty() {
            match write(master, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => self.pending.clear(),
            }
        }
        self.watch(events);
        // What the program does not take is not read either. Watched for nothing a descriptor would
        // still tell of a hang-up, again and again: it is taken out.
        match (self.input, self.pending.is_empty()) {
            (Input::Watched, false) => {
                events.remove(stdin(), Token::StandardInput);
                self.input = Input::Held;
            }
            (Input::Held, true) => {
                let watched = events.add(stdin(), Token::StandardInput, EpollFlags::EPOLLIN);
                self.input = if watched.is_ok() {
                    Input::Watched
                } else {
                    Input::Ended
                };
            }
            _ => {}
        }
    }

    fn watch(&self, events: &EventLoop) {
        let Some(master) = &self.master else { return };
        let mut flags = EpollFlags::EPOLLIN;
        flags.set(EpollFlags::EPOLLOUT, !self.pending.is_empty());
        let _ = events.change(master, Token::Terminal, flags);
    }

    /// Reads what the program has written; `None` when it has closed its side for good.
    pub(super) fn take_output(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0_u8; 16 * 1024];
        match read(self.master.as_ref()?, &mut buffer) {
            Ok(count) if count > 0 => Some(buffer[..count].to_vec()),
            Err(Errno::EAGAIN | Errno::EINTR) => Some(Vec::new()),
            // EIO: no process has the other side open any more.
            _ => None,
        }
    }

    /// Hangs up: the program's side has no holder any more. Ours stays open: a program closes its
    /// descriptors a moment before it ends, and in that moment it would get a HUP and end by it
    /// instead.
    pub(super) fn close(&mut self, saved: Option<&SavedTerminal>, events: &EventLoop) {
        self.release(saved, events);
        self.input = Input::Ended;
        self.reminder = None;
        if let Some(master) = &self.master {
            events.remove(master, Token::Terminal);
        }
    }

    /// The program has ended.
    pub(super) fn end(&mut self, saved: Option<&SavedTerminal>, events: &EventLoop) {
        self.release(saved, events);
        self.input = Input::Ended;
        self.reminder = None;
        if let Some(master) = self.master.take() {
            events.remove(&master, Token::Terminal);
        }
    }

    /// True if the program's side may still say something.
    pub(super) fn is_open(&self) -> bool {
        self.master.is_some()
    }
}

fn stdin() -> BorrowedFd<'static> {
    descriptor::inherited(libc::STDIN_FILENO)
}
