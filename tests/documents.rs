//! The JSON documents of all verbs: each is what its schema says, and is read by the type that the library has for it.

use std::collections::BTreeSet;

use nestns_client::documents::Kind;
use nestns_client::{GuardError, Topology};
use serde_json::Value;

use crate::harness::Nestns;
use crate::harness::detached::Detached;
use crate::harness::nest::{Nest, program};
use crate::harness::requirement::{nesting, require};
use crate::harness::wait;

const TOPOLOGY: &str = r#"
[ns."@"]
labels = { tier = "outer" }
proc.server = { actor = "serve", labels = { role = "server" } }
proc.talker = { sh = "echo out; printf '\\377\\n'; echo err >&2; sleep 1000" }
[ns."@/inner"]
init = ["sleep", "1000"]
proc.leaf = { cmd = "sleep 1000", restart = "on-failure" }
[ns."@/inner/deep"]
proc.threads = { actor = "threads" }

[[expect]]
from = "@/inner"
hides = ["@/server"]
"#;

/// The schema as the program prints it.
fn schema(kind: Kind) -> Value {
    let outcome = Nestns::new(&["schema", "--of", kind.name()]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{kind}");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// Fails unless a text is a document of this kind.
fn validate(kind: Kind, text: &str) {
    let document: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{kind}: {error}: {text}"));
    let schema = schema(kind);
    let validator =
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}\n{document:#}");
    kind.check(text)
        .unwrap_or_else(|error| panic!("{kind}: {error}\n{document:#}"));
}

fn each_line(kind: Kind, text: &str) {
    assert!(!text.is_empty(), "{kind}: no line");
    text.lines().for_each(|line| validate(kind, line));
}

#[test]
fn every_kind_has_a_schema_and_a_name_of_its_own() {
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for &kind in Kind::ALL {
        let schema = schema(kind);
        assert_eq!(schema["title"], kind.schema(), "{schema:#}");
        assert!(
            schema["description"].is_string(),
            "{kind} has no description"
        );
        assert!(jsonschema::meta::is_valid(&schema), "{kind}");
        let is_line = matches!(kind, Kind::Event | Kind::Log);
        assert_eq!(
            schema["properties"]["schema"]["const"].as_str(),
            (!is_line).then(|| kind.schema()),
            "{kind}"
        );
    }
}

#[test]
fn an_unknown_document_is_answered_with_those_that_there_are() {
    let outcome = Nestns::new(&["schema", "--of", "nothing"]).run();
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("truth") && outcome.stderr.contains("whois"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_documents_of_a_running_topology_are_as_their_schemas_say() {
    require!(nesting());
    let tree = Detached::up(Nest::new(TOPOLOGY).arguments(&["--format", "json"]));
    validate(Kind::Up, &tree.up.stdout);
    tree.until("the process has written", |tree| {
        let logs = tree.run(&["logs", "@/talker", "--format", "json"]);
        (logs.lines().count() == 3).then(|| each_line(Kind::Log, &logs))
    });
    tree.run(&["exec", "-d", "@/inner", "--", "sleep", "1000"]);
    for words in [&["ps"][..], &["ps", "-N"], &["ps", "@/inner"]] {
        validate(
            Kind::Ps,
            &tree.run(&[words, &["--format", "json"]].concat()),
        );
    }
    validate(Kind::Ls, &tree.run(&["ls", "--format", "json"]));
    for words in [
        &["tree", "-n", "@"][..],
        &["tree", "-n", "@", "--from", "@/inner"],
    ] {
        validate(
            Kind::Tree,
            &tree.run(&[words, &["--format", "json"]].concat()),
        );
    }
    validate(
        Kind::Host,
        &tree.run(&["tree", "--host", "--format", "json"]),
    );
    for words in [&["see"][..], &["see", "--via", "kill"]] {
        validate(
            Kind::See,
            &tree.run(&[words, &["--format", "json"]].concat()),
        );
    }
    for address in ["@", "@/inner", "@/server", "@/inner/deep/threads"] {
        validate(
            Kind::Inspect,
            &tree.run(&["inspect", address, "--threads", "--format", "json"]),
        );
    }
    validate(
        Kind::Pid,
        &tree.run(&["pid", "@/inner/leaf", "--format", "json"]),
    );
    validate(Kind::Whois, &tree.run(&["whois", "1", "--format", "json"]));
    each_line(
        Kind::Event,
        &tree.run(&["events", "--snapshot", "--no-follow"]),
    );
    each_line(
        Kind::Event,
        &std::fs::read_to_string(tree.nest.state().join(&tree.nest.root).join("events.jsonl"))
            .expect("it is there"),
    );
    validate(
        Kind::Truth,
        &std::fs::read_to_string(tree.nest.state().join(&tree.nest.root).join("truth.json"))
            .expect("it is there"),
    );
    validate(Kind::Stop, &tree.run(&["down", "--format", "json"]));
}

#[test]
fn the_documents_of_files_and_of_the_machine_are_as_their_schemas_say() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let says = |words: &[&str]| {
        let words = [words, &["--format", "json"]].concat();
        Nestns::new(&words).directory(&directory).run().stdout
    };
    for entry in std::fs::read_dir(&directory)
        .expect("the examples")
        .flatten()
    {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let file = path.to_str().expect("UTF-8");
            validate(Kind::Tree, &says(&["tree", file]));
            validate(Kind::Check, &says(&["check", file]));
        }
    }
    let wrong = Nestns::new(&["check", "-", "--format", "json"])
        .input("[ns.a]\ninit = 7\nnothing = 1\n")
        .run();
    assert_eq!(wrong.code, 3, "{}", wrong.stderr);
    validate(Kind::Check, &wrong.stdout);
    validate(Kind::Doctor, &says(&["doctor"]));
    validate(Kind::Experiment, &says(&["experiment", "ls"]));
    validate(Kind::Prune, &says(&["prune", "--dry-run"]));
    require!(nesting());
    validate(Kind::Experiment, &says(&["experiment", "run", "pid-one"]));
    validate(Kind::Test, &says(&["test", "dind.toml"]));
}

#[test]
fn an_error_is_a_document_as_well() {
    for words in [
        &["ps", "-n", "nothing-of-that-name"][..],
        &["inspect", "a", "-n", "nothing-of-that-name"],
    ] {
        let outcome = Nestns::new(&[words, &["--format", "json"]].concat()).run();
        assert_ne!(outcome.code, 0);
        each_line(Kind::Error, &outcome.stderr);
        let document: Value = serde_json::from_str(&outcome.stderr).expect("it was validated");
        assert_eq!(document["error"]["status"], outcome.code);
    }
}

/// Choices under which the library finds the program under test, with a state root that is the test's own.
fn options(directory: &std::path::Path) -> nestns_client::Options {
    Topology::options()
        .program(program())
        .environment(crate::harness::STATE_ROOT, directory)
}

#[test]
fn the_guard_starts_a_topology_and_takes_it_down() {
    require!(nesting());
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dind.toml");
    let tree = options(state.path()).up(file).expect("it can be built");
    let runner = tree.process("vm/ci/runner").expect("it is declared");
    let numbers =
        ["host", "vm", "vm/ci"].map(|place| runner.pid_in(place).expect("it has a number there"));
    assert_eq!(runner.document().pids, numbers.map(Some));
    assert_eq!(runner.pid_in("vm/ci/job"), None);
    assert_eq!(runner.pid_in("v"), None);
    let seen = tree
        .exec(
            "vm/ci",
            [
                "sh",
                "-c",
                &format!("kill -0 {} && echo $PPID; exit 7", numbers[2]),
            ],
        )
        .expect("it runs");
    assert_eq!(
        (seen.status.code(), seen.stderr.as_slice()),
        (Some(7), &b""[..])
    );
    assert_eq!(tree.truth().expect("it stands").topology, tree.name());
    match tree.process("vm/nothing") {
        Err(GuardError::NoProcess { known, .. }) => {
            assert!(known.contains(&"vm/ci/runner".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    let entry = state.path().join(tree.name());
    assert!(entry.exists());
    drop(tree);
    assert!(!entry.exists());
    let another = options(state.path())
        .name("chosen")
        .up(file)
        .expect("it can be built");
    assert_eq!(another.name(), "chosen");
    let stop = another.down().expect("it ends");
    assert_eq!(
        (stop.topology.as_str(), stop.steps.is_empty()),
        ("chosen", false)
    );
    assert!(!state.path().join("chosen").exists());
}

#[test]
fn the_guard_tells_why_a_topology_cannot_be_built() {
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    match options(state.path()).up("/nothing/of/that/name.toml") {
        Err(GuardError::Failed { stderr, .. }) => {
            assert!(stderr.contains("/nothing/of/that/name.toml"), "{stderr}");
        }
        other => panic!("{other:?}"),
    }
    match options(state.path())
        .program("/nothing/of/that/name")
        .up("x.toml")
    {
        Err(GuardError::Program { program, .. }) => assert_eq!(program, "/nothing/of/that/name"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        std::fs::read_dir(state.path())
            .expect("it is there")
            .count(),
        0
    );
}

#[test]
fn the_guard_of_a_process_that_is_killed_leaves_nothing() {
    require!(nesting());
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    // What starts a topology as the guard does, and is killed before it could drop anything.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello.toml");
    let mut starter = std::process::Command::new("sh")
        .args(["-c", "\"$0\" up -d --tie-to-parent --name killed \"$1\" >/dev/null && echo up && exec sleep 1000"])
        .arg(program())
        .arg(file)
        .env(crate::harness::STATE_ROOT, state.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(starter.stdout.take().expect("a pipe")),
        &mut line,
    )
    .expect("it can be read");
    assert_eq!(line, "up\n");
    starter.kill().expect("it runs");
    starter.wait().expect("it was killed");
    wait::until("the topology ends with the process that started it", || {
        !state.path().join("killed").exists()
    });
}
