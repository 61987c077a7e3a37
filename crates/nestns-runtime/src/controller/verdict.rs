//! Judgement of the end of a process: `ok`, `oneshot`, `essential`, `on_exit`, and the status that
//! comes of it.
//!
//! Pure: processes end, and the verdict says whether the tree is to stop and with which status `up`
//! ends.

use crate::engine::plan::ProcessPlan;
use crate::engine::report::Ending;
use nestns_topology::{OnExit, Weight};

/// Course of the tree after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// The tree goes on.
    On,
    /// The tree is to be stopped.
    Stop,
}

/// The rules of a run, and the status so far.
#[derive(Debug, Clone)]
pub struct Verdict {
    on_exit: OnExit,
    status: u8,
    decided: bool,
}

/// True if an ending counts as success.
pub fn is_success(process: &ProcessPlan, ending: Ending) -> bool {
    matches!(ending, Ending::Exited(code) if process.ok.contains(&code))
}

impl Verdict {
    /// Creates the verdict of a tree in which nothing has ended yet.
    pub fn new(on_exit: OnExit) -> Self {
        Self {
            on_exit,
            status: 0,
            decided: false,
        }
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

    /// A process has ended because a user has sent it a signal for that: no failure, whatever its
    /// status.
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

#[cfg(test)]
mod tests {
    use super::{Course, Verdict, is_success};
    use crate::controller::supervisor::plan_of;
    use crate::engine::plan::ProcessPlan;
    use crate::engine::plan::Slot;
    use crate::engine::report::Ending;
    use nestns_topology::OnExit;

    const GOOD: Ending = Ending::Exited(0);
    const BAD: Ending = Ending::Exited(3);

    fn process(keys: &str) -> ProcessPlan {
        let plan = plan_of(&format!("[ns.a]\nproc.one = {{ actor = 'idle'{keys} }}\n"));
        plan.namespace(0).process(Slot::nth(1)).unwrap().clone()
    }

    #[test]
    fn an_essential_failure_decides() {
        let mut verdict = Verdict::new(OnExit::Fail);
        assert_eq!(verdict.ended(&process(""), GOOD), Course::On);
        assert_eq!(verdict.ended(&process(""), BAD), Course::Stop);
        assert_eq!(
            verdict.ended(&process(""), Ending::Exited(4)),
            Course::On,
            "it is decided"
        );
        assert_eq!(verdict.status(), 3);
    }

    #[test]
    fn an_expendable_failure_is_remembered() {
        let mut verdict = Verdict::new(OnExit::Fail);
        assert_eq!(
            verdict.ended(&process(", essential = false"), BAD),
            Course::On
        );
        assert_eq!(verdict.status(), 1);
    }

    #[test]
    fn the_first_end_decides_unless_it_is_a_one_shots() {
        let mut verdict = Verdict::new(OnExit::Any);
        assert_eq!(
            verdict.ended(&process(", oneshot = true"), GOOD),
            Course::On
        );
        assert_eq!(verdict.ended(&process(""), GOOD), Course::Stop);
        assert_eq!(verdict.status(), 0);
    }

    #[test]
    fn nothing_decides_where_ends_are_ignored() {
        let mut verdict = Verdict::new(OnExit::Ignore);
        assert_eq!(verdict.ended(&process(""), BAD), Course::On);
        assert_eq!(verdict.status(), 1);
    }

    #[test]
    fn an_exit_with_0_that_is_not_ok_is_a_failure_with_1() {
        let picky = process(", ok = [7]");
        assert!(!is_success(&picky, GOOD) && is_success(&picky, Ending::Exited(7)));
        let mut verdict = Verdict::new(OnExit::Fail);
        assert_eq!(verdict.ended(&picky, GOOD), Course::Stop);
        assert_eq!(verdict.status(), 1);
    }

    #[test]
    fn what_a_user_has_ended_stops_the_tree_only_where_any_end_does() {
        assert_eq!(
            Verdict::new(OnExit::Fail).sent_away(&process("")),
            Course::On
        );
        assert_eq!(
            Verdict::new(OnExit::Any).sent_away(&process(", oneshot = true")),
            Course::On
        );
        let mut verdict = Verdict::new(OnExit::Any);
        assert_eq!(
            (verdict.sent_away(&process("")), verdict.status()),
            (Course::Stop, 0)
        );
    }

    #[test]
    fn a_status_that_is_adopted_stays() {
        let mut verdict = Verdict::new(OnExit::Fail);
        verdict.adopt(Ending::Signalled(9));
        assert_eq!(verdict.ended(&process(""), BAD), Course::On);
        assert_eq!(verdict.status(), 137);
    }
}
