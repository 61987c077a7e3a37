//! Addresses: how namespaces, processes and numbers are named on the command line.
//!
//! ```text
//! address = [ topology ":/" ] path [ "#" number ]
//! path    = "host" | "." | segment *( "/" segment ) [ "/" ]
//! ```
//!
//! An address is text that has been understood, no more: whether anything is called so, the topology knows.
//! The kernel's part is the number: a PID means nothing without the namespace that counts it (`pid_namespaces(7)`), so that
//! one never stands alone.

mod error;
mod nearest;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;

pub use error::AddressError;
pub use nearest::nearest;
use pattern::{Instances, Segment, Wildcards};

/// The word for what is outside every topology.
pub const HOST: &str = "host";
/// The name of every PID 1.
const INIT: &str = "init";

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    topology: Option<String>,
    place: Place,
    wanted: Wanted,
    number: Option<i32>,
}

/// The path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `.`
    Everything,
    /// `host`
    Host,
    /// A path, or a pattern for paths.
    Path(Vec<Segment>),
}

/// The target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A namespace or a process.
    Anything,
    /// A namespace: a `/` stands at the end.
    Namespace,
}

/// One way to compare an address with a path.
pub type Reading = fn(&Address, &str) -> bool;

impl Address {
    /// The ways to read an address, from the narrowest: by its letters, with every instance, with the PID 1s that a wildcard
    /// stands for. The first that means anything is meant.
    pub const READINGS: [Reading; 4] = [
        Self::matches,
        Self::matches_instances,
        Self::matches_init,
        Self::matches_init_of_instances,
    ];

    /// The whole topology: what an empty list of addresses means.
    pub fn everything() -> Self {
        Self {
            topology: None,
            place: Place::Everything,
            wanted: Wanted::Anything,
            number: None,
        }
    }

    /// The topology that it names.
    pub fn topology(&self) -> Option<&str> {
        self.topology.as_deref()
    }

    /// The number behind `#`.
    pub fn number(&self) -> Option<i32> {
        self.number
    }

    /// The target.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Returns whether it is `.`.
    pub fn is_everything(&self) -> bool {
        self.place == Place::Everything
    }

    /// Returns whether it is `host`, with or without a number.
    pub fn is_host(&self) -> bool {
        self.place == Place::Host
    }

    /// Returns whether it can only mean one path.
    pub fn is_exact(&self) -> bool {
        match &self.place {
            Place::Everything => false,
            Place::Host => true,
            Place::Path(segments) => segments.iter().all(Segment::is_literal),
        }
    }

    /// Returns whether its path is this one, or its pattern has this one among others. The number is not looked at.
    ///
    /// A wildcard does not stand for `init`: `vm/*` is what is in `vm`, and not its PID 1, which
    /// [`matches_init`](Self::matches_init) tells.
    pub fn matches(&self, path: &str) -> bool {
        self.compare(path, Instances::ByName)
    }

    /// The same, where a name without an index means every instance of that name as well: `w` is `w.0`, `w.1` and so on.
    pub fn matches_instances(&self, path: &str) -> bool {
        self.compare(path, Instances::All)
    }

    /// Returns whether this is the path of a PID 1 that its wildcards stand for, where they stand for PID 1s as well.
    ///
    /// They do in two cases: in a question about visible processes, because a PID 1 that is visible
    /// must not be passed over; and where nothing else is called so, because then nothing else can
    /// be meant.
    pub fn matches_init(&self, path: &str) -> bool {
        self.compare_init(path, Instances::ByName)
    }

    /// The same, where a name without an index means every instance of that name as well.
    pub fn matches_init_of_instances(&self, path: &str) -> bool {
        self.compare_init(path, Instances::All)
    }

    fn compare_init(&self, path: &str, instances: Instances) -> bool {
        let is_init = path.rsplit('/').next() == Some(INIT);
        match &self.place {
            Place::Path(segments) => {
                is_init && pattern::matches(segments, path, instances, Wildcards::Everything)
            }
            Place::Everything | Place::Host => false,
        }
    }

    /// Returns whether it could mean something with this path or inside it, instances included.
    pub fn may_be_inside(&self, path: &str) -> bool {
        match &self.place {
            Place::Everything => true,
            Place::Host => path == HOST,
            Place::Path(segments) => {
                let begins = |end| {
                    pattern::matches(
                        &segments[..end],
                        path,
                        Instances::All,
                        Wildcards::Everything,
                    )
                };
                (1..=segments.len()).any(begins)
            }
        }
    }

    fn compare(&self, path: &str, instances: Instances) -> bool {
        match &self.place {
            Place::Everything => true,
            Place::Host => path == HOST,
            Place::Path(segments) => {
                pattern::matches(segments, path, instances, Wildcards::SpareInit)
            }
        }
    }

    /// Path or pattern alone.
    pub fn path(&self) -> String {
        Self {
            topology: None,
            number: None,
            wanted: Wanted::Anything,
            place: self.place.clone(),
        }
        .to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(topology) = &self.topology {
            write!(f, "{topology}:/")?;
        }
        match &self.place {
            Place::Everything => f.write_str(".")?,
            Place::Host => f.write_str(HOST)?,
            Place::Path(segments) => {
                for (place, segment) in segments.iter().enumerate() {
                    let slash = if place == 0 { "" } else { "/" };
                    write!(f, "{slash}{segment}")?;
                }
            }
        }
        if self.wanted == Wanted::Namespace {
            f.write_str("/")?;
        }
        self.number.map_or(Ok(()), |number| write!(f, "#{number}"))
    }
}
