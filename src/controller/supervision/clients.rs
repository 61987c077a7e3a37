//! What is asked on the control socket, done between two waits.

use std::collections::HashMap;

use super::Supervision;
use crate::controller::control::message::{Problem, Reply, Request, Target};
use crate::controller::control::server::{Asked, Heard};
use crate::controller::journal::event::{Caller, Event};
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::world::Asker;
use crate::engine::gate;
use crate::engine::moment::Moment;
use crate::engine::plan::Subject;
use crate::observe::process;
use crate::observe::signals::{self, Fate, Role};
use crate::sys::errno::spelled;
use crate::sys::pidfd::Pidfd;
use crate::topology::Signal;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// How many requests are served before the tree is looked after again.
const TURN: usize = 64;
impl Supervision<'_> {
    /// Serves what waits.
    pub(super) fn serve_clients(&mut self) {
        for _ in 0..TURN {
            match self.world.clients.pending.pop_front() {
                Some(Heard::Asked(asked)) => {
                    let client = asked.client;
                    self.serve(asked);
                    self.world.clients.server.take_up(client, &self.world.events);
                }
                Some(Heard::HungUp(client)) => {
                    self.end_sessions_of(client);
                    self.awaiting.forget(client);
                    self.forget_attachments_of(client);
                }
                None => return,
            }
        }
    }

    fn serve(&mut self, heard: Asked) {
        let asker = Asker { client: heard.client, id: heard.id, by: heard.by };
        match heard.request {
            Request::Snapshot => {
                self.world.tree.life = self.life;
                let snapshot = self.world.snapshot();
                self.world.reply(asker, Reply::Snapshot(Box::new(snapshot)));
            }
            Request::Release => {
                let answer = if self.release() {
                    Reply::Done
                } else {
                    Reply::Problem(Problem::no("it has been released already").help(
                        "only a topology that was started with `nestns up --hold` waits to be released, and once",
                    ))
                };
                self.world.reply(asker, answer);
            }
            Request::Signal { targets, signal } => {
                let answer = self.signal_targets(&targets, signal, asker.by);
                self.world.reply(asker, answer);
            }
            Request::Execute(execution) => self.begin_session(asker, *execution, heard.descriptors),
            Request::Forward { session, signal } => {
                let answer = self.forward_to_session(asker, session, signal);
                self.world.reply(asker, answer);
            }
            Request::Leave { session } => {
                let answer = self.leave_session(heard.client, session, heard.descriptors);
                self.world.reply(asker, answer);
            }
            Request::Await { paths, until } => self.begin_waiting(asker, &paths, until),
            // The world answers these itself.
            Request::Status | Request::RefreshTruth | Request::Describe { .. } => {}
            Request::Stop { paths, force } => self.stop_part(asker, &paths, force),
            Request::Restart { paths } => self.restart(asker, &paths),
            Request::Attach { path } => self.attach(asker, &path),
            Request::Pause { path } => self.pause(asker, &path),
            Request::Resume { path } => {
                let answer = self.resume(&path, asker.by).unwrap_or_else(Reply::Problem);
                self.world.reply(asker, answer);
            }
        }
    }

    /// Sends a signal to processes, of which each is looked at first: whether it is still the one that was meant, and
    /// whether the kernel would drop the signal (R5), which a `kill` that succeeds does not tell. What one of them comes to
    /// is no reason to leave out another.
    fn signal_targets(&mut self, targets: &[Target], signal: i32, by: Caller) -> Reply {
        let (mut reached, mut ended, mut paused) = (Vec::new(), Vec::new(), Vec::new());
        let (mut dropped, mut refused) = (Vec::new(), Vec::new());
        let living = self.living();
        for target in targets {
            let path = || target.path.clone();
            let is_living = living.get(&target.pid).is_some_and(|&(start, _)| start == target.start_time);
            let pidfd = match open_if_same(target) {
                Ok(pidfd) if is_living => pidfd,
                Ok(_) | Err(Errno::ESRCH) => {
                    ended.push(path());
                    continue;
                }
                Err(errno) => {
                    refused.push((path(), spelled(errno)));
                    continue;
                }
            };
            if is_dropped(target, signal) {
                dropped.push(path());
                continue;
            }
            let subject = living.get(&target.pid).and_then(|&(_, subject)| subject);
            if signal == gate::RELEASE as i32 && subject.is_some_and(|subject| self.is_at_gate(subject)) {
                refused.push((path(), "it has not started yet, and only a request to end would reach it".to_owned()));
                continue;
            }
            match pidfd.signal(signal) {
                Ok(()) => {
                    self.note_signalled(target, subject, signal, by);
                    reached.push(path());
                    // What is frozen dies at once, and does nothing else.
                    if signal != libc::SIGKILL && signal != 0 && self.is_in_paused(&target.path) {
                        paused.push(path());
                    }
                }
                Err(Errno::ESRCH) => ended.push(path()),
                Err(errno) => refused.push((path(), spelled(errno))),
            }
        }
        Reply::Signalled { reached, ended, dropped, refused, paused }
    }

    /// Whether a process waits for its release: the signal that it takes for that is the controller's alone to send.
    fn is_at_gate(&self, subject: Subject) -> bool {
        self.world.tree.roster.get(subject).is_some_and(|record| record.state == State::Created)
    }

    fn note_signalled(&mut self, target: &Target, subject: Option<Subject>, signal: i32, by: Caller) {
        let word = Signal::from_number(signal).to_string();
        self.world.record(&Event::Signal { path: &target.path, signal: &word, by: Some(by) });
        if let Some(record) = subject.and_then(|subject| self.world.tree.roster.get_mut(subject))
            && signal != 0
        {
            record.sent = Some(signal);
        }
        if signal == libc::SIGKILL
            && let Some(subject) = subject
            && self.plan.namespace(subject.namespace).process(subject.slot).is_none()
            && let Some(record) = self.world.tree.roster.get_mut(subject)
        {
            // Whoever kills a PID 1 of ours means it: it was not lost.
            record.farewells.killed.get_or_insert_with(Moment::now);
        }
    }

    /// Everybody of the tree who lives, by number on the host, with the time of his birth.
    fn living(&self) -> HashMap<i32, (u64, Option<Subject>)> {
        let roster = &self.world.tree.roster;
        let members = roster
            .subjects()
            .filter_map(|subject| Some((subject, roster.get(subject)?)))
            .filter(|(_, record)| record.ending.is_none() && !record.state.is_over())
            .filter_map(|(subject, record)| Some((Some(subject), record.facts.as_ref()?)));
        let everybody = members.chain(self.world.tree.guests.facts().map(|facts| (None, facts)));
        everybody.filter_map(|(subject, facts)| Some((*facts.numbers.first()?, (facts.start_time, subject)))).collect()
    }

    /// Whether anything may still be started in the tree.
    pub(super) fn is_running(&self) -> Result<(), Problem> {
        match self.life {
            Life::Running if self.world.tree.stop.is_none() => Ok(()),
            Life::Creating | Life::Created => Err(Problem::no("the topology has not been released yet")
                .help("open its gates with `nestns release`; until then nothing of it runs")),
            _ => Err(Problem::no("the topology is being stopped; nothing can start in it any more")),
        }
    }
}

/// A descriptor of the process that was meant: first the descriptor, then the time of its birth, because what the number means
/// cannot change in between any more. `ESRCH` where it has ended.
fn open_if_same(target: &Target) -> nix::Result<Pidfd> {
    let pid = Pid::from_raw(target.pid);
    let pidfd = Pidfd::open(pid)?;
    if process::start_time(pid).is_ok_and(|start| start == target.start_time) { Ok(pidfd) } else { Err(Errno::ESRCH) }
}

/// Whether the kernel would certainly drop a signal for a PID 1. For any other process to ignore one is its own decision,
/// and what nobody can tell is tried.
fn is_dropped(target: &Target, signal: i32) -> bool {
    let pid = Pid::from_raw(target.pid);
    let is_pid_one = process::Process::read(pid).is_ok_and(|process| process.numbers.last() == Some(&1));
    is_pid_one && signals::fate(pid, Role::First, signal).is_ok_and(|fate| fate == Fate::Dropped)
}
