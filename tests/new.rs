//! `nestns new`: the files of `examples/`, written once and never over others.

use std::fs;
use std::path::Path;

use snapbox::{assert_data_eq, str};

use crate::harness::{Nestns, Outcome};

const TEMPLATES: [&str; 8] = [
    "hello", "dind", "pod", "kind", "chain", "fan", "matrix", "scale",
];

/// The example, with the commands to try about the file that it is written to.
fn example_in(name: &str, file: &str) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(format!("{name}.toml"));
    fs::read_to_string(example)
        .unwrap()
        .replace(&format!("examples/{name}.toml"), file)
}

fn example(name: &str) -> String {
    example_in(name, &format!("{name}.nestns.toml"))
}

/// `nestns new ARGUMENTS` in a directory.
fn new(directory: &Path, arguments: &[&str]) -> Outcome {
    let words: Vec<&str> = ["new"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    Nestns::new(&words).directory(directory).run()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_template_is_the_example_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in TEMPLATES {
        let outcome = new(directory.path(), &[name]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, ""),
            "{}",
            outcome.stderr
        );
        let written =
            fs::read_to_string(directory.path().join(format!("{name}.nestns.toml"))).unwrap();
        assert_eq!(written, example(name));
        assert!(!written.contains("examples/"), "{written}");
        assert_eq!(new(directory.path(), &[name, "-o", "-"]).stdout, written);
    }
    assert_eq!(names(directory.path()).len(), TEMPLATES.len());
}

#[test]
fn it_prints_what_it_wrote_and_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = new(directory.path(), &[]);
    assert_eq!(outcome.code, 0);
    assert_data_eq!(
        outcome.stderr,
        str![[r#"
wrote hello.nestns.toml
  nestns tree hello.nestns.toml         show what it declares
  nestns up hello.nestns.toml           build it
  nestns schema > topology.schema.json  let an editor complete and explain its keys

"#]]
    );
    fs::create_dir(directory.path().join("my labs")).unwrap();
    let outcome = new(directory.path(), &["chain", "-o", "my labs/x.toml"]);
    assert_data_eq!(
        outcome.stderr,
        str![[r#"
wrote my labs/x.toml
  nestns tree 'my labs/x.toml'                    show what it declares
  nestns up 'my labs/x.toml'                      build it
  nestns schema > 'my labs/topology.schema.json'  let an editor complete and explain its keys

"#]]
    );
}

#[test]
fn nothing_is_overwritten_without_force() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dind.nestns.toml");
    fs::write(&file, "mine").unwrap();
    let outcome = new(directory.path(), &["dind"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_data_eq!(
        outcome.stderr,
        str![[r#"
error: dind.nestns.toml already exists and was not changed
help: use --force to overwrite it, or --output FILE to write another file

"#]]
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");

    assert_eq!(new(directory.path(), &["dind", "--force"]).code, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), example("dind"));
    assert_eq!(names(directory.path()), ["dind.nestns.toml"]);
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (link, target) = (
        directory.path().join("pod.nestns.toml"),
        directory.path().join("target"),
    );
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(new(directory.path(), &["pod"]).code, 1);
    assert!(!target.exists());
    fs::write(&target, "mine").unwrap();
    assert_eq!(new(directory.path(), &["pod", "--force"]).code, 0);
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&link).unwrap(), example("pod"));
    assert_eq!(new(directory.path(), &["pod", "-o", "my pod.toml"]).code, 0);
    let written = fs::read_to_string(directory.path().join("my pod.toml")).unwrap();
    assert_eq!(written, example_in("pod", "'my pod.toml'"));
}

#[test]
fn a_write_failure_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("x")).unwrap();
    for (arguments, reason) in [
        (&["-o", "missing/x.toml"][..], "No such file"),
        (&["-o", "missing/x.toml", "--force"], "No such file"),
        (&["-o", "x", "--force"], "Is a directory"),
    ] {
        let outcome = new(directory.path(), arguments);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome.stderr.starts_with("error: cannot write "),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
    }
    assert_eq!(names(directory.path()), ["x"]);
}

#[test]
fn an_unknown_template_is_refused_with_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = new(directory.path(), &["knd"]);
    assert_eq!(outcome.code, 2);
    for word in [
        "hello, dind, pod, kind, chain, fan, matrix, scale",
        "'kind'",
    ] {
        assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
    }
    assert!(names(directory.path()).is_empty());
}

#[test]
fn the_list_has_a_line_per_template() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = new(directory.path(), &["--list"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
hello   A shell that is PID 1: unshare --fork --pid --mount-proc as a file
dind    A CI machine: docker in docker, three PID namespaces deep
pod     One Kubernetes node (itself a container, as in kind) with a sharing pod and a split pod
kind    A kind cluster: nodes that are containers, with pods and a hostPID agent inside
chain   Three PID namespaces, each inside the one before
fan     A hub and N workers, with N given by --set workers=N
matrix  A complete tree with a probe in every namespace, to show visibility
scale   An 8-deep chain and a 1000-wide fan-out, with variables and limits

"#]]
    );
    assert!(names(directory.path()).is_empty());
}

#[test]
fn shells_complete_the_names() {
    for shell in ["bash", "zsh", "fish", "elvish"] {
        let asked = Nestns::new(&["--", "nestns", "new", ""])
            .env("COMPLETE", shell)
            .env("_CLAP_COMPLETE_INDEX", "2");
        let said = asked.run().stdout;
        for name in TEMPLATES {
            assert!(said.contains(name), "{shell}: {name}: {said}");
        }
    }
}
