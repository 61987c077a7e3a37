//! The life of a tree as a table: every state, every event, what follows.
//!
//! | | built | opened | failed | stop | stop again | all gone |
//! |---|---|---|---|---|---|---|
//! | **creating** | created, verify | – | killing, roll back | killing, roll back | killing, roll back | gone, finish |
//! | **created** | – | running | killing, roll back | killing, roll back | killing, roll back | gone, finish |
//! | **running** | – | – | stopping, ask | stopping, ask | stopping, ask | gone, finish |
//! | **stopping** | – | – | – | – | killing, kill | gone, finish |
//! | **killing** | – | – | – | – | – | gone, finish |
//! | **gone** | – | – | – | – | – | – |
//!
//! "Stop" is the first request (a signal, a time-out, a closed standard output, an essential
//! failure decided by the verdict); "stop again" is the second Ctrl-C. Before the gates open
//! nothing of the user's runs, so that a stop is a roll-back: there is no process to ask. A tree
//! that is being killed cannot be asked to hurry.

use std::time::Duration;

/// The time in which a tree that was killed is expected to be gone.
pub(super) const COLLAPSE: Duration = Duration::from_secs(10);

/// Life-cycle state of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the table above")]
pub enum Life {
    #[default]
    Creating,
    Created,
    Running,
    Stopping,
    Killing,
    Gone,
}

/// Event in the life of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table above")]
pub enum Event {
    Built,
    Opened,
    Failed,
    Stop,
    StopAgain,
    AllGone,
}

/// Reaction to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table above")]
pub enum Reaction {
    Nothing,
    Verify,
    RollBack,
    Ask,
    Kill,
    Finish,
}

impl Life {
    /// Looks the table up.
    pub fn on(self, event: Event) -> (Self, Reaction) {
        match (self, event) {
            (Self::Creating, Event::Built) => (Self::Created, Reaction::Verify),
            (Self::Created, Event::Opened) => (Self::Running, Reaction::Nothing),
            (Self::Creating | Self::Created, Event::Failed | Event::Stop | Event::StopAgain) => {
                (Self::Killing, Reaction::RollBack)
            }
            (Self::Running, Event::Failed | Event::Stop | Event::StopAgain) => {
                (Self::Stopping, Reaction::Ask)
            }
            (Self::Stopping, Event::StopAgain) => (Self::Killing, Reaction::Kill),
            (Self::Gone, _) => (Self::Gone, Reaction::Nothing),
            (_, Event::AllGone) => (Self::Gone, Reaction::Finish),
            (state, _) => (state, Reaction::Nothing),
        }
    }

    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Killing => "killing",
            Self::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Life, Reaction};

    /// Reads the table in the module's documentation and compares every cell with the code.
    #[test]
    fn every_cell_of_the_table() {
        let events = [
            Event::Built,
            Event::Opened,
            Event::Failed,
            Event::Stop,
            Event::StopAgain,
            Event::AllGone,
        ];
        let states = [
            Life::Creating,
            Life::Created,
            Life::Running,
            Life::Stopping,
            Life::Killing,
            Life::Gone,
        ];
        let rows: Vec<&str> = include_str!("life.rs")
            .lines()
            .filter(|line| line.starts_with("//! | **"))
            .collect();
        assert_eq!(rows.len(), states.len());
        for (state, row) in states.into_iter().zip(rows) {
            let cells: Vec<&str> = row
                .trim_start_matches("//! |")
                .trim_end_matches('|')
                .split('|')
                .map(str::trim)
                .collect();
            assert_eq!(cells[0], format!("**{}**", state.word()));
            for (event, cell) in events.into_iter().zip(&cells[1..]) {
                let (next, reaction) = state.on(event);
                let written = match reaction {
                    Reaction::Nothing => String::new(),
                    Reaction::Verify => ", verify".to_owned(),
                    Reaction::RollBack => ", roll back".to_owned(),
                    Reaction::Ask => ", ask".to_owned(),
                    Reaction::Kill => ", kill".to_owned(),
                    Reaction::Finish => ", finish".to_owned(),
                };
                let found = if next == state {
                    "–".to_owned()
                } else {
                    format!("{}{written}", next.word())
                };
                assert_eq!(&found, cell, "{state:?} on {event:?}");
            }
        }
    }
}
