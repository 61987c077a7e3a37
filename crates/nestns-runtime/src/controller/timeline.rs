//! `nestns.stop/1`: the moments of the requests and of the endings, and their manner.

use std::time::Duration;

use nestns_client::documents::{How, Step, Timeline};

use super::roster::{KillCause, Roster, State};
use crate::engine::plan::ProcessKey;
use crate::engine::report::Ending;
use nestns_sys::moment::Moment;

/// Collects the stop that began at `start`. What had ended before is not part of it.
pub fn timeline(roster: &Roster, topology: &str, start: Moment, end: Moment) -> Timeline {
    timeline_of(roster, roster.subjects(), topology, start, end)
}

/// The same for a part of the tree.
pub fn timeline_of(
    roster: &Roster,
    subjects: impl Iterator<Item = ProcessKey>,
    topology: &str,
    start: Moment,
    end: Moment,
) -> Timeline {
    let mut steps: Vec<(Moment, Step)> = Vec::new();
    for subject in subjects {
        let Some(record) = roster.get(subject) else {
            continue;
        };
        let before = record.ending.is_some_and(|(_, at)| at < start);
        if before || record.state == State::Creating {
            continue;
        }
        let told = roster
            .namespace(subject.namespace)
            .and_then(|record| record.stopped_by)
            .filter(|_| subject.is_init());
        let asked = record
            .stop_record
            .asked
            .or(told.map(|request| (request.signal, request.at)));
        let how = match (record.state, record.stop_record.killed, record.ending) {
            (State::Gone, _, _) | (_, None, None) => How::Collapsed,
            (_, Some((_, cause)), Some((Ending::Signalled(nix::libc::SIGKILL), _)) | None) => {
                match cause {
                    KillCause::Deadline => How::KilledAtDeadline,
                    KillCause::Order => How::Killed,
                }
            }
            (_, _, Some((Ending::Signalled(_), _))) => How::Signalled,
            (_, _, Some((Ending::Exited(_), _))) => How::Exited,
        };
        let ended = record.ending.map(|(_, at)| at);
        let not_asked = roster
            .namespace(subject.namespace)
            .and_then(|record| record.not_asked)
            .filter(|_| subject.is_init());
        let prepared = record.stop_record.prepared;
        let step = Step {
            exec_ms: prepared.map(|at| milliseconds(at.since(start))),
            exec_code: record.stop_record.command.map(Ending::status),
            not_asked,
            path: roster.path(subject),
            signal: asked
                .map(|(signal, _)| nestns_topology::Signal::from_number(signal).to_string()),
            handled: record.stop_record.handled,
            asked_ms: asked.map(|(_, at)| milliseconds(at.since(start))),
            ended_ms: ended.map(|at| milliseconds(at.since(start))),
            how,
            code: record
                .ending
                .filter(|_| how != How::Collapsed)
                .map(|(ending, _)| ending.status()),
            asked_by_pid: told
                .map(|request| request.sender)
                .filter(|&sender| sender != 0),
        };
        steps.push((ended.unwrap_or(end), step));
    }
    steps.sort_by_key(|(ended, _)| *ended);
    Timeline {
        schema: "nestns.stop/1".into(),
        topology: topology.to_owned(),
        ms: milliseconds(end.since(start)),
        steps: steps.into_iter().map(|(_, step)| step).collect(),
    }
}

/// Milliseconds with three decimals, as documents have times.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::libc;

    use super::{How, Timeline};
    use crate::controller::roster::{KillCause, Record, Roster, State, StopRecord};
    use crate::controller::supervisor::plan_of;
    use crate::engine::plan::ProcessKey;
    use crate::engine::plan::Slot;
    use crate::engine::report::Ending;
    use nestns_sys::moment::Moment;

    const PAIR: &str = "[ns.a]\nproc.one = { actor = 'idle' }\nproc.two = { actor = 'idle' }\n";

    fn at(milliseconds: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(10) + Duration::from_millis(milliseconds))
    }

    fn timeline(records: [Record; 3]) -> Timeline {
        let mut roster = Roster::new(plan_of(PAIR));
        for (slot, record) in (0..).zip(records) {
            *roster
                .get_mut(ProcessKey {
                    namespace: 0,
                    slot: Slot::nth(slot),
                })
                .unwrap() = record;
        }
        super::timeline(&roster, "tree", at(0), at(900))
    }

    fn ended(state: State, ending: Ending, milliseconds: u64) -> Record {
        Record {
            state,
            ending: Some((ending, at(milliseconds))),
            ..Record::default()
        }
    }

    #[test]
    fn steps_are_in_the_order_of_ends() {
        let timeline = timeline([
            ended(State::Exited, Ending::Exited(0), 300),
            ended(State::Exited, Ending::Exited(0), 200),
            ended(State::Killed, Ending::Signalled(libc::SIGTERM), 100),
        ]);
        let steps: Vec<_> = timeline
            .steps
            .iter()
            .map(|step| (&*step.path, step.how, step.ended_ms))
            .collect();
        let expected = [
            ("a/two", How::Signalled, Some(100.0)),
            ("a/one", How::Exited, Some(200.0)),
            ("a/init", How::Exited, Some(300.0)),
        ];
        assert_eq!((steps, timeline.ms), (expected.to_vec(), 900.0));
    }

    #[test]
    fn what_was_over_before_or_never_was_is_no_part_of_it() {
        let early = Record {
            ending: Some((Ending::Exited(0), Moment::default())),
            ..Record::default()
        };
        let timeline = timeline([
            ended(State::Exited, Ending::Exited(0), 300),
            Record {
                state: State::Exited,
                ..early
            },
            Record::default(),
        ]);
        assert_eq!(timeline.steps.len(), 1);
    }

    #[test]
    fn a_kill_at_the_deadline_differs_from_a_collapse() {
        let asked = StopRecord {
            asked: Some((libc::SIGTERM, at(0))),
            killed: Some((at(50), KillCause::Deadline)),
            handled: Some(false),
            ..StopRecord::default()
        };
        let killed = ended(State::Killed, Ending::Signalled(libc::SIGKILL), 60);
        let gone = ended(State::Gone, Ending::Signalled(libc::SIGKILL), 70);
        let timeline = timeline([
            gone,
            Record {
                stop_record: asked,
                ..killed
            },
            Record {
                state: State::Killing,
                ..Record::default()
            },
        ]);
        let find = |path: &str| {
            timeline
                .steps
                .iter()
                .find(|step| step.path == path)
                .unwrap()
        };
        let one = find("a/one");
        assert_eq!(
            (one.how, one.code, one.signal.as_deref()),
            (How::KilledAtDeadline, Some(137), Some("TERM"))
        );
        assert_eq!((one.handled, one.asked_ms), (Some(false), Some(0.0)));
        assert_eq!(
            (find("a/init").how, find("a/init").code),
            (How::Collapsed, None)
        );
        assert_eq!(
            (find("a/two").how, find("a/two").ended_ms),
            (How::Collapsed, None)
        );
    }
}
