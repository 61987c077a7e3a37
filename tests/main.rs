//! The one integration binary: a module a subject, one harness.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes what is compared with them")]

mod after;
mod bad_input;
mod check;
mod collapse;
mod command_line;
mod exit_codes;
mod harness;
mod inheritance;
mod isolation;
mod names;
mod nested;
mod numbers;
mod orphans;
mod pid_one;
mod programs;
mod random_trees;
mod readme;
mod rollback;
mod run_verb;
mod scale;
mod smoke;
mod stop_order;
mod topology;
mod verdict;
mod visibility;
