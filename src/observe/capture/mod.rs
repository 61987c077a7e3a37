//! What runs, as a topology that rebuilds it: a measured machine → the tables of the language.
//!
//! Programs become actors, because what a program needs is not in /proc. Who is PID 1, who was forked inside and who came
//! in from outside is kept; a sibling's namespace of another kind becomes one of its own, because the language has no word
//! for sharing it.

mod names;
mod surroundings;

use std::collections::HashSet;

use toml::{Table, Value};

use self::names::{Names, Title};
use self::surroundings::Surroundings;
use super::machine::{Inhabitant, Machine, SpaceId};

/// A capture.
#[derive(Debug)]
pub struct Capture {
    /// The tables of the file.
    pub document: Table,
    /// How many namespaces it has.
    pub namespaces: usize,
    /// What is not in it, one sentence each.
    pub missing: Vec<String>,
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
    let mut work = Work { machine, programs, namespaces: Table::new(), left_out: Vec::new(), unread: 0, leaderless: 0 };
    let mut names = Names::default();
    for (id, space) in machine.spaces().filter(|(_, space)| space.parent == Some(machine.own())) {
        let is_in = match scope {
            Scope::Host => true,
            Scope::Process(pid) => work.is_about(id, pid),
        };
        if is_in && space.level == 1 {
            work.space(id, "", &mut names);
        }
    }
    let mut missing = Vec::new();
    let mut tell = |number: usize, what: &str| {
        if number > 0 {
            missing.push(format!("{number} {what}"));
        }
    };
    tell(work.leaderless, "namespaces without a living PID 1 are not in the file, nor what is inside them");
    tell(work.unread, "namespaces did not let their host name or other namespaces be read: they have the default ones");
    tell(work.left_out.len(), "processes are left to the program that forks them");
    tell(machine.unreadable, "processes are in namespaces that may not be looked into: run it as root to have them");
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

struct Work<'m> {
    machine: &'m Machine,
    programs: bool,
    namespaces: Table,
    left_out: Vec<i32>,
    unread: usize,
    leaderless: usize,
}

impl<'m> Work<'m> {
    fn members(&self, id: SpaceId) -> Vec<&'m Inhabitant> {
        let all = self.machine.processes().iter();
        all.filter(|process| process.space == Some(id) && !matches!(process.state, 'Z' | 'X')).collect()
    }

    /// Whether the process is in the namespace or somewhere inside it, or has made it.
    fn is_about(&self, id: SpaceId, pid: i32) -> bool {
        let Some(process) = self.machine.process(pid) else { return false };
        if process.space.is_some_and(|inner| self.machine.is_within(inner, id)) {
            return true;
        }
        let first = self.members(id).into_iter().find(|member| member.own() == 1);
        // A chain of parents is never longer than there are processes, unless numbers were reused while it was read.
        let line = std::iter::successors(first, |member| self.machine.process(member.parent));
        line.take(self.machine.processes().len()).any(|member| member.pid() == pid)
    }

    fn space(&mut self, id: SpaceId, around: &str, siblings: &mut Names) {
        let members = self.members(id);
        let machine = self.machine;
        let Some(&leader) = members.iter().find(|member| member.own() == 1) else {
            self.leaderless += 1;
            return;
        };
        let title = Title::of(leader);
        let name = siblings.take(title.as_ref().map_or(&leader.name, |title| &title.name));
        let path = if around.is_empty() { name } else { format!("{around}/{name}") };
        let mut table = Table::new();
        let outside = machine.space(id).parent.and_then(|parent| self.leader(parent));
        match Surroundings::read(leader.pid(), outside) {
            Ok(surroundings) => surroundings.write(&mut table),
            Err(_) => self.unread += 1,
        }
        let here: HashSet<i32> = members.iter().map(|member| member.pid()).collect();
        let kind = title.as_ref().map(|title| title.kind.as_str());
        let is_pause = kind == Some("pause");
        let forks = members.iter().any(|member| here.contains(&member.parent));
        let is_builtin = kind == Some("builtin") || kind == Some("init");
        let program =
            (self.programs && title.is_none() && !self.makes_namespaces(leader)).then(|| argv(leader)).flatten();
        // Only a PID 1 of ours forks what the file says.
        let keeps = is_builtin || is_pause || (forks && program.is_none());
        if is_pause {
            table.insert("init".to_owned(), "pause".into());
        } else if !keeps {
            table.insert("init".to_owned(), program.unwrap_or_else(idle));
        }
        let mut own = Names::default();
        let mut processes = Table::new();
        for member in members.iter().filter(|member| member.own() != 1) {
            let is_forked = here.contains(&member.parent);
            let by_program = machine.process(member.parent).is_some_and(|parent| Title::of(parent).is_none());
            if self.programs && is_forked && by_program && !(keeps && member.parent == leader.pid()) {
                self.left_out.push(member.pid());
                continue;
            }
            let title = Title::of(member);
            let name = own.take(title.as_ref().map_or(&member.name, |title| &title.name));
            let mut process = Table::new();
            let program =
                (self.programs && title.is_none() && !self.makes_namespaces(member)).then(|| argv(member)).flatten();
            match program {
                Some(words) => process.insert("cmd".to_owned(), words),
                None => process.insert("actor".to_owned(), "idle".into()),
            };
            if keeps && !is_forked {
                process.insert("enter".to_owned(), "join".into());
            }
            processes.insert(name, process.into());
        }
        if !processes.is_empty() {
            table.insert("proc".to_owned(), processes.into());
        }
        self.namespaces.insert(path.clone(), table.into());
        let inside: Vec<SpaceId> =
            machine.spaces().filter(|(_, space)| space.parent == Some(id)).map(|(inner, _)| inner).collect();
        for inner in inside {
            self.space(inner, &path, &mut own);
        }
    }

    /// Who stands for a namespace: its PID 1, or the reader himself in his own.
    fn leader(&self, id: SpaceId) -> Option<i32> {
        if id == self.machine.own() {
            return None;
        }
        self.members(id).into_iter().find(|member| member.own() == 1).map(Inhabitant::pid)
    }

    /// Whether a process has made a namespace: its program, run again, would make another one.
    fn makes_namespaces(&self, process: &Inhabitant) -> bool {
        let mut all = self.machine.processes().iter();
        all.any(|other| other.parent == process.pid() && other.own() == 1 && other.space != process.space)
    }
}

fn idle() -> Value {
    let mut actor = Table::new();
    actor.insert("actor".to_owned(), "idle".into());
    actor.into()
}

/// The command line; `None` where there is none, or none that TOML can hold.
fn argv(process: &Inhabitant) -> Option<Value> {
    let words = String::from_utf8(std::fs::read(format!("/proc/{}/cmdline", process.pid())).ok()?).ok()?;
    let words = words.strip_suffix('\0').filter(|words| !words.is_empty() && !words.starts_with('\0'))?;
    // In a file that people write, braces are placeholders.
    let words: Vec<Value> = words.split('\0').map(Value::from).collect();
    let has_braces = words.iter().filter_map(Value::as_str).any(|word| word.contains("{{"));
    (!has_braces).then(|| words.into())
}
