//! A recording fake of the edge, and a bench on which a supervisor is put with it.
//!
//! Every order that the supervisor gives is a line of text, in the order in which it was given;
//! nothing is forked, and time passes only when a test says so.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::{Pid, getpid};

use super::edge::{
    Edge, HelperTask, Kernel, LastLines, Said, Source, TerminalChange, Terminals, Truth,
};
use super::opening::Opening;
use super::{Conclusion, Freeze, Rules, Supervisor};
use crate::controller::asker::Asker;
use crate::controller::control::server::{Asked, ClientId, Heard};
use crate::controller::control::standing::Standing;
use crate::controller::control_channels::Reach;
use crate::controller::event_sink::{Note, Waiting};
use crate::controller::life::Life;
use crate::controller::readiness::manager::Manager;
use crate::controller::roster::State;
use crate::controller::startup_report::{ReportChannel, StartupReport};
use crate::controller::tree::{Incident, Tree};
use crate::controller::verification::Mismatch;
use crate::controller::{Command, Fixture, Gates, SignalsFor};
use crate::engine::children::{BuildError, OutsideProcess};
use crate::engine::control_channel;
use crate::engine::failure::Failure;
use crate::engine::gate;
use crate::engine::plan::{
    Common, HoldIndex, NamespaceIndex, Order, Plan, ProcessKey, ProcessPlan,
};
use crate::engine::report::Ending;
use nestns_client::journal::event::{Caller, Event};
use nestns_client::protocol::message::{
    ExecRequest, Force, Reply, Request, RequestError, Snapshot,
};
use nestns_observe::offspring::Extent;
use nestns_observe::process::Process;
use nestns_observe::session::Company;
use nestns_observe::signals::{Fate, Role};
use nestns_sys::call::CallError;
use nestns_sys::caller::Dispositions;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::diagnostic::Source as Text;
use nestns_topology::{self, OnExit, Signal};

/// Everything that was ordered, shared by the parts of the fake.
#[derive(Debug, Clone, Default)]
struct Script(Rc<RefCell<Vec<String>>>);

impl Script {
    fn note(&self, line: String) {
        self.0.borrow_mut().push(line);
    }
}

/// The edge of a supervisor under test.
pub(super) struct Fake {
    pub(super) tree: Tree,
    pub(super) now: Moment,
    pub(super) children: BTreeMap<ProcessKey, Pid>,
    pub(super) kernel: FakeKernel,
    terminals: FakeTerminals,
    script: Script,
    next_pid: i32,
    /// Clients that have gone without a word.
    pub(super) disconnected: HashSet<u32>,
    /// Processes whose execution is not known to have gone well.
    pub(super) awaited: HashSet<ProcessKey>,
    /// Failure of the next fork.
    pub(super) build_error: Option<BuildError>,
    /// Failure of the next creation by the controller.
    pub(super) failure: Option<Failure>,
    pub(super) reach: HashMap<NamespaceIndex, Reach>,
    lines: BTreeSet<NamespaceIndex>,
}

/// Facts about processes that do not exist.
pub(super) struct FakeKernel {
    script: Script,
    /// The number of processes in each session; one where nothing is said.
    pub(super) sessions: RefCell<HashMap<Pid, usize>>,
    pub(super) fates: HashMap<(i32, i32), Fate>,
    pub(super) ending: HashSet<Pid>,
    pub(super) mismatches: RefCell<Vec<Mismatch>>,
}

struct FakeTerminals {
    script: Script,
    has_any: bool,
}

/// A freezer in which everything is frozen when the test says so.
struct FakeFreezer {
    script: Script,
    state: Rc<RefCell<Frost>>,
}

/// Behaviour of the freezer.
#[derive(Debug, Default)]
pub(super) struct Frost {
    pub(super) is_frozen: bool,
    pub(super) refuses: bool,
}

fn first_word(debug: &str) -> String {
    debug
        .split([' ', '{', '('])
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn name(signal: i32) -> String {
    if signal == gate::RELEASE as i32 {
        "RELEASE".to_owned()
    } else {
        Signal::from_number(signal).to_string()
    }
}

impl Fake {
    fn fork(&mut self, subject: ProcessKey) -> Pid {
        self.next_pid += 1;
        let pid = Pid::from_raw(self.next_pid);
        self.children.insert(subject, pid);
        pid
    }
}

impl Edge for Fake {
    fn tree(&self) -> &Tree {
        &self.tree
    }

    fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn kernel(&self) -> &dyn Kernel {
        &self.kernel
    }

    fn terminals(&mut self) -> &mut dyn Terminals {
        &mut self.terminals
    }

    fn record(&mut self, event: &Event<'_>) {
        let value = serde_json::to_value(event).unwrap();
        let text = |key: &str| {
            value[key]
                .as_str()
                .map(|word| format!(" {word}"))
                .unwrap_or_default()
        };
        let word = value["event"].as_str().unwrap();
        self.script.note(format!(
            "event: {word}{}{}{}{}",
            text("path"),
            text("signal"),
            text("stage"),
            text("state")
        ));
    }

    fn note(&mut self, note: &Note<'_>) {
        self.script
            .note(format!("note: {}", first_word(&format!("{note:?}"))));
    }

    fn waiting(&mut self, waiting: &[Waiting]) {
        let paths: Vec<&str> = waiting.iter().map(|one| &*one.path).collect();
        self.script.note(format!("waiting: {}", paths.join(" ")));
    }

    fn is_connected(&self, asker: Asker) -> bool {
        !self
            .disconnected
            .iter()
            .any(|&client| ClientId::numbered(client) == asker.client)
    }

    fn reply_with(&mut self, asker: Asker, reply: Reply, _descriptors: Vec<OwnedFd>) {
        let text = match reply {
            Reply::RequestError(problem) => problem.to_string(),
            Reply::Ended(_)
            | Reply::Began { .. }
            | Reply::Restarted(_)
            | Reply::Signalled { .. } => {
                format!("{reply:?}")
            }
            Reply::Awaited(exits) => format!("awaited {exits:?}"),
            reply => first_word(&format!("{reply:?}")),
        };
        self.script.note(format!("reply {}: {text}", asker.id));
    }

    fn snapshot(&mut self) -> Snapshot {
        panic!("no test asks for it")
    }

    fn take_up(&mut self, _client: ClientId) {}

    fn announce(&mut self, _report_channel: ReportChannel, _news: &StartupReport) {
        panic!("no test has one")
    }

    fn open_gates(&mut self) {
        self.script.note("gates".to_owned());
    }

    fn signal(&mut self, subject: ProcessKey, signal: i32) -> nix::Result<()> {
        let is_there = self.children.contains_key(&subject) || self.tree.lives(subject);
        self.script.note(format!(
            "signal {} {}",
            self.tree.path(subject),
            name(signal)
        ));
        if is_there { Ok(()) } else { Err(Errno::ESRCH) }
    }

    fn ask(&mut self, subject: ProcessKey, signal: Signal, _left: Option<Duration>) {
        self.script
            .note(format!("ask {} {signal}", self.tree.path(subject)));
    }

    fn signal_reached(&mut self, subject: ProcessKey, signal: Signal) {
        let _ = self.signal(subject, signal.number());
    }

    fn lift(&mut self, init: ProcessKey, hold: HoldIndex) {
        self.script
            .note(format!("lift {hold} for {}", self.tree.path(init)));
    }

    fn child(&self, subject: ProcessKey) -> Option<Pid> {
        self.children.get(&subject).copied()
    }

    fn alive(&self) -> usize {
        self.children.len()
    }

    fn children(&self) -> Vec<ProcessKey> {
        self.children.keys().copied().collect()
    }

    fn start(&mut self, exec: OutsideProcess) -> Result<Pid, BuildError> {
        self.script.note(format!("start {}", exec.process.name));
        match self.build_error.take() {
            Some(build_error) => Err(build_error),
            None => Ok(self.fork(exec.subject)),
        }
    }

    fn create(&mut self, subject: ProcessKey) -> Result<Option<Pidfd>, Failure> {
        self.script
            .note(format!("create {}", self.tree.path(subject)));
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.fork(subject);
        Ok(None)
    }

    fn to_enter(&self, _pid: Pid, _only: Option<&[String]>) -> io::Result<CloneFlags> {
        Ok(CloneFlags::empty())
    }

    fn namespaces_of(&self, _index: NamespaceIndex) -> CloneFlags {
        CloneFlags::empty()
    }

    fn start_helper(&mut self, subject: ProcessKey, task: HelperTask) -> nix::Result<Pid> {
        let path = self.tree.path(subject);
        self.script.note(match task {
            HelperTask::AwaitFile(file) => format!("watch {path} {}", file.display()),
            HelperTask::Connect { port, .. } => format!("connect {path} {port}"),
        });
        self.next_pid += 1;
        Ok(Pid::from_raw(self.next_pid))
    }

    fn reach(&mut self, namespace: NamespaceIndex) -> Reach {
        let reach = self.reach.get(&namespace).copied().unwrap_or(Reach::Ready);
        if reach != Reach::Unreachable {
            self.lines.insert(namespace);
        }
        reach
    }

    fn command(
        &mut self,
        namespace: NamespaceIndex,
        command: control_channel::Command,
        _luggage: Option<BorrowedFd<'_>>,
    ) {
        self.script.note(format!(
            "command {} {command:?}",
            self.tree.plan.namespace(namespace).path
        ));
    }

    fn close(&mut self, namespace: NamespaceIndex) {
        self.lines.remove(&namespace);
        self.script.note(format!(
            "hang up {}",
            self.tree.plan.namespace(namespace).path
        ));
    }

    fn lines(&self) -> Vec<NamespaceIndex> {
        self.lines.iter().copied().collect()
    }

    fn drain(&mut self, _source: Source) {}

    fn truth_path(&self) -> PathBuf {
        PathBuf::new()
    }

    fn write_truth(&mut self, _occasion: Truth) {}

    fn awaits_outcome(&self, subject: ProcessKey) -> bool {
        self.awaited.contains(&subject)
    }

    fn forget(&mut self, _subject: ProcessKey, _said: Said) {}

    fn last_lines(&self, _subject: ProcessKey) -> LastLines {
        LastLines {
            lines: Vec::new(),
            is_shown: true,
        }
    }

    fn forget_ended_roots(&mut self) {
        self.script.note("guardian: forget ended roots".to_owned());
    }
}

impl Kernel for FakeKernel {
    fn company(&self, company: Company) -> Vec<Pidfd> {
        let (Company::Session(number) | Company::ProcessGroup(number)) = company;
        let count = self.sessions.borrow().get(&number).copied().unwrap_or(1);
        self.script.note(match company {
            Company::Session(leader) => format!("session {leader}"),
            Company::ProcessGroup(number) => format!("group {number}"),
        });
        (0..count).map(|_| Pidfd::open(getpid()).unwrap()).collect()
    }

    fn offspring(&self, process: Pid, extent: Extent, known: &BTreeSet<Pid>) -> Vec<Pidfd> {
        let known = known.len();
        self.script
            .note(format!("offspring {process} {extent:?} but {known}"));
        vec![Pidfd::open(getpid()).unwrap()]
    }

    fn open(&self, pid: Pid, start_time: u64) -> nix::Result<Pidfd> {
        if start_time == start_of(pid) {
            Pidfd::open(getpid())
        } else {
            Err(Errno::ESRCH)
        }
    }

    fn fate(&self, pid: Pid, _role: Role, signal: i32) -> Option<Fate> {
        self.fates.get(&(pid.as_raw(), signal)).copied()
    }

    fn signal(&self, _pidfd: &Pidfd, signal: i32) -> nix::Result<()> {
        self.script.note(format!("send {}", name(signal)));
        Ok(())
    }

    fn is_first(&self, pid: Pid) -> bool {
        self.fates.keys().any(|&(other, _)| other == pid.as_raw())
    }

    fn is_ending(&self, pid: Pid) -> bool {
        self.ending.contains(&pid)
    }

    fn end_helper(&self, _helper: Pid) {
        self.script.note("end helper".to_owned());
    }

    fn compare(&self, _tree: &Tree, _subjects: &[ProcessKey]) -> Result<Vec<Mismatch>, CallError> {
        Ok(std::mem::take(&mut self.mismatches.borrow_mut()))
    }
}

impl Terminals for FakeTerminals {
    fn has_any(&self) -> bool {
        self.has_any
    }

    fn change(&mut self, change: TerminalChange) {
        self.script
            .note(format!("terminal: {}", first_word(&format!("{change:?}"))));
    }

    fn lend(&self, _exec: Option<ProcessKey>) -> Option<OwnedFd> {
        None
    }

    fn keep(&mut self, _subject: ProcessKey, _terminal: OwnedFd) -> nix::Result<()> {
        Err(Errno::ENOTTY)
    }

    fn end(&mut self, _subject: ProcessKey) {}
}

impl Freeze for FakeFreezer {
    fn freeze(&mut self, tree: &Tree, index: NamespaceIndex) -> Result<(), RequestError> {
        if self.state.borrow().refuses {
            return Err(RequestError::CannotPause {
                path: "ns".to_owned(),
                reason: "no cgroup".to_owned(),
                check: Some("mount one".to_owned()),
            });
        }
        self.script
            .note(format!("freeze {}", tree.plan.namespace(index).path));
        Ok(())
    }

    fn is_frozen(&mut self, _tree: &Tree, _index: NamespaceIndex) -> Result<bool, RequestError> {
        Ok(self.state.borrow().is_frozen)
    }

    fn laggard(&self, _index: NamespaceIndex) -> Option<Pid> {
        Some(Pid::from_raw(77))
    }

    fn thaw(&mut self, index: NamespaceIndex) {
        self.script.note(format!("thaw {index}"));
    }

    fn note_again(&self) {}
}

/// Start time of a process of the bench.
pub(super) fn start_of(pid: Pid) -> u64 {
    u64::try_from(pid.as_raw()).unwrap() + 1_000_000
}

/// A plan of a topology.
pub(in crate::controller) fn plan(toml: &str) -> Plan {
    let parsed = nestns_topology::parse(nestns_topology::Request::new(
        Text::new("tree.toml", toml),
        "tree",
    ));
    let topology = parsed
        .topology
        .unwrap_or_else(|| panic!("{toml} is no topology"));
    let common = Common {
        environment: BTreeMap::new(),
        dispositions: Dispositions::default(),
        directory: PathBuf::from("/"),
        descriptors: None,
        title: None,
        visited: None,
        order: Order::FileOrder,
    };
    Plan::new(&topology, Path::new("/"), common).expect("nothing is looked up")
}

/// Set-up of a bench.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) on_exit: OnExit,
    pub(super) status_from: Option<&'static str>,
    pub(super) fixture: Option<Fixture>,
    pub(super) command: Option<Command>,
    pub(super) signals_for: Option<SignalsFor>,
    pub(super) stays: bool,
}

/// A supervisor with a fake edge.
pub(super) struct Bench {
    pub(super) supervisor: Supervisor<'static, Fake>,
    pub(super) frost: Rc<RefCell<Frost>>,
    script: Script,
}

impl Bench {
    /// A tree that stands behind its gates.
    pub(super) fn standing(toml: &str, setup: Setup) -> Self {
        let plan = plan(toml);
        let mut tree = Tree::new("tree", plan, setup.signals_for.unwrap_or(SignalsFor::Tree));
        let mut children = BTreeMap::new();
        let mut pid = 100;
        for namespace in plan.indices() {
            for slot in plan.namespace(namespace).slots() {
                pid += 1;
                let subject = ProcessKey { namespace, slot };
                assert!(tree.roster.arrived(subject));
                give_facts(&mut tree, subject, pid);
                if plan.parent_of(subject).is_none() {
                    children.insert(subject, Pid::from_raw(pid));
                }
            }
        }
        tree.life = Life::Created;
        let script = Script::default();
        let frost = Rc::new(RefCell::new(Frost {
            is_frozen: true,
            refuses: false,
        }));
        let edge = Fake {
            tree,
            now: Moment::default().plus(Duration::from_secs(1000)),
            children,
            kernel: FakeKernel {
                script: script.clone(),
                sessions: RefCell::default(),
                fates: HashMap::new(),
                ending: HashSet::new(),
                mismatches: RefCell::default(),
            },
            terminals: FakeTerminals {
                script: script.clone(),
                has_any: false,
            },
            script: script.clone(),
            next_pid: 500,
            disconnected: HashSet::new(),
            awaited: HashSet::new(),
            build_error: None,
            failure: None,
            reach: HashMap::new(),
            lines: BTreeSet::new(),
        };
        let opening = Opening {
            gates: Gates::Held,
            report_channel: None,
            manager: Manager::default(),
            began: edge.now,
            create: Duration::ZERO,
            release: None,
        };
        let rules = Rules {
            on_exit: setup.on_exit,
            status_from: setup.status_from.map(str::to_owned),
            fixture: setup.fixture,
            stays: setup.stays,
        };
        let freezer = Box::new(FakeFreezer {
            script: script.clone(),
            state: Rc::clone(&frost),
        });
        let supervisor = Supervisor::new(edge, freezer, rules, setup.command, opening);
        Self {
            supervisor,
            frost,
            script,
        }
    }

    /// A tree whose gates are open, and in which every process runs that waits for no other.
    pub(super) fn running_by(toml: &str, setup: Setup) -> Self {
        let mut bench = Self::standing(toml, setup);
        assert!(bench.supervisor.open_gates());
        let tree = &bench.supervisor.edge.tree;
        let is_unconditional = |subject: &ProcessKey| {
            let namespace = tree.plan.namespace(subject.namespace);
            namespace
                .process(subject.slot)
                .is_some_and(ProcessPlan::is_unconditional)
        };
        let subjects: Vec<ProcessKey> = tree.roster.subjects().filter(is_unconditional).collect();
        bench
            .supervisor
            .edge
            .tree
            .incidents
            .extend(subjects.into_iter().map(Incident::Started));
        bench.turn();
        bench.take();
        bench
    }

    /// The same with the rules that hold where nothing is said.
    pub(super) fn running(toml: &str) -> Self {
        Self::running_by(toml, Setup::default())
    }

    pub(super) fn tree(&mut self) -> &mut Tree {
        &mut self.supervisor.edge.tree
    }

    /// A declared process or PID 1 by its path.
    pub(super) fn find(&self, path: &str) -> ProcessKey {
        let tree = &self.supervisor.edge.tree;
        tree.plan
            .find_process(path)
            .unwrap_or_else(|| panic!("there is no `{path}`"))
    }

    /// A process of `exec` by its path.
    pub(super) fn find_exec(&self, path: &str) -> ProcessKey {
        self.supervisor
            .edge
            .tree
            .exec_records
            .find(path)
            .unwrap_or_else(|| panic!("there is no `{path}`"))
    }

    pub(super) fn state(&self, path: &str) -> State {
        self.supervisor
            .edge
            .tree
            .roster
            .get(self.find(path))
            .unwrap()
            .state
    }

    pub(super) fn life(&self) -> Life {
        self.supervisor.edge.tree.life
    }

    /// Lets everything go on once.
    pub(super) fn turn(&mut self) {
        self.supervisor.take_turn();
        self.supervisor.announce();
    }

    /// Takes what was ordered since the last time.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.script.0.borrow_mut())
    }

    /// Takes those orders that begin so.
    pub(super) fn take_only(&mut self, begins: &str) -> Vec<String> {
        self.take()
            .into_iter()
            .filter(|line| line.starts_with(begins))
            .collect()
    }

    /// Lets time pass, and everything go on.
    pub(super) fn after(&mut self, duration: Duration) {
        self.supervisor.edge.now = self.supervisor.edge.now.plus(duration);
        self.turn();
    }

    pub(super) fn happens(&mut self, incident: Incident) {
        self.supervisor.edge.tree.incidents.push_back(incident);
        self.turn();
    }

    pub(super) fn starts(&mut self, path: &str) {
        self.happens(Incident::Started(self.find(path)));
    }

    pub(super) fn hints(&mut self, path: &str) {
        self.happens(Incident::Hint(self.find(path)));
    }

    /// A process ends, and is reaped where it is the controller's child.
    pub(super) fn ends(&mut self, path: &str, ending: Ending) {
        self.end_of(self.find(path), ending);
    }

    pub(super) fn end_of(&mut self, subject: ProcessKey, ending: Ending) {
        self.report_end(subject, ending);
        self.turn();
    }

    /// The same without a turn of the loop.
    pub(super) fn report_end(&mut self, subject: ProcessKey, ending: Ending) {
        let edge = &mut self.supervisor.edge;
        let was_child = edge.children.remove(&subject).is_some();
        edge.tree
            .incidents
            .push_back(Incident::Ended(subject, ending, edge.now));
        if was_child {
            self.supervisor.on_reaped(subject);
        }
    }

    /// A process that was created again has reported.
    pub(super) fn arrives(&mut self, path: &str, pid: i32) {
        let subject = self.find(path);
        assert!(self.tree().roster.arrived(subject));
        give_facts(self.tree(), subject, pid);
    }

    /// A client asks for something, as its request of this number.
    pub(super) fn asks(&mut self, id: u32, request: Request) {
        self.asks_with(id, request, Vec::new());
    }

    pub(super) fn asks_with(&mut self, id: u32, request: Request, descriptors: Vec<OwnedFd>) {
        self.tree().pending.push_back(Heard::Asked(Asked {
            client: ClientId::numbered(id),
            by: Caller { pid: 7, uid: 0 },
            standing: Standing::Beside,
            id: u64::from(id),
            request,
            descriptors,
        }));
        self.turn();
    }

    pub(super) fn hangs_up(&mut self, client: u32) {
        self.supervisor.edge.disconnected.insert(client);
        self.tree()
            .pending
            .push_back(Heard::Closed(ClientId::numbered(client)));
        self.turn();
    }

    /// A client asks for a stop of the whole, as the reactor takes it in.
    pub(super) fn stop(&mut self, id: u32, force: Force) {
        let by = Caller { pid: 7, uid: 0 };
        let tree = self.tree();
        tree.stop_waiters.push(Asker {
            client: ClientId::numbered(id),
            id: u64::from(id),
            by,
        });
        tree.request_stop(crate::controller::event_sink::Cause::Asked);
        tree.stop_again |= force == Force::Kill;
        self.turn();
    }

    pub(super) fn down(&mut self, id: u32, path: &str, force: Force) {
        self.asks(
            id,
            Request::Stop {
                paths: vec![path.to_owned()],
                force,
            },
        );
    }

    pub(super) fn restart(&mut self, id: u32, path: &str) {
        self.asks(
            id,
            Request::Restart {
                paths: vec![path.to_owned()],
            },
        );
    }

    pub(super) fn pause(&mut self, id: u32, path: &str) {
        self.asks(
            id,
            Request::Pause {
                path: path.to_owned(),
            },
        );
    }

    /// A client starts a program in a namespace.
    pub(super) fn exec(&mut self, id: u32, namespace: &str) {
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let execution = execution(namespace);
        self.asks_with(
            id,
            Request::Execute(Box::new(execution)),
            vec![null(), null(), null()],
        );
    }

    /// The end of the topology.
    pub(super) fn conclude(&mut self) -> Conclusion {
        assert!(self.supervisor.is_over(), "it keeps running");
        let now = self.supervisor.edge.now;
        self.supervisor.conclude(now)
    }
}

/// Makes sure that both were ordered, one before the other.
pub(super) fn assert_before(orders: &[String], first: &str, second: &str) {
    let place = |line: &str| {
        orders
            .iter()
            .position(|order| order == line)
            .unwrap_or_else(|| panic!("no {line:?}: {orders:?}"))
    };
    assert!(place(first) < place(second), "{orders:?}");
}

/// A program to be started in a namespace.
pub(super) fn execution(namespace: &str) -> ExecRequest {
    ExecRequest {
        namespace: namespace.to_owned(),
        beside: None,
        argv: vec!["sleep".to_owned()],
        env: BTreeMap::new(),
        set: BTreeMap::new(),
        cwd: None,
        identity: None,
        terminal: false,
        detached: false,
        only: None,
        session: nestns_topology::Session::Own,
    }
}

fn give_facts(tree: &mut Tree, subject: ProcessKey, pid: i32) {
    let record = tree.roster.get_mut(subject).unwrap();
    let start_time = start_of(Pid::from_raw(pid));
    record.facts = Some(Process {
        numbers: vec![pid, 1],
        groups: nestns_observe::groups::Groups::default(),
        parent: 0,
        start_time,
    });
}

/// A death by KILL.
pub(super) const KILLED: Ending = Ending::Signalled(libc::SIGKILL);
