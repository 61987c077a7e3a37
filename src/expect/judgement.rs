//! Comparison of expectations with facts.

use super::case::{Case, Place, Row, Status};
use super::facts::{Facts, ProcessFact, Seen, Visibility};
use nestns_topology::Address;
use nestns_topology::State;
use nestns_topology::address::{Reading, Wanted};
use nestns_topology::expectation::{Assertion, Claim, Expectation, Mechanism};

/// Mark for an invisible process.
const INVISIBLE: &str = "·";

/// Compares an expectation with the facts; one case for each claim. `files` are those of the topology.
pub(crate) fn judge(expectation: &Expectation, facts: &Facts, files: &[String]) -> Vec<Case> {
    expectation
        .claims
        .iter()
        .map(|claim| case(claim, expectation.via, facts, files))
        .collect()
}

/// Result of a comparison.
struct Verdict {
    expected: String,
    found: String,
    status: Status,
    rows: Vec<Row>,
}

impl Verdict {
    fn no(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
            status: Status::Failed,
            rows: Vec::new(),
        }
    }
}

const fn passed(holds: bool) -> Status {
    if holds {
        Status::Passed
    } else {
        Status::Failed
    }
}

fn case(claim: &Claim, via: Mechanism, facts: &Facts, files: &[String]) -> Case {
    let verdict = verdict(&claim.assertion, via, facts);
    let file = files.get(claim.position.file as usize);
    Case {
        name: name(&claim.assertion, via),
        status: verdict.status,
        expected: verdict.expected,
        found: verdict.found,
        place: file.map(|file| Place {
            file: file.clone(),
            line: claim.position.line,
        }),
        rows: verdict.rows,
    }
}

/// A claim as a sentence.
fn name(assertion: &Assertion, via: Mechanism) -> String {
    let how = if via == Mechanism::Chain {
        String::new()
    } else {
        format!(" via {}", via.word())
    };
    match assertion {
        Assertion::Sees { from, of } => format!("{from} sees {of}{how}"),
        Assertion::Hides { from, of } => format!("{from} does not see {of}{how}"),
        Assertion::Signal {
            from,
            to,
            allowed: true,
        } => format!("{from} may signal {to}"),
        Assertion::Signal {
            from,
            to,
            allowed: false,
        } => format!("{from} may not signal {to}"),
        Assertion::SeesSoMany { from, count } => format!("{from} sees {}{how}", so_many(*count)),
        Assertion::SoMany { process, count } => {
            let are = if *count == 1 { "is" } else { "are" };
            format!("{} {are} called {process}", so_many(*count))
        }
        Assertion::Pid {
            process,
            space,
            number,
        } => format!("{process} is {number} in {space}"),
        Assertion::Ppid {
            process,
            space,
            number,
        } => format!("the parent of {process} is {number} in {space}"),
        Assertion::Pgid {
            process,
            space,
            number,
        } => format!("the process group of {process} is {number} in {space}"),
        Assertion::Sid {
            process,
            space,
            number,
        } => format!("the session of {process} is {number} in {space}"),
        Assertion::Chain { process, numbers } => {
            format!("the numbers of {process} are {}", chain(numbers))
        }
        Assertion::State { process, state } => format!("{process} is {state}"),
        Assertion::Exit { process, status } => format!("{process} ended with {status}"),
    }
}

/// A claim compared with the facts.
fn verdict(assertion: &Assertion, via: Mechanism, facts: &Facts) -> Verdict {
    match assertion {
        Assertion::Sees { from, of } => visibility(facts, via, from, of, Wish::Seen),
        Assertion::Hides { from, of } => visibility(facts, via, from, of, Wish::Hidden),
        Assertion::Signal { from, to, allowed } => {
            let wish = if *allowed {
                Wish::Allowed
            } else {
                Wish::Refused
            };
            visibility(facts, Mechanism::Kill, from, to, wish)
        }
        Assertion::SeesSoMany { from, count } => sees_so_many(facts, via, from, *count),
        Assertion::SoMany { process, count } => {
            let found = processes(facts, process).filter(|process| process.lives());
            let found = found.count() as u64;
            Verdict {
                expected: count.to_string(),
                found: found.to_string(),
                status: passed(found == *count),
                rows: Vec::new(),
            }
        }
        Assertion::Pid {
            process,
            space,
            number,
        } => each(facts, process, &number.to_string(), |fact| {
            alive(fact, || in_space(&fact.numbers, space))
        }),
        Assertion::Ppid {
            process,
            space,
            number,
        } => each(facts, process, &number.to_string(), |fact| {
            alive(fact, || in_space(&fact.parents, space))
        }),
        Assertion::Pgid {
            process,
            space,
            number,
        } => each(facts, process, &number.to_string(), |fact| {
            alive(fact, || in_space(&fact.groups, space))
        }),
        Assertion::Sid {
            process,
            space,
            number,
        } => each(facts, process, &number.to_string(), |fact| {
            alive(fact, || in_space(&fact.sessions, space))
        }),
        Assertion::Chain { process, numbers } => each(facts, process, &chain(numbers), |fact| {
            let inside = fact.numbers.iter().skip(1).map(|(_, number)| number);
            alive(fact, || chain(inside))
        }),
        // What is ready runs as well.
        Assertion::State { process, state } => {
            each(facts, process, state.word(), |fact| match &*fact.state {
                "ready" if *state == State::Running => State::Running.word().to_owned(),
                state => state.to_owned(),
            })
        }
        Assertion::Exit { process, status } => each(facts, process, &status.to_string(), |fact| {
            match fact.exit {
                Some(status) => status.to_string(),
                None => format!("it is {}", fact.state),
            }
        }),
    }
}

/// The numbers of a process in words.
fn chain<'a>(numbers: impl IntoIterator<Item = &'a i32>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(i32::to_string).collect();
    numbers.join("/")
}

fn so_many(count: u64) -> String {
    format!("{count} process{}", if count == 1 { "" } else { "es" })
}

fn alive(fact: &ProcessFact, found: impl FnOnce() -> String) -> String {
    if fact.lives() {
        found()
    } else {
        format!("it is {}", fact.state)
    }
}

fn in_space(numbers: &[(String, i32)], space: &str) -> String {
    numbers
        .iter()
        .find(|(path, _)| path == space)
        .map_or_else(|| INVISIBLE.to_owned(), |(_, number)| number.to_string())
}

/// The way in which an address means any of these paths.
fn reading<'a>(address: &Address, paths: &(impl Iterator<Item = &'a str> + Clone)) -> Reading {
    let means_any = |reading: &Reading| paths.clone().any(|path| reading(address, path));
    Address::READINGS
        .into_iter()
        .find(means_any)
        .unwrap_or(Address::matches)
}

/// The processes that an address means: those called so by its letters, or else every instance, or else PID 1s.
fn processes<'a>(facts: &'a Facts, address: &'a Address) -> impl Iterator<Item = &'a ProcessFact> {
    let is_it = reading(
        address,
        &facts.processes.iter().map(|fact| fact.path.as_str()),
    );
    facts
        .processes
        .iter()
        .filter(move |fact| is_it(address, &fact.path))
}

/// Claim about each of several processes.
fn each(
    facts: &Facts,
    address: &Address,
    expected: &str,
    find: impl Fn(&ProcessFact) -> String,
) -> Verdict {
    let found: Vec<(&str, String)> = processes(facts, address)
        .map(|fact| (fact.path.as_str(), find(fact)))
        .collect();
    if found.is_empty() {
        return Verdict::no(expected, "no such process");
    }
    let others: Vec<&(&str, String)> = found
        .iter()
        .filter(|(_, found)| found != expected)
        .collect();
    let words = match (others.as_slice(), found.len()) {
        ([], _) => expected.to_owned(),
        ([(_, found)], 1) => found.clone(),
        (others, _) => others
            .iter()
            .map(|(path, found)| format!("{path}: {found}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Verdict {
        expected: expected.to_owned(),
        found: words,
        status: passed(others.is_empty()),
        rows: Vec::new(),
    }
}

/// Expected content of a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Seen,
    Hidden,
    Allowed,
    Refused,
}

impl Wish {
    const fn words(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Hidden => INVISIBLE,
            Self::Allowed => "yes",
            Self::Refused => "no",
        }
    }
}

/// Observers that an address means.
fn observers(visibility: &Visibility, from: &Address) -> Vec<usize> {
    let is_it = reading(
        from,
        &visibility.observers.iter().map(|one| one.path.as_str()),
    );
    (0..visibility.observers.len())
        .filter(|&at| is_it(from, &visibility.observers[at].path))
        .collect()
}

/// Processes that an address means: those of that name, PID 1s that match a wildcard included, and those directly in a
/// namespace of that name.
fn seen(visibility: &Visibility, of: &Address) -> Vec<usize> {
    let is_one = |one: &Seen, instances: bool| {
        let is_it = |path: &str| {
            if instances {
                of.matches_instances(path)
            } else {
                of.matches(path)
            }
        };
        let is_init = || {
            if instances {
                of.matches_init_of_instances(&one.path)
            } else {
                of.matches_init(&one.path)
            }
        };
        (of.wanted() == Wanted::Anything && (is_it(&one.path) || is_init())) || is_it(&one.space)
    };
    let chosen = |instances| {
        (0..visibility.seen.len())
            .filter(|&at| is_one(&visibility.seen[at], instances))
            .collect()
    };
    let literal: Vec<usize> = chosen(false);
    if literal.is_empty() {
        chosen(true)
    } else {
        literal
    }
}

/// Observers that an address means, or a verdict that says why there are none.
fn looking<'a>(
    facts: &'a Facts,
    via: Mechanism,
    from: &Address,
    expected: &str,
) -> Result<(&'a Visibility, Vec<usize>), Verdict> {
    let visibility = facts
        .sights
        .get(&via)
        .ok_or_else(|| Verdict::no(expected, "not observed"))?;
    let observers = observers(visibility, from);
    if observers.is_empty() {
        return Err(Verdict::no(
            expected,
            format!("{from} has ended, so there is no observer"),
        ));
    }
    match observers
        .iter()
        .find_map(|&at| visibility.observers[at].trouble.as_ref())
    {
        // Nothing was found out, neither that it is so nor that it is not.
        Some(trouble) => Err(Verdict {
            status: Status::Skipped,
            ..Verdict::no(expected, trouble.clone())
        }),
        None => Ok((visibility, observers)),
    }
}

fn visibility(facts: &Facts, via: Mechanism, from: &Address, of: &Address, wish: Wish) -> Verdict {
    let expected = wish.words();
    let (visibility, observers) = match looking(facts, via, from, expected) {
        Ok(looking) => looking,
        Err(verdict) => return verdict,
    };
    let whom = seen(visibility, of);
    if whom.is_empty() {
        let is_wanted = matches!(wish, Wish::Seen | Wish::Allowed);
        let found = format!("{of} has ended");
        return Verdict {
            expected: expected.to_owned(),
            found,
            status: passed(!is_wanted),
            rows: Vec::new(),
        };
    }
    let mut rows = Vec::new();
    for &observer in &observers {
        for &at in &whom {
            let mark = visibility.cells.get(&(observer, at));
            let holds = match wish {
                Wish::Seen => mark.is_some_and(|mark| mark.is_seen),
                Wish::Hidden => mark.is_none_or(|mark| !mark.is_seen),
                Wish::Allowed => mark.is_some_and(|mark| mark.refused.is_none()),
                Wish::Refused => mark.is_none_or(|mark| mark.refused.is_some()),
            };
            if holds {
                continue;
            }
            let found = match mark {
                None => INVISIBLE.to_owned(),
                Some(mark) => mark
                    .refused
                    .clone()
                    .unwrap_or_else(|| mark.number.to_string()),
            };
            rows.push(Row {
                observer: visibility.observers[observer].path.clone(),
                process: visibility.seen[at].path.clone(),
                expected: expected.to_owned(),
                found,
                host: Some(visibility.seen[at].host),
            });
        }
    }
    let found = match rows.as_slice() {
        [] => expected.to_owned(),
        [row] => row.found.clone(),
        rows => format!(
            "{} cells of {} differ",
            rows.len(),
            observers.len() * whom.len()
        ),
    };
    Verdict {
        expected: expected.to_owned(),
        found,
        status: passed(rows.is_empty()),
        rows,
    }
}

fn sees_so_many(facts: &Facts, via: Mechanism, from: &Address, count: u64) -> Verdict {
    let (visibility, observers) = match looking(facts, via, from, &count.to_string()) {
        Ok(looking) => looking,
        Err(verdict) => return verdict,
    };
    let sees = |observer: usize| -> u64 {
        let marks =
            (0..visibility.seen.len()).filter_map(|at| visibility.cells.get(&(observer, at)));
        marks.filter(|mark| mark.is_seen).count() as u64
    };
    let found: Vec<(&str, u64)> = observers
        .iter()
        .map(|&observer| (visibility.observers[observer].path.as_str(), sees(observer)))
        .collect();
    let words = match found.as_slice() {
        [(_, found)] => found.to_string(),
        several => several
            .iter()
            .map(|(path, found)| format!("{path}: {found}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Verdict {
        expected: count.to_string(),
        found: words,
        status: passed(found.iter().all(|&(_, found)| found == count)),
        rows: Vec::new(),
    }
}
