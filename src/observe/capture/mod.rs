//! What runs, as a topology that rebuilds it: a measured machine → the tables of the language.
//!
//! Programs become actors, because what a program needs is not in /proc. Who is PID 1, who was forked inside and who came
//! in from outside is kept; a sibling's namespace of another kind becomes one of its own, because the language has no word
//! for sharing it.

mod birth;
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
use super::machine::{Inhabitant, Machine, SpaceId};

/// A capture.
#[derive(Debug)]
pub struct Capture {
    /// The tables of the file.
    pub document: Table,
    /// How many namespaces it has.
    pub namespaces: usize,
    /// What is not in it.
    pub missing: Vec<Missing>,
}

/// Something that a capture does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// How many, at least one.
    pub number: usize,
    /// Of what, in the singular.
    pub noun: &'static str,
    /// What is the matter with them.
    pub matter: &'static str,
}

/// What is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything below the reader's own namespace.
    Host,
    /// The outermost namespaces that a process is in or has made, itself or by its descendants.
    Process(i32),
}

/// Captures it; with `programs`, the command lines of programs stay.
pub fn capture(machine: &Machine, scope: Scope, programs: bool) -> Capture {
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
    let mut missing = vec![
        (work.leaderless, "namespace", "without a living PID 1, left out with all that is inside"),
        (work.unread, "namespace", "whose host name or other namespaces cannot be read, written with the default ones"),
        (work.unsayable, "namespace", "with a user or time namespace of its own, which a file cannot say"),
        (work.shared, "namespace", "that shares others with a sibling, written with some of its own"),
        (work.left_out, "process", "left to the program that forks it"),
        (unread, "process", "in namespaces that may not be looked into: root may"),
    ];
    missing.extend(work.mounts.iter().zip(mounts::KINDS).map(|(&number, matter)| (number, "namespace", matter)));
    missing.extend(work.deviations.iter().zip(manner::KINDS).map(|(&number, matter)| (number, "process", matter)));
    missing.retain(|&(number, ..)| number > 0);
    let missing = missing.into_iter().map(|(number, noun, matter)| Missing { number, noun, matter }).collect();
    let namespaces = work.namespaces.len();
    let mut document = Table::new();
    document.insert("nestns".to_owned(), 1.into());
    let processes =
        work.namespaces.values().filter_map(|space| Some(space.get("proc")?.as_table()?.len())).sum::<usize>();
    let mut limits = Table::new();
    for (key, number, default) in [("namespaces", namespaces, 1024), ("processes", processes, 4096)] {
        if number > default {
            limits.insert(key.to_owned(), i64::try_from(number).unwrap_or(i64::MAX).into());
        }
    }
    if !limits.is_empty() {
        document.insert("limits".to_owned(), limits.into());
    }
    document.insert("ns".to_owned(), work.namespaces.into());
    Capture { document, namespaces, missing }
}

/// Actors that go on by themselves and fork nobody: what others fork is in the file as processes of its own.
const KEPT: [&str; 3] = ["idle", "serve", "ignore-term"];

struct Work<'m> {
    index: Index<'m>,
    programs: bool,
    namespaces: Table,
    left_out: usize,
    unread: usize,
    unsayable: usize,
    leaderless: usize,
    shared: usize,
    /// By the places of their kinds.
    mounts: [usize; mounts::KINDS.len()],
    deviations: [usize; manner::KINDS.len()],
    /// The namespaces of other kinds that were met.
    met: HashSet<(&'static str, u64)>,
    /// Whoever has made the outermost namespace.
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

    /// The process outside that has made an outermost namespace; the reader where nobody knows who it was.
    fn maker_of(&self, outermost: SpaceId) -> Manner {
        let parent = self.index.leader(outermost).map(|leader| leader.parent).filter(|&parent| parent > 0);
        Manner::read(&parent.map_or_else(|| "self".to_owned(), |parent| parent.to_string()))
    }

    /// Counts what the file cannot say of a process, and writes what it can.
    fn manner(&mut self, process: &Inhabitant, first: Option<&Manner>, table: Option<&mut Table>) -> Manner {
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

    fn space(&mut self, id: SpaceId, around: &str, siblings: &mut Names) {
        let Some(leader) = self.index.leader(id) else {
            self.leaderless += 1;
            return;
        };
        let title = self.index.title(leader);
        let name = siblings.take(title.map_or(&leader.name, |title| &title.name));
        let kind = title.map(|title| title.kind.clone());
        let path = if around.is_empty() { name } else { format!("{around}/{name}") };
        let mut table = Table::new();
        let outside = self.index.machine.space(id).parent.and_then(|parent| self.index.leader(parent));
        match Surroundings::read(leader.pid(), outside.map(Inhabitant::pid)) {
            Ok(surroundings) => {
                self.unsayable += usize::from(surroundings.has_unsayable());
                for &kind in surroundings.mounts() {
                    self.mounts[kind] += 1;
                }
                let met: Vec<bool> = surroundings.own().iter().map(|&own| !self.met.insert(own)).collect();
                self.shared += usize::from(met.contains(&true));
                surroundings.write(&mut table);
            }
            Err(_) => self.unread += 1,
        }
        let members: Vec<&Inhabitant> = self.index.members(id).to_vec();
        let here: HashSet<i32> = members.iter().map(|member| member.pid()).collect();
        let work = self.program(leader);
        // Only a PID 1 of ours forks what the file says.
        let forks = match kind.as_deref() {
            // As a PID 1 of ours calls itself.
            Some("init") => true,
            Some("pause") => {
                table.insert("init".to_owned(), "pause".into());
                true
            }
            _ if work.is_none() && members.iter().any(|member| here.contains(&member.parent)) => true,
            _ => {
                let init = work.unwrap_or_else(|| Table::from_iter([("actor".to_owned(), self.actor(leader))]).into());
                table.insert("init".to_owned(), init);
                false
            }
        };
        let first = self.manner(leader, None, None);
        let mut own = Names::default();
        let mut processes = Table::new();
        for &member in members.iter().filter(|member| member.own() != 1) {
            let is_forked = here.contains(&member.parent);
            if self.is_forked_by_program(member, forks.then_some(leader)) && is_forked {
                self.left_out += 1;
                continue;
            }
            let name = own.take(self.index.title(member).map_or(&member.name, |title| &title.name));
            let mut process = Table::new();
            match self.program(member) {
                Some(words) => process.insert("cmd".to_owned(), words),
                None => process.insert("actor".to_owned(), self.actor(member)),
            };
            if forks && !is_forked {
                process.insert("enter".to_owned(), "join".into());
            }
            self.manner(member, Some(&first), Some(&mut process));
            processes.insert(name, process.into());
        }
        if !processes.is_empty() {
            table.insert("proc".to_owned(), processes.into());
        }
        self.namespaces.insert(path.clone(), table.into());
        for inner in self.index.inside(id).to_vec() {
            self.space(inner, &path, &mut own);
        }
    }

    /// The command line of a process, where it is wanted, and where running it again would not make again what is in the
    /// file already.
    fn program(&self, process: &Inhabitant) -> Option<Value> {
        let is_program = self.programs
            && self.index.title(process).is_none()
            && !self.index.makes_namespaces(process)
            && !self.is_copy_of_maker(process);
        is_program.then(|| argv(process)).flatten()
    }

    /// Whether it is what a program such as bwrap(1) has forked to be PID 1: it has executed nothing since, and its command
    /// line would make the namespace again.
    fn is_copy_of_maker(&self, process: &Inhabitant) -> bool {
        let maker = self.index.machine.process(process.parent).filter(|parent| self.index.makes_namespaces(parent));
        process.own() == 1 && maker.and_then(command_line).is_some_and(|line| command_line(process) == Some(line))
    }

    /// Whether a program that is in the file will fork it again; `forker` is the PID 1 that forks what the file says.
    fn is_forked_by_program(&self, process: &Inhabitant, forker: Option<&Inhabitant>) -> bool {
        let is_forker = |parent: &Inhabitant| forker.is_some_and(|forker| forker.pid() == parent.pid());
        let parent = self.index.machine.process(process.parent);
        parent.is_some_and(|parent| !is_forker(parent) && self.program(parent).is_some())
    }

    /// What stands for a process that is not kept as a program.
    fn actor(&self, process: &Inhabitant) -> Value {
        let kind = self.index.title(process).map(|title| title.kind.as_str());
        kind.filter(|kind| KEPT.contains(kind)).unwrap_or("idle").into()
    }
}

fn command_line(process: &Inhabitant) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{}/cmdline", process.pid())).ok()
}

/// The command line; `None` where there is none, or none that TOML can hold.
fn argv(process: &Inhabitant) -> Option<Value> {
    let words = String::from_utf8(command_line(process)?).ok()?;
    let words = words.strip_suffix('\0').filter(|words| !words.is_empty() && !words.starts_with('\0'))?;
    // In a file that people write, braces are placeholders.
    let words: Vec<Value> = words.split('\0').map(Value::from).collect();
    let has_braces = words.iter().filter_map(Value::as_str).any(|word| word.contains("{{"));
    (!has_braces).then(|| words.into())
}
