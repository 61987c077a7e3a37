//! The JSON documents of all verbs: each is what its schema says, and is read by the type that the library has for it.

use std::collections::BTreeSet;

use nestns_client::documents::Kind;
use serde_json::Value;

use crate::harness::Nestns;
use crate::harness::detached::Detached;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

const TOPOLOGY: &str = r#"
[ns."@"]
labels = { tier = "outer" }
proc.server = { actor = "serve", labels = { role = "server" } }
proc.talker = { sh = "echo out; printf '\\377\\n'; echo err >&2; sleep 1000" }
[ns."@/inner"]
init = ["sleep", "1000"]
proc.leaf = { cmd = "sleep 1000", restart = "on-failure" }
after = { server = "started" }
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
