//! The file that is read, errors about one that cannot be, and the status of the verb.

use std::fs;

use snapbox::{IntoData, assert_data_eq, str};

use crate::harness::{Nestns, Outcome};

const GOOD: &str = "[ns.hello]\ninit = [\"bash\"]\n";
const WARNING: &str = "[ns.hello]\ninit = [\"cat\"]\n";
const WRONG: &str = "[ns.hello]\ninit = 1\n";

fn check(directory: &tempfile::TempDir, arguments: &[&str]) -> Outcome {
    let arguments: Vec<_> = ["check"].iter().chain(arguments).copied().collect();
    Nestns::new(&arguments).directory(directory.path()).run()
}

fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

#[test]
fn a_valid_file_prints_nothing() {
    let outcome = check(&directory(&[("x.toml", GOOD.as_bytes())]), &["x.toml"]);
    let expected = Outcome {
        code: 0,
        stdout: String::new(),
        stderr: "checked 1 file: no problems\n".to_owned(),
    };
    assert_eq!(outcome, expected);
}

#[test]
fn the_status_depends_on_the_severity() {
    let files = directory(&[
        ("good", GOOD.as_bytes()),
        ("warning", WARNING.as_bytes()),
        ("wrong", WRONG.as_bytes()),
    ]);
    for (arguments, code, summary) in [
        (&["good"][..], 0, "checked 1 file: no problems\n"),
        (
            &["good", "warning"],
            0,
            "checked 2 files: 1 warning\nsee `nestns explain NS304`\n",
        ),
        (&["--strict", "good"], 0, "checked 1 file: no problems\n"),
        (
            &["--strict", "warning"],
            1,
            "checked 1 file: 1 warning\nsee `nestns explain NS304`\n",
        ),
        (
            &["warning", "wrong"],
            3,
            "checked 2 files: 1 error, 1 warning\nsee `nestns explain NS101`; likewise NS304\n",
        ),
        (
            &["--strict", "wrong"],
            3,
            "checked 1 file: 1 error\nsee `nestns explain NS101`\n",
        ),
        (
            &["missing"],
            3,
            "checked 1 file: 1 error\nsee `nestns explain NS001`\n",
        ),
    ] {
        let outcome = check(&files, arguments);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (code, summary),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_file_that_does_not_exist() {
    assert_data_eq!(
        check(&directory(&[]), &["missing.toml"]).stdout,
        str![[r#"
error[NS001]: cannot read the file: it does not exist
--> missing.toml


"#]]
        .raw()
    );
}

#[test]
fn a_file_that_is_not_text() {
    let files = directory(&[("x.toml", b"[ns.a]\ncwd = \"/\xff\"\n")]);
    assert_data_eq!(
        check(&files, &["x.toml"]).stdout,
        str![[r#"
error[NS002]: the file is not UTF-8 text
 --> x.toml:2:9
  |
2 | cwd = "/�"
  |         ^ the byte 0xff is not valid here
  |
  = help: save the file as UTF-8


"#]]
        .raw()
    );
}

#[test]
fn a_directory_stands_for_its_only_topology_file() {
    for name in ["topology.toml", "nestns.toml", "dind.nestns.toml"] {
        let files = directory(&[
            (name, WRONG.as_bytes()),
            ("Cargo.toml", b""),
            (".nestns.toml", b""),
        ]);
        let outcome = check(&files, &["--format=short"]);
        assert!(
            outcome
                .stdout
                .starts_with(&format!("{name}:2:8: error[NS101]")),
            "{outcome:?}"
        );
        assert_eq!(check(&files, &["--format=short", "."]), outcome);
    }
}

#[test]
fn a_directory_without_a_topology_file() {
    assert_data_eq!(
        check(&directory(&[("Cargo.toml", b"")]), &[]).stdout,
        str![[r#"
error[NS004]: there is no topology file in this directory
--> .
 = help: topology files are named topology.toml, nestns.toml or NAME.nestns.toml


"#]]
        .raw()
    );
}

#[test]
fn a_directory_with_several_topology_files() {
    let files = directory(&[("topology.toml", b""), ("a.nestns.toml", b"")]);
    let outcome = check(&files, &["."]);
    assert_eq!(outcome.code, 3);
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
error[NS004]: there are several topology files in this directory
--> .
 = note: they are a.nestns.toml, topology.toml
 = help: name one of them on the command line


"#]]
        .raw()
    );
}
