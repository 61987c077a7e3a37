//! Expected against measured visibility: a process is visible from a namespace if and only if it is
//! in it, or in one inside it; and a deviation has a reason.

use std::collections::{HashMap, HashSet};

use super::observation::{NamedObserver, Observation, Seen};
use crate::cli::names::Names;
use nestns_client::documents::MismatchEntry;
use nestns_observe::host_snapshot::HostSnapshot;
use nestns_observe::visibility::View;
use nestns_topology::address::HOST;
use nestns_topology::expectation::Mechanism;

/// Sides of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) machine: &'a HostSnapshot,
    pub(super) names: &'a Names,
    pub(super) observation: &'a Observation<'a>,
    pub(super) via: Mechanism,
}

impl Comparison<'_> {
    /// Everything that is not as it should be; of observers that could not look, nothing.
    pub(super) fn mismatches(&self, views: &[View]) -> Vec<MismatchEntry> {
        let computed = self.computed();
        let observers = self.observation.observers.iter().zip(views).zip(&computed);
        observers
            .filter(|((_, view), _)| view.trouble.is_none())
            .flat_map(|((named, view), computed)| self.mismatches_of(named, view, computed))
            .collect()
    }

    /// The rows that each observer should see.
    fn computed(&self) -> Vec<HashSet<usize>> {
        let observation = self.observation;
        // By place as the file has it, or by that of the kernel where there is no file.
        let mut observers: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, named) in observation.observers.iter().enumerate() {
            observers
                .entry(key(named.place.as_deref(), named.observer.space))
                .or_default()
                .push(at);
        }
        let mut computed = vec![HashSet::new(); observation.observers.len()];
        for (row, one) in observation.seen.iter().enumerate() {
            let around = self.around(one);
            let seers = around.iter().filter_map(|place| observers.get(place));
            for &at in seers.flatten() {
                computed[at].insert(row);
            }
        }
        computed
    }

    /// The namespaces around a process, its own included, by the keys of observers in them.
    fn around(&self, one: &Seen<'_>) -> Vec<String> {
        let own = self.machine.own();
        let space = one.process.space.unwrap_or(own);
        let line = self.machine.line(space).into_iter();
        // Those that a program has made have no place in the file.
        let made = line.map(|space| key(None, space));
        let Some(place) = &one.place else {
            return made.collect();
        };
        let slashes = place
            .match_indices('/')
            .map(|(slash, _)| place[..slash].to_owned());
        slashes
            .chain([place.clone(), key(None, own)])
            .chain(made)
            .collect()
    }

    /// Differences of one view from the rows that its observer should see.
    fn mismatches_of(
        &self,
        named: &NamedObserver,
        view: &View,
        computed: &HashSet<usize>,
    ) -> Vec<MismatchEntry> {
        let seen: HashSet<usize> = view
            .cells
            .iter()
            .filter(|(_, cell)| cell.answer.is_sighting())
            .map(|(&row, _)| row)
            .collect();
        let mut rows: Vec<usize> = computed.union(&seen).copied().collect();
        rows.sort_unstable();
        let mismatch = |row: usize| {
            let one = &self.observation.seen[row];
            let (is_computed, is_seen) = (computed.contains(&row), seen.contains(&row));
            let expected = is_computed
                .then(|| one.process.numbers.get(named.level).copied())
                .flatten();
            let number = is_seen.then(|| view.number(row)).flatten();
            if is_computed == is_seen && expected == number {
                return None;
            }
            Some(MismatchEntry {
                observer: named.path.clone(),
                path: one.path.clone(),
                computed: if is_computed { "visible" } else { "invisible" }.into(),
                measured: view.answer(row).to_string(),
                expected,
                number,
                // It may have ended while the others were looked at.
                reason: self.reason(named, one, view)?,
            })
        };
        rows.into_iter().filter_map(mismatch).collect()
    }

    /// Why; `None` of a process that is there no more.
    fn reason(&self, named: &NamedObserver, one: &Seen<'_>, view: &View) -> Option<String> {
        let Self {
            machine,
            names,
            via,
            ..
        } = *self;
        let now =
            nestns_observe::process::Process::read(nix::unistd::Pid::from_raw(one.process.pid()))
                .ok();
        if now.is_none_or(|now| now.numbers != one.process.numbers) {
            return None;
        }
        if let (Some(place), Some(space)) = (&one.place, one.process.space)
            && names.process(one.process.pid()).is_some()
        {
            let actual = names.of_space(machine, space);
            if actual.rsplit(":/").next() != Some(place.as_str()) {
                let shared = if actual == HOST {
                    "the host's".to_owned()
                } else {
                    format!("that of `{actual}`")
                };
                return Some(format!(
                    "its PID namespace is {shared}, not one of `{place}`'s own: it is shared"
                ));
            }
        }
        if let Some(place) = &named.place {
            let actual = names.of_space(machine, named.observer.space);
            if actual.rsplit(":/").next() != Some(place.as_str()) {
                return Some(format!(
                    "the observer's PID namespace is that of `{actual}`, not one of `{place}`'s own"
                ));
            }
        }
        if via == Mechanism::Proc {
            return Some(match view.proc {
                None => "the observer's /proc belongs to a namespace that it is not in".to_owned(),
                Some(space) if space != named.observer.space => format!(
                    "the observer's /proc is that of `{}`: the namespace mounts none of its own (`mount_proc`)",
                    names.of_space(machine, space)
                ),
                Some(_) => match &view.hidden {
                    Some(option) => {
                        format!("the observer's /proc hides other users' processes ({option})")
                    }
                    None => "unexplained".to_owned(),
                },
            });
        }
        Some("unexplained".to_owned())
    }
}

fn key(place: Option<&str>, space: nestns_observe::host_snapshot::PidNamespaceId) -> String {
    place.map_or_else(|| format!("{space:?}"), str::to_owned)
}
