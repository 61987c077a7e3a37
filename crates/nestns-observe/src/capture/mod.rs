//! Capture of a running tree as a topology that rebuilds it: a measured machine → the tables of the language.
//!
//! Programs become actors, because /proc does not show what a program needs. PID 1s, processes forked inside and
//! processes that joined from outside stay what they are; a namespace of another kind that is shared with a sibling
//! becomes one of its own, because the language cannot express sharing.

mod creation_order;
mod index;
mod manner;
mod mounts;
mod names;
mod surroundings;

use std::collections::HashSet;

use toml::{Table, Value};

use self::index::Index;
use self::manner::Manner;
use self::names::Names;
use self::surroundings::Surroundings;
use super::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo};

/// A capture.
#[derive(Debug)]
pub struct Capture {
    /// The tables of the file.
    pub document: Table,
    /// Number of namespaces in it.
    pub namespaces: usize,
    /// Things that are missing in it.
    pub missing: Vec<Missing>,
}

/// Gap in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Number of such things, at least one.
    pub number: usize,
    /// Noun for them, in the singular.
    pub noun: &'static str,
    /// Flaw that they have, as the rest of the sentence.
    pub matter: &'static str,
}

/// Part of the machine that is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All namespaces below the reader's own.
    Host,
    /// The outermost namespaces that a process is in or has made, itself or by its descendants.
    Process(i32),
}

/// Captures a machine; with `programs`, the command lines of programs are kept.
pub fn capture(machine: &HostSnapshot, scope: Scope, programs: bool) -> Capture {
    let index = Index::new(machine);
    let mut work = Work::new(index, programs);
    let mut names = Names::default();
    for outermost in work.index.inside(machine.own()).to_vec() {
        let is_in = match scope {
            Scope::Host => true,
            Scope::Process(pid) => work.index.is_about(outermost, pid),
        };
        if is_in {
            work.maker = work.maker_of(outermost);
            work.space(outermost, "", &mut names);
        }
    }
    let unread = match scope {
        Scope::Host => machine.unreadable,
        Scope::Process(pid) => work.index.unread_below(pid),
    };
    let missing = work.missing(unread);
    let (document, namespaces) = work.document();
    Capture {
        document,
        namespaces,
        missing,
    }
}

/// Actors that run by themselves and fork nothing: children of others are in the file as processes of their own.
const KEPT: [&str; 3] = ["idle", "serve", "ignore-term"];

/// The PID 1 of a captured namespace.
enum Init {
    /// One of nestns, which forks the processes of the file; with its value in the file, if that is not the default.
    Forks(Option<Value>),
    /// A program or an actor.
    Program(Value),
}

struct Work<'m> {
    index: Index<'m>,
    programs: bool,
    namespaces: Table,
    left_out: usize,
    unread: usize,
    unsayable: usize,
    leaderless: usize,
    shared: usize,
    /// Counts by kind of deviation of mounts.
    mounts: [usize; mounts::KINDS.len()],
    deviations: [usize; manner::KINDS.len()],
    /// Namespaces of other kinds that were met.
    met: HashSet<(&'static str, u64)>,
    /// The process that has made the outermost namespace.
    maker: Manner,
}

impl<'m> Work<'m> {
    fn new(index: Index<'m>, programs: bool) -> Self {
        Self {
            index,
            programs,
            namespaces: Table::new(),
            left_out: 0,
            unread: 0,
            unsayable: 0,
            leaderless: 0,
            shared: 0,
            mounts: [0; mounts::KINDS.len()],
            deviations: [0; manner::KINDS.len()],
            met: HashSet::new(),
            maker: Manner::default(),
        }
    }

    /// The gaps of the capture; `unread` is the number of processes that could not be examined.
    fn missing(&self, unread: usize) -> Vec<Missing> {
        let counts = [
            (
                self.leaderless,
                "namespace",
                "without a live PID 1, left out with everything inside",
            ),
            (
                self.unread,
                "namespace",
                "whose host name or other namespaces cannot be read, written with the defaults",
            ),
            (
                self.unsayable,
                "namespace",
                "with a user or time namespace of its own, which a file cannot express",
            ),
            (
                self.shared,
                "namespace",
                "that shares others with a sibling, written with some of its own",
            ),
            (
                self.left_out,
                "process",
                "left to the program that forks it",
            ),
            (
                unread,
                "process",
                "in namespaces that only root can examine",
            ),
        ];
        let mounts = self.mounts.iter().zip(mounts::KINDS);
        let deviations = self.deviations.iter().zip(manner::KINDS);
        counts
            .into_iter()
            .chain(mounts.map(|(&number, matter)| (number, "namespace", matter)))
            .chain(deviations.map(|(&number, matter)| (number, "process", matter)))
            .filter(|&(number, ..)| number > 0)
            .map(|(number, noun, matter)| Missing {
                number,
                noun,
                matter,
            })
            .collect()
    }

    /// The tables of the file, and the number of its namespaces.
    fn document(self) -> (Table, usize) {
        let namespaces = self.namespaces.len();
        let processes = self
            .namespaces
            .values()
            .filter_map(|space| Some(space.get("proc")?.as_table()?.len()))
            .sum::<usize>();
        let limits = raised_limits(namespaces, processes);
        let mut document = Table::new();
        document.insert("nestns".to_owned(), 1.into());
        if !limits.is_empty() {
            document.insert("limits".to_owned(), limits.into());
        }
        document.insert("ns".to_owned(), self.namespaces.into());
        (document, namespaces)
    }

    /// The process outside that has made an outermost namespace; the reader if that is not known.
    fn maker_of(&self, outermost: PidNamespaceId) -> Manner {
        let parent = self
            .index
            .leader(outermost)
            .map(|leader| leader.parent)
            .filter(|&parent| parent > 0);
        Manner::read(&parent.map_or_else(|| "self".to_owned(), |parent| parent.to_string()))
    }

    /// Counts the properties of a process that the file cannot express, and writes the others.
    fn manner(
        &mut self,
        process: &ProcessInfo,
        first: Option<&Manner>,
        table: Option<&mut Table>,
    ) -> Manner {
        let manner = Manner::read(&process.pid().to_string());
        let mut deviations = manner.deviations(&self.maker, first);
        // A PID 1 has no user of its own in a file, and only root gives one to others.
        if let (Some(table), Some((user, group))) = (table, manner.user())
            && nix::unistd::geteuid().is_root()
            && deviations.remove(&manner::USER)
        {
            table.insert("user".to_owned(), format!("{user}:{group}").into());
        }
        for kind in deviations {
            self.deviations[kind] += 1;
        }
        manner
    }

    fn space(&mut self, id: PidNamespaceId, around: &str, siblings: &mut Names) {
        let Some(leader) = self.index.leader(id) else {
            self.leaderless += 1;
            return;
        };
        let title = self.index.title(leader);
        let name = siblings.take(title.map_or(&leader.name, |title| &title.name));
        let path = if around.is_empty() {
            name
        } else {
            format!("{around}/{name}")
        };
        let mut table = Table::new();
        self.surroundings(id, leader, &mut table);
        let init = self.init(id, leader);
        let forker = match &init {
            Init::Forks(_) => Some(leader),
            Init::Program(_) => None,
        };
        if let Init::Forks(Some(value)) | Init::Program(value) = init {
            table.insert("init".to_owned(), value);
        }
        let mut own = Names::default();
        let processes = self.processes(id, leader, forker, &mut own);
        if !processes.is_empty() {
            table.insert("proc".to_owned(), processes.into());
        }
        self.namespaces.insert(path.clone(), table.into());
        for inner in self.index.inside(id).to_vec() {
            self.space(inner, &path, &mut own);
        }
    }

    /// Writes the namespaces of other kinds around a PID 1, and counts those that the file cannot express.
    fn surroundings(&mut self, id: PidNamespaceId, leader: &ProcessInfo, table: &mut Table) {
        let parent = self.index.machine.space(id).parent;
        let outside = parent.and_then(|parent| self.index.leader(parent));
        let Ok(surroundings) = Surroundings::read(leader.pid(), outside.map(ProcessInfo::pid))
        else {
            self.unread += 1;
            return;
        };
        self.unsayable += usize::from(surroundings.has_unsayable());
        for &kind in surroundings.mounts() {
            self.mounts[kind] += 1;
        }
        let met: Vec<bool> = surroundings
            .own()
            .iter()
            .map(|&own| !self.met.insert(own))
            .collect();
        self.shared += usize::from(met.contains(&true));
        surroundings.write(table);
    }

    /// The PID 1 as the file is to have it.
    fn init(&self, id: PidNamespaceId, leader: &ProcessInfo) -> Init {
        let work = self.program(leader);
        // Only a PID 1 of nestns forks the processes of the file.
        match self.index.title(leader).map(|title| title.kind.as_str()) {
            // The title of a PID 1 of nestns.
            Some("init") => Init::Forks(None),
            Some("pause") => Init::Forks(Some("pause".into())),
            _ if work.is_none() && self.has_children_inside(id) => Init::Forks(None),
            _ => Init::Program(work.unwrap_or_else(|| {
                Table::from_iter([("actor".to_owned(), self.actor(leader))]).into()
            })),
        }
    }

    /// True if a process of the namespace has its parent in it.
    fn has_children_inside(&self, id: PidNamespaceId) -> bool {
        let members = self.index.members(id);
        let here: HashSet<i32> = members.iter().map(|member| member.pid()).collect();
        members.iter().any(|member| here.contains(&member.parent))
    }

    /// The processes beside PID 1; `forker` is the PID 1 if it forks the processes of the file.
    fn processes(
        &mut self,
        id: PidNamespaceId,
        leader: &ProcessInfo,
        forker: Option<&ProcessInfo>,
        names: &mut Names,
    ) -> Table {
        let first = self.manner(leader, None, None);
        let members = self.index.members(id).to_vec();
        let here: HashSet<i32> = members.iter().map(|member| member.pid()).collect();
        let mut processes = Table::new();
        for &member in members.iter().filter(|member| member.own() != 1) {
            let is_forked = here.contains(&member.parent);
            if self.is_forked_by_program(member, forker) && is_forked {
                self.left_out += 1;
                continue;
            }
            let mut identity = Table::new();
            let manner = self.manner(member, Some(&first), Some(&mut identity));
            if manner.is_gone() {
                continue;
            }
            let title = self.index.title(member);
            let name = names.take(title.map_or(&member.name, |title| &title.name));
            let mut process = Table::new();
            match self.program(member) {
                Some(words) => process.insert("cmd".to_owned(), words),
                None => process.insert("actor".to_owned(), self.actor(member)),
            };
            if forker.is_some() && !is_forked {
                process.insert("enter".to_owned(), "join".into());
            }
            process.extend(identity);
            processes.insert(name, process.into());
        }
        processes
    }

    /// Command line of a process, if it is wanted, and if running it again would not make again what is in the file
    /// already.
    fn program(&self, process: &ProcessInfo) -> Option<Value> {
        let is_program = self.programs
            && self.index.title(process).is_none()
            && !self.index.makes_namespaces(process)
            && !self.is_copy_of_maker(process);
        is_program.then(|| argv(process)).flatten()
    }

    /// True for a PID 1 that a program such as bwrap(1) has forked and that has executed nothing since: its command
    /// line would make the namespace again.
    fn is_copy_of_maker(&self, process: &ProcessInfo) -> bool {
        let maker = self
            .index
            .machine
            .process(process.parent)
            .filter(|parent| self.index.makes_namespaces(parent));
        process.own() == 1
            && maker
                .and_then(command_line)
                .is_some_and(|line| command_line(process) == Some(line))
    }

    /// True if a program in the file will fork the process again; `forker` is the PID 1 that forks the processes of the
    /// file.
    fn is_forked_by_program(&self, process: &ProcessInfo, forker: Option<&ProcessInfo>) -> bool {
        let is_forker =
            |parent: &ProcessInfo| forker.is_some_and(|forker| forker.pid() == parent.pid());
        let parent = self.index.machine.process(process.parent);
        parent.is_some_and(|parent| !is_forker(parent) && self.program(parent).is_some())
    }

    /// Actor in place of a process that is not kept as a program.
    fn actor(&self, process: &ProcessInfo) -> Value {
        let kind = self.index.title(process).map(|title| title.kind.as_str());
        kind.filter(|kind| KEPT.contains(kind))
            .unwrap_or("idle")
            .into()
    }
}

/// The limits that a file with so many namespaces and processes has to raise.
fn raised_limits(namespaces: usize, processes: usize) -> Table {
    let mut limits = Table::new();
    for (key, number, default) in [
        ("namespaces", namespaces, 1024),
        ("processes", processes, 4096),
    ] {
        if number > default {
            limits.insert(
                key.to_owned(),
                i64::try_from(number).unwrap_or(i64::MAX).into(),
            );
        }
    }
    limits
}

fn command_line(process: &ProcessInfo) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{}/cmdline", process.pid())).ok()
}

/// The command line; `None` where there is none, or none that TOML can hold.
fn argv(process: &ProcessInfo) -> Option<Value> {
    let words = String::from_utf8(command_line(process)?).ok()?;
    let words = words
        .strip_suffix('\0')
        .filter(|words| !words.is_empty() && !words.starts_with('\0'))?;
    // In a topology file, braces are placeholders.
    let words: Vec<Value> = words.split('\0').map(Value::from).collect();
    let has_braces = words
        .iter()
        .filter_map(Value::as_str)
        .any(|word| word.contains("{{"));
    (!has_braces).then(|| words.into())
}
