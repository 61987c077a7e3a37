//! The control socket, reached from inside the tree: by programs of a namespace, and from a user namespace.

use std::fs;

use nestns_client::protocol::RequestError;
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, program};
use crate::harness::requirement::{installed, require};

/// Asks on the control socket, whose directory is the first argument, each line of the file that is the second; prints the
/// answers.
const ASK: &str = r#"
import socket, sys
for line in open(sys.argv[2]):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(sys.argv[1] + "/control.sock")
    s.sendall(line.encode())
    print(s.makefile().readline(), end="")
"#;

const TREE: &str = "name = '@'\non_exit = 'ignore'\n[ns.@]\nproc.one = { actor = 'idle' }\n[ns.'@/x']\nproc.two = { actor = 'idle' }\n\
                    [ns.'@/x/y']\nproc.three = { actor = 'idle', after = { '../../one' = 'started', '/@-v/four' = 'started' } }\n[ns.@-v]\nproc.four = { actor = 'idle' }\n";

fn requests(root: &str) -> Vec<(String, &'static str)> {
    let target = format!("{{\"path\":\"{root}/one\",\"pid\":1,\"start_time\":1}}");
    let execution = format!(
        "{{\"namespace\":\"{root}\",\"beside\":null,\"argv\":[\"touch\",\"DIRECTORY/ran\"],\"env\":{{}},\"set\":{{}},\"cwd\":null,\
         \"identity\":null,\"terminal\":false,\"detached\":true,\"only\":[]}}"
    );
    vec![
        ("\"release\"".to_owned(), "release"),
        (
            "{\"stop\":{\"paths\":[],\"force\":\"kill\"}}".to_owned(),
            "stop",
        ),
        (
            format!("{{\"signal\":{{\"targets\":[{target}],\"signal\":9}}}}"),
            "signal",
        ),
        (
            format!("{{\"await\":{{\"paths\":[\"{root}/one\"],\"until\":\"started\"}}}}"),
            "await",
        ),
        (format!("{{\"execute\":{execution}}}"), "execute"),
        (
            "{\"forward\":{\"session\":1,\"signal\":9}}".to_owned(),
            "forward",
        ),
        ("{\"leave\":{\"session\":1}}".to_owned(), "leave"),
        (
            format!("{{\"restart\":{{\"paths\":[\"{root}/x/two\"]}}}}"),
            "restart",
        ),
        (format!("{{\"pause\":{{\"path\":\"{root}/x\"}}}}"), "pause"),
        (
            format!("{{\"resume\":{{\"path\":\"{root}/x\"}}}}"),
            "resume",
        ),
        (
            format!("{{\"attach\":{{\"path\":\"{root}/one\"}}}}"),
            "attach",
        ),
        (
            format!("{{\"describe\":{{\"path\":\"{root}-v/four\",\"kind\":\"process\"}}}}"),
            "describe",
        ),
    ]
}

/// The answers to requests that a program in a namespace makes.
fn ask(detached: &Detached, namespace: &str, requests: &[String], wrapper: &[&str]) -> Vec<Value> {
    let directory = detached.nest.directory.path();
    let lines: Vec<String> = requests
        .iter()
        .map(|request| {
            format!(
                "{{\"nestns\":1,\"id\":1,\"ask\":{}}}",
                request.replace("DIRECTORY", directory.to_str().expect("text"))
            )
        })
        .collect();
    fs::write(directory.join("requests"), lines.join("\n") + "\n").expect("it is our own");
    fs::write(directory.join("ask.py"), ASK).expect("it is our own");
    let state = detached.nest.state().join(&detached.nest.root);
    let path = |name: &str| directory.join(name).display().to_string();
    let (script, file, state) = (
        path("ask.py"),
        path("requests"),
        state.display().to_string(),
    );
    let mut words = vec!["exec", "-n", "@", namespace, "--"];
    words.extend(wrapper);
    words.extend(["/usr/bin/python3", &script, &state, &file]);
    let said = detached.run(&words);
    said.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a document")["say"].clone())
        .collect()
}

#[test]
fn a_program_inside_changes_nothing() {
    require!(installed("/usr/bin/python3"));
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        let all = requests(&detached.nest.root);
        let lines: Vec<String> = all.iter().map(|(line, _)| line.clone()).collect();
        for namespace in ["@", "@/x/y"] {
            let answers = ask(&detached, namespace, &lines, &[]);
            assert_eq!(answers.len(), all.len(), "{answers:?}");
            for (answer, (_, word)) in answers.iter().zip(&all) {
                assert_eq!(
                    answer["problem"]["code"], "inside",
                    "{identity:?} {namespace} {word}: {answer}"
                );
                let problem: RequestError =
                    serde_json::from_value(answer["problem"].clone()).expect("a problem");
                assert!(
                    problem.to_string().contains(&format!("`{word}`")),
                    "{problem}"
                );
                assert!(
                    problem
                        .help()
                        .expect("a remedy")
                        .contains("run the command outside"),
                    "{problem}"
                );
            }
        }
        assert!(!detached.nest.directory.path().join("ran").exists());
        for path in ["@/one", "@/x/two", "@/x/y/three", "@-v/four"] {
            let path = path.replace('@', &detached.nest.root);
            let truth = detached.truth();
            assert!(
                ["running", "ready"]
                    .contains(&truth.process(&path)["state"].as_str().expect("a word")),
                "{path}"
            );
        }
        detached.run(&["down", "@"]);
    });
}

#[test]
fn a_program_inside_sees_its_own_namespace_and_no_other() {
    require!(installed("/usr/bin/python3"));
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        let root = &detached.nest.root;
        for (namespace, expected) in [("@", 3), ("@/x", 2), ("@/x/y", 1)] {
            let answers = ask(
                &detached,
                namespace,
                &["status", "snapshot", "dependencies"].map(|word| format!("\"{word}\"")),
                &[],
            );
            assert_eq!(answers[0]["status"]["name"], **root, "{answers:?}");
            assert!(answers[0]["status"]["file"].is_null(), "{answers:?}");
            let seen = answers[1]["snapshot"]["namespaces"]
                .as_array()
                .expect("it has them")
                .clone();
            assert_eq!(seen.len(), expected, "{namespace}: {seen:?}");
            let own = namespace.replace('@', root);
            let after = answers[2]["dependencies"].to_string();
            assert_eq!(after.contains("/one: "), namespace == "@", "{after}");
            assert!(!after.contains("four"), "{after}");
            assert!(
                seen.iter()
                    .all(|one| one["path"].as_str().expect("text").starts_with(&own)),
                "{seen:?}"
            );
        }
        // The command line works from there as well.
        let nestns = program().display().to_string();
        let said = detached.run(&["exec", "-n", "@", "@/x/y", "--", &nestns, "ps", "-n", "@"]);
        assert!(said.contains("three") && !said.contains("four"), "{said}");
        detached.run(&["down", "@"]);
    });
}

#[test]
fn a_client_in_a_user_namespace_is_refused() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        let nestns = program().display().to_string();
        let words = [
            "--user",
            "--map-root-user",
            &nestns,
            "down",
            &detached.nest.root,
        ];
        let mut command = detached.nest.other_command("unshare".as_ref(), &words);
        let output = command.output().expect("unshare(1) is everywhere");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{stderr}");
        assert!(stderr.contains("another PID or user namespace"), "{stderr}");
        detached.run(&["ps", "-n", "@"]);
        detached.run(&["down", "@"]);
    });
}
