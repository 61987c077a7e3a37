//! Trial of a tree that is up: its expectations are judged, and the program under test runs.

use std::time::{Duration, Instant};

use super::agent;
use super::fixture;
use super::interruption::Interruption;
use super::measure;
use super::{Args, CANNOT, FormatWord};
use crate::cli::command_error::{CommandError, Context as _, ErrorKind};
use crate::cli::status::Status as Exit;
use crate::cli::target::{Connection, Target};
use crate::expect::{Case, Status, judge, learn};
use nestns_client::protocol::message::{Reply, Request as Question};
use nestns_topology::Topology;
use nestns_topology::expectation::Expectation;

/// The status of `--timeout`, as with timeout(1).
const TIMED_OUT: Exit = Exit::Other(124);
/// So often something with `within` is looked at again.
const PULSE: Duration = Duration::from_millis(20);

/// Result of the test.
pub(super) enum Done {
    Learnt(String),
    Judged(Vec<Case>, Exit),
    /// By a signal, by time, or because the tree has ended.
    Stopped(Exit),
}

/// Result of judging the expectations.
enum Judged {
    All(Vec<Case>),
    /// By a signal.
    Interrupted(i32),
}

/// Test that is carried out while the tree is up.
pub(super) struct Trial<'a> {
    pub(super) args: &'a Args,
    pub(super) name: &'a str,
    pub(super) expectations: &'a [Expectation],
    pub(super) topology: &'a Topology,
    pub(super) files: &'a [String],
    pub(super) end: Option<Instant>,
    pub(super) interruption: Interruption,
}

impl Trial<'_> {
    fn connect(&self) -> Result<Connection, CommandError> {
        Target {
            name: Some(self.name.to_owned()),
        }
        .connect(None)
    }

    pub(super) fn learn(&self) -> Result<Done, CommandError> {
        let facts = measure::facts(&mut self.connect()?, &measure::everybody())?;
        Ok(Done::Learnt(learn(&facts)))
    }

    pub(super) fn carry_out(&self, namespace: Option<&str>) -> Result<Done, CommandError> {
        let mut connection = self.connect()?;
        let mut cases = match self.judge_all(&mut connection)? {
            Judged::All(cases) => cases,
            Judged::Interrupted(signal) => return Ok(Done::Stopped(interrupted(signal))),
        };
        let truth = nestns_client::state_directory::truth_in(&connection.directory);
        if !self.args.command.is_empty() {
            connection
                .client
                .ask(Question::RefreshTruth)
                .map_err(|error| connection.fail(&error))?;
        }
        // A controller that is asked to stop waits for clients that are connected.
        drop(connection);
        let has_failed = Case::count(&cases, Status::Failed) > 0;
        let is_known = Case::count(&cases, Status::Skipped) == 0;
        let mut status = match (has_failed, is_known) {
            (true, _) => Exit::No,
            // Neither that it is so nor that it is not: it must not be taken for the one or the other.
            (false, false) => Exit::Other(CANNOT),
            (false, true) => Exit::Done,
        };
        if !self.args.command.is_empty() {
            let agent = agent::Agent {
                command: &self.args.command,
                topology: self.name,
                namespace,
                truth: &truth,
                apart: self.args.format != FormatWord::Pretty,
            };
            // A test tells everything that it can find out: the program under test runs also where the layout is not as expected.
            let (case, code) = agent.run(&self.interruption, self.end)?;
            cases.push(case);
            let code = Exit::Other(code);
            let is_worse =
                status == Exit::Done || (status == Exit::Other(CANNOT) && code != Exit::Other(0));
            if is_worse || code == TIMED_OUT {
                status = code;
            }
        }
        if let Some(case) = self.fallen() {
            cases.push(case);
            if status.code() == 0 || status == Exit::Other(CANNOT) {
                status = Exit::No;
            }
        }
        Ok(match self.interruption.arrived() {
            Some(signal) => Done::Stopped(interrupted(signal)),
            None => Done::Judged(cases, status),
        })
    }

    /// Unintended end of the tree, if there was one.
    fn fallen(&self) -> Option<Case> {
        let found = nestns_client::discovery::of(self.name)
            .pop()
            .and_then(|found| found.client);
        match found.map(|mut client| client.ask(Question::Snapshot)) {
            Some(Ok(Reply::Snapshot(snapshot))) => fixture::fallen(self.topology, &snapshot),
            _ => Some(fixture::gone()),
        }
    }

    /// Compares until everything is so, or has had its time.
    fn judge_all(&self, connection: &mut Connection) -> Result<Judged, CommandError> {
        let began = Instant::now();
        let mut settled: Vec<Option<Vec<Case>>> = vec![None; self.expectations.len()];
        loop {
            let pending: Vec<&Expectation> = self
                .expectations
                .iter()
                .zip(&settled)
                .filter(|(_, settled)| settled.is_none())
                .map(|(pending, _)| pending)
                .collect();
            if pending.is_empty() {
                break;
            }
            let facts = measure::facts(connection, &measure::wanted(&pending))?;
            // What was measured is as old as this: it may have become true since, but not have been so before.
            let passed = began.elapsed();
            for (expectation, settled) in self
                .expectations
                .iter()
                .zip(&mut settled)
                .filter(|(_, settled)| settled.is_none())
            {
                let cases = judge(expectation, &facts, self.files);
                if Case::count(&cases, Status::Passed) == cases.len()
                    || passed >= expectation.within
                {
                    *settled = Some(cases);
                }
            }
            if settled.iter().all(Option::is_some) {
                break;
            }
            if self.end.is_some_and(|end| Instant::now() >= end) {
                let message = "the timeout has expired, and not everything is as expected";
                return Err(CommandError::new(ErrorKind::Timeout, message));
            }
            self.interruption
                .wait(PULSE)
                .context("cannot wait for signals (poll)")?;
            if let Some(signal) = self.interruption.arrived() {
                return Ok(Judged::Interrupted(signal));
            }
        }
        let mut cases: Vec<Case> = settled.into_iter().flatten().flatten().collect();
        if self.args.require {
            cases
                .iter_mut()
                .filter(|case| case.status == Status::Skipped)
                .for_each(|case| case.status = Status::Failed);
        }
        Ok(Judged::All(cases))
    }
}

fn interrupted(signal: i32) -> Exit {
    Exit::Other(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}
