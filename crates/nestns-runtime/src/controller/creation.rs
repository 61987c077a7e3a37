//! Creation of a tree: from a checked topology to open gates, or back to nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::channels::{self, Channels};
use super::control::server::Server;
use super::diagnosis::describe;
use super::end_record;
use super::event_loop::EventLoop;
use super::event_sink::EventSink;
use super::freezing::TreeFreezer;
use super::guardian::{Name, SavedTerminal, Ward};
use super::left_behind::Left;
use super::reactor::{Host, Parts, Reactor};
use super::readiness::manager::Manager;
use super::relay::{self, Keyboard, Relay};
use super::roster::Roster;
use super::standard_output::StandardOutput;
use super::start::{Interruption, Start};
use super::start_error::StartError;
use super::startup_report::ReportChannel;
use super::supervisor::{Conclusion, Opening, Rules, Supervisor};
use super::timeline::milliseconds;
use super::truth::Origin;
use super::{Leaves, Options, Outcome, Request, Summary, life_loop, user_namespace};
use crate::controller::journal::Journal;
use crate::controller::state_directory::StateDirectory;
use crate::engine::children::Children;
use crate::engine::panic_hook;
use crate::engine::pid_one::run_pid_one;
use crate::engine::plan::{Common, Counts, Plan};
use crate::engine::readiness::NOTIFY_SOCKET;
use nestns_client::documents::EndedDocument;
use nestns_client::journal::event::{Event as Noted, WHOLE};
use nestns_client::state_directory::{STATE_ROOT, TOPOLOGY, TRUTH_VARIABLE};
use nestns_observe::doctor::required::refused_calls;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::caller::Dispositions;
use nestns_sys::descriptor_layout::FIRST_FREE;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::title::{self, TitleArea};
use nestns_sys::{descriptor, fault, memory};
use nestns_topology::Terminal;

/// Up to so many namespaces the memory of parsing is not worth giving back before the first fork.
const FEW: u32 = 32;

/// Brings a topology to life and stays with it until it has ended.
///
/// # Errors
///
/// [`StartError`], after everything that existed has been removed. A creation that was interrupted
/// is no trouble.
pub fn run(request: Request, event_sink: &mut dyn EventSink) -> Outcome {
    let began = Moment::now();
    panic_hook::prepare();
    let prepared = Prepared::of(request)?;
    let Channels { reports, gate } =
        channels::lay_out().map_err(system("open the channels of the tree"))?;
    let relay = prepared.open_relay()?;
    let saved = prepared.saved_terminal();
    // Whatever the executable is called: a controller that has lost its directory is looked for by
    // this.
    title::set_name("nestns");
    let Prepared {
        plan,
        origin,
        directory,
        manager,
        rules,
        mut options,
        log_bytes,
        ..
    } = prepared;
    let leaves_record = options.leaves == Leaves::Record;
    let record = leaves_record.then(|| end_record::of_killed(&origin, &plan));
    let mut ward = Ward {
        terminal: saved.as_ref(),
        directory: &directory,
        name: Name::Untaken,
        record: record.as_ref(),
    };
    let state;
    // From here on a death at any moment leaves nothing; until here there is nothing that it could
    // leave.
    let mut start = Start::under_guardian(&ward, event_sink)?;
    state = start.take_name(&origin, &ward)?;
    fault::point("name-taken");
    ward.name = Name::Taken;
    start.entrust(&ward, &state)?;
    let site = Site {
        plan,
        origin: &origin,
        record: record.as_ref(),
        state: &state,
        log_bytes,
        began,
    };
    let ends = Ends {
        reports,
        relay,
        saved: saved.as_ref(),
    };
    let create = match site.build(&mut start, ends, &mut options) {
        Ok(create) => create,
        Err(Interruption::StartError(trouble)) => return Err(*trouble),
        Err(Interruption::Stopped) => return Ok(site.interrupted(start.roll_back())),
    };
    write_state(start.reactor()?, &state, options.text.as_deref(), create)?;
    let (reactor, children) = start.finish()?;
    let opening = Opening {
        gates: options.gates,
        report_channel: options.report_channel,
        manager,
        began,
        create,
        release: None,
    };
    let freezer = Box::new(TreeFreezer::new(state.remains()));
    let host = Host::new(reactor, children, gate);
    let supervisor = Supervisor::new(host, freezer, rules, options.command, opening);
    let (conclusion, left) = life_loop::live(supervisor, options.gates);
    Ok(site.summary(Some(create), conclusion, left))
}

fn system(what: &'static str) -> impl Fn(CallError) -> StartError {
    move |cause| StartError::System { what, cause }
}

/// The controller's end of the reports of a tree, and the caller's terminal.
struct Ends<'a> {
    reports: OwnedFd,
    relay: Option<Relay>,
    saved: Option<&'a SavedTerminal>,
}

/// Place at which a tree is built, and the moment when that began.
#[derive(Clone, Copy)]
struct Site<'a> {
    plan: Plan,
    origin: &'a Origin,
    /// Record of the end to be left if the controller is killed, if any is to be left.
    record: Option<&'a EndedDocument>,
    state: &'a StateDirectory,
    log_bytes: u64,
    began: Moment,
}

impl<'a> Site<'a> {
    /// Creates everything. Returns how long that took.
    fn build(
        &self,
        start: &mut Start<'a>,
        ends: Ends<'a>,
        options: &mut Options,
    ) -> Result<Duration, Interruption> {
        let handle = self.state.remains().handle();
        let events = EventLoop::new().map_err(system("open an event loop"))?;
        let output = StandardOutput::open(options.lines_to, &events);
        let server = Server::open(&handle, &events).map_err(system("open the control socket"))?;
        let crossing = user_namespace::cross()
            .map_err(|failure| describe(&Roster::new(self.plan), failure))?;
        let is_alone = user_namespace::is_single_user(&crossing);
        let journal = Journal::open(&handle, self.log_bytes, self.plan.counts().logged);
        start.begin_to_build(|guardian, event_sink| {
            let parts = Parts {
                plan: self.plan,
                event_sink,
                events,
                output,
                relay: ends.relay,
                saved: ends.saved,
                remains: self.state.remains(),
                guardian,
                reports: ends.reports,
                limit: options.timeout.map(|timeout| self.began.plus(timeout)),
                server,
                origin: self.origin,
                journal,
                tied_to: options.tied_to.take(),
                signals_for: options.signals_for,
                record: self.record,
            };
            let reactor = Reactor::new(parts)
                .by(Call::EpollCtl)
                .map_err(system("watch the channels of the tree"))?;
            Ok((
                reactor,
                Children::new(self.plan, None, crossing, run_pid_one),
            ))
        })?;
        record_creation(start.reactor()?);
        if is_alone {
            refuse_other_users(self.plan)?;
        }
        start.build(self.began)
    }

    /// Outcome of a tree that stood.
    fn summary(&self, create: Option<Duration>, conclusion: Conclusion, left: Left) -> Summary {
        Summary {
            name: self.origin.name.clone(),
            truth: self.state.truth(),
            counts: self.plan.counts(),
            create,
            release: conclusion.release,
            timeline: conclusion.timeline,
            status: conclusion.status,
            left,
        }
    }

    /// Outcome of a creation that was interrupted and rolled back.
    fn interrupted(&self, (status, left): (u8, Left)) -> Summary {
        let conclusion = Conclusion {
            status,
            ..Conclusion::default()
        };
        self.summary(None, conclusion, left)
    }
}

/// Writes that the creation begins.
fn record_creation(reactor: &mut Reactor<'_>) {
    let Counts {
        namespaces,
        processes,
        depth,
        ..
    } = reactor.tree.plan.counts();
    let controller = nix::unistd::getpid().as_raw();
    reactor.console.journal.record(&Noted::Create {
        path: WHOLE,
        name: &reactor.tree.name,
        controller,
        namespaces,
        processes,
        depth,
    });
}

/// Writes the files that tell of a tree which stands; without them no gate is opened.
fn write_state(
    reactor: &mut Reactor<'_>,
    state: &StateDirectory,
    text: Option<&str>,
    create: Duration,
) -> Result<(), StartError> {
    reactor.truth.begin(&reactor.tree)?;
    if let Some(text) = text {
        state.remains().write(TOPOLOGY, text.as_bytes())?;
    }
    reactor.home.begin(&reactor.remains.handle());
    fault::point("truth-written");
    let Counts {
        namespaces,
        processes,
        depth,
        ..
    } = reactor.tree.plan.counts();
    let ms = milliseconds(create);
    reactor.console.journal.record(&Noted::Verify {
        path: WHOLE,
        namespaces,
        processes,
        depth,
        ms,
    });
    reactor
        .console
        .event_sink
        .standing(&reactor.tree.roster, create);
    Ok(())
}

/// A request that has been taken apart, as far as nothing outside of this process is changed.
struct Prepared {
    plan: Plan,
    origin: Origin,
    directory: PathBuf,
    manager: Manager,
    rules: Rules,
    log_bytes: u64,
    keyboard: Keyboard,
    wants_terminal: bool,
    options: Options,
}

impl Prepared {
    fn of(request: Request) -> Result<Self, StartError> {
        // A call that is missing only when the tree is to be stopped would make one that cannot be.
        if request.options.report_channel.is_none() {
            // A client that has started this controller has tried them, to tell of them itself.
            let refused = refused_calls();
            if !refused.is_empty() {
                return Err(StartError::Calls(refused));
            }
        }
        let Request {
            topology,
            origin,
            base,
            mut options,
        } = request;
        let descriptors = keep_descriptors(&mut options)?;
        let directory = StateDirectory::place(&origin.name);
        let (environment, manager) = environment(&mut options, &directory);
        let rules = Rules {
            on_exit: topology.on_exit,
            status_from: options.status_from.take(),
            fixture: options.fixture,
            stays: options.stays,
        };
        let wants_terminal = wants_terminal(&topology)
            || options
                .command
                .as_ref()
                .is_some_and(|command| command.process.terminal == Terminal::Own);
        let dispositions = Dispositions::take_over()
            .by(Call::Sigprocmask)
            .map_err(system("block signals"))?;
        let common = Common {
            environment,
            dispositions,
            directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            descriptors,
            title: TitleArea::locate(),
            visited: options
                .command
                .as_ref()
                .and_then(|command| command.namespace.clone()),
            order: options.order,
        };
        let plan = Plan::new(&topology, &base, common)?;
        let log_bytes = topology.log_bytes;
        drop(topology);
        if plan.counts().namespaces > FEW {
            // A command line's worth of memory is cheaper to copy than to give back and fault in
            // again.
            memory::trim();
        }
        channels::reserve(&plan)?;
        let keyboard = if options.report_channel.is_some() {
            Keyboard::Lent
        } else {
            Keyboard::Caller
        };
        Ok(Self {
            plan,
            origin,
            directory,
            manager,
            rules,
            log_bytes,
            keyboard,
            wants_terminal,
            options,
        })
    }

    /// A pseudo-terminal, where a process has one.
    fn open_relay(&self) -> Result<Option<Relay>, StartError> {
        let open = || Relay::open(self.keyboard).map_err(system("open a pseudo-terminal"));
        self.wants_terminal.then(open).transpose()
    }

    /// The caller's terminal as it is now, where it is used for that.
    fn saved_terminal(&self) -> Option<SavedTerminal> {
        let is_used = self.wants_terminal && self.keyboard == Keyboard::Caller;
        is_used.then(relay::saved_terminal).flatten()
    }
}

/// The environment of programs, and the service manager that is told when the tree is ready.
fn environment(options: &mut Options, directory: &Path) -> (BTreeMap<OsString, OsString>, Manager) {
    let mut environment = std::mem::take(&mut options.environment);
    // It is for nestns itself: a program that said it is ready there would speak for the whole
    // tree.
    let manager = Manager::at(environment.remove(OsStr::new(NOTIFY_SOCKET)).as_deref());
    if options.announce_truth {
        environment.insert(
            TRUTH_VARIABLE.into(),
            nestns_client::state_directory::truth_in(directory).into(),
        );
    }
    if let Some(root) = nestns_client::state_directory::state_root() {
        // A program starts in another directory than the caller.
        environment.insert(STATE_ROOT.into(), root.into());
    }
    (environment, manager)
}

/// Closes what the caller has open besides the standard descriptors, which is of no use to anything
/// here, and moves what is needed above the agreed numbers. Returns the limits on descriptors as
/// they were, where they were changed.
fn keep_descriptors(options: &mut Options) -> Result<Option<(u64, u64)>, StartError> {
    let spared = [
        options.report_channel.as_ref().map(AsFd::as_fd),
        options.tied_to.as_ref().map(AsFd::as_fd),
    ];
    descriptor::close_from_but(3, &spared)
        .by(Call::CloseRange)
        .map_err(system("close the caller's descriptors"))?;
    let descriptors = channels::reserve_own()?;
    let report_channel = options
        .report_channel
        .take()
        .map(ReportChannel::place)
        .transpose();
    options.report_channel = report_channel
        .by(Call::Fcntl)
        .map_err(system("keep a channel open"))?;
    let tied_to = options
        .tied_to
        .take()
        .map(|tied_to| Pidfd::above(tied_to, FIRST_FREE))
        .transpose();
    options.tied_to = tied_to
        .by(Call::Fcntl)
        .map_err(system("keep a descriptor open"))?;
    Ok(descriptors)
}

fn wants_terminal(topology: &nestns_topology::Topology) -> bool {
    topology.pre_order().into_iter().any(|id| {
        let mut programs = topology.namespace(id).programs();
        programs.any(|process| process.terminal == Terminal::Own)
    })
}

/// Refuses other users in a user namespace with one id, where they cannot be had: said before
/// anything is built.
fn refuse_other_users(plan: Plan) -> Result<(), StartError> {
    for index in plan.indices() {
        let namespace = plan.namespace(index);
        for slot in namespace.slots() {
            if let Some(process) = namespace.process(slot)
                && let Some(identity) = process
                    .identity
                    .as_ref()
                    .filter(|identity| identity.uid != 0 || identity.gid != 0)
            {
                let path = namespace.path_of(slot);
                return Err(StartError::SingleUser {
                    path,
                    uid: identity.uid,
                    position: process.position,
                });
            }
        }
    }
    Ok(())
}
