//! The caller's terminal, lent to a program that has one of its own: what is typed, what is shown, the signals of the client.
//!
//! Used by `exec` and `attach`. The other side of the program's terminal is here, in the client: the controller carries
//! no byte of it.

mod detach_keys;
mod exchange;
mod keyboard;
mod screen;
mod signals;
mod watch;

pub(super) use detach_keys::DetachKeys;
pub(super) use exchange::Exchange;
pub(super) use keyboard::{Keyboard, Typing};
pub(super) use screen::Screen;
pub(super) use signals::Signals;
pub(super) use watch::Watch;
