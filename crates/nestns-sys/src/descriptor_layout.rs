//! Layout of the descriptors that every process of a tree has open.
//!
//! The controller lays these descriptors out once, before the first fork. A forked child keeps them and closes all
//! others with one call, so that none can be forgotten. All are close-on-exec: a program sees 0, 1 and 2.

use std::os::fd::{BorrowedFd, RawFd};

use crate::descriptor;

/// End of the report channel into which all processes write.
pub const REPORTS: RawFd = 3;
/// The reading end of the gate, into which nothing is written: end of file means *abort*.
pub const GATE: RawFd = 4;
/// A signalfd for every signal. It delivers the signals of the process that reads it (signalfd(2)), so that one serves
/// all.
pub const SIGNALS: RawFd = 5;
/// `/dev/null`, which a namespace with another root directory may not have.
pub const NULL: RawFd = 6;
/// The program's side of the pseudo-terminal; `/dev/null` in a topology without one.
pub const TERMINAL: RawFd = 7;
/// Channel to the parent while a namespace is created; open only in processes that need one.
pub const SYNC_CHANNEL: RawFd = 8;
/// First number that is free for a process's own use.
pub const FIRST_FREE: RawFd = 9;

/// One of the descriptors above.
pub fn fd(number: RawFd) -> BorrowedFd<'static> {
    descriptor::inherited(number)
}
