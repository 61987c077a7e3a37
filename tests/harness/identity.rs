//! The users as which the program is tested.

use std::fmt::Debug;

use nix::unistd::geteuid;

use super::requirement::{nesting, require};

/// An id without any rights and without processes of its own elsewhere.
pub(crate) const ORDINARY: u32 = 61_234;

/// The user that runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The user that runs the tests: root, in CI.
    Own,
    /// An ordinary user.
    Ordinary,
}

impl Identity {
    /// The id of the user.
    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Ordinary => ORDINARY,
        }
    }
}

/// Both identities, or only the own one where that is an ordinary user already.
pub(crate) fn identities() -> Vec<Identity> {
    if geteuid().is_root() {
        vec![Identity::Own, Identity::Ordinary]
    } else {
        vec![Identity::Own]
    }
}

/// Runs a test that needs namespaces as each of the identities, and names the one under which it has panicked.
pub(crate) fn for_each_identity(mut test: impl FnMut(Identity)) {
    require!(nesting());
    for identity in identities() {
        let _named = Named(identity);
        test(identity);
    }
}

/// Runs a test that needs namespaces at a depth as each of the identities and at further ones as the own one, and names
/// the depth and the identity with which it has panicked.
pub(crate) fn for_each_depth(
    depth: usize,
    further: &[usize],
    mut test: impl FnMut(usize, Identity),
) {
    require!(nesting());
    let further = further.iter().map(|&depth| (depth, Identity::Own));
    let all = identities().into_iter().map(|one| (depth, one));
    for case in all.chain(further) {
        let _named = Named(case);
        test(case.0, case.1);
    }
}

/// Names the case of a test when it is dropped by a panic.
struct Named<T: Debug>(T);

impl<T: Debug> Drop for Named<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case was {:?}", self.0);
        }
    }
}
