//! The one integration binary: a module a subject, one harness.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes what is compared with them")]

mod check;
mod command_line;
mod death;
mod examples;
mod harness;
mod interrupt;
mod output;
mod run_command;
mod smoke;
mod terminal;
mod topology;
