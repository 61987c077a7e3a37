//! Visibility between processes: every cell against the rule, deviations with their reasons, and observation leaves no trace.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::chain::{chain, chain_of, path, paths};
use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_depth, for_each_identity, identities};
use crate::harness::nest::{Nest, Truth};
use crate::harness::random;
use crate::harness::requirement::{nesting, require, root};
use crate::harness::visibility::{MECHANISMS, assert_no_difference};
use crate::random_trees::blueprints;

/// The PIDs by process and observer.
type Cells = BTreeMap<(String, String), Option<i64>>;

fn cells(document: &Value) -> Cells {
    let rows = document["rows"].as_array().expect("a list").iter();
    rows.flat_map(|row| {
        let path = row["path"].as_str().expect("a path");
        let pids = row["pids"].as_object().expect("an object").iter();
        pids.map(move |(observer, number)| ((path.to_owned(), observer.clone()), number.as_i64()))
    })
    .collect()
}

/// The rule: a process is visible from the namespace that it is in and from those around it.
fn theory(truth: &Truth) -> Cells {
    let namespaces = truth.0["namespaces"].as_array().expect("a list").iter();
    let observers: Vec<&str> = std::iter::once("host")
        .chain(namespaces.map(|namespace| namespace["path"].as_str().expect("a path")))
        .collect();
    let mut cells = Cells::new();
    for path in truth.paths() {
        let place = truth.process(&path)["ns"].as_str().expect("a path");
        for &observer in &observers {
            let is_inside = place == observer || place.starts_with(&format!("{observer}/"));
            let level = if observer == "host" {
                0
            } else {
                observer.split('/').count()
            };
            let number =
                (is_inside || observer == "host").then(|| i64::from(truth.pids(&path)[level]));
            cells.insert((path.clone(), observer.to_owned()), number);
        }
    }
    cells
}

#[test]
fn every_cell_of_every_mechanism_follows_the_rule() {
    require!(nesting());
    let cases = random::cases(5, 60);
    let mut runner = random::runner(cases, 50);
    let result = runner.run(&blueprints(), |blueprint| {
        for identity in identities() {
            let nest = Detached::up(Nest::new(&blueprint.topology()).identity(identity));
            let expected = theory(&nest.truth());
            for via in MECHANISMS {
                let document = nest.document(&["see", "--via", via, "--format", "json"]);
                assert_eq!(
                    (&document["schema"], &document["via"]),
                    (&"nestns.see/1".into(), &via.into())
                );
                assert_eq!(
                    document["troubles"],
                    serde_json::json!({}),
                    "{identity:?} {via}"
                );
                assert_eq!(cells(&document), expected, "{identity:?} {via}");
                assert_eq!(
                    document["mismatches"],
                    serde_json::json!([]),
                    "{identity:?} {via}"
                );
                for row in document["rows"].as_array().expect("a list") {
                    for (observer, answer) in row["answers"].as_object().expect("an object") {
                        let is_seen = row["pids"][observer].is_number();
                        let otherwise = match via {
                            "proc" => "ENOENT",
                            "cred" => "0",
                            _ => "ESRCH",
                        };
                        assert_eq!(
                            answer,
                            if is_seen { "yes" } else { otherwise },
                            "{via} {row} {observer}"
                        );
                    }
                }
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn observing_takes_no_pid() {
    for_each_identity(|identity| {
        let topology =
            "[ns.@]\nproc.a = { actor = \"idle\" }\n[ns.\"@/in\"]\nproc.b = { actor = \"idle\" }\n";
        let nest = Detached::up(Nest::new(topology).identity(identity));
        for via in ["proc", "kill", "pidfd", "ptrace", "cred"] {
            nest.run(&["see", "--via", via]);
        }
        let number = |namespace: &str| nest.run(&["exec", namespace, "--", "sh", "-c", "echo $$"]);
        // `init`, `a`, and inside `init`, `b`; then the next process.
        assert_eq!(number("@/in"), "3\n", "{identity:?}");
        assert_eq!(number("@"), "6\n", "{identity:?}");
    });
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Four namespaces, one inside the other, each with a process besides its PID 1.
fn chain_of_four() -> Detached {
    Detached::up(Nest::new(&chain_of(4, "proc.p = { actor = \"idle\" }\n")))
}

#[test]
fn a_chain_has_the_expected_matrix() {
    require!(nesting());
    let nest = chain_of_four();
    let root = &nest.nest.root;
    let drawn = nest.run(&["see", "--redact"]);
    let mut lines = drawn.lines();
    assert_eq!(
        words(lines.next().expect("a line")),
        ["host", root, "l2", "l3", "l4"]
    );
    let lines: Vec<Vec<&str>> = lines.map(|line| words(line).split_off(1)).collect();
    let expected = [
        ["[pid]", "1", "·", "·", "·"],
        ["[pid]", "2", "·", "·", "·"],
        ["[pid]", "3", "1", "·", "·"],
        ["[pid]", "4", "2", "·", "·"],
        ["[pid]", "5", "3", "1", "·"],
        ["[pid]", "6", "4", "2", "·"],
        ["[pid]", "7", "5", "3", "1"],
        ["[pid]", "8", "6", "4", "2"],
    ];
    assert_eq!(lines, expected, "{drawn}");
    let turned = nest.run(&["see", "--redact", "--transpose", "@/l2"]);
    let observer = format!("{root}/l2");
    assert_eq!(
        words(turned.lines().last().expect("a line")),
        [&observer, "·", "·", "1", "2", "3", "4", "5", "6"],
        "{turned}"
    );
}

#[test]
fn a_matrix_is_written_as_csv() {
    require!(nesting());
    let nest = chain_of_four();
    let root = &nest.nest.root;
    let arguments = ["see", "@/l2", "--of", "@/init", "@/l2/l3/p"];
    assert_eq!(
        nest.run(&[&arguments[..], &["--format", "csv"]].concat()),
        format!("path,{root}/l2\n{root}/init,\n{root}/l2/l3/p,4\n")
    );
    assert_eq!(
        nest.run(&[&arguments[..], &["--format", "csv", "--transpose"]].concat()),
        format!("path,{root}/init,{root}/l2/l3/p\n{root}/l2,,4\n")
    );
}

#[test]
fn a_fan_has_the_expected_matrix() {
    require!(nesting());
    let fan = Detached::up(Nest::new("[ns.@-w]\ncount = 50\n"));
    let root = &fan.nest.root;
    let drawn = fan.run(&["see"]);
    let lines: Vec<Vec<&str>> = drawn.lines().map(words).collect();
    let pattern = format!("{root}-w.*");
    assert_eq!(
        lines[0],
        ["host", &pattern, "(50)", "own", &pattern, "(50)", "others"],
        "{drawn}"
    );
    assert_eq!(
        (lines[1][0], lines[1][1]),
        (format!("{pattern}/init").as_str(), "(50)"),
        "{drawn}"
    );
    assert_eq!(
        lines[1][3..],
        ["1", "·"],
        "none sees another one's: {drawn}"
    );
    assert_eq!(lines.len(), 2);
    let comb = fan.run(&["see", "--fold=never", "--via", "kill"]);
    for (place, line) in comb.lines().skip(1).enumerate() {
        let seen: Vec<usize> = words(line)
            .into_iter()
            .skip(2)
            .enumerate()
            .filter(|(_, cell)| *cell != "·")
            .map(|(at, _)| at)
            .collect();
        assert_eq!(seen, [place], "{line}");
    }
}

#[test]
fn a_proc_of_another_namespace_is_found_and_explained() {
    let topology = "[ns.@]\nproc.a = { actor = \"idle\" }\n[ns.\"@/stale\"]\nunshare = []\nproc.x = { actor = \"idle\" }\n";
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(topology).identity(identity));
        let outcome = nest.nestns(&["see", "--via", "proc", "--diff"]);
        assert_eq!(
            outcome.code, 1,
            "{identity:?}: {}{}",
            outcome.stdout, outcome.stderr
        );
        let reason = format!("the observer's /proc is that of `{}`", nest.nest.root);
        assert!(outcome.stdout.contains(&reason), "{}", outcome.stdout);
        let document: Value = serde_json::from_str(
            &nest
                .nestns(&["see", "--via", "proc", "--format", "json"])
                .stdout,
        )
        .expect("one");
        let mismatches = document["mismatches"].as_array().expect("a list");
        // It sees all four by the numbers of the namespace around, two of which it should not see at all.
        let stale = format!("{}/stale", nest.nest.root);
        assert!(
            mismatches
                .iter()
                .all(|one| one["observer"] == stale.as_str()),
            "{mismatches:?}"
        );
        let computed: Vec<&str> = mismatches
            .iter()
            .map(|one| one["computed"].as_str().expect("a word"))
            .collect();
        assert_eq!(computed, ["invisible", "invisible", "visible", "visible"]);
        let numbers: Vec<Option<i64>> = mismatches
            .iter()
            .map(|one| one["number"].as_i64())
            .collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
        // By any other way in there is nothing to be seen of it.
        for via in ["chain", "kill", "pidfd", "cred"] {
            assert_no_difference(&nest, &[], via);
        }
    });
}

#[test]
fn hidepid_is_found_and_explained_and_another_user_is_refused() {
    require!(nesting(), root());
    let topology = "[ns.@]\nproc.hide = { sh = \"mount -o remount,hidepid=2 /proc; exec sleep 1000\" }\n\
                    proc.user = { cmd = \"sleep 1000\", user = \"61234\" }\n";
    let nest = Detached::up(Nest::new(topology));
    let root = &nest.nest.root;
    let (init, hide, user) = (
        format!("{root}/init"),
        format!("{root}/hide"),
        format!("{root}/user"),
    );
    let outcome = nest.until("the options are changed", |nest| {
        let outcome = nest.nestns(&[
            "see", "@/user", "--via", "proc", "--diff", "--of", "@/init", "@/hide", "@/user",
        ]);
        (outcome.code == 1).then_some(outcome)
    });
    for hidden in [&init, &hide] {
        let line = outcome
            .stdout
            .lines()
            .find(|line| line.contains(hidden.as_str()))
            .expect("it is hidden");
        assert!(
            line.contains("ENOENT") && line.contains("hides other users' processes (hidepid="),
            "{line}"
        );
    }
    assert!(
        !outcome.stdout.contains(&format!("  {user}  ")),
        "one's own is shown: {}",
        outcome.stdout
    );
    // PID 1 is root, and sees them.
    assert_no_difference(&nest, &["@"], "proc");
    // Visible to kill(2), but not to be signalled: that is no difference.
    let document = nest.document(&["see", "@/user", "--via", "kill", "--format", "json"]);
    let rows = document["rows"].as_array().expect("a list");
    let answer = |path: &str| {
        rows.iter()
            .find(|row| row["path"] == path)
            .expect("it is there")["answers"][&user]
            .clone()
    };
    assert_eq!(
        [answer(&init), answer(&hide), answer(&user)],
        ["EPERM", "EPERM", "yes"].map(Value::from)
    );
    assert_eq!(document["mismatches"], serde_json::json!([]));
    let table = nest.run(&["see", "@/user", "--via", "ptrace", "--of", "@/init"]);
    assert!(
        table.lines().nth(1).expect("a row").ends_with("EPERM"),
        "{table}"
    );
}

#[test]
fn undeclared_processes_are_shown() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.p = { sh = \"setsid sleep 1000 & wait\" }\n";
        let nest = Detached::up(Nest::new(topology).identity(identity));
        let root = nest.nest.root.clone();
        let path = format!("{root}#3");
        let found = nest.until("it has forked", |nest| {
            let document = nest.document(&["see", "--via", "kill", "--format", "json"]);
            cells(&document)
                .get(&(path.clone(), root.clone()))
                .copied()
                .flatten()
        });
        assert_eq!(found, 3, "{identity:?}");
        assert_no_difference(&nest, &[], "pidfd");
    });
}

#[test]
fn processes_in_a_namespace_made_by_a_program_are_shown() {
    for_each_identity(|identity| {
        let made = "unshare --user --map-root-user --fork --pid --kill-child --mount-proc sh -c 'sleep 1000 & wait'";
        let topology = format!("[ns.@]\nproc.p = {{ sh = {made:?} }}\n");
        let nest = Detached::up(Nest::new(&topology).identity(identity));
        let root = nest.nest.root.clone();
        // PID 1, the shell that becomes unshare(1) or has it as a child, the shell inside, and what that runs.
        let found = nest.until("all of them are there", |nest| {
            let found = cells(&nest.document(&["see", "--format", "json"]));
            let from_root = found
                .iter()
                .filter(|((_, observer), number)| *observer == root && number.is_some())
                .count();
            (from_root >= 4).then_some(found)
        });
        let inner: Vec<&str> = found
            .iter()
            .filter(|((path, observer), _)| *observer == root && path.contains('#'))
            .map(|((path, _), _)| path.as_str())
            .collect();
        assert!(inner.len() >= 2, "{identity:?}: {found:?}");
        // By the name that it is shown with.
        let one = nest.document(&["see", "--of", inner[0], "--format", "json"]);
        assert_eq!(
            one["rows"]
                .as_array()
                .map(|rows| (rows.len(), rows[0]["path"].clone())),
            Some((1, inner[0].into()))
        );
        for via in MECHANISMS {
            assert_no_difference(&nest, &[], via);
        }
    });
}

/// A topology whose innermost namespace has one inside that a program has made.
struct Made {
    nest: Detached,
    depth: usize,
    /// The path of the innermost namespace that is declared.
    leaf: String,
    /// The name of the namespace that was made, as an observer.
    name: String,
}

impl Made {
    fn up(depth: usize, identity: Identity) -> Self {
        let script = "unshare --fork --pid --kill-child --mount-proc sh -c 'sleep 1000 & wait'";
        let chain = chain_of(depth, "proc.idle = { actor = \"idle\" }\n");
        let topology = format!("{chain}proc.p = {{ sh = {script:?} }}\n");
        let nest = Detached::up(Nest::new(&topology).identity(identity));
        let leaf = path(depth).replace('@', &nest.nest.root);
        // PID 1, the idle one, the shell that becomes unshare(1) or has it as a child, the shell inside, and what that runs.
        let inode = nest.until("all of them are there", |nest| {
            let machine = nest.document(&["tree", "--host", "--format", "json"]);
            let namespaces = machine["namespaces"].as_array().expect("a list").iter();
            let mut made = namespaces.filter(|namespace| {
                namespace["parent"] == leaf.as_str() && namespace["members"].as_i64() >= Some(2)
            });
            made.next()
                .map(|namespace| namespace["pidns"].as_u64().expect("an inode"))
        });
        Self {
            nest,
            depth,
            leaf,
            name: format!("pid:[{inode}]"),
        }
    }

    fn for_each(test: impl Fn(&Self)) {
        for_each_depth(2, &[1, 3], |depth, identity| {
            test(&Self::up(depth, identity));
        });
    }
}

#[test]
fn a_namespace_made_by_a_program_can_be_the_observer() {
    Made::for_each(|Made { nest, name, .. }| {
        for via in MECHANISMS {
            let document = nest.document(&["see", name, "--via", via, "--format", "json"]);
            assert_eq!(document["observers"], json!([name]), "{via}");
            let seen = cells(&document);
            let mut numbers: Vec<i64> = seen.values().copied().flatten().collect();
            numbers.sort_unstable();
            assert_eq!(numbers, [1, 2], "{via}: {seen:?}");
            assert_eq!(document["mismatches"], json!([]), "{via}");
            // Beside another one its column stays.
            let both = nest.document(&["see", "@", name, "--via", via, "--format", "json"]);
            assert_eq!(both["observers"], json!([nest.nest.root, name]), "{via}");
            assert_no_difference(nest, &[name, "host"], via);
        }
    });
}

#[test]
fn a_namespace_made_by_a_program_has_numbers_and_a_tree() {
    Made::for_each(|made| {
        let Made { nest, name, .. } = made;
        let numbers = nest.run(&["pid", "-q", &format!("{name}#2")]);
        assert_eq!(
            numbers.trim().split('/').map(str::len).min(),
            Some(1),
            "{numbers}"
        );
        assert!(
            numbers.ends_with("/2\n") && numbers.split('/').count() == made.depth + 2,
            "{numbers}"
        );
        let drawn = nest.run(&["tree", "--from", name]);
        let title = drawn.lines().next().expect("a title");
        assert!(title.ends_with(&format!("as seen from {name}")), "{drawn}");
        let line = drawn
            .lines()
            .find(|line| line.contains(&format!("{name}/ ")))
            .expect("it is drawn");
        let words = words(line);
        assert!(
            words.contains(&"1") && words.contains(&"sh") && drawn.contains("sleep"),
            "{drawn}"
        );
        let document = nest.document(&["tree", "--from", name, "--format", "json"]);
        let inside: Vec<i64> = document["processes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["seen_as"].as_i64())
            .collect();
        assert_eq!(inside, [1, 2], "{document}");
    });
}

#[test]
fn a_declared_namespace_is_the_same_observer_by_its_inode() {
    Made::for_each(|Made { nest, leaf, .. }| {
        let document = nest.document(&["inspect", leaf, "--format", "json"]);
        let declared = format!("pid:[{}]", document["namespace"]["pidns"]);
        for arguments in [&["see"][..], &["tree", "--from"]] {
            let from = |from: &str| nest.run(&[arguments, &[from]].concat());
            assert_eq!(from(&declared), from(leaf), "{arguments:?}");
        }
    });
}

#[test]
fn a_missing_observer_is_reported_beside_others() {
    require!(nesting());
    let nest = Detached::up(Nest::new("[ns.@]\nproc.p = { actor = \"idle\" }\n"));
    for host in [&[][..], &["--host"]] {
        let outcome = nest.nestns(&[&["see", "@", "pid:[1]"], host].concat());
        assert_eq!(
            outcome.code, 1,
            "{host:?}: {}{}",
            outcome.stdout, outcome.stderr
        );
        assert!(
            outcome.stdout.contains(&format!("{}/p", nest.nest.root)),
            "the others look: {}",
            outcome.stdout
        );
        assert!(
            outcome
                .stderr
                .contains("`pid:[1]` has ended, or cannot be examined"),
            "{}",
            outcome.stderr
        );
    }
    let outcome = nest.nestns(&["tree", "--from", "pid:[1]"]);
    assert!(
        outcome.code == 1 && outcome.stderr.contains(" is in `pid:[1]`"),
        "{}",
        outcome.stderr
    );
    let outcome = nest.nestns(&["tree", "--from", "*"]);
    assert!(
        outcome.code == 2 && outcome.stderr.contains("`--from` takes one namespace"),
        "{}",
        outcome.stderr
    );
    assert_eq!(nest.run(&["tree", "--from", "host"]), nest.run(&["tree"]));
}

#[test]
fn members_that_share_less_than_a_namespace_are_found_and_explained() {
    let topology =
        "[ns.@]\nproc.p = { actor = \"idle\" }\n[ns.\"@/in\"]\nproc.p = { actor = \"idle\" }\n";
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(topology).identity(identity));
        let root = nest.nest.root.clone();
        // One has joined the PID namespace and nothing else, as a container with `pid: host` does on its host.
        let outsider = nest.run(&["exec", "-d", "@/in", "--only", "pid", "--", "sleep", "1000"]);
        let outsider = outsider.trim();
        let seen = cells(&nest.document(&["see", outsider, "--via", "kill", "--format", "json"]));
        let of = |process: &str| seen[&(process.to_owned(), outsider.to_owned())];
        assert_eq!(
            [of(&format!("{root}/p")), of(&format!("{root}/in/p"))],
            [None, Some(2)],
            "{identity:?}"
        );
        let told = nest.nestns(&["see", outsider, "--via", "proc", "--diff"]);
        assert_eq!(told.code, 1, "{identity:?}: {}{}", told.stdout, told.stderr);
        assert!(
            told.stdout
                .contains("the observer's /proc is that of `host`"),
            "{}",
            told.stdout
        );
        // One stays in the namespace around, and sees it by signals, but looks at the /proc of the one inside.
        let inside = nest.document(&["see", "@", "--of", "@/in/init", "--format", "json"]);
        let number = cells(&inside)[&(format!("{root}/in/init"), root.clone())]
            .expect("it is inside")
            .to_string();
        let words = [
            "exec",
            "-d",
            "@",
            "--",
            "nsenter",
            "--preserve-credentials",
            "-t",
            &number,
            "-m",
            "sleep",
            "1000",
        ];
        let insider = nest.run(&words);
        let insider = insider.trim();
        nest.until("it has entered", |nest| {
            let told = nest.nestns(&["see", insider, "--via", "proc", "--diff"]);
            (told.code == 1).then(|| {
                let reason = "the observer's /proc belongs to a namespace that it is not in";
                assert!(
                    told.stdout.contains(reason),
                    "{identity:?}: {}{}",
                    told.stdout,
                    told.stderr
                );
            })
        });
        for via in ["chain", "kill", "pidfd", "cred"] {
            assert_no_difference(&nest, &[insider, outsider], via);
        }
    });
}

#[test]
fn a_process_that_left_the_session_is_still_in_the_namespace() {
    require!(nesting());
    for depth in [1, 5] {
        for identity in identities() {
            let nest = Detached::up(Nest::new(&chain(depth)).identity(identity));
            let leaf = path(depth).replace('@', &nest.nest.root);
            // A daemon: in a session of its own, its parent has ended, and so has the client that it came with.
            let script = "setsid sh -c 'echo $$; exec sleep 1000 >&- 2>&-' & :";
            let number = nest.run(&["exec", &leaf, "--", "sh", "-c", script]);
            let path = format!("{leaf}#{}", number.trim());
            let found = cells(&nest.document(&["see", "--via", "kill", "--format", "json"]));
            let at = |observer: &str| {
                found
                    .get(&(path.clone(), observer.to_owned()))
                    .copied()
                    .flatten()
            };
            assert_eq!(
                at(&leaf),
                number.trim().parse().ok(),
                "{identity:?} at {depth}"
            );
            for above in paths(depth) {
                assert!(
                    at(&above.replace('@', &nest.nest.root)).is_some(),
                    "{identity:?}: {path} from {above}"
                );
            }
            for via in MECHANISMS {
                assert_no_difference(&nest, &[], via);
            }
            let whose = nest.document(&["whois", "--in", &leaf, number.trim(), "--format", "json"]);
            let pids = whose["matches"][0]["pids"].as_array().expect("a list");
            assert_eq!(
                (pids.len(), pids.last()),
                (
                    depth + 1,
                    Some(&json!(number.trim().parse::<i32>().unwrap()))
                )
            );
        }
    }
}

#[test]
fn the_host_matrix_has_the_tree() {
    for_each_identity(|identity| {
        let nest = Detached::up(
            Nest::new("[ns.@]\n[ns.\"@/in\"]\nproc.p = { actor = \"idle\" }\n").identity(identity),
        );
        let root = nest.nest.root.clone();
        let expected = theory(&nest.truth());
        for via in if identity == Identity::Own {
            &["chain", "kill"][..]
        } else {
            &["chain"]
        } {
            // Only from our own: the namespaces of other tests come and go.
            let arguments = [
                "see", "host", "@", "@/in", "--of", "@", "@/in", "--host", "--via", via,
                "--format", "json",
            ];
            let document = nest.document(&arguments);
            assert_eq!(document["topology"], Value::Null);
            assert_eq!(cells(&document), expected, "{identity:?} {via} {root}");
        }
    });
}

#[test]
fn an_unknown_observer_is_reported() {
    require!(nesting());
    let nest = Detached::up(Nest::new("[ns.@]\n"));
    let told = |arguments: &[&str], words: &str| {
        let outcome = nest.nestns(arguments);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (1, ""),
            "{arguments:?}"
        );
        assert!(
            outcome.stderr.contains(words),
            "{arguments:?}: {}",
            outcome.stderr
        );
    };
    told(
        &["see", "nobody"],
        "there is no namespace or process `nobody`",
    );
    told(
        &["see", "--of", "nobody"],
        "there is no namespace or process `nobody`",
    );
    told(
        &["see", "--host", "nobody"],
        "there is nothing of that name on this machine",
    );
}

#[test]
fn an_observer_can_have_its_own_user_namespace() {
    let own = "[\"unshare\", \"--user\", \"--map-root-user\", \"--mount\", \"--uts\", \"sleep\", \"1000\"]";
    for_each_identity(|identity| {
        for depth in [1, 3] {
            let chain = chain_of(depth, "proc.q = { actor = \"idle\" }\n");
            let topology = format!("{chain}proc.p = {own}\n");
            let nest = Detached::up(Nest::new(&topology).identity(identity));
            let user = |process: &str| {
                let pid = nest.truth().pids(process)[0];
                std::fs::read_link(format!("/proc/{pid}/ns/user")).expect("it lives")
            };
            let place = path(depth).replace('@', &nest.nest.root);
            let (observer, sibling) = (format!("{place}/p"), format!("{place}/q"));
            nest.until("it has a user namespace of its own", |_| {
                (user(&observer) != user(&sibling)).then_some(())
            });
            let expected =
                cells(&nest.document(&["see", &place, "--via", "chain", "--format", "json"]));
            for via in MECHANISMS {
                let found =
                    cells(&nest.document(&["see", &observer, "--via", via, "--format", "json"]));
                let expected = expected
                    .iter()
                    .map(|((process, _), number)| ((process.clone(), observer.clone()), *number));
                assert_eq!(
                    found,
                    expected.collect(),
                    "{identity:?}, depth {depth}, {via}"
                );
            }
            // It has no right over processes in the user namespace around it.
            let traced = nest.document(&[
                "see", &observer, "--of", &sibling, "--via", "ptrace", "--format", "json",
            ]);
            assert_eq!(
                traced["rows"][0]["answers"][&observer], "EPERM",
                "{identity:?}, depth {depth}"
            );
        }
    });
}
