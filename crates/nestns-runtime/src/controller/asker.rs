//! The client that a reply is for.

use super::control::server::ClientId;
use nestns_client::journal::event::Caller;

/// A client and its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Asker {
    pub(in crate::controller) client: ClientId,
    pub(in crate::controller) id: u64,
    pub(in crate::controller) by: Caller,
}
