//! A namespace as a command line names it, for whichever verb: the one that counts a number (`--in NS`), the one that is
//! looked from (`see FROM`, `tree --from NS`).

use std::fmt;
use std::str::FromStr;

use super::command_error::CommandError;
use super::selection::{Selected, resolve_one};
use nestns_client::documents::NamespaceDocument;
use nestns_client::protocol::message::Snapshot;
use nestns_observe::namespaces;
use nestns_topology::{Address, AddressError};

/// Place named on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `*`
    Everywhere,
    /// `pid:[4026532301]`, or the number alone: a namespace as /proc calls it.
    Inode(u64),
    /// `vm/ci`, `host`
    Address(Address),
}

impl Place {
    /// The inode of the namespace; `None` for all. `snapshot` is the topology's where the place is an address in one.
    pub(super) fn inode(&self, snapshot: Option<&Snapshot>) -> Result<Option<u64>, CommandError> {
        match (self, snapshot) {
            (Self::Everywhere, _) => Ok(None),
            (Self::Inode(inode), _) => Ok(Some(*inode)),
            (Self::Address(address), _) if address.is_host() => Ok(namespaces::own().ok()),
            // A namespace that is not there yet, or any more, has no number.
            (Self::Address(address), Some(snapshot)) => {
                Ok(Some(namespace(snapshot, address)?.pidns.unwrap_or(0)))
            }
            (Self::Address(address), None) => Err(CommandError::not_found(format!(
                "there is no topology in which `{address}` could be looked up"
            ))),
        }
    }

    /// Returns whether only a topology can tell what it is.
    pub(super) fn is_in_topology(&self) -> bool {
        self.address().is_some_and(|address| !address.is_host())
    }

    /// The address, where it is one.
    pub(super) fn address(&self) -> Option<&Address> {
        match self {
            Self::Address(address) => Some(address),
            Self::Everywhere | Self::Inode(_) => None,
        }
    }
}

/// The namespace of a topology that an address means.
pub(super) fn namespace<'a>(
    snapshot: &'a Snapshot,
    address: &Address,
) -> Result<&'a NamespaceDocument, CommandError> {
    match resolve_one(snapshot, address)? {
        Selected::Namespace(namespace) => Ok(namespace),
        Selected::Process(process) => {
            let message = format!(
                "`{}` is a process, but PIDs belong to namespaces",
                process.path
            );
            Err(CommandError::not_found(message).help(format!("it is in `{}`", process.ns)))
        }
    }
}

/// As it is written; `*` for all.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("*"),
            Self::Inode(inode) => write!(f, "pid:[{inode}]"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let inode = text
            .strip_prefix("pid:[")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        match inode.parse() {
            Ok(inode) => Ok(Self::Inode(inode)),
            Err(_) if text == "*" => Ok(Self::Everywhere),
            Err(_) => text.parse().map(Self::Address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn the_ways_to_say_a_namespace() {
        assert_eq!("*".parse(), Ok(Place::Everywhere));
        assert_eq!("pid:[4026531836]".parse(), Ok(Place::Inode(4_026_531_836)));
        assert_eq!("4026531836".parse(), Ok(Place::Inode(4_026_531_836)));
        assert_eq!("vm/ci".parse(), "vm/ci".parse().map(Place::Address));
        assert!("vm/ci:".parse::<Place>().is_err());
    }
}
