//! A namespace, ready to be created: one record of the plan.

use std::ops::Deref;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Conditions, NamespaceIndex, PlanError, ProcessPlan, Slot};
use crate::engine::chosen_pids::ChosenPids;
use nestns_topology::{
    Entry, Init, Namespace, NamespaceId, NamespaceSpec, Numbering, Process, RestartPolicy, Session,
    StopReach,
};

/// PID 1 of a namespace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `topology::Init`")]
pub enum InitPlan {
    Builtin,
    Pause,
    Program(Box<ProcessPlan>),
}

/// Restarts that an empty init has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartNeed {
    /// No restarts.
    None,
    /// Restarts by a policy: of a process in the namespace, or of a namespace that its init has
    /// created.
    Possible,
}

/// Process group of a PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitGroup {
    /// A group that it leads.
    Own,
    /// A group whose leader was in the namespace around it, and has ended: for a program that
    /// inherits its group, and for an init that forks one.
    LedFromOutside,
}

/// Channel through which the processes of a namespace report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// The channel inherited from outside: no program is declared here nor in a namespace around
    /// it, so that none is there to take it.
    Inherited,
    /// A channel of the namespace's own.
    Own,
}

/// A namespace, ready to be created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamespacePlan {
    // Its path is the first of all, which is read alone by a search for it.
    spec: NamespaceSpec,
    /// The namespace around it.
    pub parent: Option<NamespaceIndex>,
    /// Conditions of its own, or of a namespace around it.
    pub conditions: Conditions,
    /// Plan of PID 1.
    pub init: InitPlan,
    /// PIDs that its PID 1 is given.
    pub pids: ChosenPids,
    /// PID that PID 1 writes as the one given out last, so that the kernel continues after it.
    pub last: Option<i32>,
    /// The declared processes besides PID 1, in the order of creation.
    pub processes: Vec<ProcessPlan>,
    /// Tells if the init waits for processes that come again.
    pub restart_need: RestartNeed,
    /// Channel through which its processes report.
    pub channel: Channel,
}

impl Deref for NamespacePlan {
    type Target = NamespaceSpec;

    fn deref(&self) -> &NamespaceSpec {
        &self.spec
    }
}

impl NamespacePlan {
    /// The declared process in a slot, or the program that is PID 1.
    pub fn process(&self, slot: Slot) -> Option<&ProcessPlan> {
        match (slot, &self.init) {
            (Slot::Init, InitPlan::Program(program)) => Some(program),
            (Slot::Process(place), _) => self.processes.get(place as usize),
            _ => None,
        }
    }

    /// The process whose end is that of the namespace.
    pub fn main_process(&self) -> Option<&ProcessPlan> {
        self.process(Slot::Process(self.main?))
    }

    /// PID 1 and the declared processes, in the order of creation.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        std::iter::once(Slot::Init).chain(self.declared_slots())
    }

    /// The declared processes besides PID 1, in the order of creation.
    pub fn declared_slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.processes.len()).map(Slot::declared)
    }

    /// True if PID 1 or a declared process has this slot.
    pub fn has_slot(&self, slot: Slot) -> bool {
        slot.index()
            .is_some_and(|index| index <= self.processes.len())
    }

    /// The processes that a request to stop what is in a slot reaches.
    pub fn stop_reach(&self, slot: Slot) -> StopReach {
        self.process(slot)
            .map_or(StopReach::Process, |process| process.stop_reach)
    }

    /// The path of what is in a slot: `vm/ci/init`, `vm/ci/runner`.
    pub fn path_of(&self, slot: Slot) -> String {
        let name = match slot {
            Slot::Init => "init",
            slot => self
                .process(slot)
                .map_or("?", |process| process.name.as_str()),
        };
        format!("{}/{name}", self.path)
    }

    /// Restart policy of a slot, `None` for never; of PID 1 that is the namespace's.
    pub fn restart_of(&self, slot: Slot) -> Option<RestartPolicy> {
        let process = || self.process(slot)?.restart.as_deref().copied();
        match slot {
            // The file may say it in either place.
            Slot::Init => self.restart.as_deref().copied().or_else(process),
            _ => process(),
        }
    }

    /// True if a program is declared in it.
    pub(super) fn has_programs(&self) -> bool {
        matches!(self.init, InitPlan::Program(_)) || !self.processes.is_empty()
    }

    /// Process group of its PID 1.
    pub fn init_group(&self) -> InitGroup {
        let inherits = match &self.init {
            InitPlan::Program(program) => program.session == Session::Inherit,
            InitPlan::Builtin | InitPlan::Pause => self
                .processes
                .iter()
                .any(|process| process.entry != Entry::Join && process.session == Session::Inherit),
        };
        if inherits {
            InitGroup::LedFromOutside
        } else {
            InitGroup::Own
        }
    }

    /// True if nestns itself is PID 1, and thus parent of everything inside.
    pub fn forks_its_members(&self) -> bool {
        !matches!(self.init, InitPlan::Program(_))
    }
}

impl NamespacePlan {
    /// Gives its processes the numbers of a prediction on so many levels.
    pub(super) fn number(&mut self, id: NamespaceId, numbering: &Numbering, levels: usize) {
        let init = match &self.init {
            InitPlan::Program(program) => program.pid.len(),
            InitPlan::Builtin | InitPlan::Pause => 0,
        };
        // Its number in its own namespace is 1 without being chosen.
        if levels > 1 {
            self.pids = ChosenPids::of(numbering.init(id), levels, init);
        }
        for (place, process) in self.processes.iter_mut().enumerate() {
            let chain = numbering.process(id, place);
            process.pids = ChosenPids::of(&chain, levels, process.pid.len());
        }
        let highest = numbering.last(id);
        self.last = self.last.or((levels > 0 && highest > 1).then_some(highest));
    }

    /// Makes a namespace ready to be created. `around` is the namespace around it.
    pub(super) fn new(
        namespace: &Namespace,
        around: Option<(NamespaceIndex, Conditions)>,
        base: &Path,
    ) -> Result<Self, PlanError> {
        let conditions = match around {
            Some((_, Conditions::Some)) => Conditions::Some,
            _ if !namespace.after.is_empty() => Conditions::Some,
            _ => Conditions::None,
        };
        let process = |process: &Process| {
            let mut plan = ProcessPlan::new(process, &namespace.path, base)?;
            if conditions == Conditions::Some {
                plan.conditions = conditions;
            }
            Ok(plan)
        };
        Ok(Self {
            spec: namespace.spec.clone(),
            parent: around.map(|(parent, _)| parent),
            conditions,
            init: match &namespace.init {
                Init::Builtin => InitPlan::Builtin,
                Init::Pause => InitPlan::Pause,
                Init::Program(program) => InitPlan::Program(Box::new(process(program)?)),
            },
            pids: ChosenPids::default(),
            last: namespace.last_pid,
            processes: namespace
                .processes
                .iter()
                .map(process)
                .collect::<Result<_, _>>()?,
            restart_need: RestartNeed::None,
            channel: Channel::Inherited,
        })
    }
}
