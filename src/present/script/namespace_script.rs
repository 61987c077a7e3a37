//! The tree as the script needs it, without properties that make no difference to a command line.

use std::path::PathBuf;

use super::Scope;
use super::series::{self, Run};
use nestns_topology::{
    Actor, After, Condition, Entry, Init, Isolation, NamespaceId, Numbering, Output, Part, Process,
    Program, Stdin, Terminal, Topology,
};

/// The namespaces directly below the host.
#[derive(Debug)]
pub(super) struct Forest {
    pub(super) roots: Vec<Run<NamespaceScript>>,
}

/// A namespace and all that is inside.
#[derive(Debug, Clone)]
pub(super) struct NamespaceScript {
    pub(super) path: String,
    pub(super) description: Option<String>,
    /// The number of its PID 1 in the namespace around it, as given by nestns; none for a root.
    pub(super) number: Option<i32>,
    pub(super) first: First,
    pub(super) isolation: Isolation,
    pub(super) mount_proc: bool,
    pub(super) hostname: Option<String>,
    pub(super) domainname: Option<String>,
    /// True if the file chooses PIDs, or sets the counter or limit of the namespace.
    pub(super) has_chosen_pids: bool,
    pub(super) members: Vec<Run<Member>>,
    pub(super) children: Vec<Run<NamespaceScript>>,
}

/// PID 1 of a namespace.
#[derive(Debug, Clone)]
pub(super) enum First {
    /// A shell that ends when all others have ended.
    Builtin,
    /// A command that waits for ever.
    Pause,
    /// The program itself.
    Program(Box<Job>),
}

/// A declared process.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) path: String,
    /// Number in its own namespace, as given by nestns.
    pub(super) number: i32,
    pub(super) entry: Entry,
    pub(super) after: Vec<String>,
    pub(super) job: Job,
}

/// Command to run, and its circumstances.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) words: Vec<String>,
    pub(super) kind: Kind,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) terminal: Terminal,
    pub(super) stdin: Stdin,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

/// Kind of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A program's, which may do anything.
    Foreign,
    /// An actor that has no children.
    Alone,
    /// An actor that has children.
    Forking,
}

impl Forest {
    /// Selects the spaces of a part of a topology.
    pub(super) fn of(topology: &Topology, part: Scope) -> Self {
        let numbering = Numbering::predict(topology);
        let roots = match part {
            Scope::Whole => topology.roots(),
            Scope::Subtree(id) | Scope::Init(id) | Scope::Process(id, _) => &[id],
        };
        let mut roots: Vec<NamespaceScript> = roots
            .iter()
            .map(|&root| NamespaceScript::of(topology, &numbering, root))
            .collect();
        if part != Scope::Whole {
            for root in &mut roots {
                root.number = None;
            }
        }
        Self {
            roots: series::fold(roots, 0),
        }
    }
}

impl NamespaceScript {
    fn of(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Self {
        let namespace = topology.namespace(id);
        let around = namespace.level().checked_sub(2);
        let member = |(place, process): (usize, &Process)| Member {
            path: format!("{}/{}", namespace.path, process.name),
            number: numbering
                .process(id, place)
                .last()
                .copied()
                .unwrap_or_default(),
            entry: process.entry,
            after: process
                .after
                .iter()
                .map(|after| condition(topology, id, after))
                .collect(),
            job: Job::of(process),
        };
        Self {
            path: namespace.path.clone(),
            description: namespace.description.clone(),
            number: around.and_then(|around| numbering.init(id).get(around).copied()),
            first: match &namespace.init {
                Init::Builtin => First::Builtin,
                Init::Pause => First::Pause,
                Init::Program(program) => First::Program(Box::new(Job::of(program))),
            },
            isolation: namespace.isolation,
            mount_proc: namespace.mount_proc,
            hostname: namespace.hostname.clone(),
            domainname: namespace.domainname.clone(),
            has_chosen_pids: numbering.chosen_levels(id) > 0 || namespace.pid_max.is_some(),
            members: namespace
                .processes
                .iter()
                .enumerate()
                .map(member)
                .map(Run::one)
                .collect(),
            children: topology
                .children(id)
                .into_iter()
                .map(|child| Run::one(Self::of(topology, numbering, child)))
                .collect(),
        }
    }

    /// Returns whether anything has to be done inside before the program, or nothing but a shell could.
    pub(super) fn needs_setup(&self) -> bool {
        self.hostname.is_some() || self.domainname.is_some() || self.isolation.net
    }

    /// Returns whether a process comes in from outside.
    pub(super) fn is_entered(&self) -> bool {
        self.is_joined() || (matches!(self.first, First::Program(_)) && !self.children.is_empty())
    }

    /// Returns whether processes come in from outside.
    pub(super) fn is_joined(&self) -> bool {
        self.members.iter().any(|run| run.like.entry == Entry::Join)
    }

    /// Visits this namespace and all inside, replicas once.
    pub(super) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        self.children
            .iter()
            .for_each(|child| child.like.visit(visit));
    }
}

impl Forest {
    /// Returns whether all there is is one program that has the terminal: the shell is needed no more.
    pub(super) fn is_one_program(&self) -> bool {
        let [
            Run {
                like: only,
                repeat: None,
            },
        ] = self.roots.as_slice()
        else {
            return false;
        };
        let has_terminal =
            matches!(&only.first, First::Program(program) if program.terminal == Terminal::Own);
        has_terminal && only.members.is_empty() && only.children.is_empty()
    }

    /// All namespaces, replicas once.
    pub(super) fn spaces(&self) -> Vec<&NamespaceScript> {
        let mut spaces = Vec::new();
        self.roots
            .iter()
            .for_each(|root| root.like.visit(&mut |space| spaces.push(space)));
        spaces
    }

    /// All programs, replicas once.
    pub(super) fn jobs(&self) -> Vec<&Job> {
        let mut jobs = Vec::new();
        for space in self.spaces() {
            if let First::Program(job) = &space.first {
                jobs.push(&**job);
            }
            jobs.extend(space.members.iter().map(|member| &member.like.job));
        }
        jobs
    }
}

impl Job {
    fn of(process: &Process) -> Self {
        Self {
            words: process.program.words(),
            kind: match &process.program {
                Program::Command(_) => Kind::Foreign,
                Program::Actor(
                    Actor::Tree { .. } | Actor::Zombie | Actor::Orphan | Actor::ForkStorm { .. },
                ) => Kind::Forking,
                Program::Actor(_) => Kind::Alone,
            },
            env: process.env.clone().into_iter().collect(),
            cwd: process.cwd.clone(),
            user: process.user.clone(),
            terminal: process.terminal,
            stdin: process.stdin.clone(),
            stdout: process.stdout.clone(),
            stderr: process.stderr.clone(),
        }
    }
}

/// `db has started`, `lab/store is ready`
fn condition(topology: &Topology, id: NamespaceId, after: &After) -> String {
    let path = after.target.path(topology);
    let around = &topology.namespace(id).path;
    let name = match path.rsplit_once('/') {
        Some((namespace, name)) if namespace == around && after.target.part != Part::Namespace => {
            name
        }
        _ => &path,
    };
    let what = match after.condition {
        Condition::Created => "exists",
        Condition::Started => "has started",
        Condition::Ready => "is ready",
        Condition::Exited => "has ended",
        Condition::Ok => "has exited successfully",
    };
    format!("{name} {what}")
}
