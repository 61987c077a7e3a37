//! The one integration binary: a module a subject, one harness.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes what is compared with them")]

mod check;
mod collapse;
mod command_line;
mod harness;
mod readme;
mod isolation;
mod nested;
mod numbers;
mod orphans;
mod random_trees;
mod run_verb;
mod scale;
mod smoke;
mod topology;
mod visibility;
