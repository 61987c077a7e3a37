//! The processes of a tree by their places: PID 1s, declared processes, and those that come to a
//! standing tree from outside.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::NamespaceIndex;

/// A process of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessKey {
    /// The namespace that it is a member of.
    pub namespace: NamespaceIndex,
    /// Slot of the process in its namespace.
    pub slot: Slot,
}

/// The place of a process among those of its namespace. PID 1 is the least, and what no plan
/// declares comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// PID 1.
    Init,
    /// A declared process besides PID 1, by its place in the file, from 0 on.
    Process(u32),
    /// A program that `exec` starts in a standing tree, by a number of its own.
    Exec(u32),
    /// The command that asks whether the process of this number, as of [`Slot::nth`], is ready.
    Probe(u32),
    /// The command that is run before a process is asked to stop, by the number of the process's
    /// own slot.
    StopCommand(u32),
    /// The one command that `run` starts in a standing tree.
    RunCommand,
}

impl Slot {
    /// PID 1 for 0, then the declared processes in the order of the file: the order of creation,
    /// and the numbers in the names of log files.
    pub fn nth(number: u32) -> Self {
        number.checked_sub(1).map_or(Self::Init, Self::Process)
    }

    /// The declared process in this place.
    pub fn declared(place: usize) -> Self {
        Self::Process(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The inverse of [`Slot::nth`]; `None` of what no plan declares.
    pub fn number(self) -> Option<u32> {
        match self {
            Self::Init => Some(0),
            Self::Process(place) => place.checked_add(1),
            Self::Exec(_) | Self::Probe(_) | Self::StopCommand(_) | Self::RunCommand => None,
        }
    }

    /// The same as an index.
    pub fn index(self) -> Option<usize> {
        self.number().map(|number| number as usize)
    }
}

/// The middle part of the name of a log file.
impl fmt::Display for Slot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init => write!(out, "0"),
            Self::Process(place) => write!(out, "{}", u64::from(*place) + 1),
            Self::Exec(number) => write!(out, "exec.{number}"),
            Self::Probe(number) => write!(out, "probe.{number}"),
            Self::StopCommand(number) => write!(out, "stop.{number}"),
            Self::RunCommand => write!(out, "run"),
        }
    }
}

impl ProcessKey {
    /// PID 1 of a namespace.
    pub fn init(namespace: NamespaceIndex) -> Self {
        Self {
            namespace,
            slot: Slot::Init,
        }
    }

    /// True if it is the PID 1.
    pub fn is_init(self) -> bool {
        self.slot == Slot::Init
    }

    /// The one command that `run` starts in a standing tree, in a namespace of it or on the host.
    pub fn run_command(namespace: Option<NamespaceIndex>) -> Self {
        Self {
            namespace: namespace.unwrap_or(u32::MAX),
            slot: Slot::RunCommand,
        }
    }

    /// True if it is that command, which no plan declares.
    pub fn is_run_command(self) -> bool {
        self.slot == Slot::RunCommand
    }

    /// A program that `exec` starts in a standing tree, by a number of its own.
    pub fn session(namespace: NamespaceIndex, number: u32) -> Self {
        Self {
            namespace,
            slot: Slot::Exec(number),
        }
    }

    /// The number of such a program.
    pub fn exec_number(self) -> Option<u32> {
        match self.slot {
            Slot::Exec(number) => Some(number),
            _ => None,
        }
    }

    /// The command that asks whether a PID 1 or a declared process is ready; what no plan declares
    /// is not asked about.
    pub fn probe_of(self) -> Option<Self> {
        let number = self.slot.number()?;
        Some(Self {
            slot: Slot::Probe(number),
            ..self
        })
    }

    /// The process about which such a command asks.
    pub fn probed(self) -> Option<Self> {
        match self.slot {
            Slot::Probe(number) => Some(Self {
                slot: Slot::nth(number),
                ..self
            }),
            _ => None,
        }
    }

    /// The command that is run before a PID 1 or a declared process is asked to stop.
    pub fn stop_command_of(self) -> Option<Self> {
        Some(Self {
            slot: Slot::StopCommand(self.slot.number()?),
            ..self
        })
    }

    /// The process before whose stop such a command is run.
    pub fn stopped(self) -> Option<Self> {
        match self.slot {
            Slot::StopCommand(number) => Some(Self {
                slot: Slot::nth(number),
                ..self
            }),
            _ => None,
        }
    }

    /// The declared process for which such a command, or one that asks about readiness, is run.
    pub fn served(self) -> Option<Self> {
        self.probed().or(self.stopped())
    }

    /// True if it has come to a standing tree from outside: no plan declares it, and no gate holds
    /// it.
    pub fn is_from_outside(self) -> bool {
        matches!(
            self.slot,
            Slot::Exec(_) | Slot::Probe(_) | Slot::StopCommand(_) | Slot::RunCommand
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{ProcessKey, Slot};

    #[test]
    fn numbers_and_slots_are_the_same_order() {
        for number in [0, 1, 2, 77] {
            assert_eq!(Slot::nth(number).number(), Some(number));
        }
        let ordered = [
            Slot::nth(0),
            Slot::nth(1),
            Slot::nth(2),
            Slot::Exec(0),
            Slot::Exec(1),
            Slot::Probe(0),
            Slot::StopCommand(0),
            Slot::RunCommand,
        ];
        assert!(ordered.is_sorted(), "{ordered:?}");
        assert_eq!(Slot::declared(3), Slot::nth(4));
        assert_eq!(Slot::Process(u32::MAX).index(), None);
    }

    #[test]
    fn each_process_from_outside_is_of_one_kind() {
        let process = ProcessKey {
            namespace: 4,
            slot: Slot::Process(2),
        };
        let probe = process
            .probe_of()
            .expect("a declared process can be asked about");
        assert_eq!(probe.probed(), Some(process));
        let (session, run_command) = (ProcessKey::session(4, 2), ProcessKey::run_command(Some(4)));
        let stop_command = process.stop_command_of().expect("it can be stopped");
        assert_eq!(
            (stop_command.stopped(), stop_command.probed()),
            (Some(process), None)
        );
        let of_init = ProcessKey::init(4).stop_command_of().expect("as well");
        assert_eq!(of_init.served(), Some(ProcessKey::init(4)));
        for outside in [probe, session, stop_command, run_command] {
            assert!(
                outside.is_from_outside() && !outside.is_init() && outside.slot.number().is_none()
            );
            assert_eq!(outside.probe_of(), None);
        }
        assert_eq!(
            (
                session.exec_number(),
                probe.exec_number(),
                run_command.exec_number()
            ),
            (Some(2), None, None)
        );
        assert!(
            run_command.is_run_command() && !session.is_run_command() && !probe.is_run_command()
        );
        assert!(!process.is_from_outside() && !ProcessKey::init(4).is_from_outside());
        let init = ProcessKey::init(4);
        let of_init = init.probe_of().expect("a PID 1 can be asked about");
        assert_eq!(of_init.probed(), Some(init));
        assert!(of_init.is_from_outside() && !of_init.is_init());
    }

    #[test]
    fn a_subject_is_short_on_the_wire() {
        let written = |subject: ProcessKey| postcard::to_stdvec(&subject).unwrap().len();
        assert_eq!(written(ProcessKey::init(7)), 2);
        assert_eq!(
            written(ProcessKey {
                namespace: 7,
                slot: Slot::Process(9)
            }),
            3
        );
    }
}
