//! The life of a tree: one process, outside all its namespaces, with one thread.
//!
//! It claims the name, forks the guardian, has the roots created, makes sure that the kernel
//! agrees, opens the gates, collects output, decides by the rules of the topology, and takes
//! everything down. What it tells people goes through an [`EventSink`](event_sink::EventSink).
//! Reading order: [`run`], then [`life`], `reactor`, `supervisor`.
//!
//! Kernel rules: everything that forks has one thread and few descriptors; reap whatever ends, for
//! one unreaped member keeps a dying PID 1 in the kernel (R3); signals go through a pidfd of an
//! unreaped child.

mod asker;
mod channels;
pub mod control;
mod control_channels;
mod creation;
pub mod description;
mod diagnosis;
pub mod document;
mod end_record;
mod errno_hints;
mod event_loop;
pub mod event_sink;
mod exec_records;
pub mod freezer;
mod freezing;
mod guardian;
pub mod journal;
mod left_behind;
pub mod life;
mod life_loop;
mod name_lock;
pub mod needs;
mod passing;
mod reactor;
pub mod readiness;
mod relay;
pub mod roster;
mod standard_output;
mod start;
pub mod start_error;
pub mod startup_report;
pub mod state_directory;
mod streams;
mod supervisor;
mod target;
pub mod timeline;
mod tree;
pub mod truth;
mod truth_file;
mod undeclared;
mod undeclared_watch;
mod user_namespace;
pub mod verdict;
pub mod verification;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::plan::{Counts, Order, ProcessPlan};
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{OnExit, Topology};

use nestns_client::documents::Timeline;
use start_error::StartError;
use startup_report::ReportChannel;
use truth::Origin;

pub use creation::run;
pub use left_behind::Left;

/// Destination of the lines of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as everywhere")]
pub enum LinesTo {
    Stdout,
    Stderr,
    Nowhere,
}

/// Time at which the gates open once the tree stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gates {
    /// Open at once.
    Open,
    /// Opened on request of a client.
    Held,
}

/// Remainder of a topology that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// A record of its end, in its state directory.
    Record,
}

/// Recipient of the signals that are sent to nestns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalsFor {
    /// The tree's: a request to end stops it.
    Tree,
    /// The command's of `run`, as soon as it runs.
    Command,
}

/// The command of `run`, started when everything has.
#[derive(Debug)]
pub struct Command {
    /// Plan of the process to run.
    pub process: ProcessPlan,
    /// The path of the namespace to run it in; `None` for the host.
    pub namespace: Option<String>,
}

/// A tree that is there for a command or a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixture {
    /// The status where it does not become ready; and where the command ends well although the tree
    /// has failed meanwhile.
    pub status: u8,
    /// Rule of the topology by which an end is its failure, while the user of the fixture decides
    /// when it ends.
    pub on_exit: OnExit,
}

/// A topology to bring to life.
#[derive(Debug)]
pub struct Request {
    /// The checked tree.
    pub topology: Topology,
    /// File that it is from.
    pub origin: Origin,
    /// The directory that its relative files are meant from.
    pub base: PathBuf,
    /// Options of the run.
    pub options: Options,
}

/// Options of a run.
#[derive(Debug)]
pub struct Options {
    /// Order in which siblings are created.
    pub order: Order,
    /// Time that the whole life may take.
    pub timeout: Option<Duration>,
    /// Path of the process whose status is that of `up`; when it ends, the tree is stopped.
    pub status_from: Option<String>,
    /// The command of `run FILE`.
    pub command: Option<Command>,
    /// Programs are told in `NESTNS_TRUTH` where the truth lies.
    pub announce_truth: bool,
    /// The tree is a fixture for a command or a test, which is not to begin before it is ready.
    pub fixture: Option<Fixture>,
    /// True if it stays until it is asked to stop, also when nothing of the tree lives any more: a
    /// client that wants to know how everything has ended can still ask.
    pub stays: bool,
    /// Destination of the lines of programs.
    pub lines_to: LinesTo,
    /// Time at which the gates open once the tree stands.
    pub gates: Gates,
    /// Channel to the caller that has asked for a topology in the background, and waits until it
    /// stands.
    pub report_channel: Option<ReportChannel>,
    /// Remainder when it has ended.
    pub leaves: Leaves,
    /// The expanded topology as a file, for users that want to know later what was built.
    pub text: Option<String>,
    /// Recipient of the signals that are sent to nestns.
    pub signals_for: SignalsFor,
    /// A process that the topology does not outlive.
    pub tied_to: Option<Pidfd>,
    /// The caller's environment.
    pub environment: BTreeMap<OsString, OsString>,
}

/// Outcome of a tree that stood.
#[derive(Debug)]
pub struct Summary {
    /// The topology's name.
    pub name: String,
    /// Path at which its truth was.
    pub truth: PathBuf,
    /// Numbers of things in the tree.
    pub counts: Counts,
    /// Time that the creation took; `None` when it was interrupted.
    pub create: Option<Duration>,
    /// Time until the last gate was open.
    pub release: Option<Duration>,
    /// Timeline of the stop; `None` when the tree ended by itself.
    pub timeline: Option<Timeline>,
    /// The exit status.
    pub status: u8,
    /// Tells if something could not be removed.
    pub left: Left,
}

impl Summary {
    /// The exit status; this one where all has gone well but for what could not be removed.
    pub fn status_or(&self, cleanup_failed: u8) -> u8 {
        if self.status == 0 && self.left == Left::Something {
            cleanup_failed
        } else {
            self.status
        }
    }
}

/// Either of the two ends.
pub type Outcome = Result<Summary, StartError>;
