//! What the end of a process means: `ok`, `oneshot`, `essential`, `on_exit`, and the status that comes of it.
//!
//! Pure: processes end, and the verdict says whether the tree is to stop and with which status `up` ends.

use crate::engine::plan::ProcessPlan;
use crate::engine::report::Ending;
use crate::topology::{OnExit, Weight};

/// Whether the tree goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It does.
    On,
    /// It is to be stopped.
    Stop,
}

/// The rules of a run, and the status so far.
#[derive(Debug, Clone)]
pub struct Verdict {
    on_exit: OnExit,
    status: u8,
    decided: bool,
}

/// Whether an ending counts as success.
pub fn is_success(process: &ProcessPlan, ending: Ending) -> bool {
    matches!(ending, Ending::Exited(code) if process.ok.contains(&code))
}

impl Verdict {
    /// Nothing has ended yet.
    pub fn new(on_exit: OnExit) -> Self {
        Self { on_exit, status: 0, decided: false }
    }

    /// The status with which `up` ends, as far as processes decide it.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// A process has ended by itself.
    pub fn ended(&mut self, process: &ProcessPlan, ending: Ending) -> Course {
        let success = is_success(process, ending);
        match self.on_exit {
            _ if self.decided => Course::On,
            OnExit::Any if !process.oneshot => {
                self.decided = true;
                self.status = if success { 0 } else { failure(ending) };
                Course::Stop
            }
            _ if success => Course::On,
            OnExit::Fail if process.weight == Weight::Essential => {
                self.decided = true;
                self.status = failure(ending);
                Course::Stop
            }
            _ => {
                self.status = 1;
                Course::On
            }
        }
    }

    /// A process has ended because a user has sent it a signal for that: no failure, whatever its status.
    pub fn sent_away(&mut self, process: &ProcessPlan) -> Course {
        if self.decided || self.on_exit != OnExit::Any || process.oneshot {
            return Course::On;
        }
        self.decided = true;
        Course::Stop
    }

    /// Something is decided from outside: the process whose status was asked for has ended.
    pub fn adopt(&mut self, ending: Ending) {
        self.decided = true;
        self.status = ending.status();
    }
}

/// The status of a failure; an exit with 0 that is not in `ok` is a failure all the same.
fn failure(ending: Ending) -> u8 {
    match ending.status() {
        0 => 1,
        status => status,
    }
}
