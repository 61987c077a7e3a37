//! `after` between namespaces through the lives of a tree: each namespace of a chain of three is restarted, paused, and
//! fails, before it is ready and after that.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use serde_json::Value;

use crate::harness::detached::{Detached, ended};
use crate::harness::document::{list, text};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::Nest;
use crate::pause::{Delegation, Stage, stages_of};

/// The namespaces of the chain: each waits for the one before.
const PARTS: [&str; 3] = ["db", "mid", "web"];

/// The ways in which a program is in its namespace.
const WAYS: [&str; 3] = ["fork", "join", "init"];

/// Policy that has a namespace, or the process in it, started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    None,
    Process,
    Namespace,
}

/// A chain of namespaces, each with a server: it runs as soon as a file `go.NAME` is there, and fails when a file `fail.NAME`
/// is.
#[derive(Debug, Clone, Copy)]
struct Chain {
    way: &'static str,
    policy: Policy,
}

impl Chain {
    fn topology(self) -> String {
        let after = [
            "",
            "after = { db = \"ready\" }\n",
            "after = { mid = \"ready\" }\n",
        ];
        let namespaces = PARTS
            .iter()
            .zip(after)
            .map(|(name, after)| self.namespace(name, after));
        format!(
            "name = \"@\"\n[ns.@]\nproc.stays = {{ actor = \"idle\" }}\n{}",
            namespaces.collect::<String>()
        )
    }

    fn namespace(self, name: &str, after: &str) -> String {
        let script = format!(
            "trap 'echo {name} asked >> DIRECTORY/order; sleep 0.1; echo {name} ends >> DIRECTORY/order; exit 0' TERM; \
             until test -e DIRECTORY/go.{name}; do \
             test ! -e DIRECTORY/fail.{name} || {{ rm DIRECTORY/fail.{name}; exit 3; }}; sleep 0.02; done; \
             echo {name} runs >> DIRECTORY/order; echo up; \
             until test -e DIRECTORY/fail.{name}; do sleep 0.02; done; rm DIRECTORY/fail.{name}; exit 3"
        );
        let policy = "restart = \"on-failure\", backoff = \"10ms\"";
        let own = match (self.policy, self.way) {
            (Policy::Process, "fork") | (Policy::Process | Policy::Namespace, "join") => {
                format!(", {policy}")
            }
            _ => String::new(),
        };
        let table =
            format!("{{ sh = \"{script}\", essential = false, ready = {{ log = \"up\" }}{own} }}");
        let mut lines = format!("[ns.\"@/{name}\"]\n{after}");
        if self.is_rebuilt() {
            lines += &policy.replace(", ", "\n");
            lines += "\n";
        }
        lines
            + &match self.way {
                "init" => format!("init = {table}\n"),
                "join" => format!(
                    "init = {{ actor = \"idle\", essential = false }}\nproc.server = {{ enter = \"join\", {}\n",
                    &table[2..]
                ),
                _ if self.is_rebuilt() => format!("main = \"server\"\nproc.server = {table}\n"),
                _ => format!("proc.server = {table}\n"),
            }
    }

    /// A chain in which these servers may run, that is not waited for.
    fn nest(self, identity: Identity, go: &[&str]) -> Nest {
        let nest = Nest::new(&self.topology()).identity(identity);
        for name in go {
            fs::write(nest.directory.path().join(format!("go.{name}")), "").unwrap();
        }
        nest.arguments(&["--no-wait"])
    }

    /// True if it is the namespace that is started again. That of a joined server has another PID 1, whose end it would be.
    fn is_rebuilt(self) -> bool {
        self.policy != Policy::None && self.way == "init"
            || self.policy == Policy::Namespace && self.way == "fork"
    }

    /// Path of the server of a namespace.
    fn server(self, name: &str) -> String {
        match self.way {
            "init" => format!("@/{name}/init"),
            _ => format!("@/{name}/server"),
        }
    }
}

/// A chain that runs by itself.
struct Running {
    detached: Detached,
    chain: Chain,
    /// Dropped after it.
    _group: Option<Delegation>,
}

impl Running {
    /// Starts a chain in which these servers may run, without waiting for them.
    fn up(chain: Chain, identity: Identity, go: &[&str]) -> Self {
        Self {
            detached: Detached::up(chain.nest(identity, go)),
            chain,
            _group: None,
        }
    }

    /// Starts chains that can be paused, as each of the identities.
    fn pausable(chain: Chain, go: &[&str]) -> Vec<Self> {
        let stages = stages_of(|identity| chain.nest(identity, go)).into_iter();
        let running = |(detached, group)| Self {
            detached,
            chain,
            _group: Some(group),
        };
        stages.map(Stage::into_parts).map(running).collect()
    }

    /// Starts one in which everything is ready.
    fn ready(chain: Chain, identity: Identity) -> Self {
        let running = Self::up(chain, identity, &PARTS);
        running.until_ready("web");
        running
    }

    fn file(&self, name: &str) -> PathBuf {
        self.detached.nest.directory.path().join(name)
    }

    fn touch(&self, name: &str) {
        fs::write(self.file(name), "").unwrap();
    }

    fn path(&self, path: &str) -> String {
        path.replace('@', &self.detached.nest.root)
    }

    fn state_file(&self, name: &str) -> PathBuf {
        let state = self.detached.nest.state();
        state.join(&self.detached.nest.root).join(name)
    }

    /// The lines that the servers have written.
    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("order")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn pids(&self) -> [i32; 3] {
        let truth = self.detached.truth();
        PARTS.map(|name| truth.host_pid(&self.path(&self.chain.server(name))))
    }

    /// The events of a kind about a path.
    fn count(&self, event: &str, path: &str) -> usize {
        let path = self.path(path);
        let events = self.detached.events();
        let found = events.iter().filter(|line| text(line, "event") == event);
        found.filter(|line| line["path"] == path.as_str()).count()
    }

    fn until_ready(&self, name: &str) {
        let address = format!("@/{name}/");
        self.detached
            .run(&["wait", &address, "--for", "ready", "--timeout", "50s"]);
    }

    /// Starts to wait until a namespace is ready.
    fn waiting_for(&self, name: &str) -> Child {
        let address = format!("@/{name}/");
        self.detached
            .start(&["wait", &address, "--for", "ready", "--timeout", "50s"])
    }

    fn until(&self, event: &str, path: &str, times: usize) {
        self.detached
            .until(&format!("{times} times {event} {path}"), |_| {
                (self.count(event, path) >= times).then_some(())
            });
    }

    /// Has a server fail.
    fn fail(&self, name: &str) {
        self.touch(&format!("fail.{name}"));
    }

    /// Takes everything down, and makes sure that these are asked one after the other, dependents first.
    fn stop(&self, alive: &[&str]) {
        let before = self.lines().len();
        self.detached.run(&["down", "@"]);
        let lines = self.lines().split_off(before);
        let expected: Vec<String> = alive
            .iter()
            .rev()
            .flat_map(|name| [format!("{name} asked"), format!("{name} ends")])
            .collect();
        assert_eq!(lines, expected, "{:?}", self.chain);
    }
}

/// Runs a test with each way, each place in the chain and each identity.
fn for_each_part(policy: Policy, test: impl Fn(Chain, Identity, &'static str)) {
    for_each_identity(|identity| {
        for way in WAYS {
            for part in PARTS {
                eprintln!("{way}, {policy:?}, {part}");
                test(Chain { way, policy }, identity, part);
            }
        }
    });
}

#[test]
fn a_restart_by_a_user_restarts_nothing_else_and_keeps_the_order() {
    for_each_part(Policy::None, |chain, identity, part| {
        let running = Running::ready(chain, identity);
        let before = running.pids();
        running.detached.run(&["restart", &format!("@/{part}/")]);
        running.until_ready(part);
        let changed: Vec<bool> = before
            .iter()
            .zip(running.pids())
            .map(|(before, after)| *before != after)
            .collect();
        assert_eq!(changed, PARTS.map(|name| name == part), "{chain:?}");
        for name in PARTS {
            assert_eq!(
                running.count("restart", &format!("@/{name}")),
                usize::from(name == part)
            );
        }
        running.stop(&PARTS);
    });
}

#[test]
fn a_restart_of_several_stops_dependents_first_and_starts_them_last() {
    for_each_identity(|identity| {
        for way in WAYS {
            for parts in [&PARTS[..2], &PARTS[1..], &PARTS[..]] {
                let chain = Chain {
                    way,
                    policy: Policy::None,
                };
                let running = Running::ready(chain, identity);
                let before = running.lines().len();
                let addresses: Vec<String> =
                    parts.iter().map(|name| format!("@/{name}/")).collect();
                let mut arguments = vec!["restart"];
                arguments.extend(addresses.iter().map(String::as_str));
                running.detached.run(&arguments);
                running.until_ready(parts[parts.len() - 1]);
                let lines = running.lines().split_off(before);
                let down = parts
                    .iter()
                    .rev()
                    .flat_map(|name| [format!("{name} asked"), format!("{name} ends")]);
                let up = parts.iter().map(|name| format!("{name} runs"));
                let expected: Vec<String> = down.chain(up).collect();
                assert_eq!(lines, expected, "{chain:?}");
                running.stop(&PARTS);
            }
        }
    });
}

#[test]
fn what_is_restarted_while_it_waits_or_is_waited_for_keeps_its_place() {
    for_each_part(Policy::None, |chain, identity, part| {
        let running = Running::up(chain, identity, &[]);
        running.until("started", &chain.server("db"), 1);
        running.detached.run(&["restart", &format!("@/{part}/")]);
        assert_eq!(running.count("release", "@/mid"), 0, "{chain:?}");
        let waiting = running.waiting_for("web");
        for name in PARTS {
            running.touch(&format!("go.{name}"));
        }
        let outcome = ended(waiting);
        assert_eq!(outcome.code, 0, "{chain:?}: {}", outcome.stderr);
        let lines = running.lines();
        let runs = lines.iter().filter(|line| line.ends_with("runs"));
        let runs: Vec<&String> = runs.collect();
        assert_eq!(runs, ["db runs", "mid runs", "web runs"], "{chain:?}");
        running.stop(&PARTS);
    });
}

#[test]
fn a_failure_ends_nothing_else_and_leaves_no_gap_in_the_stop() {
    for_each_part(Policy::None, |chain, identity, part| {
        let running = Running::ready(chain, identity);
        let before = running.pids();
        running.fail(part);
        running.until("exit", &chain.server(part), 1);
        let alive: Vec<&str> = PARTS.into_iter().filter(|&name| name != part).collect();
        for (place, name) in PARTS.iter().enumerate().filter(|(_, name)| **name != part) {
            assert_eq!(running.pids()[place], before[place], "{chain:?}");
            assert_eq!(running.count("exit", &chain.server(name)), 0, "{chain:?}");
        }
        // The condition stays met: what depends on it can be started again.
        let place = PARTS.iter().position(|&name| name == part);
        if let Some(&dependent) = place.and_then(|place| PARTS.get(place + 1)) {
            running
                .detached
                .run(&["restart", &format!("@/{dependent}/")]);
            running.until_ready(dependent);
        }
        running.stop(&alive);
    });
}

#[test]
fn a_failure_with_a_restart_changes_nothing_for_the_others() {
    for policy in [Policy::Process, Policy::Namespace] {
        for_each_part(policy, |chain, identity, part| {
            let running = Running::ready(chain, identity);
            let before = running.pids();
            running.fail(part);
            running.until("ready", &chain.server(part), 2);
            running.until_ready("web");
            for (place, name) in PARTS.iter().enumerate().filter(|(_, name)| **name != part) {
                assert_eq!(running.pids()[place], before[place], "{chain:?}");
                assert_eq!(running.count("exit", &chain.server(name)), 0, "{chain:?}");
            }
            running.stop(&PARTS);
        });
    }
}

#[test]
fn what_fails_before_it_is_ready_and_is_restarted_is_waited_for() {
    for policy in [Policy::Process, Policy::Namespace] {
        for_each_part(policy, |chain, identity, part| {
            let go: Vec<&str> = PARTS.into_iter().filter(|&name| name != part).collect();
            let running = Running::up(chain, identity, &go);
            running.until("started", &chain.server(part), 1);
            let waiting = running.waiting_for("web");
            running.fail(part);
            running.until("started", &chain.server(part), 2);
            running.touch(&format!("go.{part}"));
            let outcome = ended(waiting);
            assert_eq!(outcome.code, 0, "{chain:?}: {}", outcome.stderr);
            let lines = running.lines();
            assert_eq!(lines, ["db runs", "mid runs", "web runs"], "{chain:?}");
            running.stop(&PARTS);
        });
    }
}

fn state(document: &Value, path: &str) -> String {
    let found = list(document, "processes")
        .iter()
        .find(|one| one["path"] == path)
        .unwrap_or_else(|| panic!("no {path}: {document:#}"));
    text(found, "state").to_owned()
}

#[test]
fn what_waits_for_a_failure_is_never_started_and_every_verb_says_so() {
    for_each_part(Policy::None, |chain, identity, part| {
        let place = PARTS.iter().position(|&name| name == part).unwrap();
        let running = Running::up(chain, identity, &PARTS[..place]);
        running.until("started", &chain.server(part), 1);
        for name in &PARTS[place + 1..] {
            let inspected = running.detached.run(&["inspect", &chain.server(name)]);
            assert!(inspected.contains("created"), "{inspected}");
        }
        let waiting = running.waiting_for("web");
        running.fail(part);
        let outcome = ended(waiting);
        assert_eq!(outcome.code, 1, "{chain:?}: {}", outcome.stderr);
        for pair in PARTS[place..].windows(2) {
            let note = running.path(&format!(
                "`@/{}` will not be started: `@/{}`, which it waits for, will not reach the required state",
                pair[1], pair[0]
            ));
            let told = fs::read_to_string(running.state_file("controller.log")).unwrap();
            assert_eq!(told.matches(&note).count(), 1, "{chain:?}: {told}");
            let inspected = running.detached.run(&["inspect", &chain.server(pair[1])]);
            assert!(inspected.contains("not started"), "{inspected}");
        }
        if part != "web" {
            let said = outcome.stderr.contains("will not be started");
            assert!(said, "{chain:?}: {}", outcome.stderr);
        }
        for name in &PARTS[place..] {
            running.until("exit", &chain.server(name), 1);
        }
        let truth = &running.detached.truth().0;
        for (name, expected) in [(&PARTS[..place], "ready"), (&PARTS[place..], "failed")]
            .into_iter()
            .flat_map(|(names, state)| names.iter().map(move |name| (name, state)))
        {
            let path = running.path(&chain.server(name));
            let state = state(truth, &path);
            // A joined process may have ended with its PID 1, which was not started either.
            let is_right = state == expected || (expected == "failed" && state == "gone");
            assert!(is_right, "{chain:?} {name}: {state}");
        }
        for name in &PARTS[place + 1..] {
            assert_eq!(running.count("release", &format!("@/{name}")), 0);
        }
        let lines = running.lines();
        let expected: Vec<String> = PARTS[..place]
            .iter()
            .map(|name| format!("{name} runs"))
            .collect();
        assert_eq!(lines, expected, "{chain:?}");
        if place > 0 {
            running.stop(&PARTS[..place]);
        }
    });
}

#[test]
fn a_pause_before_readiness_delays_what_waits_and_nothing_else() {
    for way in WAYS {
        for (place, part) in PARTS.into_iter().enumerate() {
            let chain = Chain {
                way,
                policy: Policy::None,
            };
            for running in Running::pausable(chain, &PARTS[..place]) {
                running.until("started", &chain.server(part), 1);
                let address = format!("@/{part}");
                running.detached.run(&["pause", &address]);
                for name in &PARTS[place..] {
                    running.touch(&format!("go.{name}"));
                }
                for name in &PARTS[..place] {
                    running.until_ready(name);
                }
                let impatient = ["wait", "@/web/", "--for", "ready", "--timeout", "200ms"];
                assert_eq!(running.detached.nestns(&impatient).code, 124, "{chain:?}");
                let states = running.detached.run(&["ps", &chain.server(part)]);
                assert!(states.contains("paused"), "{chain:?}: {states}");
                for name in &PARTS[place + 1..] {
                    assert_eq!(running.count("release", &format!("@/{name}")), 0);
                }
                running.detached.run(&["resume", &address]);
                running.until_ready("web");
                let lines = running.lines();
                assert_eq!(lines, ["db runs", "mid runs", "web runs"], "{chain:?}");
                running.stop(&PARTS);
            }
        }
    }
}

#[test]
fn a_paused_namespace_delays_no_stop_of_others() {
    for way in WAYS {
        for part in PARTS {
            let chain = Chain {
                way,
                policy: Policy::None,
            };
            for running in Running::pausable(chain, &PARTS) {
                running.until_ready("web");
                running.detached.run(&["pause", &format!("@/{part}")]);
                for other in PARTS.into_iter().filter(|&name| name != part) {
                    let address = format!("@/{other}");
                    let timeline = running
                        .detached
                        .document(&["down", "@", &address, "--format", "json"]);
                    for step in list(&timeline, "steps") {
                        let asked = step["asked_ms"].as_f64().unwrap_or_default();
                        assert!(asked < 4000.0, "{chain:?} {other}: {timeline:#}");
                    }
                    running.detached.run(&["restart", &address]);
                    running.until_ready(other);
                }
                let states = running.detached.run(&["ps", &chain.server(part)]);
                assert!(states.contains("paused"), "{chain:?}: {states}");
                running.stop(&PARTS);
            }
        }
    }
}
