//! A symbol and a colour for each state of namespaces and processes.
//!
//! The symbol says the same as the colour, so that nothing is lost without colour; red is for failure alone.

use anstyle::{AnsiColor, Style};

use super::charset::Charset;
pub use crate::topology::State;

/// Where a namespace or a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Is being made.
    Creating,
    /// Exists, and waits at its gate.
    Created,
    /// Was released.
    Running,
    /// Runs, and its probe agrees.
    Ready,
    /// Is frozen.
    Paused,
    /// Was asked to end.
    Stopping,
    /// Is being killed.
    Killing,
    /// Has ended well.
    Exited,
    /// Has ended badly.
    Failed,
    /// Was killed.
    Killed,
    /// Has left nothing.
    Gone,
    /// Has ended, and was not reaped by its parent.
    Zombie,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Creating,
        Self::Created,
        Self::Running,
        Self::Ready,
        Self::Paused,
        Self::Stopping,
        Self::Killing,
        Self::Exited,
        Self::Failed,
        Self::Killed,
        Self::Gone,
        Self::Zombie,
    ];

    /// The state of a word in a document; `None` for a word of a later version.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Returns whether it is over.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Exited | Self::Failed | Self::Killed | Self::Gone)
    }

    /// The word, as in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Killing => "killing",
            Self::Exited => "exited",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Gone => "gone",
            Self::Zombie => "zombie",
        }
    }

    /// One column wide.
    pub const fn symbol(self, charset: Charset) -> &'static str {
        let (unicode, ascii) = match self {
            Self::Creating => ("◌", "."),
            Self::Created => ("○", "o"),
            Self::Running => ("●", "*"),
            Self::Ready => ("✔", "+"),
            Self::Paused => ("‖", "="),
            Self::Stopping | Self::Killing => ("▾", "v"),
            Self::Exited | Self::Gone => ("·", "-"),
            Self::Failed | Self::Killed => ("✘", "x"),
            Self::Zombie => ("z", "z"),
        };
        match charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }

    /// The colour.
    pub const fn style(self) -> Style {
        match self {
            Self::Running | Self::Ready => AnsiColor::Green.on_default(),
            Self::Creating | Self::Created | Self::Paused | Self::Stopping | Self::Killing => {
                AnsiColor::Yellow.on_default()
            }
            Self::Exited | Self::Gone | Self::Zombie => Style::new().dimmed(),
            Self::Failed | Self::Killed => AnsiColor::Red.on_default(),
        }
    }
}

/// The colour.
pub const fn style(state: State) -> Style {
    match state {
        State::Running | State::Ready => AnsiColor::Green.on_default(),
        State::Creating | State::Created | State::Paused | State::Stopping | State::Killing => {
            AnsiColor::Yellow.on_default()
        }
        State::Exited | State::Gone | State::Zombie => Style::new().dimmed(),
        State::Failed | State::Killed => AnsiColor::Red.on_default(),
    }
}
