//! Every format, whole, for three trees; `SNAPSHOTS=overwrite` writes the files anew, and they have to be looked at.

use std::fmt::Write as _;
use std::path::Path;

use snapbox::{IntoData, assert_data_eq, file, str};

use super::{HOSTILE, SHOP, drawn, graph};
use crate::harness::Nestns;
use crate::harness::example;

#[test]
fn dind_in_every_format() {
    let dind = example::text("dind.toml");
    assert_data_eq!(
        drawn(&dind, &["--format", "dot"]),
        file!["snapshots/dind.dot"].raw()
    );
    assert_data_eq!(
        drawn(&dind, &["--format", "mermaid"]),
        file!["snapshots/dind.mmd"].raw()
    );
    assert_data_eq!(
        drawn(&dind, &["--format", "svg"]),
        file!["snapshots/dind.svg"].raw()
    );
}

#[test]
fn pod_in_every_format_and_to_the_right() {
    let pod = example::text("pod.toml");
    assert_data_eq!(
        drawn(&pod, &["--format", "dot", "--direction", "LR"]),
        file!["snapshots/pod.dot"].raw()
    );
    assert_data_eq!(
        drawn(&pod, &["--format", "mermaid", "--direction", "lr"]),
        file!["snapshots/pod.mmd"].raw()
    );
    assert_data_eq!(
        drawn(&pod, &["--format", "svg"]),
        file!["snapshots/pod.svg"].raw()
    );
}

#[test]
fn dependencies_between_namespaces_in_every_format() {
    for (format, expected) in [
        ("dot", file!["snapshots/shop.dot"]),
        ("mermaid", file!["snapshots/shop.mmd"]),
        ("svg", file!["snapshots/shop.svg"]),
    ] {
        assert_data_eq!(drawn(SHOP, &["--format", format]), expected.raw());
    }
}

#[test]
fn special_characters_are_escaped_in_every_format() {
    assert_data_eq!(
        drawn(HOSTILE, &["--format", "dot"]),
        file!["snapshots/hostile.dot"].raw()
    );
    assert_data_eq!(
        drawn(HOSTILE, &["--format", "mermaid"]),
        file!["snapshots/hostile.mmd"].raw()
    );
    assert_data_eq!(
        drawn(HOSTILE, &["--format", "svg"]),
        file!["snapshots/hostile.svg"].raw()
    );
}

#[test]
fn ascii_is_the_tree() {
    let outcome = graph(&example::path("dind.toml"), &[]);
    assert_data_eq!(
        outcome.stdout.clone(),
        str![[r#"
dind: 3 namespaces, 6 processes, depth 3
└─ vm/               ?/1
   ├─ dockerd        ?/2      actor serve
   ├─ containerd     ?/3      actor idle
   └─ ci/            ?/4/1
      ├─ dockerd     ?/5/2    actor serve
      ├─ containerd  ?/6/3    actor idle
      ├─ runner      ?/7/4    /bin/sh -c trap 'echo "runner: asked to stop"; …
      └─ job/        ?/8/5/1  PID 1: actor tree --children 3

"#]]
        .raw()
    );
    let path = example::path("dind.toml");
    assert_eq!(
        Nestns::new(&["tree", path.to_str().unwrap()]).run(),
        outcome
    );
}

#[test]
fn json_is_the_document_of_tree() {
    let path = example::path("pod.toml");
    let tree = Nestns::new(&["tree", "--format", "json", path.to_str().unwrap()]).run();
    assert_eq!(graph(&path, &["--format", "json"]), tree);
}

#[test]
fn a_wrong_file_is_reported_as_by_check() {
    let text = "[ns.\"a/b\"]\n";
    for format in ["ascii", "dot", "mermaid", "svg", "json"] {
        let outcome = Nestns::new(&["graph", "-", "--format", format])
            .input(text)
            .run();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (3, ""));
        let answer = if format == "json" { "json" } else { "human" };
        let tree = Nestns::new(&["tree", "-", "--format", answer])
            .input(text)
            .run();
        assert_eq!(outcome.stderr, tree.stderr, "{format}");
    }
    assert_eq!(graph(Path::new("/nowhere.toml"), &[]).code, 3);
    assert_eq!(
        graph(Path::new("/nowhere.toml"), &["--format", "gif"]).code,
        2
    );
}

/// Sibling namespaces, all with different names.
fn wide(count: usize) -> String {
    let mut text = format!(
        "[limits]\nnamespaces = {count}\nprocesses = {}\n",
        2 * count
    );
    for i in 0..count {
        writeln!(
            text,
            "[ns.s{i}]\nproc.a = {{ actor = \"idle\" }}\nproc.b = {{ actor = \"idle\" }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn a_chart_above_the_limits_of_mermaid_is_reduced_with_a_note() {
    let outcome = Nestns::new(&["graph", "-", "--format", "mermaid"])
        .input(wide(400))
        .run();
    assert_eq!(outcome.code, 0);
    assert_eq!(
        outcome.stderr,
        "note: Mermaid draws 500 edges and 50000 characters at most; processes are only counted where a namespace has \
         several; at most 256 sibling namespaces are drawn\n"
    );
    assert!(outcome.stdout.chars().count() <= 50_000);
    assert!(
        outcome
            .stdout
            .contains("[\"144 more namespaces with 288 processes\"]")
    );
    assert!(
        outcome
            .stdout
            .contains("left out: at most 256 sibling namespaces are drawn")
    );
}

#[test]
fn a_chart_above_the_limits_of_mermaid_is_written_whole_with_a_warning() {
    let outcome = Nestns::new(&["graph", "-", "--format", "mermaid", "--no-fold"])
        .input(wide(400))
        .run();
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stderr.starts_with("warning: this has ") && outcome.stderr.lines().count() == 1
    );
    assert_eq!(outcome.stdout.matches("subgraph").count(), 400);
    assert!(!outcome.stdout.contains("left out"));
}

#[test]
fn flags_have_variables() {
    let pod = example::text("pod.toml");
    let environment = Nestns::new(&["graph", "-"])
        .input(pod.as_str())
        .env("NESTNS_FORMAT", "dot");
    let outcome = environment.env("NESTNS_DIRECTION", "LR").run();
    assert_eq!(
        outcome.stdout,
        drawn(&pod, &["--format", "dot", "--direction", "LR"])
    );
}
