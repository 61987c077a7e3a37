//! The channels through which reports come: the processes that each may be about, and the treatment
//! of everything else.
//!
//! A program may have taken the channel of its own namespace, and may say there what it likes:
//! about that namespace and what is inside it, and nothing else. No other namespace waits for what
//! it has sent, because each has its own channel, of which a bounded number of messages is read in
//! one turn. Through the channel that is inherited where no program is declared, nothing is
//! believed after the release that was not sent by the PID 1 which it concerns, as the kernel
//! numbers it; and it is given up when too much else comes through it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::Reactor;
use crate::controller::event_loop::{EventLoop, Token};
use crate::controller::event_sink::Note;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey};
use crate::engine::report::{self, Look, Report};
use nestns_client::journal::event::{Event, WHOLE};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{FIRST_FREE, REPORTS};
use nestns_sys::moment::Moment;

/// Number of messages of one channel that are read before others have their turn.
pub(super) const TURN: usize = 16;
/// Number of messages that are read of a channel whose senders have ended: more than it can hold.
const REST: usize = 4096;
/// The time that reports wait for descriptors to become free, and the pause between two attempts.
const ROOM_PATIENCE: Duration = Duration::from_secs(2);
const ROOM_PAUSE: Duration = Duration::from_micros(200);
/// Number of refused reports after which the inherited channel is given up.
const ABUSE: u32 = 256;

/// Processes that a channel may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything, until the release; from then on it depends on the sender.
    Inherited,
    /// A namespace and all that is inside it.
    Namespace(NamespaceIndex),
    /// One process: one that was moved in, or a program that is PID 1.
    Process(ProcessKey),
}

impl Scope {
    /// True if a report is about nothing else; of the inherited channel that is another question.
    pub(super) fn covers(self, plan: &Plan, report: &Report) -> bool {
        match self {
            Self::Inherited => false,
            Self::Process(own) => match report {
                Report::AtGate { subject }
                | Report::Starting { subject, .. }
                | Report::Refused { subject, .. } => *subject == own,
                Report::Failed(failure) => failure.subject == own,
                _ => false,
            },
            Self::Namespace(index) => {
                let inside = index..index + plan.subtree(index);
                let is_inside = |subject: ProcessKey| {
                    inside.contains(&subject.namespace)
                        && plan.namespace(subject.namespace).has_slot(subject.slot)
                };
                let is_below =
                    |subject: ProcessKey| is_inside(subject) && subject != ProcessKey::init(index);
                match report {
                    Report::AtGate { subject }
                    | Report::Starting { subject, .. }
                    | Report::Refused { subject, .. } => is_inside(*subject),
                    Report::Failed(failure) => is_inside(failure.subject),
                    Report::Created { namespace } => inside.contains(namespace),
                    // How its own PID 1 ends is for the one outside to say.
                    Report::Channel { subject }
                    | Report::Preparing { subject, .. }
                    | Report::Asked { subject, .. }
                    | Report::Killed { subject, .. }
                    | Report::Ended { subject, .. } => is_below(*subject),
                    Report::Line { namespace }
                    | Report::Orphan { namespace, .. }
                    | Report::Orphans { namespace, .. }
                    | Report::NotAsked { namespace, .. }
                    | Report::Stopping { namespace, .. } => *namespace == index,
                }
            }
        }
    }

    fn key(self) -> Option<ProcessKey> {
        match self {
            Self::Inherited => None,
            Self::Namespace(index) => Some(ProcessKey::init(index)),
            Self::Process(subject) => Some(subject),
        }
    }
}

/// One channel besides the inherited one.
#[derive(Debug)]
struct Channel {
    end: OwnedFd,
    scope: Scope,
    /// True if a program that no plan declares has begun to start.
    has_launched: bool,
}

/// Channels of reports.
#[derive(Debug)]
pub(super) struct Channels {
    /// The channel that is inherited.
    inherited: OwnedFd,
    all: Vec<Option<Channel>>,
    free: Vec<u32>,
    /// Channels by the PID 1 or the process that each belongs to: one channel each.
    places: BTreeMap<ProcessKey, u32>,
    /// Number of refused reports, by the namespace that is to blame; `None` is a sender of no known
    /// one.
    refused: BTreeMap<Option<NamespaceIndex>, u32>,
    /// Number of those that came through the inherited channel.
    abuse: u32,
    /// The number of programs that may begin to start at once.
    room: usize,
    /// Since when so many have begun, and none has come to its end.
    full_since: Option<Moment>,
}

impl Channels {
    /// The inherited one alone; so many programs may begin to start at once.
    pub(super) fn new(inherited: OwnedFd, room: usize) -> Self {
        Self {
            inherited,
            all: Vec::new(),
            free: Vec::new(),
            places: BTreeMap::new(),
            refused: BTreeMap::new(),
            abuse: 0,
            room,
            full_since: None,
        }
    }

    /// The channels of a PID 1 and of all inside, or that of a process: the innermost first.
    fn about(&self, plan: &Plan, subject: ProcessKey) -> Vec<u32> {
        if !subject.is_init() {
            return self.places.get(&subject).copied().into_iter().collect();
        }
        let end = ProcessKey::init(subject.namespace + plan.subtree(subject.namespace));
        self.places
            .range(subject..end)
            .rev()
            .map(|(_, &place)| place)
            .collect()
    }

    fn close(&mut self, place: u32, events: &EventLoop) {
        let Some(channel) = self.all.get_mut(place as usize).and_then(Option::take) else {
            return;
        };
        events.remove(&channel.end, Token::Channel(place));
        if let Some(key) = channel.scope.key()
            && self.places.get(&key) == Some(&place)
        {
            self.places.remove(&key);
        }
        self.free.push(place);
    }

    fn count_abuse(&mut self, is_released: bool, events: &EventLoop) {
        self.abuse += 1;
        if self.abuse >= ABUSE && is_released {
            self.abuse = 0;
            self.give_up_inherited(events);
        }
    }

    /// Closes the inherited channel, so that nothing more comes through it, and inherits another
    /// one to what is forked from here on. The PID 1s of namespaces that are empty by the plan
    /// report nothing more.
    fn give_up_inherited(&mut self, events: &EventLoop) {
        let Ok((end, sender)) = report::channel() else {
            return;
        };
        let Ok(end) = descriptor::above(end, FIRST_FREE) else {
            return;
        };
        if events
            .add(&end, Token::Reports, EpollFlags::EPOLLIN)
            .is_err()
            || descriptor::place_at(&sender, REPORTS).is_err()
        {
            return;
        }
        events.remove(&self.inherited, Token::Reports);
        self.inherited = end;
    }

    /// Notes that a program without a record begins to start; says whether that is news.
    pub(super) fn launch(&mut self, subject: ProcessKey) -> bool {
        let place = self.places.get(&subject);
        let channel = place.and_then(|&place| self.all[place as usize].as_mut());
        channel.is_some_and(|channel| !std::mem::replace(&mut channel.has_launched, true))
    }
}

impl Reactor<'_> {
    /// A process reports through a channel of its own from now on. One that it had before is
    /// closed.
    pub(super) fn open_channel(&mut self, subject: ProcessKey, end: OwnedFd) {
        let is_init = subject.is_init()
            && self
                .tree
                .plan
                .namespace(subject.namespace)
                .forks_its_members();
        let scope = if is_init {
            Scope::Namespace(subject.namespace)
        } else {
            Scope::Process(subject)
        };
        if let Some(&place) = self.channels.places.get(&subject) {
            self.listen(place, REST);
            self.channels.close(place, &self.events);
        }
        let place = self.channels.free.pop().unwrap_or_else(|| {
            self.channels.all.push(None);
            u32::try_from(self.channels.all.len() - 1).unwrap_or(u32::MAX)
        });
        if let Err(errno) = self
            .events
            .add(&end, Token::Channel(place), EpollFlags::EPOLLIN)
        {
            self.channels.free.push(place);
            let path = self.tree.path(subject);
            if self.tree.roster.is_released() {
                self.console
                    .event_sink
                    .note(&Note::OutputLost { path: &path });
            } else {
                self.tree.fail(Failure::new(subject, Stage::Channel, errno));
            }
            return;
        }
        self.channels.places.insert(subject, place);
        self.channels.all[place as usize] = Some(Channel {
            end,
            scope,
            has_launched: false,
        });
    }

    /// Takes in what has come through the inherited channel: all of it, as long as no program runs
    /// that could send more.
    pub(in crate::controller) fn drain_inherited(&mut self) {
        let most = if self.tree.roster.is_released() {
            TURN
        } else {
            usize::MAX
        };
        for _ in 0..most {
            if !self.has_room() {
                return;
            }
            match report::receive(self.channels.inherited.as_fd()) {
                Look::Received(received) => self.on_received(Scope::Inherited, received),
                Look::Malformed { sender } => self.refuse_report(Scope::Inherited, sender),
                Look::Nothing | Look::Closed => return,
            }
        }
    }

    /// Takes in everything that has been reported by now, the innermost first: a PID 1 around it
    /// has only noticed.
    pub(in crate::controller) fn drain_reports(&mut self) {
        let places: Vec<u32> = self.channels.places.values().rev().copied().collect();
        for place in places {
            self.listen(place, REST);
        }
        self.drain_inherited();
    }

    /// Takes in the reports of a process that has ended, and of a PID 1 those of everything inside,
    /// and lets go of their channels: another process that may hold them speaks for none any more.
    pub(in crate::controller) fn drain_ended(&mut self, subject: ProcessKey) {
        for place in self.channels.about(&self.tree.plan, subject) {
            self.listen(place, REST);
            self.channels.close(place, &self.events);
        }
    }

    /// Takes in what has been said further inside than through this channel.
    pub(super) fn drain_below(&mut self, scope: Scope) {
        let places: Vec<u32> = match scope {
            Scope::Inherited => self.channels.places.values().rev().copied().collect(),
            Scope::Namespace(index) => {
                let own = self.channels.places.get(&ProcessKey::init(index)).copied();
                let about = self
                    .channels
                    .about(&self.tree.plan, ProcessKey::init(index));
                about
                    .into_iter()
                    .filter(|&place| Some(place) != own)
                    .collect()
            }
            Scope::Process(_) => return,
        };
        for place in places {
            self.listen(place, TURN);
        }
    }

    pub(super) fn listen(&mut self, place: u32, most: usize) {
        for _ in 0..most {
            // What is said by a process that has ended cannot wait.
            if most == TURN && !self.has_room() {
                return;
            }
            // What was said may have closed it.
            let Some(Some(channel)) = self.channels.all.get(place as usize) else {
                return;
            };
            let scope = channel.scope;
            match report::receive(channel.end.as_fd()) {
                Look::Received(received) => self.on_received(scope, received),
                Look::Malformed { sender } => self.refuse_report(scope, sender),
                Look::Nothing => return,
                Look::Closed => {
                    self.channels.close(place, &self.events);
                    return;
                }
            }
        }
    }

    /// True if there are descriptors for a program that begins to start: with each report of that
    /// come three, and one of them stays until the program runs. What cannot be taken in yet stays
    /// in its channel. Programs that do not come to run, stopped or traced on their way, hold up
    /// the others for a moment only.
    fn has_room(&mut self) -> bool {
        if self.streams.outcomes() < self.channels.room {
            self.channels.full_since = None;
            return true;
        }
        let now = Moment::now();
        self.drain_programs(now.plus(ROOM_PAUSE));
        let has_room = self.streams.outcomes() < self.channels.room;
        if !has_room {
            std::thread::sleep(ROOM_PAUSE);
        }
        let since = *self.channels.full_since.get_or_insert(now);
        has_room || since.plus(ROOM_PATIENCE) <= now
    }

    /// Takes in first what says where a process belongs that is moved into a namespace which has
    /// just come again: its PID 1 reports through another channel.
    pub(super) fn prepare_for(&mut self, scope: Scope, report: &Report) {
        if let Report::Channel { subject } = *report
            && scope == Scope::Inherited
            && self.tree.roster.is_released()
            && !subject.is_from_outside()
            && !subject.is_init()
            && self.tree.exists(report)
        {
            for place in self
                .channels
                .about(&self.tree.plan, ProcessKey::init(subject.namespace))
            {
                self.listen(place, TURN);
            }
        }
    }

    /// Drops a report, counts it, and says so the first time.
    pub(super) fn refuse_report(&mut self, scope: Scope, sender: Pid) {
        let blamed = match scope {
            Scope::Namespace(index) => Some(index),
            // The command of `run` may be outside all of them.
            Scope::Process(subject) => {
                Some(subject.namespace).filter(|&index| index < self.tree.plan.counts().namespaces)
            }
            Scope::Inherited => self.tree.home_of(sender),
        };
        if blamed.is_none() && scope == Scope::Inherited {
            // The process has ended, and may have been what is created: no process is to blame.
            self.channels
                .count_abuse(self.tree.roster.is_released(), &self.events);
            return;
        }
        let count = self.channels.refused.entry(blamed).or_default();
        *count = count.saturating_add(1);
        if *count == 1 {
            let path = blamed.map_or_else(
                || WHOLE.to_owned(),
                |index| self.tree.plan.namespace(index).path.clone(),
            );
            self.console.event_sink.note(&Note::ReportRefused {
                path: &path,
                sender: sender.as_raw(),
            });
            self.console.journal.record(&Event::Refused {
                path: &path,
                pid: sender.as_raw(),
            });
        }
        if scope == Scope::Inherited {
            self.channels
                .count_abuse(self.tree.roster.is_released(), &self.events);
        }
    }
}
