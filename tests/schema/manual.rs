//! nestns-topology(5): every key of the schema, and roff that groff has nothing against.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::committed;
use crate::harness::Nestns;
use crate::harness::requirement::skipped;

fn page() -> String {
    let outcome = Nestns::new(&["man", "topology"]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    outcome.stdout
}

/// The keys of all tables below a place of the schema.
fn keys(schema: &Value) -> BTreeSet<String> {
    let below = schema
        .as_object()
        .into_iter()
        .flat_map(|object| object.values())
        .flat_map(keys);
    let own = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys().cloned());
    own.chain(below).collect()
}

#[test]
fn every_key_is_in_the_manual() {
    let page = page();
    let entries: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB"))
        .filter_map(|line| line.split_once("\\fR"))
        .map(|(key, _)| key)
        .collect();
    let schema: Value = serde_json::from_slice(&fs::read(committed()).unwrap()).unwrap();
    for key in keys(&schema) {
        assert!(
            entries.contains(key.as_str()),
            "{key} is not in {entries:?}"
        );
    }
    assert!(page.contains(".TH nestns-topology 5"), "{page}");
    for title in [
        "NAMESPACE",
        "PROCESS",
        "READY",
        "STOP",
        "DEFAULTS",
        "LIMITS",
        "EXPECTATION",
        "VALUES",
    ] {
        assert!(page.contains(&format!("\n.SH {title}\n")), "{title}");
    }
}

#[test]
fn the_help_mentions_the_manual() {
    let outcome = Nestns::new(&["man", "--help"]).run();
    assert!(outcome.stdout.contains("`topology`"), "{}", outcome.stdout);
}

#[test]
fn groff_accepts_the_manual() {
    let groff = Command::new("groff")
        .args(["-man", "-ww", "-Kutf8", "-Tutf8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut groff) = groff else {
        skipped("groff is not installed");
        return;
    };
    let mut stdin = groff.stdin.take().unwrap();
    let page = page();
    // Beside it, because a full pipe in one direction would hold up the other.
    let writer = std::thread::spawn(move || stdin.write_all(page.as_bytes()).unwrap());
    let output = groff.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        !text.is_empty() && !text.contains('`') && !text.contains("\\f"),
        "{text}"
    );
}
