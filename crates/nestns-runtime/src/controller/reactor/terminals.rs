//! Terminals of programs of `exec` whose clients have left them alone: read, and kept in the log
//! like other output.
//!
//! No other process takes what such a program writes, and one that waited for a reader would never
//! go on.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::unistd::read;

use super::console::Console;
use crate::controller::event_loop::Token;
use crate::controller::relay::Relay;
use crate::controller::supervisor::{TerminalChange, Terminals};
use crate::engine::plan::ProcessKey;
use nestns_client::journal::Stream;

/// Number of bytes read of one terminal before others have their turn.
const TURN: usize = 16 * 1024;
/// Number of such pieces read of a terminal whose process has ended: more than a terminal keeps,
/// even if others go on writing.
const LAST: usize = 64;

impl Console<'_> {
    /// Reads a piece of what was written to one.
    pub(super) fn on_session_terminal(&mut self, number: u32) {
        if !self.read_session_terminal(number)
            && let Some((_, master)) = self.terminals.0.remove(&number)
        {
            self.events.remove(&master, Token::ExecTerminal(number));
        }
    }

    /// Says whether it is still open. Nothing at the moment is a piece as well.
    fn read_session_terminal(&mut self, number: u32) -> bool {
        let Some((subject, master)) = self.terminals.0.get(&number) else {
            return false;
        };
        let mut buffer = [0_u8; TURN];
        match read(master, &mut buffer) {
            Ok(count) if count > 0 => {
                self.journal.log(*subject, Stream::Stdout, &buffer[..count]);
                true
            }
            Err(Errno::EAGAIN | Errno::EINTR) => true,
            // EIO: no process has the other side open any more.
            _ => false,
        }
    }
}

impl Terminals for Console<'_> {
    fn has_any(&self) -> bool {
        self.relay.is_some()
    }

    fn change(&mut self, change: TerminalChange) {
        match change {
            TerminalChange::Begin(subject) => {
                if let Some(relay) = &mut self.relay {
                    relay.begin(self.saved, &self.events);
                    self.terminal = Some(subject);
                }
            }
            TerminalChange::End => {
                // What it has written last is still to be shown.
                while let Some(bytes) = self
                    .relay
                    .as_mut()
                    .and_then(Relay::take_output)
                    .filter(|bytes| !bytes.is_empty())
                {
                    self.output.push(&bytes, &self.events);
                    self.log_terminal(&bytes);
                }
                if let Some(relay) = &mut self.relay {
                    relay.end(self.saved, &self.events);
                }
            }
            TerminalChange::Renew => {
                if let Some(relay) = &mut self.relay {
                    // Without one the process fails when it takes it, and says so.
                    let _ = relay.renew();
                }
            }
            TerminalChange::Suspend => self.suspend(),
            TerminalChange::Resume => self.attach_terminal(),
        }
    }

    fn lend(&self, exec: Option<ProcessKey>) -> Option<OwnedFd> {
        let Some(subject) = exec else {
            return self.relay.as_ref().and_then(Relay::lend);
        };
        let (_, master) = self.terminals.0.get(&subject.exec_number()?)?;
        master.try_clone().ok()
    }

    fn keep(&mut self, subject: ProcessKey, terminal: OwnedFd) -> nix::Result<()> {
        self.terminals.keep(subject, terminal, &self.events)
    }

    fn end(&mut self, subject: ProcessKey) {
        let Some(number) = subject.exec_number() else {
            return;
        };
        for _ in 0..LAST {
            if !self.read_session_terminal(number) {
                break;
            }
        }
        if let Some((_, master)) = self.terminals.0.remove(&number) {
            self.events.remove(&master, Token::ExecTerminal(number));
        }
    }
}
