//! Measurement of a topology at this moment: facts of the kernel, and those known only to its
//! controller.

use std::collections::{BTreeMap, HashMap};

use crate::cli::command_error::CommandError;
use crate::cli::names::Names;
use crate::cli::place::Place;
use crate::cli::see::observation::Question;
use crate::cli::see::topology_observation::{of_topology, space_of};
use crate::cli::target::Connection;
use crate::expect::facts::{Facts, Mark, Observer, ProcessFact, Seen, Visibility};
use nestns_client::protocol::message::Snapshot;
use nestns_observe::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo, Search};
use nestns_observe::visibility::{self, Answer, Rows};
use nestns_topology::Address;
use nestns_topology::address::HOST;
use nestns_topology::expectation::{Assertion, Expectation, Mechanism};

/// Observers by mechanism; an empty list means all.
pub(super) type Wanted = BTreeMap<Mechanism, Vec<Address>>;

/// Observers needed to judge these expectations.
pub(super) fn wanted(expectations: &[&Expectation]) -> Wanted {
    let mut wanted = Wanted::new();
    for expectation in expectations {
        for claim in &expectation.claims {
            let (via, from) = match &claim.assertion {
                Assertion::Sees { from, .. }
                | Assertion::Hides { from, .. }
                | Assertion::SeesSoMany { from, .. } => (expectation.via, from),
                Assertion::Signal { from, .. } => (Mechanism::Kill, from),
                _ => continue,
            };
            let looking = wanted.entry(via).or_default();
            if !looking.contains(from) {
                looking.push(from.clone());
            }
        }
    }
    wanted
}

/// Every namespace, by the chains.
pub(super) fn everybody() -> Wanted {
    Wanted::from([(Mechanism::Chain, Vec::new())])
}

/// Measures. What the controller cannot answer has been told.
pub(super) fn facts(connection: &mut Connection, wanted: &Wanted) -> Result<Facts, CommandError> {
    let snapshot = connection.snapshot()?;
    let names = Names::of(vec![snapshot.clone()]);
    HostSnapshot::make_room();
    let machine = HostSnapshot::read(Search::Members)?;
    let mut sights = BTreeMap::new();
    for (&via, from) in wanted {
        sights.insert(via, visibility(&machine, &snapshot, &names, via, from)?);
    }
    let spaces: Vec<String> = snapshot
        .namespaces
        .iter()
        .map(|space| space.path.clone())
        .collect();
    let paths: HashMap<PidNamespaceId, &str> = snapshot
        .namespaces
        .iter()
        .filter_map(|space| Some((space_of(&machine, space)?, space.path.as_str())))
        .chain([(machine.own(), HOST)])
        .collect();
    let processes = snapshot.processes.iter().map(|document| {
        let pid = document.pids.first().copied().flatten();
        // By its identity: a number may be that of another process by now.
        let process = pid.and_then(|pid| names.process(pid).and_then(|_| machine.process(pid)));
        let (numbers, parents) = process
            .map(|process| numbers(&machine, &paths, process))
            .unwrap_or_default();
        let mut document = document.clone();
        document.read_groups();
        let in_each = |of_it: &[i32]| -> Numbers {
            let spaces = numbers.iter().map(|(space, _)| space.clone());
            spaces.zip(of_it.iter().copied()).collect()
        };
        let (groups, sessions) = (in_each(&document.pgids), in_each(&document.sids));
        ProcessFact {
            path: document.path.clone(),
            space: document.ns.clone(),
            state: document.state.as_deref().unwrap_or_default().to_owned(),
            exit: document
                .exit
                .map(nestns_client::documents::ExitDocument::status),
            numbers,
            parents,
            groups,
            sessions,
        }
    });
    let processes = processes.collect();
    Ok(Facts {
        processes,
        spaces,
        sights,
    })
}

/// By namespace, the outermost first.
type Numbers = Vec<(String, i32)>;

fn numbers(
    machine: &HostSnapshot,
    paths: &HashMap<PidNamespaceId, &str>,
    process: &ProcessInfo,
) -> (Numbers, Numbers) {
    let parent = machine.process(process.parent);
    let line = machine.line(process.space.unwrap_or(machine.own()));
    let named = |space: PidNamespaceId| {
        paths.get(&space).map_or_else(
            || format!("pid:[{}]", machine.space(space).inode),
            |&path| path.to_owned(),
        )
    };
    let numbers = line
        .iter()
        .zip(&process.numbers)
        .map(|(&space, &number)| (named(space), number))
        .collect();
    let of_parent = |space| {
        parent
            .and_then(|parent| machine.number_in(parent, space))
            .unwrap_or(0)
    };
    let parents = line
        .iter()
        .map(|&space| (named(space), of_parent(space)))
        .collect();
    (numbers, parents)
}

fn visibility(
    machine: &HostSnapshot,
    snapshot: &Snapshot,
    names: &Names,
    via: Mechanism,
    from: &[Address],
) -> Result<Visibility, CommandError> {
    let mut places: Vec<Place> = from.iter().cloned().map(Place::Address).collect();
    if !places.is_empty() {
        // There is an observer, even if all that were named have ended: that is to be found, and no failure.
        places.push(Place::Address(HOST.parse()?));
    }
    let observation = of_topology(
        machine,
        snapshot,
        names,
        Question {
            from: &places,
            of: &[],
        },
    )?;
    let rows = Rows::new(
        machine,
        observation.seen.iter().map(|one| one.process).collect(),
    );
    let positions: Vec<_> = observation
        .observers
        .iter()
        .map(|named| named.observer.clone())
        .collect();
    let views = visibility::look(&rows, &positions, via)?;
    let mut cells = HashMap::new();
    for (observer, view) in views.iter().enumerate() {
        for (&row, cell) in &view.cells {
            let refused = if cell.answer == Answer::Yes {
                None
            } else {
                Some(cell.answer.to_string())
            };
            let mark = Mark {
                number: cell.number,
                refused,
                is_seen: cell.answer.is_sighting(),
            };
            cells.insert((observer, row), mark);
        }
    }
    let observers = observation.observers.iter().zip(views);
    Ok(Visibility {
        observers: observers
            .map(|(named, view)| Observer {
                path: named.path.clone(),
                trouble: view.trouble,
            })
            .collect(),
        seen: observation
            .seen
            .iter()
            .map(|one| Seen {
                path: one.path.clone(),
                space: one.place.clone().unwrap_or_default(),
                host: one.process.pid(),
            })
            .collect(),
        cells,
    })
}
