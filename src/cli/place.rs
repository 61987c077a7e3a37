//! The namespace that a number is counted in: `--in NS`.

use std::str::FromStr;

use crate::topology::{Address, AddressError};

/// What stands behind `--in`.
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
    /// The address, where it is one.
    pub(super) fn address(&self) -> Option<&Address> {
        match self {
            Self::Address(address) => Some(address),
            Self::Everywhere | Self::Inode(_) => None,
        }
    }
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let inode = text.strip_prefix("pid:[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
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
