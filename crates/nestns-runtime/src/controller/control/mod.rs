//! The controller's side of the control socket, whose protocol is [`nestns_client::protocol`]:
//! connections, and the rights of clients.
//!
//! Reading order: `server`, `connection`, `standing`.

mod connection;
pub(super) mod server;
pub(super) mod standing;
