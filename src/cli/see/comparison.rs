//! Expected against measured visibility: a process is visible from a namespace if and only if it is
//! in it, or in one inside it; and a deviation has a reason.

use std::collections::{HashMap, HashSet};

use super::observation::{NamedObserver, Observation, Seen};
use crate::cli::names::Names;
use nestns_client::documents::MismatchEntry;
use nestns_observe::host_snapshot::HostSnapshot;
use nestns_observe::visibility::View;
use nestns_topology::address::HOST;
use nestns_topology::expectation::Via;

/// Sides of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) machine: &'a HostSnapshot,
    pub(super) names: &'a Names,
    pub(super) observation: &'a Observation<'a>,
    pub(super) via: Via,
}

impl Comparison<'_> {
    /// Everything that is not as it should be; of observers that could not look, nothing.
    pub(super) fn mismatches(&self, views: &[View]) -> Vec<MismatchEntry> {
        let Self {
            machine,
            observation,
            ..
        } = *self;
        // By place as the file has it, or by that of the kernel where there is no file.
        let mut observers: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, named) in observation.observers.iter().enumerate() {
            observers
                .entry(key(named.place.as_deref(), named.observer.space))
                .or_default()
                .push(at);
        }
        let own = key(None, machine.own());
        let mut computed: Vec<HashSet<usize>> = vec![HashSet::new(); observation.observers.len()];
        for (row, one) in observation.seen.iter().enumerate() {
            let around: Vec<String> = if let Some(place) = &one.place {
                let slashes = place
                    .match_indices('/')
                    .map(|(slash, _)| place[..slash].to_owned());
                // Those that a program has made have no place in the file.
                let made = machine
                    .line(one.process.space.unwrap_or(machine.own()))
                    .into_iter()
                    .map(|id| key(None, id));
                slashes
                    .chain([place.clone(), own.clone()])
                    .chain(made)
                    .collect()
            } else {
                let space = one.process.space.unwrap_or(machine.own());
                machine
                    .line(space)
                    .into_iter()
                    .map(|space| key(None, space))
                    .collect()
            };
            for at in around
                .iter()
                .filter_map(|place| observers.get(place))
                .flatten()
            {
                computed[*at].insert(row);
            }
        }
        let mut mismatches = Vec::new();
        for (at, (named, view)) in observation
            .observers
            .iter()
            .zip(views)
            .enumerate()
            .filter(|(_, (_, view))| view.trouble.is_none())
        {
            let seen: HashSet<usize> = view
                .cells
                .iter()
                .filter(|(_, cell)| cell.answer.is_sighting())
                .map(|(&row, _)| row)
                .collect();
            let mut rows: Vec<usize> = computed[at].union(&seen).copied().collect();
            rows.sort_unstable();
            for row in rows {
                let one = &observation.seen[row];
                let is_computed = computed[at].contains(&row);
                let expected = is_computed
                    .then(|| one.process.numbers.get(named.level).copied())
                    .flatten();
                let number = if seen.contains(&row) {
                    view.number(row)
                } else {
                    None
                };
                if is_computed == seen.contains(&row) && expected == number {
                    continue;
                }
                // It may have ended while the others were looked at.
                let Some(reason) = self.reason(named, one, view) else {
                    continue;
                };
                mismatches.push(MismatchEntry {
                    observer: named.path.clone(),
                    path: one.path.clone(),
                    computed: if is_computed { "visible" } else { "invisible" }.into(),
                    measured: view.answer(row).to_string(),
                    expected,
                    number,
                    reason,
                });
            }
        }
        mismatches
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
        if via == Via::Proc {
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
