//! Derivation of expectations from facts, to be reviewed and kept.
//!
//! Whole subtrees that are seen, or hidden, alike are named once, by the namespace (`vm/ci/`: those directly in it) and
//! by everything inside (`vm/ci/**`), so that the expectations describe the structure of the tree rather than its
//! present members.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::alike::Alike;
use super::facts::{Facts, Visibility};
use nestns_topology::expectation::Mechanism;

/// Expectations that hold, as TOML.
pub(crate) fn learn(facts: &Facts) -> String {
    let mut text = String::new();
    if let Some(visibility) = facts.sights.get(&Mechanism::Chain) {
        let alike = Alike::of(facts, visibility);
        let mut told: HashSet<usize> = HashSet::new();
        for (group, table) in alike.tables() {
            told.extend(group);
            text += &table;
        }
        for (at, observer) in visibility.observers.iter().enumerate() {
            // An observer outside sees everything.
            if !told.contains(&at)
                && facts.spaces.contains(&observer.path)
                && observer.trouble.is_none()
            {
                sees(&mut text, facts, visibility, at);
            }
        }
    }
    for process in facts.processes.iter().filter(|process| process.lives()) {
        let own = |numbers: &[(String, i32)]| numbers.last().map(|&(_, number)| number);
        let (Some(number), Some(parent)) = (own(&process.numbers), own(&process.parents)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "[[expect]]\nproc = {}\npid  = {{ {space} = {number} }}\nppid = {{ {space} = {parent} }}\n",
            quoted(&process.path),
            space = quoted(&process.space)
        );
    }
    text
}

fn sees(text: &mut String, facts: &Facts, visibility: &Visibility, observer: usize) {
    // By namespace: true if those directly in it are seen; `None` where some are and some are not.
    let mut direct: HashMap<&str, Option<bool>> = HashMap::new();
    for (at, seen) in visibility.seen.iter().enumerate() {
        let is_seen = visibility
            .cells
            .get(&(observer, at))
            .is_some_and(|mark| mark.is_seen);
        let so_far = direct.entry(&seen.space).or_insert(Some(is_seen));
        if *so_far != Some(is_seen) {
            *so_far = None;
        }
    }
    let mut lists: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    let mut covered: Option<&str> = None;
    for space in &facts.spaces {
        if covered.is_some_and(|around| is_inside(space, around)) {
            continue;
        }
        let Some(Some(is_seen)) = direct.get(space.as_str()).copied() else {
            for (at, seen) in visibility
                .seen
                .iter()
                .enumerate()
                .filter(|(_, seen)| seen.space == *space)
            {
                let is_seen = visibility
                    .cells
                    .get(&(observer, at))
                    .is_some_and(|mark| mark.is_seen);
                // An undeclared process is gone the next time.
                if !seen.path.contains('#') {
                    lists[usize::from(!is_seen)].push(quoted(&seen.path));
                }
            }
            continue;
        };
        let list = &mut lists[usize::from(!is_seen)];
        list.push(quoted(&format!("{space}/")));
        let mut inside = facts
            .spaces
            .iter()
            .filter(|other| is_inside(other, space))
            .peekable();
        if inside.peek().is_some()
            && inside.all(|other| direct.get(other.as_str()) == Some(&Some(is_seen)))
        {
            list.push(quoted(&format!("{space}/**")));
            covered = Some(space);
        }
    }
    let _ = writeln!(
        text,
        "[[expect]]\nfrom  = {}",
        quoted(&format!("{}/", visibility.observers[observer].path))
    );
    for (key, list) in ["sees ", "hides"].into_iter().zip(lists) {
        if !list.is_empty() {
            let _ = writeln!(text, "{key} = [{}]", list.join(", "));
        }
    }
    text.push('\n');
}

fn is_inside(path: &str, around: &str) -> bool {
    path.strip_prefix(around)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A path as TOML: it has no character that would have to be escaped.
fn quoted(path: &str) -> String {
    format!("\"{path}\"")
}
