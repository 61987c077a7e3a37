//! Groups of instances with the same view, reported once: a thousand workers beside each other would otherwise take a
//! thousand tables, each with the names of all the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use super::facts::{Facts, Observer, Visibility};
use nestns_topology::Address;

/// Number of instances from which on they are grouped: fewer are easier to read one by one.
const MANY: usize = 8;

/// The observers that are namespaces, in groups: those reported as one group, or one by one.
pub(super) struct Alike<'a> {
    facts: &'a Facts,
    visibility: &'a Visibility,
    /// Processes seen, by observer.
    seen: HashMap<usize, Vec<usize>>,
    /// Number of processes directly in a namespace, by its kind.
    totals: BTreeMap<String, usize>,
    /// Observers, by kind.
    groups: BTreeMap<String, Vec<usize>>,
}

impl<'a> Alike<'a> {
    pub(super) fn of(facts: &'a Facts, visibility: &'a Visibility) -> Self {
        let mut seen: HashMap<usize, Vec<usize>> = HashMap::new();
        for (&(observer, at), _) in visibility.cells.iter().filter(|(_, mark)| mark.is_seen) {
            seen.entry(observer).or_default().push(at);
        }
        let mut totals: BTreeMap<String, usize> = BTreeMap::new();
        for one in &visibility.seen {
            *totals.entry(kind(&one.space)).or_default() += 1;
        }
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let spaces: HashSet<&str> = facts.spaces.iter().map(String::as_str).collect();
        let looks = |one: &Observer| one.trouble.is_none() && spaces.contains(one.path.as_str());
        for (at, observer) in visibility
            .observers
            .iter()
            .enumerate()
            .filter(|(_, one)| looks(one))
        {
            groups.entry(kind(&observer.path)).or_default().push(at);
        }
        Self {
            facts,
            visibility,
            seen,
            totals,
            groups,
        }
    }

    /// The groups that one table is enough for, with that table: how many processes each member sees, and which.
    pub(super) fn tables(&self) -> Vec<(&[usize], String)> {
        if self.groups.values().all(|group| group.len() < MANY) || !self.kinds_are_addresses() {
            return Vec::new();
        }
        let many = self.groups.iter().filter(|(_, group)| group.len() >= MANY);
        many.filter_map(|(kind, group)| Some((group.as_slice(), self.table(kind, group)?)))
            .collect()
    }

    fn table(&self, kind: &str, group: &[usize]) -> Option<String> {
        let view = self.view(*group.first()?)?;
        if !group
            .iter()
            .all(|&observer| self.view(observer).as_ref() == Some(&view))
        {
            return None;
        }
        // Of a kind that is seen in part, the observer's own, the number says enough.
        let names = |is_listed: &dyn Fn(usize, usize) -> bool| {
            let kinds = self.totals.iter().filter(|(kind, total)| {
                is_listed(view.get(kind.as_str()).copied().unwrap_or(0), **total)
            });
            kinds
                .map(|(kind, _)| format!("\"{kind}/\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut text = format!("[[expect]]\nfrom  = \"{kind}/\"\n");
        for (key, list) in [
            ("sees ", names(&|seen, total| seen == total)),
            ("hides", names(&|seen, _| seen == 0)),
        ] {
            if !list.is_empty() {
                let _ = writeln!(text, "{key} = [{list}]");
            }
        }
        Some(text + &format!("count = {}\n\n", view.values().sum::<usize>()))
    }

    /// Number of processes seen, by kind; `None` if one of them was not declared, and is gone the next time.
    fn view(&self, observer: usize) -> Option<BTreeMap<String, usize>> {
        let mut view = BTreeMap::new();
        for &at in self.seen.get(&observer).into_iter().flatten() {
            let one = &self.visibility.seen[at];
            if one.path.contains('#') {
                return None;
            }
            *view.entry(kind(&one.space)).or_default() += 1;
        }
        Some(view)
    }

    /// True if each kind, as an address, means its own namespaces and no others.
    fn kinds_are_addresses(&self) -> bool {
        self.totals
            .keys()
            .chain(self.groups.keys())
            .all(|kind_of_all| {
                format!("{kind_of_all}/")
                    .parse::<Address>()
                    .is_ok_and(|address| {
                        self.facts.spaces.iter().all(|path| {
                            let is_meant = address.matches(path) || address.matches_instances(path);
                            is_meant == (kind(path) == *kind_of_all)
                        })
                    })
            })
    }
}

/// A path without the numbers of its instances.
fn kind(path: &str) -> String {
    let name = |segment: &str| match segment.rsplit_once('.') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => segment.to_owned(),
    };
    path.split('/').map(name).collect::<Vec<_>>().join("/")
}
