//! The errors of a client of a controller.

use nix::errno::Errno;

use super::message::RequestError;
use nestns_sys::errno::spelled;

/// A failed attempt to ask a controller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum ClientError {
    #[error("no controller listens at {path}: {}", spelled(*errno))]
    Absent { path: String, errno: Errno },
    #[error("cannot determine which process listens at {path}: {}", spelled(*errno))]
    Unknown { path: String, errno: Errno },
    #[error("{path} belongs to user {owner}, not to the caller")]
    Foreign { path: String, owner: u32 },
    #[error("the controller does not answer")]
    Silent,
    #[error("the controller is gone")]
    HungUp,
    #[error("the controller's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("cannot communicate with the controller: {}", spelled(*.0))]
    System(#[from] Errno),
    #[error(transparent)]
    Refused(#[from] RequestError),
}
