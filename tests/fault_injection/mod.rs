//! System calls that fail in the middle of a life: strace(1) has one in a process of the tree, in the controller or in a client
//! answer an errno, while the tree is built, used, and stopped. Whatever that leads to is told; nothing is left, or the status
//! is not 0.
//!
//! A few dozen here; `NESTNS_LONG=1` makes it two thousand.
//! `NESTNS_TRANSCRIPT=FILE` appends every injection with what was said, and `NESTNS_INJECT='Own up unlinkat EIO 3'` makes that
//! one only.

mod calls;
mod life;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use calls::{CALLS, EXCUSED, errnos_of};
use life::{Injection, Verb, live, made};

use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::random;
use crate::harness::requirement::{installed, nesting, require};

/// Calls of one verb that may fail: the injections into each, those that differ most first.
fn injections_into(
    identity: Identity,
    verb: Verb,
    call: &'static str,
    most: u32,
) -> Vec<Injection> {
    let errnos = errnos_of(call);
    let count = usize::try_from(most).expect("few").max(1);
    // The golden section of the calls: early ones are the start's, late ones the stop's.
    let step = (count * 618 / 1000).max(1);
    let step = (step..=step + count)
        .find(|step| greatest_common_divisor(*step, count) == 1)
        .expect("one of so many");
    (0..count * errnos.len())
        .map(|round| Injection {
            identity,
            verb,
            call,
            errno: errnos[(round + round / count) % errnos.len()],
            when: u32::try_from(round * step % count).expect("few") + 1,
        })
        .collect()
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 {
        one
    } else {
        greatest_common_divisor(other, one % other)
    }
}

/// All injections: one of each call in turn, as often as a call of one process was made in a run without failures.
fn injections() -> Vec<Injection> {
    let mut queues = Vec::new();
    for identity in identities() {
        for (&(verb, ref call), &most) in made(identity) {
            // The kernel closes whatever it answers; strace(1) has it not make the call, and a pipe that a process of the tree
            // keeps open by that never ends.
            if verb == Verb::Up && call == "close" {
                continue;
            }
            if let Some(&(call, _)) = CALLS.iter().find(|(name, _)| name == call) {
                queues.push(injections_into(identity, verb, call, most).into_iter());
            }
        }
    }
    let mut all = Vec::new();
    while !queues.is_empty() {
        queues.retain_mut(|queue| queue.next().map(|injection| all.push(injection)).is_some());
    }
    all
}

/// The injections that `NESTNS_INJECT` names, or all.
fn chosen() -> Vec<Injection> {
    std::env::var("NESTNS_INJECT").map_or_else(|_| injections(), |words| vec![parse(&words)])
}

/// Reads what an injection is written as.
fn parse(words: &str) -> Injection {
    let [identity, verb, call, errno, when] = words.split_whitespace().collect::<Vec<_>>()[..]
    else {
        panic!("an injection is five words");
    };
    let &(call, errnos) = CALLS
        .iter()
        .find(|(name, _)| *name == call)
        .expect("a call of the list");
    Injection {
        identity: if identity == "Own" {
            Identity::Own
        } else {
            Identity::Ordinary
        },
        verb: *Verb::ALL
            .iter()
            .find(|one| one.word() == verb)
            .expect("a verb of the life"),
        call,
        errno: errnos
            .iter()
            .find(|one| **one == errno)
            .expect("an errno of the list"),
        when: when.parse().expect("a number"),
    }
}

/// Injects so many, of which this is one of some shards.
fn inject(most: usize, shard: usize, shards: usize) {
    require!(nesting(), installed("strace"));
    let (mut injected, mut codes, mut failures) = (0, BTreeMap::<i32, usize>::new(), Vec::new());
    let transcript = std::env::var_os("NESTNS_TRANSCRIPT");
    for injection in chosen().into_iter().skip(shard).step_by(shards) {
        if injected == most {
            break;
        }
        let lived = live(injection);
        if let Some(path) = &transcript {
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .expect("it is writable");
            let text = format!("### {injection}\n{lived:#?}\n");
            file.write_all(text.as_bytes()).expect("it is writable");
        }
        if lived.is_injected {
            injected += 1;
            *codes.entry(lived.code).or_default() += 1;
        }
        if let Some(problem) = &lived.problem {
            eprintln!("NESTNS_INJECT='{injection}': {problem}\n{lived:#?}");
            failures.push(injection.to_string());
        }
    }
    eprintln!("shard {shard}: {injected} failures injected, statuses {codes:?}");
    assert!(
        failures.is_empty(),
        "{} of {injected}: {failures:#?}",
        failures.len()
    );
}

/// Number of injections of a shard.
fn count() -> usize {
    random::cases(24, 667)
}

#[test]
fn failures_are_reported_and_leave_nothing_first_third() {
    inject(count(), 0, 3);
}

#[test]
fn failures_are_reported_and_leave_nothing_second_third() {
    inject(count(), 1, 3);
}

#[test]
fn failures_are_reported_and_leave_nothing_last_third() {
    inject(count(), 2, 3);
}

/// Failures that were told wrongly once, or not at all.
const ONCE_WRONG: &[&str] = &[
    "Own up dup2 EBUSY 2",
    "Ordinary up dup2 EBUSY 2",
    "Own up pipe2 EMFILE 3",
    "Ordinary up waitid EINTR 4",
    "Own up memfd_create EMFILE 1",
    "Own up openat EMFILE 1",
    "Ordinary up unlinkat EIO 8",
    "Own up unlinkat EACCES 8",
    "Own exec signalfd4 EMFILE 1",
    "Own exec poll ENOMEM 2",
    "Own pause write EIO 1",
    "Ordinary pause openat ENFILE 20",
    "Ordinary down newfstatat EIO 36",
    "Ordinary down poll EINTR 3",
];

#[test]
fn failures_that_were_once_misreported_are_reported() {
    require!(nesting(), installed("strace"));
    let own = identities().len() > 1;
    for words in ONCE_WRONG
        .iter()
        .filter(|words| own || words.starts_with("Own"))
    {
        let lived = live(parse(words));
        assert!(
            lived.problem.is_none(),
            "NESTNS_INJECT='{words}': {lived:#?}"
        );
    }
}

/// Every system call of a life is one that is made to fail, or there is a reason why not.
#[test]
fn every_call_of_a_run_is_in_the_list() {
    require!(installed("strace"));
    for_each_identity(|identity| {
        for (verb, call) in made(identity).keys() {
            let is_known = CALLS.iter().any(|(name, _)| name == call)
                || EXCUSED
                    .iter()
                    .any(|(names, _)| names.contains(&call.as_str()));
            assert!(
                is_known,
                "`{}` makes {call}, which is in neither list",
                verb.word()
            );
        }
    });
}
