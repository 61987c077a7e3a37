//! The one integration binary: a module a subject, one harness.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes what is compared with them")]

mod after;
mod bad_input;
mod check;
mod command_line;
mod exit_codes;
mod harness;
mod inheritance;
mod names;
mod pid_one;
mod programs;
mod rollback;
mod smoke;
mod stop_order;
mod topology;
mod verdict;
