//! The one integration binary: a module a subject, one harness.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes what is compared with them")]

mod addresses;
mod after;
mod bad_input;
mod check;
mod collapse;
mod command_line;
mod config;
mod death;
mod examples;
mod exit_codes;
mod expand;
mod explain_layout;
mod explanations;
mod graph;
mod harness;
mod inheritance;
mod interrupt;
mod isolation;
mod kill;
mod large_files;
mod names;
mod nested;
mod new;
mod numbers;
mod orphans;
mod output;
mod pid_one;
mod programs;
mod random_trees;
mod readme;
mod regressions;
mod rollback;
mod run_command;
mod run_verb;
mod scale;
mod schema;
mod smoke;
mod stop_order;
mod terminal;
mod topology;
mod tour;
mod verdict;
mod visibility;
mod wait;
