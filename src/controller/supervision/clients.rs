//! What is asked on the control socket, done between two waits.

use std::collections::HashMap;

use super::Supervision;
use crate::controller::control::message::{Problem, Reply, Request, Target};
use crate::controller::control::server::{Asked, Heard};
use crate::controller::journal::event::{Caller, Event};
use crate::controller::life::Life;
use crate::controller::world::Asker;
use crate::engine::moment::Moment;
use crate::engine::plan::Subject;
use crate::observe::process;
use crate::observe::signals::{self, Reception};
use crate::sys::errno::spelled;
use crate::sys::pidfd::Pidfd;
use crate::topology::Signal;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// How many requests are served before the tree is looked after again.
const TURN: usize = 64;
/// So many are named in a refusal.
const NAMED: usize = 10;

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
                self.world.clients.life = self.life;
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
                let answer = self.signal_targets(&targets, signal, asker.by).unwrap_or_else(Reply::Problem);
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
            Request::Status | Request::Describe { .. } => {}
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
    /// whether the kernel would drop the signal (R5), which a `kill` that succeeds does not tell.
    fn signal_targets(&mut self, targets: &[Target], signal: i32, by: Caller) -> Result<Reply, Problem> {
        let (mut open, mut ended) = (Vec::new(), Vec::new());
        let living = self.living();
        for target in targets {
            let pid = Pid::from_raw(target.pid);
            if living.get(&target.pid).is_none_or(|&(start, _)| start != target.start_time) {
                ended.push(target.path.clone());
                continue;
            }
            // The descriptor first, then the start time: what the number means cannot change in between any more.
            match Pidfd::open(pid) {
                Ok(pidfd) if process::start_time(pid).is_ok_and(|start| start == target.start_time) => {
                    open.push((target, pidfd));
                }
                Ok(_) | Err(Errno::ESRCH) => ended.push(target.path.clone()),
                Err(errno) => return Err(Problem::no(format!("cannot open `{}`: {}", target.path, spelled(errno)))),
            }
        }
        let word = Signal::from_number(signal);
        let dropped: Vec<&str> =
            open.iter().filter(|(target, _)| is_dropped(target, signal)).map(|(target, _)| &*target.path).collect();
        if !dropped.is_empty() {
            let (verb, pronoun) =
                if dropped.len() == 1 { ("is a PID 1 that does", "it") } else { ("are PID 1s that do", "them") };
            let mut list: Vec<String> = dropped.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
            if dropped.len() > NAMED {
                list.push(format!("and {} more", dropped.len() - NAMED));
            }
            let message = format!(
                "{} {verb} not handle {word}, so that the kernel would drop it, whoever sends it; nothing was sent",
                list.join(", ")
            );
            let help =
                format!("end {pronoun} with `-s KILL`, which also ends everything inside, or stop the namespace");
            return Err(Problem::no(message).help(help));
        }
        let (mut reached, mut paused) = (Vec::new(), Vec::new());
        for (target, pidfd) in open {
            match pidfd.signal(signal) {
                Ok(()) => {
                    self.world.record(&Event::Signal { path: &target.path, signal: &word.to_string(), by: Some(by) });
                    reached.push(target.path.clone());
                    let subject = living.get(&target.pid).and_then(|&(_, subject)| subject);
                    if let Some(record) = subject.and_then(|subject| self.world.roster.get_mut(subject))
                        && signal != 0
                    {
                        record.sent = Some(signal);
                    }
                    if signal == libc::SIGKILL
                        && let Some(subject) = subject
                        && self.plan.namespace(subject.namespace).process(subject.slot).is_none()
                        && let Some(record) = self.world.roster.get_mut(subject)
                    {
                        // Whoever kills a PID 1 of ours means it: it was not lost.
                        record.farewells.killed.get_or_insert_with(Moment::now);
                    }
                    // What is frozen dies at once, and does nothing else.
                    if signal != nix::libc::SIGKILL && signal != 0 && self.is_in_paused(&target.path) {
                        paused.push(target.path.clone());
                    }
                }
                Err(Errno::ESRCH) => ended.push(target.path.clone()),
                Err(errno) => {
                    let message = format!("cannot signal `{}`: {}", target.path, spelled(errno));
                    return Err(Problem::no(message));
                }
            }
        }
        Ok(Reply::Signalled { reached, ended, paused })
    }

    /// Everybody of the tree who lives, by number on the host, with the time of his birth.
    fn living(&self) -> HashMap<i32, (u64, Option<Subject>)> {
        let roster = &self.world.roster;
        let members = roster
            .subjects()
            .filter_map(|subject| Some((subject, roster.get(subject)?)))
            .filter(|(_, record)| record.ending.is_none() && !record.state.is_over())
            .filter_map(|(subject, record)| Some((Some(subject), record.facts.as_ref()?)));
        let everybody = members.chain(self.world.guests.facts().map(|facts| (None, facts)));
        everybody.filter_map(|(subject, facts)| Some((*facts.numbers.first()?, (facts.start_time, subject)))).collect()
    }

    /// Whether anything may still be started in the tree.
    pub(super) fn is_running(&self) -> Result<(), Problem> {
        match self.life {
            Life::Running if self.world.stop.is_none() => Ok(()),
            Life::Creating | Life::Created => Err(Problem::no("the topology has not been released yet")
                .help("open its gates with `nestns release`; until then nothing of it runs")),
            _ => Err(Problem::no("the topology is being stopped; nothing can start in it any more")),
        }
    }
}

/// Whether the kernel would drop a signal: that of a PID 1 with the default action, or that ignores it; KILL and STOP from
/// outside arrive.
fn is_dropped(target: &Target, signal: i32) -> bool {
    let exempt = [0, nix::libc::SIGKILL, nix::libc::SIGSTOP, nix::libc::SIGCONT];
    if exempt.contains(&signal) {
        return false;
    }
    let pid = Pid::from_raw(target.pid);
    let is_pid_one = process::Process::read(pid).is_ok_and(|process| process.numbers.last() == Some(&1));
    is_pid_one
        && signals::reception(pid, signal)
            .is_ok_and(|reception| matches!(reception, Reception::Default | Reception::Ignored))
}
