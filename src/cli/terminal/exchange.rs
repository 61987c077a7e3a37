//! The event loop of a client of a program: signals, keys and output, all of them in one wait.
//!
//! What the controller says and where the output comes from differ: a caller hands their descriptors in for each turn, and
//! is told which of them is ready.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc;

use super::keyboard::{Keyboard, Typing};
use super::screen::Screen;
use super::signals::{Arrived, Signals};
use super::watch::Watch;
use nestns_sys::moment::Moment;
use nestns_sys::{descriptor, terminal};

/// The caller's side of a program.
#[derive(Debug)]
pub(in crate::cli) struct Exchange<'a> {
    signals: &'a Signals,
    /// None where nothing can be typed.
    keyboard: Option<Keyboard>,
    /// The other side of the program's terminal, where it has one.
    master: Option<&'a OwnedFd>,
    /// True while the program's side is open.
    is_open: bool,
    pub(in crate::cli) stdout: Screen,
    pub(in crate::cli) stderr: Screen,
}

/// Events of one turn.
#[derive(Debug)]
pub(in crate::cli) struct Turn {
    /// True if the controller has sent a message.
    pub(in crate::cli) is_told: bool,
    /// True if there is output.
    pub(in crate::cli) has_output: bool,
    /// Signals for the program.
    pub(in crate::cli) signals: Vec<i32>,
    pub(in crate::cli) typing: Typing,
    /// True if the process to which this one is tied has ended.
    pub(in crate::cli) is_untied: bool,
}

impl<'a> Exchange<'a> {
    pub(in crate::cli) fn new(
        signals: &'a Signals,
        keyboard: Option<Keyboard>,
        master: Option<&'a OwnedFd>,
    ) -> Self {
        let (stdout, stderr) = (
            Screen::on(libc::STDOUT_FILENO),
            Screen::on(libc::STDERR_FILENO),
        );
        Self {
            signals,
            keyboard,
            master,
            is_open: true,
            stdout,
            stderr,
        }
    }

    /// Waits until something happens or it is `until`; passes on what is typed, and shows what there is to show. Output is not
    /// waited for while there is no room for it.
    pub(in crate::cli) fn turn(
        &mut self,
        controller: Option<BorrowedFd<'_>>,
        output: Option<BorrowedFd<'_>>,
        until: Option<Moment>,
    ) -> nix::Result<Turn> {
        let mut watch = Watch::default();
        let told = watch.readable(controller);
        watch.readable(Some(self.signals.as_fd()));
        let written =
            watch.readable(output.filter(|_| self.stdout.has_room() && self.stderr.has_room()));
        let typed = watch.readable(self.keyboard.as_ref().and_then(Keyboard::readable));
        let has_pending = self.is_open && self.keyboard.as_ref().is_some_and(Keyboard::has_pending);
        watch.writable(self.master.filter(|_| has_pending).map(AsFd::as_fd));
        let shown = [
            watch.writable(self.stdout.writable()),
            watch.writable(self.stderr.writable()),
        ];
        let next = self.keyboard.as_ref().and_then(Keyboard::next);
        watch.wait(until.into_iter().chain(next).min())?;
        let [is_told, has_output, is_typed] =
            [told, written, typed].map(|place| watch.is_ready(place));
        let shown = shown.map(|place| watch.is_ready(place));
        let mut signals = Vec::new();
        while let Some(arrived) = self.signals.next() {
            match arrived {
                Arrived::Resized if self.master.is_some() => self.resize(),
                arrived => signals.push(arrived.number()),
            }
        }
        for (screen, is_ready) in [&mut self.stdout, &mut self.stderr].into_iter().zip(shown) {
            if is_ready {
                screen.flush();
            }
        }
        let mut typing = Typing::GoesOn;
        if let (Some(keyboard), Some(master)) = (&mut self.keyboard, self.master) {
            if is_typed {
                typing = keyboard.read();
            }
            keyboard.deliver(master);
        }
        Ok(Turn {
            is_told,
            has_output,
            signals,
            typing,
            is_untied: self.signals.is_untied(),
        })
    }

    /// Gives the program's terminal the size of this one.
    pub(in crate::cli) fn resize(&self) {
        if let (Some(master), Ok(size)) = (
            self.master,
            terminal::size(descriptor::inherited(libc::STDIN_FILENO)),
        ) {
            // The program may just be ending.
            let _ = terminal::set_size(master, &size);
        }
    }

    /// Returns whether everything has been shown.
    pub(in crate::cli) fn is_shown(&self) -> bool {
        self.stdout.writable().is_none() && self.stderr.writable().is_none()
    }

    /// Takes note that the program's side of its terminal is no longer open.
    pub(in crate::cli) fn close(&mut self) {
        self.is_open = false;
    }
}
