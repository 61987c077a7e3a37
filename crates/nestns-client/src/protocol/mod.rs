//! The control socket: how a running topology is asked and told from other terminals.
//!
//! `control.sock` in the state directory, a stream of lines, each a JSON object
//! `{ "nestns": 1, "id": N, … }` with one [`Request`] under `ask` or one [`Reply`] under `say`.
//! Descriptors travel beside a line (`SCM_RIGHTS`), and a line with descriptors is sent when
//! nothing else is under way. A request gets replies of its id, of which the last one is final.
//!
//! Permitted clients are those of the controller's own user, and of root; the kernel identifies the
//! client (`SO_PEERCRED`). A client in another PID or user namespace than the controller's may look
//! at its own namespace, and change nothing (`standing`). No client can hold the controller up:
//! sockets never block, a line and the number of clients are bounded, and a client that does not
//! take its answers is not listened to either. What needs a stream (logs, events, the bytes of an
//! `exec`) goes by files and descriptors, never through the controller.
//!
//! Reading order: [`message`], [`problem`], [`wire`], [`lines`], [`client`].

pub mod client;
pub mod client_error;
pub mod lines;
pub mod message;
pub mod problem;
pub mod wire;

pub use message::{Reply, Request};
pub use problem::RequestError;
