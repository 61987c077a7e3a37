//! From a checked topology to open gates, or back to nothing.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::audience::{Audience, Cause, Loss, Note};
use super::claim::claim;
use super::control::server::Server;
use super::diagnosis::describe;
use super::event_loop::EventLoop;
use super::freezing::TreeFreezer;
use super::guardian::{GUARDIANS, Guardian, Name, Ward};
use super::herald::Herald;
use super::journal::Journal;
use super::journal::event::{Event as Noted, WHOLE};
use super::left_behind::{Left, tell_of_remains};
use super::life::{COLLAPSE, Event};
use super::life_loop;
use super::readiness::manager::Manager;
use super::relay::{self, Keyboard, Relay};
use super::roster::Roster;
use super::standard_output::StandardOutput;
use super::state_directory::{self, STATE_ROOT, StateDirectory, TOPOLOGY, TRUTH_VARIABLE};
use super::supervision::{Conclusion, Opening, Rules, Supervisor};
use super::timeline::milliseconds;
use super::trouble::Trouble;
use super::world::{Host, Parts, World};
use super::{Outcome, Request, Summary, channels, threshold, verification};
use crate::engine::failure::{Failure, Stage};
use crate::engine::inheritance::FIRST_FREE;
use crate::engine::keeper::{Keeper, Reaped, Setback};
use crate::engine::last_words;
use crate::engine::moment::Moment;
use crate::engine::pid_one::run_pid_one;
use crate::engine::plan::{Common, Counts, Plan, Subject};
use crate::engine::readiness::NOTIFY_SOCKET;
use crate::observe::doctor::required::{RefusedCall, refused_calls};
use crate::sys::call::{Call, CallError, Named};
use crate::sys::caller::Dispositions;
use crate::sys::pidfd::Pidfd;
use crate::sys::title::{self, TitleArea};
use crate::sys::{descriptor, fault, memory};
use crate::topology::{Init, Terminal};

/// Up to so many namespaces the memory of parsing is not worth giving back before the first fork.
const FEW: u32 = 32;
/// Brings a topology to life and stays with it until it has ended.
///
/// # Errors
///
/// [`Trouble`], after everything that existed has been removed. A creation that was interrupted is no trouble.
#[expect(clippy::too_many_lines, reason = "one step after another")]
pub fn run(request: Request, audience: &mut dyn Audience) -> Outcome {
    let began = Moment::now();
    last_words::prepare();
    // A call that is missing only when the tree is to be stopped would make one that cannot be.
    if request.options.herald.is_none() {
        // A client that has started this controller has tried them, to tell of them itself.
        let refused = refused_calls();
        if !refused.is_empty() {
            return Err(Trouble::Calls(refused));
        }
    }
    let Request { topology, origin, base, options } = request;
    // Nothing of the caller's beyond the standard descriptors is of any use to anybody here.
    let system = |what| move |cause: CallError| Trouble::System { what, cause };
    let spared = [options.herald.as_ref().map(AsFd::as_fd), options.tied_to.as_ref().map(AsFd::as_fd)];
    descriptor::close_from_but(3, &spared).by(Call::CloseRange).map_err(system("close the caller's descriptors"))?;
    let descriptors = channels::reserve_own()?;
    let herald =
        options.herald.map(Herald::settle).transpose().by(Call::Fcntl).map_err(system("keep a channel open"))?;
    let tied_to = options
        .tied_to
        .map(|tied_to| Pidfd::above(tied_to, FIRST_FREE))
        .transpose()
        .by(Call::Fcntl)
        .map_err(system("keep a descriptor open"))?;
    let directory = StateDirectory::place(&origin.name);
    let mut environment = options.environment;
    // It is for nestns itself: a program that said it is ready there would speak for the whole tree.
    let manager = Manager::at(environment.remove(OsStr::new(NOTIFY_SOCKET)).as_deref());
    if options.announce_truth {
        environment.insert(TRUTH_VARIABLE.into(), state_directory::truth_in(&directory).into());
    }
    if let Some(root) = state_directory::state_root() {
        // A program starts in another directory than the caller.
        environment.insert(STATE_ROOT.into(), root.into());
    }
    let on_exit = topology.on_exit;
    let log_bytes = topology.log_bytes;
    let wants_terminal = wants_terminal(&topology)
        || options.command.as_ref().is_some_and(|command| command.process.terminal == Terminal::Own);
    let dispositions = Dispositions::take_over().by(Call::Sigprocmask).map_err(system("block signals"))?;
    let common = Common {
        environment,
        dispositions,
        directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        descriptors,
        title: TitleArea::locate(),
        visited: options.command.as_ref().and_then(|command| command.namespace.clone()),
        order: options.order,
    };
    let plan = Plan::new(&topology, &base, common)?;
    drop(topology);
    if plan.counts().namespaces > FEW {
        // A command line's worth of memory is cheaper to copy than to give back and fault in again.
        memory::trim();
    }
    channels::reserve(&plan)?;
    let channels = channels::lay_out().map_err(system("open the channels of the tree"))?;
    let keyboard = if herald.is_some() { Keyboard::Lent } else { Keyboard::Caller };
    let relay = wants_terminal.then(|| Relay::open(keyboard).map_err(system("open a pseudo-terminal"))).transpose()?;
    let saved = if wants_terminal && keyboard == Keyboard::Caller { relay::saved_terminal() } else { None };
    // Whatever the executable is called: a controller that has lost its directory is looked for by this.
    title::set_name("nestns");
    // From here on a death at any moment leaves nothing; until here there is nothing that it could leave.
    let mut ward = Ward { terminal: saved.as_ref(), directory: &directory, name: Name::Untaken };
    let mut guardian = Guardian::start(&ward).map_err(|cause| match RefusedCall::fork(cause) {
        Some(refused) => Trouble::Calls(vec![refused]),
        None => Trouble::System { what: "start the guardian", cause },
    })?;
    let state = match claim(&origin.name, &directory, audience) {
        Ok(state) => state,
        Err(error) => {
            guardian.dismiss();
            return Err(error.into());
        }
    };
    fault::point("name-taken");
    ward.name = Name::Taken;
    let mut attempts = 1;
    while let Err(cause) = guardian.entrust(state.remains()) {
        if attempts == GUARDIANS {
            tell_of_remains(state.remains().remove(), audience);
            return Err(Trouble::System { what: "start the guardian", cause });
        }
        attempts += 1;
        // It was killed before it was told anything, which is no reason not to build.
        audience.note(&Note::GuardianLost { loss: Loss::of(cause) });
        guardian.bury();
        guardian = match Guardian::start(&ward) {
            Ok(guardian) => guardian,
            Err(cause) => {
                tell_of_remains(state.remains().remove(), audience);
                return Err(Trouble::System { what: "start the guardian", cause });
            }
        };
    }
    let events = EventLoop::new().map_err(system("open an event loop"))?;
    let output = StandardOutput::open(options.lines_to, &events);
    let server = match Server::open(&state.remains().handle(), &events) {
        Ok(server) => server,
        Err(cause) => {
            guardian.dismiss();
            return Err(Trouble::System { what: "open the control socket", cause });
        }
    };
    let crossing = match threshold::cross() {
        Ok(crossing) => crossing,
        Err(failure) => {
            guardian.dismiss();
            return Err(describe(&Roster::new(plan), failure));
        }
    };
    let alone = threshold::is_single_user(&crossing);
    let journal = Journal::open(&state.remains().handle(), log_bytes, plan.counts().logged);
    let limit = options.timeout.map(|timeout| began.plus(timeout));
    let parts = Parts {
        plan,
        audience,
        events,
        output,
        relay,
        saved: saved.as_ref(),
        remains: state.remains(),
        guardian,
        reports: channels.reports,
        limit,
        server,
        origin: &origin,
        journal,
        tied_to,
        signals_for: options.signals_for,
    };
    let mut world = World::new(parts).by(Call::EpollCtl).map_err(system("watch the channels of the tree"))?;
    let Counts { namespaces, processes, depth, .. } = plan.counts();
    let controller = nix::unistd::getpid().as_raw();
    world.record(&Noted::Create { path: WHOLE, name: &origin.name, controller, namespaces, processes, depth });
    let keeper = Keeper::new(plan, None, crossing, run_pid_one);
    let mut creation = Creation { world, keeper, state: &state };
    let result = if alone { creation.refuse_other_users() } else { Ok(()) };
    let create = match result.and_then(|()| creation.create(began)) {
        Ok(create) => create,
        Err(None) => {
            let (status, left) = creation.roll_back();
            let timeline = None;
            return Ok(Summary {
                name: origin.name.clone(),
                truth: state.truth(),
                counts: plan.counts(),
                create: None,
                release: None,
                timeline,
                status,
                left,
            });
        }
        Err(Some(trouble)) => {
            creation.roll_back();
            return Err(trouble);
        }
    };
    let written = creation.world.begin_truth().and_then(|()| match &options.text {
        Some(text) => state.remains().write(TOPOLOGY, text.as_bytes()),
        None => Ok(()),
    });
    if let Err(error) = written {
        creation.roll_back();
        return Err(error.into());
    }
    creation.world.watch_home();
    fault::point("truth-written");
    let ms = milliseconds(create);
    creation.world.record(&Noted::Verify { path: WHOLE, namespaces, processes, depth, ms });
    creation.world.audience.standing(&creation.world.tree.roster, create);
    let Creation { world, keeper, .. } = creation;
    let opening = Opening { gates: options.gates, herald, manager, began, create, release: None };
    let rules = Rules { on_exit, status_from: options.status_from, fixture: options.fixture, stays: options.stays };
    let host = Host::new(world, keeper, channels.gate);
    let freezer = Box::new(TreeFreezer::new(state.remains()));
    let supervisor = Supervisor::new(host, freezer, rules, options.command, opening);
    let (Conclusion { status, release, timeline }, left) = life_loop::live(supervisor, options.gates);
    Ok(Summary {
        name: origin.name.clone(),
        truth: state.truth(),
        counts: plan.counts(),
        create: Some(create),
        release,
        timeline,
        status,
        left,
    })
}

fn wants_terminal(topology: &crate::topology::Topology) -> bool {
    topology.pre_order().into_iter().any(|id| {
        let namespace = topology.namespace(id);
        let program = match &namespace.init {
            Init::Program(program) => Some(&**program),
            Init::Builtin | Init::Pause => None,
        };
        namespace.processes.iter().chain(program).any(|process| process.terminal == Terminal::Own)
    })
}

struct Creation<'a> {
    world: World<'a>,
    keeper: Keeper,
    state: &'a StateDirectory,
}

impl Creation<'_> {
    /// In a user namespace with one id, any other user cannot be had: said before anything is built.
    fn refuse_other_users(&self) -> Result<(), Option<Trouble>> {
        let plan = self.world.tree.plan;
        for index in plan.indices() {
            let namespace = plan.namespace(index);
            for slot in namespace.slots() {
                if let Some(process) = namespace.process(slot)
                    && let Some(identity) =
                        process.identity.as_ref().filter(|identity| identity.uid != 0 || identity.gid != 0)
                {
                    let path = namespace.path_of(slot);
                    return Err(Some(Trouble::SingleUser { path, uid: identity.uid, position: process.position }));
                }
            }
        }
        Ok(())
    }

    /// Creates everything and makes sure that the kernel agrees. `None` means that somebody has asked for an end.
    fn create(&mut self, began: Moment) -> Result<Duration, Option<Trouble>> {
        let plan = self.world.tree.plan;
        let mut raise = || -> Result<(), Setback> {
            for root in plan.roots() {
                self.keeper.raise(root, &mut self.world)?;
            }
            self.keeper.finish(&mut self.world)
        };
        match raise() {
            Ok(()) => {}
            Err(Setback::Failed(failure)) => {
                // The one who failed has said so before; its keeper has only noticed.
                self.world.drain_reports();
                self.world.tree.fail(failure);
            }
            Err(Setback::Interrupted) => self.world.drain_reports(),
        }
        while self.world.tree.roster.outstanding() > 0 {
            self.give_up_if_told()?;
            self.look_after_children();
            self.give_up_if_told()?;
            self.world.pump_reports();
        }
        self.give_up_if_told()?;
        self.world.tree.life = self.world.tree.life.on(Event::Built).0;
        let unreadable =
            |cause: CallError| Some(Trouble::System { what: "compare the tree with the kernel's view of it", cause });
        let mismatches = verification::compare(&self.world.tree.roster).map_err(unreadable)?;
        if !mismatches.is_empty() {
            // A process that died in this moment is the cause, not a difference.
            self.look_after_children();
            self.world.drain_reports();
            self.give_up_if_told()?;
            return Err(Some(Trouble::Mismatch(mismatches)));
        }
        Ok(Moment::now().since(began))
    }

    fn give_up_if_told(&mut self) -> Result<(), Option<Trouble>> {
        // What ends before the gates open has failed, whatever it was.
        while let Some(incident) = self.world.tree.incidents.pop_front() {
            if let super::tree::Incident::Ended(subject, _, _) = incident {
                self.world.tree.fail(Failure::new(subject, Stage::Died, Errno::UnknownErrno));
            }
        }
        if let Some(failure) = self.world.tree.failure.take() {
            return Err(Some(describe(&self.world.tree.roster, failure)));
        }
        if self.world.tree.stop.is_some() { Err(None) } else { Ok(()) }
    }

    fn look_after_children(&mut self) {
        if !std::mem::take(&mut self.world.child_ended) {
            return;
        }
        loop {
            match self.keeper.reap() {
                Reaped::Kid(subject, _) => {
                    self.world.drain_reports();
                    self.world.tree.fail(Failure::new(subject, Stage::Died, Errno::UnknownErrno));
                }
                Reaped::Orphan(pid, _) if pid == self.world.guardian.pid => {
                    if let Err(cause) = self.world.replace_guardian(Loss::Killed) {
                        self.world.tree.fail(Failure::new(Subject::init(0), Stage::Guard, cause));
                    }
                }
                Reaped::Orphan(..) => {}
                Reaped::Nothing | Reaped::Childless => return,
            }
        }
    }

    /// Kills what exists, reaps it, and removes what was made. Returns the status of an interrupted creation.
    fn roll_back(mut self) -> (u8, Left) {
        let status = match &self.world.tree.stop {
            Some(_) if self.world.tree.stop_again => Cause::KILLED,
            Some(cause) => cause.status(),
            None => 5,
        };
        let stuck = kill_and_reap(&mut self.keeper, &mut self.world, Moment::now().plus(COLLAPSE));
        if !stuck.is_empty() {
            self.world.audience.note(&Note::Stuck { paths: &stuck });
        }
        self.world.record(&Noted::Gone { path: WHOLE });
        let World { guardian, output, events, relay, saved, mut journal, audience, .. } = self.world;
        journal.flush();
        if let Some(mut relay) = relay {
            relay.release(saved, &events);
        }
        output.finish(&events);
        if !stuck.is_empty() {
            // Whoever comes next is to know of what still lives.
            self.state.remains().leave();
        }
        self.state.remains().let_go();
        guardian.dismiss();
        // It is not 0: the tree was to stand.
        (status, tell_of_remains(self.state.remains().remove(), audience))
    }
}

/// Kills the roots and reaps until nothing is left, or the time is over; then the rest is named.
fn kill_and_reap(keeper: &mut Keeper, world: &mut World<'_>, until: Moment) -> Vec<String> {
    for kid in keeper.kids().iter().filter(|kid| !kid.gone) {
        if let Ok(pidfd) = Pidfd::open(kid.pid) {
            let _ = pidfd.signal(libc::SIGKILL);
        }
    }
    loop {
        match keeper.reap() {
            Reaped::Kid(..) | Reaped::Orphan(..) => {}
            Reaped::Childless => return Vec::new(),
            Reaped::Nothing if keeper.living() == 0 => return Vec::new(),
            Reaped::Nothing => {
                let left = until.since(Moment::now());
                if left.is_zero() {
                    let living = keeper.kids().iter().filter(|kid| !kid.gone);
                    return living.map(|kid| world.tree.path(kid.subject)).collect();
                }
                world.pump(Some(left));
            }
        }
    }
}
