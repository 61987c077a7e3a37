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
    let mut missing = vec![
        (
            work.leaderless,
            "namespace",
            "without a live PID 1, left out with everything inside",
        ),
        (
            work.unread,
            "namespace",
            "whose host name or other namespaces cannot be read, written with the defaults",
        ),
        (
            work.unsayable,
            "namespace",
            "with a user or time namespace of its own, which a file cannot express",
        ),
        (
            work.shared,
            "namespace",
            "that shares others with a sibling, written with some of its own",
        ),
        (
            work.left_out,
            "process",
            "left to the program that forks it",
        ),
        (
            unread,
            "process",
            "in namespaces that only root can examine",
        ),
    ];
    missing.extend(
        work.mounts
            .iter()
            .zip(mounts::KINDS)
            .map(|(&number, matter)| (number, "namespace", matter)),
    );
    missing.extend(
        work.deviations
            .iter()
            .zip(manner::KINDS)
            .map(|(&number, matter)| (number, "process", matter)),
    );
    missing.retain(|&(number, ..)| number > 0);
    let missing = missing
        .into_iter()
        .map(|(number, noun, matter)| Missing {
            number,
            noun,
            matter,
        })
        .collect();
    let namespaces = work.namespaces.len();
    let mut document = Table::new();
    document.insert("nestns".to_owned(), 1.into());
    let processes = work
        .namespaces
        .values()
        .filter_map(|space| Some(space.get("proc")?.as_table()?.len()))
        .sum::<usize>();
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
    if !limits.is_empty() {
        document.insert("limits".to_owned(), limits.into());
    }
    document.insert("ns".to_owned(), work.namespaces.into());
    Capture {
        document,
        namespaces,
        missing,
    }
}

/// Actors that run by themselves and fork nothing: children of others are in the file as processes of their own.
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
        let kind = title.map(|title| title.kind.clone());
        let path = if around.is_empty() {
            name
        } else {
            format!("{around}/{name}")
        };
        let mut table = Table::new();
        let outside = self
            .index
            .machine
            .space(id)
            .parent
            .and_then(|parent| self.index.leader(parent));
        match Surroundings::read(leader.pid(), outside.map(ProcessInfo::pid)) {
            Ok(surroundings) => {
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
                surroundings.write(&mut table);
            }
            Err(_) => self.unread += 1,
        }
        let members: Vec<&ProcessInfo> = self.index.members(id).to_vec();
        let here: HashSet<i32> = members.iter().map(|member| member.pid()).collect();
        let work = self.program(leader);
        // Only a PID 1 of nestns forks the processes of the file.
        let forks = match kind.as_deref() {
            // The title of a PID 1 of nestns.
            Some("init") => true,
            Some("pause") => {
                table.insert("init".to_owned(), "pause".into());
                true
            }
            _ if work.is_none() && members.iter().any(|member| here.contains(&member.parent)) => {
                true
            }
            _ => {
                let init = work.unwrap_or_else(|| {
                    Table::from_iter([("actor".to_owned(), self.actor(leader))]).into()
                });
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
            let name = own.take(
                self.index
                    .title(member)
                    .map_or(&member.name, |title| &title.name),
            );
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
