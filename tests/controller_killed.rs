//! The controller dies at any moment of a tree's life: nothing of it is left, no process, no state, no changed terminal.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::geteuid;

use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::kernel;
use crate::harness::nest::{Nest, processes_of};
use crate::harness::random;
use crate::harness::requirement::{nesting, require, root};
use crate::harness::terminal::Terminal;

/// Number of deaths of each kind; `NESTNS_LONG` asks for more.
fn rounds() -> u64 {
    random::cases(40, 300)
}

/// Delays that look random and are the same in every run.
struct Delays(u64);

impl Delays {
    /// A delay below `limit`.
    fn next(&mut self, limit: Duration) -> Duration {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit.as_micros()).expect("a short time");
        Duration::from_micros(self.0 % limit)
    }
}

/// A tree that takes a while to build, of siblings and grandchildren.
fn wide() -> String {
    let mut text = "[ns.@]\n".to_owned();
    for number in 0..100 {
        write!(
            text,
            "[ns.\"@/w{number}\"]\ninit = \"pause\"\n[ns.\"@/w{number}/in\"]\nproc.one = {{ actor = \"idle\" }}\n"
        )
        .unwrap();
    }
    text
}

/// A topology with many roots.
fn roots() -> String {
    let mut text = "[ns.@]\nproc.one = { actor = \"ignore-term\" }\n".to_owned();
    for number in 0..60 {
        write!(
            text,
            "[ns.@-{number}]\nproc.one = {{ cmd = [\"sleep\", \"1000\"] }}\n"
        )
        .unwrap();
    }
    text
}

/// Processes that are moved in from outside, under a PID 1 of ours and under a program, which has a namespace below it.
const JOINED: &str = r#"
[ns.@]
proc.own = { actor = "tree --children 5" }
[ns."@/pod"]
init = "pause"
proc.a = { actor = "ignore-term", enter = "join" }
proc.b = { cmd = ["sleep", "1000"], enter = "join" }
[ns."@/program"]
init = ["sleep", "1000"]
stop = { grace = "20s" }
proc.c = { sh = "trap '' TERM HUP; sleep 1000 & wait", enter = "join" }
[ns."@/program/below"]
proc.d = { actor = "orphan" }
[ns."@/program/below/deep"]
init = { actor = "ignore-term" }
stop = { grace = "18s" }
"#;

/// A root whose PID 1 becomes another user, and so loses the signal of its parent's death.
const ANOTHER_USER: &str = r#"
[ns.@]
init = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "1000"]
proc.in = { sh = "sleep 1000", enter = "join", user = "65534" }
[ns."@-two"]
proc.one = { actor = "zombie" }
"#;

const WITH_TERMINAL: &str = r#"
[ns.@]
proc.shell = { cmd = ["bash", "--norc"], tty = true, stop = { grace = "20s" } }
proc.deaf = { actor = "ignore-term", stop = { grace = "20s" } }
"#;

/// Kills the controller of a tree after `delay`; everything must be gone within the time that `wait` allows.
fn die(topology: &str, identity: Identity, moment: &str, delay: Duration) -> Duration {
    let mut running = Nest::new(topology).identity(identity).up();
    match moment {
        "build" => {}
        "running" => drop(running.until_running()),
        _ => {
            running.until_running();
            running.signal(Signal::SIGTERM);
        }
    }
    // The moment of death is what is varied.
    std::thread::sleep(delay);
    running.signal(Signal::SIGKILL);
    let killed = Instant::now();
    let ended = running.wait();
    assert!(
        matches!(ended.code, 137 | 143),
        "{moment}, {delay:?}: {} {}",
        ended.code,
        ended.stderr
    );
    killed.elapsed()
}

fn die_often(layouts: &[String], moment: &str, seed: u64, limit: Duration) {
    require!(nesting());
    let mut delays = Delays(seed);
    let mut longest = Duration::ZERO;
    for round in 0..rounds() {
        for identity in identities() {
            let layout = &layouts[usize::try_from(round).expect("a small number") % layouts.len()];
            let delay = delays.next(limit);
            longest = longest.max(die(layout, identity, moment, delay));
        }
    }
    eprintln!(
        "{moment}: the slowest of {} ends took {longest:?}",
        rounds()
    );
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

fn layouts() -> Vec<String> {
    vec![wide(), roots(), JOINED.to_owned()]
}

#[test]
fn a_controller_killed_during_the_build_leaves_nothing() {
    die_often(
        &layouts(),
        "build",
        0x9e37_79b9_7f4a_7c15,
        Duration::from_millis(60),
    );
}

#[test]
fn a_controller_killed_while_the_tree_runs_leaves_nothing() {
    die_often(
        &layouts(),
        "running",
        0x2545_f491_4f6c_dd1d,
        Duration::from_millis(20),
    );
}

#[test]
fn a_controller_killed_during_a_slow_stop_leaves_nothing() {
    die_often(
        &[roots(), JOINED.to_owned()],
        "stop",
        0xd1b5_4a32_d192_ed03,
        Duration::from_millis(60),
    );
}

#[test]
fn a_root_that_runs_as_another_user_dies_with_the_controller() {
    require!(nesting(), root());
    let mut delays = Delays(0x1234_5678_9abc_def1);
    for _ in 0..rounds() / 4 {
        for moment in ["build", "running", "stop"] {
            let delay = delays.next(Duration::from_millis(40));
            let took = die(ANOTHER_USER, Identity::Own, moment, delay);
            assert!(
                took < Duration::from_secs(5),
                "{moment}, {delay:?}: {took:?}"
            );
        }
    }
}

#[test]
fn the_terminal_is_restored_after_the_death_of_the_controller() {
    require!(nesting());
    let mut delays = Delays(0xfedc_ba98_7654_3211);
    for round in 0..rounds() / 2 {
        for identity in identities() {
            let mut terminal = Terminal::up(Nest::new(WITH_TERMINAL).identity(identity));
            terminal.pid();
            if round % 3 > 0 {
                terminal.until_raw();
            }
            if round % 3 > 1 {
                terminal.signal(Signal::SIGTERM);
            }
            // The moment of death is what is varied.
            std::thread::sleep(delays.next(Duration::from_millis(30)));
            terminal.signal(Signal::SIGKILL);
            let killed = Instant::now();
            assert_eq!(terminal.status(), 137);
            terminal.until_restored();
            terminal.close();
            assert!(
                killed.elapsed() < Duration::from_secs(5),
                "{:?}",
                killed.elapsed()
            );
        }
    }
}

#[test]
fn a_killed_guardian_is_replaced_and_the_tree_still_ends_with_its_controller() {
    for_each_identity(|identity| {
        for layout in [JOINED, ANOTHER_USER] {
            if layout == ANOTHER_USER && (identity == Identity::Ordinary || !geteuid().is_root()) {
                continue;
            }
            let mut running = Nest::new(layout).identity(identity).up();
            running.until_running();
            for times in 1..=3 {
                let controller = running.pid();
                let first = running.until("there is a guardian", |_| kernel::guardian(controller));
                kill(first, Signal::SIGKILL).expect("it runs");
                running.until("there is another guardian", |_| {
                    kernel::guardian(controller).filter(|&pid| pid != first)
                });
                running.until("it is said", |nest| {
                    let told = fs::read_to_string(nest.directory.path().join("stderr")).ok()?;
                    (told.matches("the guardian was killed").count() == times).then_some(())
                });
            }
            assert!(!processes_of(&running.nest).is_empty());
            running.signal(Signal::SIGKILL);
            assert_eq!(running.wait().code, 137);
        }
    });
}

#[test]
fn a_guardian_killed_during_the_build_or_the_stop_changes_nothing() {
    require!(nesting());
    let mut delays = Delays(0x0f1e_2d3c_4b5a_6979);
    for round in 0..rounds() / 4 {
        for identity in identities() {
            let mut running = Nest::new(&wide()).identity(identity).up();
            let controller = running.pid();
            if round % 2 == 1 {
                running.until_running();
                running.signal(Signal::SIGTERM);
            }
            // The moment of death is what is varied.
            std::thread::sleep(delays.next(Duration::from_millis(15)));
            // A stop may be over before it is found.
            if let Some(guardian) = kernel::guardian(controller) {
                let _ = kill(guardian, Signal::SIGKILL);
            }
            if round % 2 == 0 {
                running.until_running();
                running.signal(Signal::SIGTERM);
            }
            let ended = running.wait();
            assert_eq!(ended.code, 143, "{}", ended.stderr);
        }
    }
}
