//! Kills of any process at any moment: nothing survives, and no state is left that `prune` cannot remove.
//!
//! Thirty rounds from a fixed seed; with `NESTNS_LONG=1` ten thousand, or `NESTNS_ROUNDS`, from `NESTNS_SEED`.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nestns_sys::pidfd::Pidfd;
use nix::libc::SIGKILL;
use nix::unistd::Pid;

use crate::harness::identity::identities;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left, processes_of};
use crate::harness::random;
use crate::harness::requirement::{nesting, require};
use crate::harness::wait::{TIMEOUT, exit, until, within};
use crate::leftovers::run;

const TREES: [&str; 3] = [
    "[ns.@]\nproc.idle = \"sleep 1000\"\n",
    "[ns.@]\nproc.idle = \"sleep 1000\"\n[ns.\"@/a\"]\ninit = \"pause\"\n[ns.\"@/a/b\"]\nproc.b = \"sleep 1000\"\nproc.c = { sh = \"exec sleep 1000\", enter = \"join\" }\n",
    "[ns.@]\ninit = [\"sleep\", \"1000\"]\n[ns.@-other]\nproc.a = \"sleep 1000\"\n[ns.\"@-other/in\"]\nproc.b = \"sleep 1000\"\n",
];

/// Operation under way when a process is killed.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Build,
    Run,
    Stop,
    Exec,
    Restart,
    Pause,
}

/// Process that is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Controller,
    Guardian,
    Init,
    Both,
}

const DOINGS: [Doing; 6] = [
    Doing::Build,
    Doing::Run,
    Doing::Stop,
    Doing::Exec,
    Doing::Restart,
    Doing::Pause,
];
const VICTIMS: [Victim; 4] = [
    Victim::Controller,
    Victim::Guardian,
    Victim::Init,
    Victim::Both,
];

/// `SplitMix64`: one number after another from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap_or(0) % sides
    }
}

/// A process of the tree, held by a pidfd so that no other one is hit.
fn held(pid: i32, controller: i32) -> Option<Pidfd> {
    let held = Pidfd::open(Pid::from_raw(pid)).ok()?;
    // It was opened by its number: it is still one of this tree.
    let is_ours = pid == controller
        || kernel::descendants(controller)
            .iter()
            .any(|process| process.pid == pid);
    is_ours.then_some(held)
}

fn kill(victim: Victim, controller: i32, dice: &mut Dice) {
    let processes = kernel::descendants(controller);
    let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let guardian = processes.iter().find(|process| {
        process.parent == controller && name(process.pid).trim() == "nestns-guardian"
    });
    let guardian = guardian.map(|process| process.pid);
    let others: Vec<i32> = processes
        .iter()
        .map(|process| process.pid)
        .filter(|&pid| Some(pid) != guardian)
        .collect();
    let mut victims = match victim {
        Victim::Controller => vec![controller],
        Victim::Guardian => guardian.into_iter().collect(),
        Victim::Init if others.is_empty() => vec![],
        Victim::Init => vec![others[dice.roll(others.len())]],
        Victim::Both => guardian.into_iter().chain([controller]).collect(),
    };
    if dice.roll(2) == 0 {
        victims.reverse();
    }
    let held: Vec<Pidfd> = victims
        .into_iter()
        .filter_map(|pid| held(pid, controller))
        .collect();
    for victim in held {
        // It may have ended by itself.
        let _ = victim.signal(SIGKILL);
    }
}

fn start(nest: &Nest, arguments: &[&str]) -> Child {
    let mut command = nest.command(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("the program was built")
}

fn round(nest: &Nest, doing: Doing, victim: Victim, dice: &mut Dice) {
    let (root, file) = (nest.root.clone(), nest.file_name().to_owned());
    let mut tree = match doing {
        Doing::Run => start(
            nest,
            &["run", "--name", &root, &file, "--", "sleep", "1000"],
        ),
        _ => start(nest, &["up", &file]),
    };
    let controller = tree.id().cast_signed();
    let truth = nest.state().join(&root).join("truth.json");
    if !matches!(doing, Doing::Build | Doing::Run) {
        until("the tree runs", || {
            assert!(
                tree.try_wait().expect("it is our child").is_none(),
                "it has ended"
            );
            truth.exists()
        });
    }
    let beside = match doing {
        Doing::Build | Doing::Run => None,
        Doing::Stop => Some(start(nest, &["down", &root])),
        Doing::Exec => Some(start(
            nest,
            &["exec", "-n", &root, &root, "--", "sleep", "1000"],
        )),
        Doing::Restart => Some(start(nest, &["restart", "-n", &root, &root])),
        Doing::Pause => Some(start(nest, &["pause", "-n", &root, &root])),
    };
    // The moment of death is what is varied.
    std::thread::sleep(Duration::from_micros(dice.roll(40_000) as u64));
    kill(victim, controller, dice);
    // A death that the tree does not end with leaves a tree that can be ended.
    let ends_by_itself =
        matches!(victim, Victim::Controller | Victim::Both) || matches!(doing, Doing::Stop);
    let limit = if ends_by_itself {
        TIMEOUT
    } else {
        Duration::from_millis(50)
    };
    if exit(&mut tree, limit).is_none() {
        // One that has no state directory yet is not known to `down`.
        let end = Instant::now() + TIMEOUT;
        loop {
            let (_, _, stderr) = run(nest, &["down", "--now", &root]);
            if exit(&mut tree, Duration::from_secs(1)).is_some() {
                break;
            }
            assert!(Instant::now() < end, "it does not end: {stderr}");
        }
    }
    if let Some(mut beside) = beside
        && exit(&mut beside, TIMEOUT).is_none()
    {
        beside.kill().expect("it runs");
        beside.wait().expect("it is our child");
        panic!("what was asked for never ended");
    }
    is_clean(nest);
}

/// Nothing survives, and what state there is can be pruned.
fn is_clean(nest: &Nest) {
    within(TIMEOUT, || processes_of(nest).is_empty().then_some(()))
        .unwrap_or_else(|| panic!("survivors: {:?}", processes_of(nest)));
    let (code, stdout, stderr) = run(nest, &["prune"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_nothing_left(nest);
    let directory = nest.directory_name().to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    assert!(!mounts.contains(&directory), "a mount is left: {mounts}");
    let cgroups = kernel::cgroups_named(&format!("nestns-{}-", nest.root));
    assert!(cgroups.is_empty(), "cgroups are left: {cgroups:?}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn nothing_is_left_when_any_process_is_killed_at_any_time() {
    require!(nesting());
    let rounds = number("NESTNS_ROUNDS").unwrap_or(random::cases(30, 10_000));
    let seed = number("NESTNS_SEED").unwrap_or(7);
    let identities: Vec<_> = identities().into_iter().collect();
    let mut dice = Dice(seed);
    for count in 0..rounds {
        let (doing, victim) = (
            DOINGS[dice.roll(DOINGS.len())],
            VICTIMS[dice.roll(VICTIMS.len())],
        );
        let tree = TREES[dice.roll(TREES.len())];
        let identity = identities[dice.roll(identities.len())];
        let nest = Nest::new(tree).identity(identity);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            round(&nest, doing, victim, &mut dice);
        }));
        assert!(
            result.is_ok(),
            "round {count} of seed {seed}: {doing:?}, {victim:?}, {identity:?}, {tree}"
        );
        if count % 100 == 99 {
            eprintln!("{} rounds", count + 1);
        }
    }
}
