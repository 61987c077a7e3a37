//! Source of the answer of a verb that can tell of a topology after its end as well: its controller, or the record of its end.

use super::command_error::CommandError;
use super::ended::EndedTopology;
use super::selection;
use super::target::{Connection, Target};
use nestns_topology::Address;

/// A topology to answer from.
#[derive(Debug)]
pub(super) enum Source {
    /// A running topology.
    Running(Connection),
    /// The record of one that has ended.
    Ended(Box<EndedTopology>),
}

impl Source {
    /// The topology that the addresses are about, as [`selection::connect`] finds it; without one that runs, the record of the
    /// name that was asked for.
    pub(super) fn find(target: &Target, addresses: &[Address]) -> Result<Self, CommandError> {
        let prefix = selection::topology(addresses)?;
        let error = match target.connect(prefix) {
            Ok(connection) => return Ok(Self::Running(connection)),
            Err(error) => error,
        };
        match prefix
            .or(target.name.as_deref())
            .and_then(EndedTopology::find)
        {
            Some(ended) => Ok(Self::Ended(Box::new(ended))),
            None => Err(error),
        }
    }

    /// The name of the topology.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Running(connection) => &connection.name,
            Self::Ended(ended) => &ended.end.topology,
        }
    }
}
