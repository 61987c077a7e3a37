//! The states of namespaces and processes: the words of `nestns ps`, of documents, and of `state` in an expectation.

use std::fmt;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Life-cycle state of a namespace or a process.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum State {
            $($(#[$doc])* $name,)*
        }

        impl State {
            /// All of them, in the order of a life.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Word for the state.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

states! {
    /// Being created.
    #[default]
    Creating = "creating",
    /// Created, and waiting at its gate.
    Created = "created",
    /// Released.
    Running = "running",
    /// Running, and its probe has succeeded.
    Ready = "ready",
    /// Frozen.
    Paused = "paused",
    /// Asked to stop.
    Stopping = "stopping",
    /// Being killed.
    Killing = "killing",
    /// Exited successfully.
    Exited = "exited",
    /// Ended with a failure.
    Failed = "failed",
    /// Killed.
    Killed = "killed",
    /// Ended, with nothing left of it.
    Gone = "gone",
    /// Ended, and not reaped by its parent.
    Zombie = "zombie",
}

impl State {
    /// The state of a word; `None` for a word of a later version.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.word() == word)
    }

    /// True if the namespace or process has ended.
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Exited | Self::Failed | Self::Killed | Self::Gone
        )
    }

    /// The states that something can be expected to be in, with their words: what is gone is not there to be looked at.
    pub(super) fn expected() -> Vec<(&'static str, Self)> {
        let expected = Self::ALL
            .iter()
            .filter(|state| !matches!(state, Self::Gone | Self::Zombie));
        expected.map(|&state| (state.word(), state)).collect()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn each_word_is_of_one_state() {
        for &state in State::ALL {
            assert_eq!(State::of(state.word()), Some(state));
        }
        assert_eq!(State::of("Running"), None);
        assert_eq!(State::default(), State::Creating);
    }

    #[test]
    fn what_is_over_comes_after_what_is_not() {
        let over: Vec<bool> = State::ALL.iter().map(|state| state.is_over()).collect();
        assert!(over[..11].is_sorted(), "{over:?}");
        assert!(!State::Zombie.is_over());
    }
}
