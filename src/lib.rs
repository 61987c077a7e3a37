//! nestns builds trees of nested Linux PID namespaces from a TOML file, supervises them and takes them down in order.
//!
//! The modules are floors of a house; a floor uses only what stands below it.
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 0 | [`diagnostic`] | codes, spans and the rendering of problems in a file |
//! | 0 | [`sys`] | the only `unsafe`: system calls that `nix` lacks |
//! | 1 | [`topology`] | text → checked tree; knows no kernel |
//! | 2 | [`engine`] | tree → namespaces; no terminal, no files of state |
//! | 2 | [`observe`] | kernel → facts |
//! | 2 | [`experiment`] | the kernel's behaviours, shown and checked |
//! | 3 | [`controller`] | the life of a tree |
//! | 3 | [`expect`] | assertions against facts; reports |
//! | 4 | [`present`] | facts → text |
//! | 5 | [`cli`] | one file a verb |

pub mod cli;
pub mod controller;
pub mod diagnostic;
pub mod engine;
pub mod expect;
pub mod experiment;
pub mod observe;
pub mod present;
pub mod sys;
pub mod topology;
