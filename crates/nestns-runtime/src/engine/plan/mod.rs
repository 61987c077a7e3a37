//! The checked tree, flattened: instructions for the processes of the tree.
//!
//! The plan lies in one shared read-only mapping, a record a namespace, each decoded when needed.
//! The graph and the file's text are dropped before the first fork: dirty memory is copied into
//! every page table. Everything that can be looked up outside is looked up here: users become
//! numbers, relative files absolute.
mod common;
mod holds;
mod namespace;
mod process;
mod recent;
mod subject;

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use common::{Common, Order};
pub use holds::{HoldIndex, Holds, TreePart, key, part, target};
pub use namespace::{Channel, InitGroup, InitPlan, NamespacePlan, RestartNeed};
pub use process::{Conditions, Identity, ProcessPlan, Unknown};
pub use subject::{ProcessKey, Slot};

use nestns_sys::errno::spelled;
use nestns_sys::memory;
use nestns_topology::{Entry, Numbering, Output, Position, Probe, Terminal, Topology};

/// A namespace of a plan: its place in the order of creation.
pub type NamespaceIndex = u32;

/// Numbers of things in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is a count of what it names")]
pub struct Counts {
    pub namespaces: u32,
    /// Declared processes and programs that are PID 1.
    pub processes: u32,
    /// The deepest level.
    pub depth: u32,
    /// Processes that wait for the common gate.
    pub unconditional: u32,
    /// Descriptors that the controller reads: captured streams, and those on which a process
    /// reports its readiness.
    pub captured: u32,
    /// Processes whose output the controller may have to keep.
    pub logged: u32,
    /// Channels for reports, a descriptor of the controller's each: of namespaces, and of processes
    /// that join.
    pub channels: u32,
}

/// The size of one entry in the index: record offset, size of the subtree, numbers taken below PID
/// 1, and 1 if its process group is led from outside.
const ENTRY: usize = 16;

/// Way in which created processes are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Common gate that opens for all at once, except those with conditions.
    Together,
    /// Signal to each: the common gate was opened before they were created.
    Apart,
}

/// A whole tree, cheap to fork and to copy.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    bytes: &'static [u8],
    common: &'static Common,
    holds: &'static Holds,
    counts: Counts,
    has_chosen_pids: bool,
    release: Release,
}

/// Reason why a plan could not be made; nothing has been built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The caller's user database has no such user.
    #[error("`{path}` needs the user `{user}`, which does not exist on this machine")]
    #[expect(missing_docs, reason = "the message names them")]
    UnknownUser {
        path: String,
        user: String,
        position: Position,
    },
    /// The caller's group database has no such group.
    #[error("`{path}` needs the group `{group}`, which does not exist on this machine")]
    #[expect(missing_docs, reason = "the message names them")]
    UnknownGroup {
        path: String,
        group: String,
        position: Position,
    },
    /// The plan could not be stored.
    #[error("cannot keep the plan of {namespaces} namespaces in memory: {}", spelled(*errno))]
    #[expect(missing_docs, reason = "the message names them")]
    Memory {
        namespaces: usize,
        errno: nix::Error,
    },
    /// A record could not be written.
    #[error("the plan of `{path}` cannot be written: {source}")]
    #[expect(missing_docs, reason = "the message names them")]
    Record {
        path: String,
        source: postcard::Error,
    },
}

impl Plan {
    /// Flattens a topology. Relative files of the topology are relative to the directory `base`.
    ///
    /// # Errors
    ///
    /// A user or group that the machine does not know, or lack of memory.
    pub fn new(topology: &Topology, base: &Path, common: Common) -> Result<Self, PlanError> {
        let order = topology.pre_order();
        let mut parents: Vec<Option<NamespaceIndex>> = Vec::with_capacity(order.len());
        let mut path: Vec<(NamespaceIndex, Conditions)> = Vec::new();
        let mut records = Vec::new();
        let mut offsets = Vec::with_capacity(order.len());
        let mut counts = Counts {
            namespaces: 0,
            processes: 0,
            depth: 0,
            unconditional: 0,
            captured: 0,
            logged: 0,
            channels: 0,
        };
        let holders = holders(topology);
        let has_chosen_pids = common.order != Order::FileOrder || topology.has_chosen_pids();
        let numbering = has_chosen_pids.then(|| Numbering::predict(topology));
        let mut channels: Vec<Channel> = Vec::with_capacity(order.len());
        let mut groups: Vec<InitGroup> = Vec::with_capacity(order.len());
        for &id in &order {
            let namespace = topology.namespace(id);
            path.truncate(namespace.level() - 1);
            let mut record = NamespacePlan::new(namespace, path.last().copied(), base)?;
            if let Some(numbering) = &numbering {
                let levels = match common.order {
                    Order::FileOrder => numbering.chosen_levels(id),
                    Order::Parallel(_) => namespace.level(),
                };
                record.number(id, numbering, levels);
            }
            if holders.contains(&counts.namespaces) {
                record.restart_need = RestartNeed::Possible;
            }
            let around = record
                .parent
                .map_or(Channel::Inherited, |around| channels[around as usize]);
            if record.has_programs() || common.visited.as_ref() == Some(&record.path) {
                record.channel = Channel::Own;
            } else {
                record.channel = around;
            }
            channels.push(record.channel);
            groups.push(record.init_group());
            counts.add(&record);
            path.push((counts.namespaces - 1, record.conditions));
            parents.push(record.parent);
            offsets.push(records.len());
            records =
                postcard::to_extend(&record, records).map_err(|source| PlanError::Record {
                    path: record.path.clone(),
                    source,
                })?;
        }
        let numbers: Vec<u32> = order
            .iter()
            .map(|&id| u32::try_from(topology.namespace(id).processes.len()).unwrap_or(u32::MAX))
            .collect();
        let bytes = with_index(&records, &offsets, &parents, (numbers, &groups));
        let bytes = memory::publish(&bytes).map_err(|errno| PlanError::Memory {
            namespaces: order.len(),
            errno,
        })?;
        Ok(Self {
            bytes,
            common: Box::leak(Box::new(common)),
            holds: Box::leak(Box::new(Holds::of(topology))),
            counts,
            has_chosen_pids,
            release: Release::Together,
        })
    }

    /// The plan for processes that are created again, or later: the common gate is open.
    #[must_use]
    pub fn for_latecomers(self) -> Self {
        Self {
            release: Release::Apart,
            ..self
        }
    }

    /// True if a process is given its PIDs, by the file or for a creation that is not in order.
    pub fn has_chosen_pids(&self) -> bool {
        self.has_chosen_pids
    }

    /// Way in which processes created by this plan are released.
    pub fn release(&self) -> Release {
        self.release
    }

    /// Namespace of the nearest builtin init from `index` outward; `None` is the controller. It is
    /// the parent of the namespaces in it, and of the processes that join them.
    pub fn nearest_parent_of(&self, mut index: Option<NamespaceIndex>) -> Option<NamespaceIndex> {
        while let Some(candidate) = index {
            let namespace = self.namespace(candidate);
            if namespace.forks_its_members() {
                return Some(candidate);
            }
            index = namespace.parent;
        }
        None
    }

    /// The namespace of the init that has forked a process, or will: `None` is the controller.
    pub fn parent_of(&self, subject: ProcessKey) -> Option<NamespaceIndex> {
        let namespace = self.namespace(subject.namespace);
        match namespace.process(subject.slot).map(|process| process.entry) {
            Some(Entry::Fork) if !subject.is_init() && namespace.forks_its_members() => {
                Some(subject.namespace)
            }
            _ => self.nearest_parent_of(namespace.parent),
        }
    }

    /// The namespace of the init that asks a process to stop: `None` is the controller.
    pub fn asker_of(&self, subject: ProcessKey) -> Option<NamespaceIndex> {
        let namespace = self.namespace(subject.namespace);
        if !subject.is_init() && namespace.forks_its_members() {
            return Some(subject.namespace);
        }
        self.nearest_parent_of(namespace.parent)
    }

    /// The holds on a process that a parent asks to stop: its own, and those on the namespaces
    /// around it that the same parent stops.
    pub fn holds_of(&self, subject: ProcessKey, parent: Option<NamespaceIndex>) -> Vec<HoldIndex> {
        let mut holds: Vec<HoldIndex> = self
            .holds
            .find(TreePart::Process(subject))
            .into_iter()
            .collect();
        let mut around = Some(subject.namespace);
        while let Some(index) = around.filter(|_| around != parent) {
            holds.extend(self.holds.find(TreePart::Namespace(index)));
            around = self.namespace(index).parent;
        }
        holds
    }

    /// The processes that have to end before a hold is lifted.
    pub fn waiters(&self, hold: HoldIndex) -> &'static [ProcessKey] {
        self.holds.waiters(hold)
    }

    /// All holds.
    pub fn holds(&self) -> &'static Holds {
        self.holds
    }

    /// Totals.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Properties common to all processes.
    pub fn common(&self) -> &'static Common {
        self.common
    }

    /// A namespace's record, decoded; the last few are kept, because it is needed once for each of
    /// its processes, and holds all of them.
    ///
    /// # Panics
    ///
    /// Never: the bytes are those that [`Plan::new`] wrote into a mapping that is read-only since.
    pub fn namespace(&self, index: NamespaceIndex) -> Rc<NamespacePlan> {
        let offset = self.entry(index, 0) as usize;
        let record = &self.bytes[offset..];
        recent::record(record.as_ptr() as usize, || {
            postcard::from_bytes(record).expect("the record that was written")
        })
    }

    /// The namespace with this path. On the way to it only paths are decoded, those beside it and
    /// beside the namespaces around it.
    pub fn find(&self, path: &str) -> Option<NamespaceIndex> {
        let leads_to = |index: &NamespaceIndex| {
            path.strip_prefix(self.path(*index))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut around = self.roots().find(leads_to)?;
        while self.path(around) != path {
            around = self.children(around).find(leads_to)?;
        }
        Some(around)
    }

    /// The process with this path: a declared one, or the PID 1 `init`.
    pub fn find_process(&self, path: &str) -> Option<ProcessKey> {
        let namespace = self.find(path.rsplit_once('/')?.0)?;
        let home = self.namespace(namespace);
        let slot = home.slots().find(|&slot| home.path_of(slot) == path)?;
        Some(ProcessKey { namespace, slot })
    }

    /// Every namespace, in the order of creation.
    pub fn indices(&self) -> impl Iterator<Item = NamespaceIndex> + use<> {
        0..self.counts.namespaces
    }

    /// The namespaces directly below the host.
    pub fn roots(&self) -> impl Iterator<Item = NamespaceIndex> + '_ {
        self.siblings(0, self.counts.namespaces)
    }

    /// The namespaces directly inside one.
    pub fn children(&self, index: NamespaceIndex) -> impl Iterator<Item = NamespaceIndex> + '_ {
        self.siblings(index + 1, index + self.subtree(index))
    }

    /// The size of a namespace's subtree, itself included. In the order of creation a subtree is
    /// one run.
    pub fn subtree(&self, index: NamespaceIndex) -> u32 {
        self.entry(index, 1)
    }

    /// Number of PIDs that its subtree takes in it besides that of its own PID 1.
    pub fn numbers_below(&self, index: NamespaceIndex) -> u32 {
        self.entry(index, 2)
    }

    /// Process group of a namespace's PID 1. Its record is not decoded, which would cost each parent
    /// memory that it copies with every fork.
    pub fn init_group(&self, index: NamespaceIndex) -> InitGroup {
        match self.entry(index, 3) {
            0 => InitGroup::Own,
            _ => InitGroup::LedFromOutside,
        }
    }

    fn siblings(
        &self,
        first: NamespaceIndex,
        end: NamespaceIndex,
    ) -> impl Iterator<Item = NamespaceIndex> + '_ {
        let next = move |&index: &NamespaceIndex| {
            Some(index + self.subtree(index)).filter(|&next| next < end)
        };
        std::iter::successors(Some(first).filter(|&first| first < end), next)
    }

    fn path(&self, index: NamespaceIndex) -> &'static str {
        let record = &self.bytes[self.entry(index, 0) as usize..];
        // The record begins with the path, so that it can be read alone.
        postcard::take_from_bytes(record).map_or("", |(path, _)| path)
    }

    fn entry(&self, index: NamespaceIndex, field: usize) -> u32 {
        let at = index as usize * ENTRY + field * 4;
        let bytes = &self.bytes[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

/// Indices of the namespaces whose init must not end when it is empty, because something in it may
/// be restarted.
fn holders(topology: &Topology) -> HashSet<NamespaceIndex> {
    let mut holders = HashSet::new();
    // Around a namespace: those whose PID 1 is nestns, with their levels.
    let mut around: Vec<(usize, NamespaceIndex)> = Vec::new();
    for (index, &id) in (0..).zip(&topology.pre_order()) {
        let namespace = topology.namespace(id);
        around.truncate(
            around
                .iter()
                .take_while(|(level, _)| *level < namespace.level())
                .count(),
        );
        let program = namespace.init.program();
        let program = program.map(|program| program.restart.is_some());
        if (namespace.restart.is_some() || program == Some(true))
            && let Some((_, holder)) = around.last()
        {
            holders.insert(*holder);
        }
        if program.is_none() {
            around.push((namespace.level(), index));
        }
        // The init inside waits for a joined process, whichever process is its parent.
        if program.is_none()
            && namespace
                .processes
                .iter()
                .any(|process| process.restart.is_some())
        {
            holders.insert(index);
        }
    }
    holders
}

/// Puts the index in front of the records. Subtrees are counted backwards: by then all their
/// members have been.
fn with_index(
    records: &[u8],
    offsets: &[usize],
    parents: &[Option<NamespaceIndex>],
    (mut numbers, groups): (Vec<u32>, &[InitGroup]),
) -> Vec<u8> {
    let mut subtrees = vec![1_u32; parents.len()];
    for index in (0..parents.len()).rev() {
        if let Some(parent) = parents[index] {
            subtrees[parent as usize] += subtrees[index];
            numbers[parent as usize] += numbers[index] + 1;
        }
    }
    let base = parents.len() * ENTRY;
    let mut bytes = Vec::with_capacity(base + records.len());
    for index in 0..parents.len() {
        let offset = u32::try_from(base + offsets[index]).unwrap_or(u32::MAX);
        let is_led_from_outside = u32::from(groups[index] == InitGroup::LedFromOutside);
        for field in [offset, subtrees[index], numbers[index], is_led_from_outside] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
    }
    bytes.extend_from_slice(records);
    bytes
}

impl Counts {
    fn add(&mut self, namespace: &NamespacePlan) {
        self.namespaces += 1;
        self.depth = self
            .depth
            .max(u32::try_from(namespace.level()).unwrap_or(u32::MAX));
        let program = match &namespace.init {
            InitPlan::Program(program) => Some(&**program),
            InitPlan::Builtin | InitPlan::Pause => None,
        };
        if namespace.channel == Channel::Own {
            let is_moved_in =
                |process: &&ProcessPlan| program.is_some() || process.entry == Entry::Join;
            let moved_in = namespace.processes.iter().filter(is_moved_in).count();
            self.channels += 1 + u32::try_from(moved_in).unwrap_or(u32::MAX);
        }
        for process in namespace.processes.iter().chain(program) {
            self.processes += 1;
            self.unconditional += u32::from(process.is_unconditional());
            let is_logged = process.stdout == Output::Log || process.stderr == Output::Log;
            self.logged += u32::from(is_logged || process.terminal == Terminal::Own);
            if process.terminal == Terminal::None {
                self.captured += u32::from(process.stdout == Output::Log)
                    + u32::from(process.stderr == Output::Log);
            }
            self.captured += u32::from(matches!(
                process.ready.as_deref(),
                Some(Probe::Descriptor(_) | Probe::Notify(_))
            ));
        }
    }
}

#[cfg(test)]
pub(in crate::engine) mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    use super::{
        Channel, Common, InitPlan, NamespaceIndex, Order, Plan, PlanError, ProcessKey, Release,
        RestartNeed, Slot,
    };
    use nestns_sys::caller::Dispositions;
    use nestns_topology::diagnostic::Source;
    use nestns_topology::{Entry, Output, Program, Request, RestartWhen, Stdin, parse};

    const TREE: &str = r#"
[ns.a]
proc.one = { actor = "idle" }
[ns."a/b"]
[ns."a/b/c"]
init = { actor = "idle" }
proc.two = { actor = "idle", count = 3 }
[ns."a/bc"]
[ns.a-b]
proc.three = { actor = "idle" }
[ns."a-b/b"]
"#;

    /// A caller that has nothing.
    pub(in crate::engine) fn common() -> Common {
        Common {
            environment: BTreeMap::new(),
            dispositions: Dispositions::default(),
            directory: "/".into(),
            descriptors: None,
            title: None,
            visited: None,
            order: Order::FileOrder,
        }
    }

    fn try_plan(text: &str, common: Common) -> Result<Plan, PlanError> {
        let topology = parse(Request::new(Source::new("tree.toml", text), "tree"))
            .topology
            .expect("it is good");
        Plan::new(&topology, Path::new("/base"), common)
    }

    /// The plan of a topology file.
    pub(in crate::engine) fn plan(text: &str) -> Plan {
        try_plan(text, common()).expect("nothing is looked up")
    }

    fn index(plan: &Plan, path: &str) -> NamespaceIndex {
        plan.find(path).expect("it is declared")
    }

    #[test]
    fn what_is_found_by_its_path_is_what_has_it() {
        let plan = plan(TREE);
        for index in plan.indices() {
            let namespace = plan.namespace(index);
            assert_eq!(plan.find(&namespace.path), Some(index));
            for slot in namespace.slots() {
                let subject = ProcessKey {
                    namespace: index,
                    slot,
                };
                assert_eq!(plan.find_process(&namespace.path_of(slot)), Some(subject));
            }
        }
        for nothing in ["", "a/", "a/b/", "b", "a/b/c/d", "a-", "a-b/c", "a/one"] {
            assert_eq!(plan.find(nothing), None, "{nothing}");
        }
        for nothing in ["", "a", "a/b", "a/two", "init", "a/b/c/two.3", "a-b/b/one"] {
            assert_eq!(plan.find_process(nothing), None, "{nothing}");
        }
    }
    #[test]
    fn a_subtree_is_one_run_in_the_order_of_creation() {
        let plan = plan(TREE);
        let paths = |indices: Vec<NamespaceIndex>| -> Vec<String> {
            indices
                .into_iter()
                .map(|index| plan.namespace(index).path.clone())
                .collect()
        };
        assert_eq!(paths(plan.roots().collect()), ["a", "a-b"]);
        assert_eq!(
            paths(plan.children(index(&plan, "a")).collect()),
            ["a/b", "a/bc"]
        );
        assert_eq!(
            paths(plan.children(index(&plan, "a/b")).collect()),
            ["a/b/c"]
        );
        assert!(plan.children(index(&plan, "a/b/c")).next().is_none());
        assert_eq!(plan.subtree(index(&plan, "a")), 4);
        // `one`, the three PID 1s inside, and the three of `two`.
        assert_eq!(plan.numbers_below(index(&plan, "a")), 7);
        assert_eq!(plan.numbers_below(index(&plan, "a/bc")), 0);
    }

    #[test]
    fn what_a_record_says_is_what_the_file_says() {
        let plan = plan(
            r#"
            [ns.a]
            hostname = "host"
            env = { A = "1", B = "1" }
            labels = { tier = "x" }
            proc.one = { cmd = "true x", env = { B = "2" }, stdout = "/out.log", stdin = "/in", ok = [3, 0] }
            proc.two = { actor = "idle", after = { one = "exited" }, stop = { signal = "QUIT", grace = "2s" } }
            "#,
        );
        let namespace = plan.namespace(0);
        assert_eq!(
            (namespace.path.as_str(), namespace.name(), namespace.level()),
            ("a", "a", 1)
        );
        assert_eq!(namespace.hostname.as_deref(), Some("host"));
        assert_eq!(namespace.labels.get("tier"), Some("x"));
        assert!(namespace.isolation.mount && namespace.isolation.uts && !namespace.isolation.net);
        let [one, two] = namespace.processes.as_slice() else {
            panic!("two are declared")
        };
        assert_eq!(
            one.program,
            Program::Command(vec!["true".to_owned(), "x".to_owned()])
        );
        assert_eq!((one.env["A"].as_str(), one.env["B"].as_str()), ("1", "2"));
        assert_eq!(one.stdout, Output::File("/out.log".into()));
        assert_eq!(one.stdin, Stdin::File("/in".into()));
        assert_eq!(*one.ok, [0, 3]);
        assert!(one.is_unconditional() && !two.is_unconditional());
        assert_eq!(
            (two.stop.signal.number(), two.stop.grace),
            (3, Duration::from_secs(2))
        );
        assert_eq!(two.entry, Entry::Fork);
        assert!(one.identity.is_none());
    }

    #[test]
    fn slots_name_what_they_are_of() {
        let plan =
            plan("[ns.a]\nproc.one = { actor = 'idle' }\n[ns.b]\ninit = { actor = 'idle' }\n");
        let (a, b) = (plan.namespace(0), plan.namespace(1));
        assert!(a.process(Slot::Init).is_none() && a.process(Slot::Process(1)).is_none());
        assert_eq!(
            a.process(Slot::Process(0))
                .map(|process| process.name.as_str()),
            Some("one")
        );
        assert_eq!(
            b.process(Slot::Init).map(|process| process.entry),
            Some(Entry::Init)
        );
        assert_eq!(
            (a.path_of(Slot::Init), a.path_of(Slot::Process(0))),
            ("a/init".to_owned(), "a/one".to_owned())
        );
        assert_eq!(a.path_of(Slot::RunCommand), "a/?");
        assert_eq!(
            a.slots().collect::<Vec<_>>(),
            [Slot::Init, Slot::Process(0)]
        );
        assert!(
            a.has_slot(Slot::Process(0))
                && !a.has_slot(Slot::Process(1))
                && !a.has_slot(Slot::Exec(0))
        );
        assert!(a.forks_its_members() && !b.forks_its_members());
    }

    #[test]
    fn the_nearest_init_of_nestns_keeps_what_a_program_cannot() {
        let plan = plan(
            r#"
            [ns.a]
            [ns."a/b"]
            init = { actor = "idle" }
            proc.joined = { actor = "idle" }
            [ns."a/b/c"]
            proc.own = { actor = "idle" }
            [ns.p]
            init = { actor = "idle" }
            proc.joined = { actor = "idle" }
            "#,
        );
        let of = |path: &str| plan.find_process(path).expect("it is declared");
        let (a, c) = (index(&plan, "a"), index(&plan, "a/b/c"));
        assert_eq!(plan.parent_of(of("a/b/joined")), Some(a));
        assert_eq!(plan.parent_of(of("a/b/c/own")), Some(c));
        assert_eq!(plan.parent_of(ProcessKey::init(c)), Some(a));
        assert_eq!(plan.parent_of(of("p/joined")), None, "the controller");
        assert_eq!(plan.nearest_parent_of(Some(index(&plan, "p"))), None);
    }

    #[test]
    fn an_init_waits_for_what_may_come_again() {
        let plan = plan(
            r#"
            [ns.a]
            proc.one = { actor = "idle" }
            [ns."a/b"]
            proc.again = { actor = "idle", restart = "always" }
            [ns.c]
            [ns."c/d"]
            restart = "on-failure"
            "#,
        );
        let restart_need = |path: &str| plan.namespace(index(&plan, path)).restart_need;
        assert_eq!(restart_need("a"), RestartNeed::None);
        assert_eq!(restart_need("a/b"), RestartNeed::Possible);
        assert_eq!(
            restart_need("c"),
            RestartNeed::Possible,
            "it creates c/d again"
        );
        assert_eq!(restart_need("c/d"), RestartNeed::None);
        let restarts = |path: &str| {
            let subject = plan.find_process(path).expect("it is declared");
            plan.namespace(subject.namespace)
                .restart_of(subject.slot)
                .map(|policy| policy.when)
        };
        assert_eq!(restarts("a/b/again"), Some(RestartWhen::Always));
        assert_eq!(restarts("a/one"), None);
        assert_eq!(restarts("c/d/init"), Some(RestartWhen::OnFailure));
    }

    #[test]
    fn programs_are_heard_through_channels_of_their_own() {
        let plan = plan(
            r#"
            [ns.empty]
            [ns."empty/below"]
            [ns.a]
            proc.one = { actor = "idle" }
            [ns."a/inside"]
            "#,
        );
        let channel = |path: &str| plan.namespace(index(&plan, path)).channel;
        assert_eq!(
            [channel("empty"), channel("empty/below")],
            [Channel::Inherited; 2]
        );
        assert_eq!([channel("a"), channel("a/inside")], [Channel::Own; 2]);
        assert_eq!(plan.counts().channels, 2);
        let visited = Common {
            visited: Some("empty".to_owned()),
            ..common()
        };
        let visited = try_plan("[ns.empty]\n", visited).expect("nothing is looked up");
        assert_eq!(
            visited.namespace(0).channel,
            Channel::Own,
            "the command of `run` will be in it"
        );
    }

    #[test]
    fn what_there_is_is_counted() {
        let counts = plan(
            r#"
            [ns.a]
            init = { actor = "idle" }
            proc.one = { actor = "idle", stdout = "null", stderr = "inherit" }
            [ns."a/b"]
            proc.two = { cmd = "true", ready = { fd = 3 } }
            proc.three = { cmd = "true", after = { two = "ready" }, stderr = "null" }
            "#,
        )
        .counts();
        assert_eq!(
            (counts.namespaces, counts.processes, counts.depth),
            (2, 4, 2)
        );
        assert_eq!(counts.unconditional, 3);
        // Two of the actor that is PID 1, two of `two` and what it is ready on, one of `three`.
        assert_eq!((counts.captured, counts.logged), (6, 3));
    }

    #[test]
    fn latecomers_find_the_common_gate_open() {
        let plan = plan("[ns.a]\n");
        assert_eq!(plan.release(), Release::Together);
        assert_eq!(plan.for_latecomers().release(), Release::Apart);
    }

    #[test]
    fn a_user_that_nobody_knows_is_told_with_its_place() {
        let unknown = |user: &str| {
            let text = format!("[ns.a]\nproc.one = {{ actor = 'idle', user = '{user}' }}\n");
            try_plan(&text, common()).expect_err("there is none")
        };
        let PlanError::UnknownUser {
            path,
            user,
            position,
        } = unknown("no-such-user")
        else {
            panic!("another error")
        };
        assert_eq!(
            (path.as_str(), user.as_str(), position.line),
            ("a/one", "no-such-user", 2)
        );
        let PlanError::UnknownGroup { group, .. } = unknown("0:no-such-group") else {
            panic!("another error")
        };
        assert_eq!(group, "no-such-group");
    }

    #[test]
    fn a_program_that_is_pid_one_is_part_of_its_namespace() {
        let plan = plan("[ns.a]\ninit = ['true']\n[ns.b]\ninit = 'pause'\n[ns.c]\n");
        assert!(
            matches!(&plan.namespace(0).init, InitPlan::Program(program) if program.name == "init")
        );
        assert!(matches!(plan.namespace(1).init, InitPlan::Pause));
        assert!(matches!(plan.namespace(2).init, InitPlan::Builtin));
    }
}
