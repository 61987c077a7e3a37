//! Life of a tree from open gates to the end: `after`, the verdict, restarts, requests, the stop.
//!
//! Policy alone. Each component owns its state and has a file of its own; what it may touch is the
//! [`Edge`], and other components only where they are handed to it. The [`Supervisor`] has them
//! take turns: it weighs what has happened, serves clients, and lets each go on. What happens
//! between two turns is the reactor's.

mod attachments;
mod awaiting;
mod beside;
mod conditions;
mod dependencies;
mod edge;
mod exec_processes;
#[cfg(test)]
mod fake;
mod judging;
mod opening;
mod pausing;
mod reaching;
mod readying;
mod restarts;
mod rules;
mod run_command;
mod signalling;
mod stop;
mod stop_commands;
mod stop_holds;
mod trying;

use std::time::Duration;

use nix::unistd::Pid;

use super::asker::Asker;
use super::control::server::{Asked, Heard};
use super::event_sink::{Cause, Note};
use super::life::{Event, Life, Reaction};
use super::readiness::Readiness;
use super::roster::State;
use super::tree::{Arrival, Incident, Orphan, Tree};
use super::verdict;
use super::{Command, Fixture};
use crate::engine::plan::{NamespaceIndex, ProcessKey, Slot, TreePart};
use crate::engine::report::Ending;
use attachments::Attachments;
use awaiting::Awaiting;
use dependencies::Dependencies;
use exec_processes::ExecProcesses;
use judging::Judge;
use nestns_client::documents::Timeline;
use nestns_client::journal::event::{Caller, Event as Noted, Stage as Halt, WHOLE};
use nestns_client::protocol::message::{Force, Reply, Request, RequestError};
use nestns_sys::moment::Moment;
use nestns_topology::{OnExit, Signal, Terminal};
use pausing::Pausing;
use readying::{Probes, Readying};
use restarts::{Aim, Demand, Peers, Restarts};
use run_command::{Leaving, RunCommand};
use stop::Stop;
use stop_commands::StopCommands;
use stop_holds::StopHolds;

pub(super) use edge::{
    Edge, HelperTask, Kernel, LastLines, Said, Source, TerminalChange, Terminals, Truth,
};
pub(super) use opening::Opening;
pub(super) use pausing::Freeze;

#[cfg(test)]
pub(super) use fake::plan as plan_of;

/// Number of requests that are served before the tree is looked after again.
const TURN: usize = 64;

/// Rules by which the topology is judged.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) on_exit: OnExit,
    /// The path of the process whose status is that of the whole.
    pub(super) status_from: Option<String>,
    /// Purpose of the tree, if it is a fixture.
    pub(super) fixture: Option<Fixture>,
    /// True if it is not over before that is asked for.
    pub(super) stays: bool,
}

/// All components of a tree that stands.
pub(super) struct Supervisor<'a, E> {
    pub(super) edge: E,
    opening: Opening,
    stays: bool,
    judge: Judge,
    dependencies: Dependencies,
    holds: StopHolds,
    stop_commands: StopCommands,
    probes: Probes,
    restarts: Restarts,
    pausing: Pausing<'a>,
    exec: ExecProcesses,
    attachments: Attachments,
    awaiting: Awaiting,
    command: RunCommand,
    stop: Option<Stop>,
}

impl<'a, E: Edge> Supervisor<'a, E> {
    /// The supervisor of a tree that stands behind its gates.
    pub(super) fn new(
        mut edge: E,
        freezer: Box<dyn Freeze + 'a>,
        rules: Rules,
        command: Option<Command>,
        opening: Opening,
    ) -> Self {
        let plan = edge.tree().plan;
        edge.tree_mut().readiness = Readiness::of(&plan);
        let (stays, status_from) = (rules.stays, rules.status_from.clone());
        Self {
            opening,
            stays,
            judge: Judge::new(rules, command.is_some()),
            dependencies: Dependencies::of(edge.tree()),
            holds: StopHolds::of(edge.tree()),
            stop_commands: StopCommands::default(),
            probes: Probes::default(),
            restarts: Restarts::default(),
            pausing: Pausing::new(freezer),
            exec: ExecProcesses::default(),
            attachments: Attachments::default(),
            awaiting: Awaiting::default(),
            command: RunCommand::new(command, status_from),
            stop: None,
            edge,
        }
    }

    /// Opens the gates, unless that was done; says whether it has.
    pub(super) fn open_gates(&mut self) -> bool {
        let is_opened = self.opening.open(&mut self.edge);
        if is_opened {
            readying::open(&mut self.edge, &self.dependencies, |_| true);
            conditions::release(&mut self.dependencies, &mut self.edge, &self.restarts);
            self.start_command();
        }
        is_opened
    }

    /// Lets each component go on, after something has happened or the time of something has come.
    pub(super) fn take_turn(&mut self) {
        self.weigh();
        self.start_command();
        self.serve_clients();
        self.awaiting
            .answer(&mut self.edge, &self.dependencies, &self.restarts);
        self.pass_signals_on();
        self.stop_if_told();
        self.advance_stop();
        self.advance_restarts();
        self.exec.kill_overdue(&mut self.edge);
        self.pausing.look_after(&mut self.edge);
        self.probes.inquire(&mut self.edge);
    }

    /// Tells those that wait for the tree, as soon as there is what they wait for.
    pub(super) fn announce(&mut self) {
        let tree = self.edge.tree_mut();
        // A stop under way decides otherwise: the caller is told by the end of the controller.
        if tree.stop.is_some() || matches!(tree.life, Life::Stopping | Life::Killing | Life::Gone) {
            return;
        }
        if tree.life == Life::Running
            && tree.arrival == Arrival::Awaited
            && self.judge.all_settled(tree, &self.restarts)
        {
            if !self.judge.arrives(&mut self.edge, &self.restarts) {
                return;
            }
            self.opening.arrive(&mut self.edge);
        }
        self.opening.announce(&mut self.edge, &self.restarts);
    }

    /// Decides about what has happened.
    pub(super) fn weigh(&mut self) {
        while let Some(incident) = self.edge.tree_mut().incidents.pop_front() {
            self.on_incident(incident);
        }
        if self
            .judge
            .judge_unexplained(&mut self.edge, &mut self.restarts)
        {
            self.dependencies.change_all();
            conditions::release(&mut self.dependencies, &mut self.edge, &self.restarts);
        }
    }

    fn on_incident(&mut self, incident: Incident) {
        let edge: &mut dyn Edge = &mut self.edge;
        match incident {
            Incident::Started(subject) => self.on_started(subject),
            Incident::Hint(subject) => {
                let news = self.probes.on_hint(edge, subject);
                self.on_readying(news);
            }
            Incident::ServiceRefused(service, refusal) => {
                if let Some(subject) = service.probed() {
                    self.probes.on_refused(edge, subject, &refusal);
                } else if let Some(subject) = service.stopped() {
                    self.stop_commands.on_refused(subject, refusal);
                }
            }
            // Its end follows, with the status that a shell would give.
            Incident::Refused(subject) => {
                edge.record_refusal(subject);
                self.end_terminal_of(subject);
            }
            Incident::Stopping(namespace) => {
                self.holds
                    .on_stopping(edge, &mut self.stop, &mut self.restarts, namespace);
            }
            Incident::Preparing(subject) => {
                if self.stop_commands.begin(edge, subject) == stop_commands::Command::Over {
                    self.lift_command(subject);
                }
            }
            Incident::Signalled(subject, signal) => {
                self.stop_commands.cut(edge, subject);
                reaching::extend(edge, subject, signal);
            }
            Incident::Ended(subject, ending, at) => self.on_ended(subject, ending, at),
            Incident::Answered(namespace, answer, pidfd) => {
                self.restarts.on_answered(namespace, answer, pidfd);
            }
            Incident::Closed(namespace) => self.restarts.on_hung_up(namespace),
            Incident::Orphan { namespace, orphan } => {
                // Nothing is decided about a process without a name.
                let path = edge.tree().roster.path(ProcessKey::init(namespace));
                let (pid, count, exit) = match orphan {
                    Orphan::One { number, ending } => (Some(number), None, Some(ending.into())),
                    Orphan::More(count) => (None, Some(count), None),
                };
                edge.record(&Noted::Reparent {
                    path: &path,
                    pid,
                    count,
                    exit,
                });
            }
            Incident::SessionRefused(subject, refusal) => {
                self.exec
                    .on_refused(edge, &mut self.attachments, subject, &refusal);
            }
            Incident::SessionFailed(failure) => {
                self.exec.on_failed(edge, &mut self.attachments, &failure);
            }
        }
    }

    fn on_started(&mut self, subject: ProcessKey) {
        let edge: &mut dyn Edge = &mut self.edge;
        if subject.exec_number().is_some() {
            self.exec.on_started(edge, &mut self.attachments, subject);
            return;
        }
        if subject.served().is_some() {
            return;
        }
        if let Some(record) = edge.tree_mut().roster.get_mut(subject)
            && record.state == State::Created
        {
            record.state = State::Running;
        }
        edge.record_start(subject);
        let tree = edge.tree_mut();
        tree.started.insert(subject);
        tree.changes.push(TreePart::Process(subject));
        if subject.is_init() {
            tree.changes.push(TreePart::Namespace(subject.namespace));
        }
        self.dependencies.change_around(tree, subject.namespace);
        if owns_terminal(edge, subject) {
            edge.terminals().change(TerminalChange::Begin(subject));
        }
        self.probes.begin(edge, subject);
        conditions::release(&mut self.dependencies, edge, &self.restarts);
    }

    fn on_ended(&mut self, subject: ProcessKey, ending: Ending, at: Moment) {
        let ending = main_ending(self.edge.tree(), subject).unwrap_or(ending);
        self.end_terminal_of(subject);
        let edge: &mut dyn Edge = &mut self.edge;
        if subject.exec_number().is_some() {
            self.exec
                .on_ended(edge, &mut self.attachments, subject, ending);
            return;
        }
        if let Some(probed) = subject.probed() {
            let news = self.probes.on_answer(edge, probed, ending);
            self.on_readying(news);
            return;
        }
        if let Some(stopped) = subject.stopped() {
            self.stop_commands.on_ended(edge, stopped, ending);
            self.lift_command(stopped);
            return;
        }
        self.attachments.end(edge, subject, ending);
        if subject.is_run_command() {
            let tree = edge.tree_mut();
            if let Some(run_command) = &mut tree.run_command {
                run_command.ending = Some(ending);
            }
            self.judge.adopt(ending);
            edge.record_exit(subject, ending, None);
            let path = edge.tree().path(subject);
            edge.tree_mut().request_stop(Cause::Ended { path });
            return;
        }
        let Some(record) = edge.tree_mut().roster.get_mut(subject) else {
            return;
        };
        record.ending.get_or_insert((ending, at));
        let was_over = std::mem::replace(&mut record.state, State::Exited).is_over();
        if subject.is_init() {
            self.restarts
                .forget_inside(&edge.tree().plan, subject.namespace);
            self.judge.collapse(edge, &self.restarts, subject, at);
        }
        if was_over && !subject.is_init() {
            // Its PID 1 was first, and has taken it along.
            edge.tree_mut().mark(subject, State::Gone);
        } else {
            self.judge
                .judge_or_wait(edge, &mut self.restarts, subject, (ending, at));
        }
        self.probes.end(edge, subject);
        self.stop_commands.cut(edge, subject);
        self.dependencies.lose(edge.tree(), subject);
        self.holds
            .on_ended(edge, &mut self.stop, &mut self.restarts, subject);
        conditions::release(&mut self.dependencies, edge, &self.restarts);
    }

    /// Lets a process be asked, because the command before that has ended.
    fn lift_command(&mut self, subject: ProcessKey) {
        let plan = self.edge.tree().plan;
        let Some(hold) = plan.holds().command_of(subject) else {
            return;
        };
        if let Some(stop) = &mut self.stop {
            stop.lift(hold);
        }
        self.restarts.lift(hold);
        if let Some(asker) = plan.asker_of(subject).map(ProcessKey::init)
            && self.edge.tree().lives(asker)
        {
            self.edge.lift(asker, hold);
        }
    }

    /// Takes in that a child of the controller without a role has ended; says whether it was a
    /// helper of ours.
    pub(super) fn on_helper_ended(&mut self, pid: Pid, ending: Ending) -> bool {
        let news = self.probes.on_helper_ended(&mut self.edge, pid, ending);
        news.map(|news| self.on_readying(news)).is_some()
    }

    fn on_readying(&mut self, news: Readying) {
        match news {
            Readying::Nothing => return,
            Readying::Ready => {}
            Readying::Lost(subject) => {
                self.judge.lose(&mut self.edge, subject);
                self.dependencies.lose(self.edge.tree(), subject);
            }
        }
        conditions::release(&mut self.dependencies, &mut self.edge, &self.restarts);
    }

    fn end_terminal_of(&mut self, subject: ProcessKey) {
        if owns_terminal(&mut self.edge, subject) {
            self.edge.terminals().change(TerminalChange::End);
        }
    }

    /// Starts the command of `run FILE`, when everything is ready.
    fn start_command(&mut self) {
        let tree = self.edge.tree_mut();
        if !self.command.is_to_start() || tree.life != Life::Running || tree.stop.is_some() {
            return;
        }
        if !self.judge.all_settled(tree, &self.restarts)
            || !self.judge.arrives(&mut self.edge, &self.restarts)
        {
            return;
        }
        if self.command.start(&mut self.edge).is_err() {
            self.judge.adopt(Ending::Exited(125));
            self.edge.tree_mut().request_stop(Cause::Ended {
                path: "the command".to_owned(),
            });
        }
    }

    /// Passes on to the command what has come since the last turn.
    fn pass_signals_on(&mut self) {
        if !self.edge.tree().passing.is_asked_for() {
            return;
        }
        let command = self.command.running(&self.edge);
        let passing = &mut self.edge.tree_mut().passing;
        passing.is_running = command.is_some();
        let Some((subject, pid)) = command else {
            return;
        };
        for passed in std::mem::take(&mut passing.waiting) {
            self.command.pass_on(&mut self.edge, subject, pid, passed);
        }
    }

    fn serve_clients(&mut self) {
        for _ in 0..TURN {
            match self.edge.tree_mut().pending.pop_front() {
                Some(Heard::Asked(asked)) => {
                    let client = asked.client;
                    self.serve(asked);
                    self.edge.take_up(client);
                }
                Some(Heard::Closed(client)) => {
                    self.exec.end_of(&mut self.edge, client);
                    self.awaiting.forget(client);
                    self.attachments.forget(client);
                }
                None => return,
            }
        }
    }

    fn serve(&mut self, heard: Asked) {
        let asker = Asker {
            client: heard.client,
            id: heard.id,
            by: heard.by,
        };
        let answer = match heard.request {
            Request::Snapshot => Reply::Snapshot(Box::new(self.edge.snapshot())),
            Request::Release if self.edge.tree().stop.is_none() && self.open_gates() => Reply::Done,
            Request::Release => Reply::RequestError(RequestError::Released),
            Request::Signal { targets, signal } => {
                signalling::signal_targets(&mut self.edge, &targets, signal, asker.by)
            }
            Request::Execute(execution) => {
                self.exec
                    .begin(&mut self.edge, asker, *execution, heard.descriptors);
                return;
            }
            Request::Forward { session, signal } => {
                self.exec.forward(&mut self.edge, asker, session, signal)
            }
            Request::Leave { session } => {
                self.exec
                    .leave(&mut self.edge, heard.client, session, heard.descriptors)
            }
            Request::Await { paths, until } => {
                return self.awaiting.begin(&mut self.edge, asker, &paths, until);
            }
            // The reactor answers these itself.
            Request::Status
            | Request::RefreshTruth
            | Request::Describe { .. }
            | Request::Dependencies => return,
            Request::Stop { paths, force } => {
                let demand = Demand {
                    paths: &paths,
                    aim: Aim::Down,
                    force,
                };
                return self
                    .restarts
                    .ask(&mut self.edge, &mut self.pausing, asker, demand);
            }
            Request::Restart { paths } => {
                let demand = Demand {
                    paths: &paths,
                    aim: Aim::Again,
                    force: Force::Ask,
                };
                return self
                    .restarts
                    .ask(&mut self.edge, &mut self.pausing, asker, demand);
            }
            Request::Attach { path } => {
                return self.attachments.attach(&mut self.edge, asker, &path);
            }
            Request::Pause { path } => return self.pausing.pause(&mut self.edge, asker, &path),
            Request::Resume { path } => self
                .pausing
                .resume(&mut self.edge, &path, asker.by)
                .unwrap_or_else(Reply::RequestError),
        };
        let edge: &mut dyn Edge = &mut self.edge;
        edge.reply(asker, answer);
    }

    fn stop_if_told(&mut self) {
        if let Some(failure) = self.edge.tree_mut().failure.take() {
            let path = self.edge.tree().path(failure.subject);
            self.edge.note(&Note::LateFailure {
                path: &path,
                failure: &failure,
            });
            self.judge.adopt(Ending::Exited(125));
            self.edge.tree_mut().request_stop(Cause::Ended { path });
        }
        self.stop_at_first_request();
        // Both requests may have come since the last turn: the second is one only after the first.
        let tree = self.edge.tree_mut();
        if std::mem::take(&mut tree.stop_again) {
            let (life, reaction) = tree.life.on(Event::StopAgain);
            tree.life = life;
            if reaction == Reaction::Kill {
                self.edge.note(&Note::Killing);
                let (path, stage) = (WHOLE, Halt::Kill);
                self.edge.record(&Noted::Stopping {
                    path,
                    stage,
                    cause: None,
                    by: None,
                    by_pid: None,
                });
                self.kill_everything();
            }
        }
    }

    fn stop_at_first_request(&mut self) {
        let tree = self.edge.tree_mut();
        let Some(cause) = tree.stop.clone() else {
            return;
        };
        let (life, reaction) = tree.life.on(Event::Stop);
        if !matches!(reaction, Reaction::RollBack | Reaction::Ask) {
            return;
        }
        tree.life = life;
        if reaction == Reaction::RollBack {
            // Nothing of the user's has run, and there is no process to ask.
            self.record_stop(&cause);
            self.edge.note(&Note::Stopping { cause: &cause });
            self.kill_everything();
            return;
        }
        let edge: &mut dyn Edge = &mut self.edge;
        self.restarts.cancel(edge);
        self.opening.manager.say_stopping();
        self.probes.call_all_off(edge);
        edge.note(&Note::Stopping { cause: &cause });
        self.record_stop(&cause);
        self.pausing.thaw_all(&mut self.edge);
        self.exec.close_all(&mut self.edge);
        // The command is a command from outside the tree: it leaves first.
        if !self.command.ask(&mut self.edge) {
            self.begin_to_stop();
        }
    }

    /// Writes that a stop begins, and which client was the first to ask.
    fn record_stop(&mut self, cause: &Cause) {
        let by = self.first_asker(cause);
        self.edge.record(&Noted::Stopping {
            path: WHOLE,
            stage: Halt::Ask,
            cause: Some(&in_words(cause)),
            by,
            by_pid: None,
        });
    }

    /// The client that was the first to ask for the stop.
    fn first_asker(&self, cause: &Cause) -> Option<Caller> {
        let first = self.edge.tree().stop_waiters.first();
        first
            .filter(|_| *cause == Cause::Asked)
            .map(|asker| asker.by)
    }

    fn begin_to_stop(&mut self) {
        let subjects: Vec<ProcessKey> = self.edge.tree().roster.subjects().collect();
        stop::note_receptions(&mut self.edge, &subjects);
        let plan = self.edge.tree().plan;
        let own = self
            .edge
            .children()
            .into_iter()
            .filter(|subject| !subject.is_from_outside());
        let asked: Vec<ProcessKey> = own
            .filter(|subject| {
                subject.is_init() || !plan.namespace(subject.namespace).forks_its_members()
            })
            .collect();
        self.stop = Some(Stop::begin(&self.edge, &asked, self.edge.tree().stop_end));
        self.holds
            .on_begun(&mut self.edge, &mut self.stop, &mut self.restarts);
    }

    fn advance_stop(&mut self) {
        if self.command.advance(&mut self.edge) == Leaving::Over {
            self.begin_to_stop();
        }
        let edge: &mut dyn Edge = &mut self.edge;
        let Some(stop) = &mut self.stop else { return };
        stop.advance(edge);
        let now = edge.now();
        if !stop.takes_countdown(now) {
            return;
        }
        let subjects: Vec<ProcessKey> = edge.tree().roster.subjects().collect();
        let waiting = stop::waiting_among(edge.tree(), &subjects, now);
        edge.waiting(&waiting);
        let list = stop::countdown(&waiting);
        for asker in edge.tree().stop_waiters.clone() {
            edge.reply(asker, Reply::Waiting(list.clone()));
        }
    }

    fn kill_everything(&mut self) {
        self.pausing.thaw_all(&mut self.edge);
        if self.stop.is_none() {
            self.begin_to_stop();
        }
        self.command.kill(&mut self.edge);
        if let Some(stop) = &mut self.stop {
            // What is inside goes with the roots.
            stop.kill(&mut self.edge, ProcessKey::is_init);
        }
    }

    fn advance_restarts(&mut self) {
        let edge: &mut dyn Edge = &mut self.edge;
        self.restarts.begin_due(edge, &mut self.pausing);
        loop {
            let (exec, probes, dependencies) =
                (&self.exec, &mut self.probes, &mut self.dependencies);
            let finished = self.restarts.advance(
                edge,
                &mut Peers {
                    exec,
                    probes,
                    dependencies,
                },
            );
            for target in self.restarts.take_begun() {
                let namespace = target.0.namespace;
                self.holds
                    .on_stopping(edge, &mut self.stop, &mut self.restarts, namespace);
            }
            // What has waited for another one begins when that is over.
            if finished.is_empty() {
                break;
            }
            for &index in finished.iter().flat_map(|finished| &finished.ended) {
                restart_ended(edge, &mut self.restarts, index);
            }
            for failed in finished.iter().flat_map(|finished| &finished.failed) {
                self.judge
                    .judge_failed_restart(edge, &mut self.restarts, failed);
                self.dependencies.lose(edge.tree(), failed.part.0);
            }
            // A client that is answered finds what waits for its conditions let go.
            self.dependencies.change_all();
            conditions::release(&mut self.dependencies, edge, &self.restarts);
            self.restarts.answer(edge, &mut self.pausing, finished);
        }
        self.restarts.end_turn(edge);
    }

    /// Notes everything that is paused in a state directory that has been made again.
    pub(super) fn note_paused_again(&self) {
        self.pausing.note_again();
    }

    /// Takes in that a child of the controller with a role was reaped.
    pub(super) fn on_reaped(&mut self, subject: ProcessKey) {
        if let Some(stop) = &mut self.stop {
            stop.left(subject);
        }
    }

    /// True if there is nothing more to wait for.
    pub(super) fn is_over(&mut self) -> bool {
        let tree = self.edge.tree();
        let is_quiet =
            tree.incidents.is_empty() && self.judge.is_clear() && self.restarts.are_over();
        if self.edge.alive() == 0 && is_quiet {
            let is_asked = tree.stop.is_some() || tree.failure.is_some();
            return is_asked || !self.stays;
        }
        let now = self.edge.now();
        let is_stuck = self.stop.as_mut().is_some_and(|stop| stop.is_stuck(now));
        if is_stuck {
            let tree = self.edge.tree();
            let paths: Vec<String> = self
                .edge
                .children()
                .into_iter()
                .map(|subject| tree.path(subject))
                .collect();
            self.edge.note(&Note::Stuck { paths: &paths });
        }
        is_stuck
    }

    /// Time in which nothing is to be done, unless something happens; `None` is for ever.
    pub(super) fn idle_time(&self) -> Option<Duration> {
        let tree = self.edge.tree();
        // What waited for a creation has taken in more than that, and what is over may decide about
        // the whole.
        let is_told_to_stop =
            tree.life == Life::Running && (tree.stop.is_some() || tree.failure.is_some());
        if !tree.incidents.is_empty() || is_told_to_stop || !tree.pending.is_empty() {
            return Some(Duration::ZERO);
        }
        let moments = [
            self.stop.as_ref().and_then(Stop::next),
            self.command.next(),
            self.exec.next(),
            self.restarts.next(),
            self.pausing.next(),
            self.probes
                .next()
                .filter(|_| tree.life == Life::Running && tree.stop.is_none()),
            self.judge.next(),
        ];
        moments
            .into_iter()
            .flatten()
            .min()
            .map(|next| next.since(self.edge.now()))
    }

    /// Ends all that asks about readiness; says whether helpers are still to be reaped.
    pub(super) fn end_probes(&mut self) -> bool {
        self.probes.call_all_off(&mut self.edge);
        self.probes.has_helpers()
    }

    /// Decides about what was said last, and tells people and clients of the end.
    pub(super) fn conclude(&mut self, end: Moment) -> Conclusion {
        self.weigh();
        self.edge.terminals().change(TerminalChange::End);
        self.judge.tell_what_failed(&mut self.edge);
        if let Some(report_channel) = self.opening.report_channel.take() {
            report_channel.give_up(&self.judge.take_reasons(self.edge.tree()));
        }
        let tree = self.edge.tree();
        let status = self.judge.status(tree);
        let timeline = self.stop.as_ref().map(|stop| {
            crate::controller::timeline::timeline(&tree.roster, &tree.name, stop.began(), end)
        });
        let (reason, by) = match &tree.stop {
            Some(cause) => (in_words(cause), self.first_asker(cause)),
            None => ("all of its processes have ended".to_owned(), None),
        };
        Conclusion {
            status,
            release: self.opening.release,
            timeline,
            reason,
            by,
        }
    }

    /// Answers those that still wait for processes.
    pub(super) fn answer_waiting(&mut self) {
        self.awaiting
            .answer(&mut self.edge, &self.dependencies, &self.restarts);
    }
}

/// Outcome of a tree.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    pub(super) status: u8,
    /// Time until the gates were open.
    pub(super) release: Option<Duration>,
    /// Timeline of the stop; `None` when the tree ended by itself.
    pub(super) timeline: Option<Timeline>,
    /// Reason of the end, and the client that has asked for it.
    pub(super) reason: String,
    pub(super) by: Option<Caller>,
}

/// A cause as documents have it.
fn in_words(cause: &Cause) -> String {
    match cause {
        Cause::Signal(signal) => format!("got {}", Signal::from_number(*signal)),
        Cause::Timeout => "the timeout has expired".to_owned(),
        Cause::Asked => "asked by a client".to_owned(),
        Cause::Untied => "the process it was tied to has ended".to_owned(),
        Cause::OutputClosed => "the output is no longer read".to_owned(),
        Cause::Ended { path } => format!("{path} has ended"),
        Cause::Unready { path } => format!("{path} did not become ready"),
    }
}

/// The end of the main process of a namespace that ends with it: the namespace has its status.
fn main_ending(tree: &Tree, subject: ProcessKey) -> Option<Ending> {
    if !subject.is_init() {
        return None;
    }
    let main = tree.plan.namespace(subject.namespace).main?;
    let record = tree.roster.get(ProcessKey {
        slot: Slot::Process(main),
        ..subject
    })?;
    let is_own = record.stop_record.asked.is_none() && record.stop_record.killed.is_none();
    record.ending.filter(|_| is_own).map(|(ending, _)| ending)
}

/// Has a namespace that has ended with its main process come again, if its policy says so.
fn restart_ended(edge: &mut dyn Edge, restarts: &mut Restarts, index: NamespaceIndex) {
    let namespace = edge.tree().plan.namespace(index);
    let init = ProcessKey::init(index);
    let ending = main_ending(edge.tree(), init);
    if let (Some(main), Some(ending)) = (namespace.main_process(), ending) {
        let success = verdict::is_success(main, ending);
        restarts.comes_back(edge, init, success, ending);
    }
}

fn owns_terminal(edge: &mut dyn Edge, subject: ProcessKey) -> bool {
    if subject.is_run_command() {
        return edge.terminals().has_any();
    }
    let namespace = edge.tree().plan.namespace(subject.namespace);
    namespace
        .process(subject.slot)
        .is_some_and(|process| process.terminal == Terminal::Own)
}

#[cfg(test)]
mod tests;
