//! What every process of a tree finds open, and at which number.
//!
//! The controller lays these descriptors out once, before the first fork. A forked child keeps them and closes all the rest
//! with one call, so that nobody can forget one. All are close-on-exec: a program sees 0, 1 and 2.

use std::os::fd::{BorrowedFd, RawFd};

use crate::sys::descriptor;

/// The end of the report channel into which everybody writes.
pub const REPORTS: RawFd = 3;
/// The reading end of the gate, into which nothing is written: end of file means *abort*.
pub const GATE: RawFd = 4;
/// A signalfd for every signal. It delivers the signals of whoever reads it (signalfd(2)), so that one serves all.
pub const SIGNALS: RawFd = 5;
/// `/dev/null`, which a namespace with another root directory may not have.
pub const NULL: RawFd = 6;
/// The program's side of the pseudo-terminal; `/dev/null` again in a topology without one.
pub const TERMINAL: RawFd = 7;
/// The channel to the keeper while a namespace is created; open only in those that need one.
pub const NURSERY: RawFd = 8;
/// The first number that belongs to a process's own affairs.
pub const FIRST_FREE: RawFd = 9;

/// One of the descriptors above.
pub fn fd(number: RawFd) -> BorrowedFd<'static> {
    descriptor::inherited(number)
}
