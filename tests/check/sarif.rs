//! SARIF 2.1.0: the whole log of a file, and what the standard demands of every log.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;
use snapbox::{IntoData, assert_data_eq, file, str};

use crate::harness::Nestns;

fn sarif(arguments: &[&str], input: &str) -> String {
    let arguments: Vec<_> = ["check", "--format", "sarif"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let outcome = Nestns::new(&arguments).input(input).run();
    assert_eq!(outcome.stderr, "");
    outcome.stdout
}

/// The demands of the standard on the properties that this program writes, and those of readers: that every rule occurs,
/// that an index leads to its rule, that a path is a URI and a region lies the right way round.
fn assert_valid(log: &Value) {
    assert_eq!(log["version"], "2.1.0", "the version");
    let runs = log["runs"].as_array().expect("an array");
    for run in runs {
        assert_eq!(run["columnKind"], "unicodeCodePoints", "what a column is");
        let driver = &run["tool"]["driver"];
        assert!(!driver["name"].as_str().expect("a name").is_empty());
        assert_eq!(driver["semanticVersion"], env!("CARGO_PKG_VERSION"));
        let rules = driver["rules"].as_array().expect("an array");
        let mut ids = HashSet::new();
        for rule in rules {
            assert!(
                ids.insert(rule["id"].as_str().expect("an id")),
                "ids are distinct"
            );
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().expect("a text").is_empty());
            }
            assert_level(&rule["defaultConfiguration"]["level"]);
        }
        let mut used = HashSet::new();
        for result in run["results"].as_array().expect("an array") {
            let index =
                usize::try_from(result["ruleIndex"].as_u64().expect("a place in the rules"))
                    .unwrap();
            assert_eq!(result["ruleId"], rules[index]["id"]);
            assert_eq!(
                result["level"],
                rules[index]["defaultConfiguration"]["level"]
            );
            assert_level(&result["level"]);
            assert!(
                !result["message"]["text"]
                    .as_str()
                    .expect("a message")
                    .is_empty()
            );
            let related = result["relatedLocations"].as_array().into_iter().flatten();
            for location in result["locations"]
                .as_array()
                .expect("an array")
                .iter()
                .chain(related)
            {
                assert_location(&location["physicalLocation"]);
            }
            used.insert(index);
        }
        assert_eq!(
            used.len(),
            rules.len(),
            "a rule is described because it occurs"
        );
    }
}

fn assert_level(level: &Value) {
    assert!(
        ["none", "note", "warning", "error"].contains(&level.as_str().expect("a word")),
        "{level}"
    );
}

fn assert_location(location: &Value) {
    let uri = location["artifactLocation"]["uri"]
        .as_str()
        .expect("a text");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/%:".contains(c);
    assert!(
        !uri.is_empty() && uri.chars().all(is_allowed),
        "RFC 3986: {uri}"
    );
    assert!(
        !uri.contains(':') || uri.starts_with("file:///"),
        "a relative reference has no scheme: {uri}"
    );
    let Some(region) = location.get("region") else {
        return;
    };
    let number = |name: &str| {
        region[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} is a number"))
    };
    let (start, end) = (
        (number("startLine"), number("startColumn")),
        (number("endLine"), number("endColumn")),
    );
    assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{region}");
}

#[test]
fn the_whole_log_of_a_file() {
    let text = "# é\n[ns.\"é\"]\n[ns.a]\nproc.b = { cmd = \"ls | wc\" }\n[ns.\"a/b\"]\n";
    let log = sarif(&["-"], text);
    assert_valid(&serde_json::from_str(&log).unwrap());
    assert_data_eq!(log, file!["snapshots/log.sarif"].raw());
}

#[test]
fn a_log_of_good_files_has_one_run_without_results() {
    let log = sarif(&["-"], "[ns.a]\n");
    assert_valid(&serde_json::from_str(&log).unwrap());
    assert_data_eq!(
        log,
        str![[r#"
{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "nestns",
          "semanticVersion": "0.1.0",
          "rules": []
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": []
    }
  ]
}

"#]]
        .raw()
    );
}

#[test]
fn the_files_of_a_log_are_uris() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my topology.toml");
    fs::write(&path, "[ns.a]\nx = 1\n").unwrap();
    let log: Value = serde_json::from_str(&sarif(
        &[path.to_str().unwrap(), "no/such.toml", "-"],
        "[ns.é]\n",
    ))
    .unwrap();
    assert_valid(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let places: Vec<_> = results
        .iter()
        .map(|result| &result["locations"][0]["physicalLocation"])
        .collect();
    let uris: Vec<_> = places
        .iter()
        .map(|place| place["artifactLocation"]["uri"].as_str().unwrap())
        .collect();
    let first = format!("file://{}/my%20topology.toml", directory.path().display());
    assert_eq!(uris, [first.as_str(), "no/such.toml", "%3Cstdin%3E"]);
    assert!(places[0].get("region").is_some() && places[1].get("region").is_none());
}

#[test]
fn every_code_of_a_file_makes_a_valid_log() {
    for code in nestns_topology::diagnostic::Code::ALL {
        for example in code
            .explanation()
            .examples()
            .filter(|example| example.is("toml"))
        {
            assert_valid(&serde_json::from_str(&sarif(&["-"], example.text)).unwrap());
        }
    }
}
