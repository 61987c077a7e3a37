//! The vocabulary of built-in workloads: names, options, and how both are written.
//!
//! The work of an actor is the engine's (`engine::actor`); here is only its name and its options.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::duration::{format_duration, parse_duration};

/// A built-in workload with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// Waits, ends on TERM.
    Idle,
    /// Writes a line (`ready`), then waits.
    Serve,
    /// Forks children that wait, then waits.
    Tree {
        /// Number of children.
        children: u32,
    },
    /// Forks a child that ends at once and is never waited for.
    Zombie,
    /// Leaves a grandchild behind whose parent has ended.
    Orphan,
    /// Ignores TERM.
    IgnoreTerm,
    /// Forks children that end at once.
    ForkStorm {
        /// Forks a second.
        rate: u32,
        /// For how long; `None` until stopped.
        duration: Option<Duration>,
    },
    /// Writes lines.
    Log {
        /// Lines a second.
        rate: u32,
        /// For how long; `None` until stopped.
        duration: Option<Duration>,
    },
    /// Starts threads that wait, then waits.
    Threads {
        /// Number of threads besides the first.
        count: u32,
    },
    /// Ends by itself.
    Exit {
        /// With this code.
        code: u8,
        /// After this time.
        after: Duration,
    },
}

/// Why some words are not an actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActorError {
    /// There are no words.
    #[error("an actor needs a name")]
    NoName,
    /// The first word is none of [`Actor::NAMES`].
    #[error("there is no actor `{0}`")]
    UnknownName(String),
    /// The actor has no such option.
    #[error("the actor `{actor}` has no option `{option}`")]
    UnknownOption {
        /// The actor.
        actor: &'static str,
        /// As it was written.
        option: String,
        /// The options that it has.
        known: &'static [&'static str],
    },
    /// An option stands at the end without its value.
    #[error("the option `{0}` needs a value")]
    NoValue(&'static str),
    /// A value cannot be read.
    #[error("`{value}` is not a value for `{option}`: {expected}")]
    BadValue {
        /// For which option.
        option: &'static str,
        /// As it was written.
        value: String,
        /// The accepted values.
        expected: &'static str,
    },
}

/// Storms and logs may not be asked for more than this a second.
const HIGHEST_RATE: u32 = 100_000;
/// The children of one `tree`.
const MOST_CHILDREN: u32 = 10_000;
/// The threads of one `threads`.
const MOST_THREADS: u32 = 10_000;

impl Actor {
    /// All names, as a file writes them.
    pub const NAMES: &'static [&'static str] = &[
        "idle",
        "serve",
        "tree",
        "zombie",
        "orphan",
        "ignore-term",
        "fork-storm",
        "log",
        "threads",
        "exit",
    ];

    /// The name, as a file writes it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Serve => "serve",
            Self::Tree { .. } => "tree",
            Self::Zombie => "zombie",
            Self::Orphan => "orphan",
            Self::IgnoreTerm => "ignore-term",
            Self::ForkStorm { .. } => "fork-storm",
            Self::Log { .. } => "log",
            Self::Threads { .. } => "threads",
            Self::Exit { .. } => "exit",
        }
    }

    /// The options that the actor of this name has.
    const fn options(&self) -> &'static [&'static str] {
        match self {
            Self::Idle | Self::Serve | Self::Zombie | Self::Orphan | Self::IgnoreTerm => &[],
            Self::Tree { .. } => &["--children"],
            Self::ForkStorm { .. } | Self::Log { .. } => &["--rate", "--for"],
            Self::Threads { .. } => &["--count"],
            Self::Exit { .. } => &["--code", "--after"],
        }
    }

    /// The actor of this name with the default of every option.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "idle" => Self::Idle,
            "serve" => Self::Serve,
            "tree" => Self::Tree { children: 2 },
            "zombie" => Self::Zombie,
            "orphan" => Self::Orphan,
            "ignore-term" => Self::IgnoreTerm,
            "fork-storm" => Self::ForkStorm {
                rate: 100,
                duration: None,
            },
            "log" => Self::Log {
                rate: 1,
                duration: None,
            },
            "threads" => Self::Threads { count: 2 },
            "exit" => Self::Exit {
                code: 0,
                after: Duration::ZERO,
            },
            _ => return None,
        })
    }

    /// Reads a name and its options, both as `--children 3` and as `--children=3`.
    pub fn parse<W: AsRef<str>>(words: &[W]) -> Result<Self, ActorError> {
        let mut words = words.iter().map(AsRef::as_ref);
        let name = words.next().ok_or(ActorError::NoName)?;
        let mut actor =
            Self::named(name).ok_or_else(|| ActorError::UnknownName(name.to_owned()))?;
        while let Some(word) = words.next() {
            let (option, value) = word
                .split_once('=')
                .map_or((word, None), |(option, value)| (option, Some(value)));
            let known = actor.options();
            let Some(option) = known.iter().copied().find(|known| *known == option) else {
                return Err(ActorError::UnknownOption {
                    actor: actor.name(),
                    option: option.to_owned(),
                    known,
                });
            };
            let value = value
                .or_else(|| words.next())
                .ok_or(ActorError::NoValue(option))?;
            actor.set(option, value)?;
        }
        Ok(actor)
    }

    fn set(&mut self, option: &'static str, text: &str) -> Result<(), ActorError> {
        let bad = |expected| ActorError::BadValue {
            option,
            value: text.to_owned(),
            expected,
        };
        match (self, option) {
            (Self::Tree { children }, _) => {
                *children =
                    number(text, MOST_CHILDREN).ok_or_else(|| bad("a number from 0 to 10000"))?;
            }
            (Self::ForkStorm { rate, .. } | Self::Log { rate, .. }, "--rate") => {
                *rate = number(text, HIGHEST_RATE)
                    .filter(|&rate| rate > 0)
                    .ok_or_else(|| bad("a number per second from 1 to 100000"))?;
            }
            (Self::ForkStorm { duration, .. } | Self::Log { duration, .. }, _) => {
                *duration = Some(parse_duration(text).map_err(|_| bad("a duration such as 2s"))?);
            }
            (Self::Threads { count }, _) => {
                *count =
                    number(text, MOST_THREADS).ok_or_else(|| bad("a number from 0 to 10000"))?;
            }
            (Self::Exit { code, .. }, "--code") => {
                *code = text
                    .parse()
                    .map_err(|_| bad("an exit code from 0 to 255"))?;
            }
            (Self::Exit { after, .. }, _) => {
                *after = parse_duration(text).map_err(|_| bad("a duration such as 2s"))?;
            }
            // Without options nothing can be set: `parse` has refused the word already.
            (Self::Idle | Self::Serve | Self::Zombie | Self::Orphan | Self::IgnoreTerm, _) => {}
        }
        Ok(())
    }
}

fn number(text: &str, largest: u32) -> Option<u32> {
    text.parse().ok().filter(|&number| number <= largest)
}

/// The words that [`Actor::parse`] reads, every option with its value.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Tree { children } => write!(f, " --children {children}"),
            Self::ForkStorm { rate, duration } | Self::Log { rate, duration } => {
                write!(f, " --rate {rate}")?;
                duration.map_or(Ok(()), |duration| {
                    write!(f, " --for {}", format_duration(duration))
                })
            }
            Self::Threads { count } => write!(f, " --count {count}"),
            Self::Exit { code, after } => {
                write!(f, " --code {code} --after {}", format_duration(*after))
            }
            Self::Idle | Self::Serve | Self::Zombie | Self::Orphan | Self::IgnoreTerm => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Actor, ActorError> {
        Actor::parse(&text.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn every_name_is_read_and_written_back() {
        for name in Actor::NAMES {
            let actor = parse(name).unwrap();
            assert_eq!(actor.name(), *name);
            assert_eq!(parse(&actor.to_string()), Ok(actor));
        }
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        assert_eq!(parse("tree --children 3"), Ok(Actor::Tree { children: 3 }));
        assert_eq!(parse("tree --children=3"), Ok(Actor::Tree { children: 3 }));
        assert_eq!(
            parse("fork-storm --rate=5 --for 1.5s"),
            Ok(Actor::ForkStorm {
                rate: 5,
                duration: Some(Duration::from_millis(1500))
            })
        );
        assert_eq!(
            parse("exit --code 3 --after 200ms"),
            Ok(Actor::Exit {
                code: 3,
                after: Duration::from_millis(200)
            })
        );
        assert_eq!(
            parse("exit --code 3 --after 200ms").unwrap().to_string(),
            "exit --code 3 --after 200ms"
        );
    }

    #[test]
    fn refusals_say_what_would_be_right() {
        for (text, message) in [
            ("", "an actor needs a name"),
            ("idel", "there is no actor `idel`"),
            ("idle --rate 3", "the actor `idle` has no option `--rate`"),
            ("tree --children", "the option `--children` needs a value"),
            (
                "tree --children x",
                "`x` is not a value for `--children`: a number from 0 to 10000",
            ),
            (
                "log --rate 0",
                "`0` is not a value for `--rate`: a number per second from 1 to 100000",
            ),
            (
                "threads --count x",
                "`x` is not a value for `--count`: a number from 0 to 10000",
            ),
            (
                "exit --code 256",
                "`256` is not a value for `--code`: an exit code from 0 to 255",
            ),
            (
                "exit --after 2",
                "`2` is not a value for `--after`: a duration such as 2s",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
