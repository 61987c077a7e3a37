//! The one integration binary: a module a subject, one harness.

mod check;
mod command_line;
mod harness;
