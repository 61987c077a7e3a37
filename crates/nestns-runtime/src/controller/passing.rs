//! Signals that are the command's of `run`, as they are with the inits that stand between a caller
//! and one command: kept until the command runs, then passed on as they are.

use nix::libc;

use crate::controller::SignalsFor;
use crate::engine::gate::Delivered;

/// Number of signals that may wait. Real-time signals queue, and any beyond that, sent before
/// anything runs, are lost.
const WAITING: usize = 64;

/// A signal that was sent to nestns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Passed {
    pub(in crate::controller) signal: i32,
    /// True for a signal of the terminal: Ctrl-C.
    pub(in crate::controller) by_kernel: bool,
}

/// The terminal of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandTerminal {
    /// The caller's, or none.
    Callers,
    /// A terminal of the command's own, which tells it of changes.
    Own,
}

/// Rank of a request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    First,
    /// A stop is under way.
    Second,
}

/// Signals on their way to the command.
#[derive(Debug)]
pub(in crate::controller) struct Passing {
    meant_for: SignalsFor,
    pub(in crate::controller) is_running: bool,
    pub(in crate::controller) waiting: Vec<Passed>,
}

impl Passing {
    pub(in crate::controller) fn new(meant_for: SignalsFor) -> Self {
        Self {
            meant_for,
            is_running: false,
            waiting: Vec::new(),
        }
    }

    /// True if signals are the command's at all.
    pub(in crate::controller) fn is_asked_for(&self) -> bool {
        self.meant_for == SignalsFor::Command
    }

    /// Keeps a signal for the command; says whether it is the command's.
    ///
    /// Before the command runs, whatever would end or stop it is about the tree, which is all that
    /// there is. When a stop has begun, another request is a second one.
    pub(super) fn keep(
        &mut self,
        delivered: Delivered,
        terminal: CommandTerminal,
        request: Request,
    ) -> bool {
        let Delivered {
            signal,
            sender,
            by_kernel,
            ..
        } = delivered;
        if !self.is_asked_for() || signal == libc::SIGCHLD {
            return false;
        }
        let is_request =
            [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&signal);
        let is_job_control =
            [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGCONT].contains(&signal);
        if (is_request && (!self.is_running || request == Request::Second))
            || (is_job_control && !self.is_running)
        {
            return false;
        }
        let is_own = sender == nix::unistd::getpid().as_raw();
        // A terminal that is written to or read by a job in the background says so to the job
        // alone; and a pipe without a reader to its writer.
        let is_ours = by_kernel && (signal == libc::SIGTTIN || signal == libc::SIGTTOU) || is_own;
        // With a terminal of its own the command is told by that one.
        let is_its_terminals = signal == libc::SIGWINCH && terminal == CommandTerminal::Own;
        if is_its_terminals {
            return false;
        }
        if !is_ours && self.waiting.len() < WAITING {
            self.waiting.push(Passed { signal, by_kernel });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::{CommandTerminal, Passing, Request, WAITING};
    use crate::controller::SignalsFor;
    use crate::engine::gate::Delivered;

    /// A signal from another process than the terminal.
    fn signal(signal: i32) -> Delivered {
        Delivered {
            signal,
            sender: 1,
            by_kernel: false,
            word: None,
        }
    }

    fn keep(passing: &mut Passing, delivered: Delivered) -> bool {
        passing.keep(delivered, CommandTerminal::Callers, Request::First)
    }

    fn running() -> Passing {
        let mut passing = Passing::new(SignalsFor::Command);
        passing.is_running = true;
        passing
    }

    #[test]
    fn signals_of_a_tree_are_never_kept() {
        assert!(!keep(
            &mut Passing::new(SignalsFor::Tree),
            signal(libc::SIGUSR1)
        ));
    }

    #[test]
    fn a_request_to_end_is_the_trees_before_the_command_runs() {
        let mut passing = Passing::new(SignalsFor::Command);
        assert!(!keep(&mut passing, signal(libc::SIGTERM)));
        assert!(!keep(&mut passing, signal(libc::SIGTSTP)));
        assert!(
            keep(&mut passing, signal(libc::SIGUSR1)),
            "others wait for it"
        );
        assert!(keep(&mut running(), signal(libc::SIGTERM)));
    }

    #[test]
    fn a_request_in_a_stop_is_a_second_one() {
        assert!(!running().keep(
            signal(libc::SIGTERM),
            CommandTerminal::Callers,
            Request::Second
        ));
        assert!(running().keep(
            signal(libc::SIGUSR1),
            CommandTerminal::Callers,
            Request::Second
        ));
    }

    #[test]
    fn a_terminal_of_its_own_tells_the_command_of_its_size() {
        assert!(!running().keep(signal(libc::SIGWINCH), CommandTerminal::Own, Request::First));
        assert!(running().keep(
            signal(libc::SIGWINCH),
            CommandTerminal::Callers,
            Request::First
        ));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut passing = running();
        for _ in 0..2 * WAITING {
            assert!(keep(&mut passing, signal(libc::SIGUSR1)));
        }
        assert_eq!(passing.waiting.len(), WAITING);
    }

    #[test]
    fn ends_of_children_are_the_controllers() {
        assert!(!keep(&mut running(), signal(libc::SIGCHLD)));
    }
}
