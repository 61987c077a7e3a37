//! SARIF 2.1.0: the whole log of a file, and what the standard demands of every log.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;
use snapbox::{IntoData, assert_data_eq, str};

use crate::harness::Nestns;

fn sarif(arguments: &[&str], input: &str) -> String {
    let arguments: Vec<_> = ["check", "--format", "sarif"].iter().chain(arguments).copied().collect();
    let outcome = Nestns::new(&arguments).input(input).run();
    assert_eq!(outcome.stderr, "");
    outcome.stdout
}

/// What the standard demands of the properties that this program writes, and what readers rely on: that every rule occurs,
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
            assert!(ids.insert(rule["id"].as_str().expect("an id")), "ids are distinct");
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().expect("a text").is_empty());
            }
            assert_level(&rule["defaultConfiguration"]["level"]);
        }
        let mut used = HashSet::new();
        for result in run["results"].as_array().expect("an array") {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a place in the rules")).unwrap();
            assert_eq!(result["ruleId"], rules[index]["id"]);
            assert_eq!(result["level"], rules[index]["defaultConfiguration"]["level"]);
            assert_level(&result["level"]);
            assert!(!result["message"]["text"].as_str().expect("a message").is_empty());
            let related = result["relatedLocations"].as_array().into_iter().flatten();
            for location in result["locations"].as_array().expect("an array").iter().chain(related) {
                assert_location(&location["physicalLocation"]);
            }
            used.insert(index);
        }
        assert_eq!(used.len(), rules.len(), "a rule is described because it occurs");
    }
}

fn assert_level(level: &Value) {
    assert!(["none", "note", "warning", "error"].contains(&level.as_str().expect("a word")), "{level}");
}

fn assert_location(location: &Value) {
    let uri = location["artifactLocation"]["uri"].as_str().expect("a text");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/%:".contains(c);
    assert!(!uri.is_empty() && uri.chars().all(is_allowed), "RFC 3986: {uri}");
    assert!(!uri.contains(':') || uri.starts_with("file:///"), "a relative reference has no scheme: {uri}");
    let Some(region) = location.get("region") else { return };
    let number = |name: &str| region[name].as_u64().unwrap_or_else(|| panic!("{name} is a number"));
    let (start, end) = ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
    assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "{region}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "the whole output")]
fn the_whole_log_of_a_file() {
    let text = "# é\n[ns.\"é\"]\n[ns.a]\nproc.b = { cmd = \"ls | wc\" }\n[ns.\"a/b\"]\n";
    let log = sarif(&["-"], text);
    assert_valid(&serde_json::from_str(&log).unwrap());
    assert_data_eq!(log, str![[r#"
{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "nestns",
          "semanticVersion": "0.1.0",
          "rules": [
            {
              "id": "NS107",
              "name": "BadName",
              "shortDescription": {
                "text": "a name is not made of the allowed characters"
              },
              "fullDescription": {
                "text": "The name of a namespace or process is made of `a-z`, `0-9`, `_` and `-`, begins with a letter or digit, and has at most 64 characters. Names become parts of addresses on the command line, file names and prefixes of output, where blanks, slashes and capitals would need quotes or be mistaken for something else."
              },
              "help": {
                "text": "The name of a namespace or process is made of `a-z`, `0-9`, `_` and `-`,\nbegins with a letter or digit, and has at most 64 characters. Names become\nparts of addresses on the command line, file names and prefixes of output,\nwhere blanks, slashes and capitals would need quotes or be mistaken for\nsomething else.\n\nA dot marks a generated instance, `w.17`, and is never part of a declared\nname.\n\nWrong:\n\n    [ns.\"Web Server\"]\n\nRight:\n\n    [ns.web-server]\n    description = \"Web Server\"\n",
                "markdown": "The name of a namespace or process is made of `a-z`, `0-9`, `_` and `-`,\nbegins with a letter or digit, and has at most 64 characters. Names become\nparts of addresses on the command line, file names and prefixes of output,\nwhere blanks, slashes and capitals would need quotes or be mistaken for\nsomething else.\n\nA dot marks a generated instance, `w.17`, and is never part of a declared\nname.\n\nWrong:\n\n```toml wrong\n[ns.\"Web Server\"]\n```\n\nRight:\n\n```toml right\n[ns.web-server]\ndescription = \"Web Server\"\n```\n"
              },
              "defaultConfiguration": {
                "level": "error"
              }
            },
            {
              "id": "NS203",
              "name": "SharedName",
              "shortDescription": {
                "text": "a process and a namespace have the same name"
              },
              "fullDescription": {
                "text": "A process and a namespace inside one namespace have the same name, and thereby the same address: `vm/ci` would be both."
              },
              "help": {
                "text": "A process and a namespace inside one namespace have the same name, and thereby\nthe same address: `vm/ci` would be both.\n\nWrong:\n\n    [ns.vm]\n    proc.ci = \"sleep 1000\"\n    [ns.\"vm/ci\"]\n\nRight:\n\n    [ns.vm]\n    proc.ci-agent = \"sleep 1000\"\n    [ns.\"vm/ci\"]\n",
                "markdown": "A process and a namespace inside one namespace have the same name, and thereby\nthe same address: `vm/ci` would be both.\n\nWrong:\n\n```toml wrong\n[ns.vm]\nproc.ci = \"sleep 1000\"\n[ns.\"vm/ci\"]\n```\n\nRight:\n\n```toml right\n[ns.vm]\nproc.ci-agent = \"sleep 1000\"\n[ns.\"vm/ci\"]\n```\n"
              },
              "defaultConfiguration": {
                "level": "error"
              }
            },
            {
              "id": "NS302",
              "name": "LooksLikeShell",
              "shortDescription": {
                "text": "a command uses shell syntax but is not run by a shell"
              },
              "fullDescription": {
                "text": "The command contains what looks like shell syntax, but `cmd` is run without a shell: `|`, `>`, `$HOME` and `*` are handed to the program as they stand, and everything behind ` #` is left out."
              },
              "help": {
                "text": "The command contains what looks like shell syntax, but `cmd` is run without a\nshell: `|`, `>`, `$HOME` and `*` are handed to the program as they stand, and\neverything behind ` #` is left out.\n\nWrong:\n\n    [ns.vm]\n    proc.count = \"ls / | wc -l\"\n\nRight, with a shell:\n\n    [ns.vm]\n    proc.count = { sh = \"ls / | wc -l\" }\n\nRight, if it is meant literally:\n\n    [ns.vm]\n    proc.show = \"echo '|'\"\n",
                "markdown": "The command contains what looks like shell syntax, but `cmd` is run without a\nshell: `|`, `>`, `$HOME` and `*` are handed to the program as they stand, and\neverything behind ` #` is left out.\n\nWrong:\n\n```toml wrong\n[ns.vm]\nproc.count = \"ls / | wc -l\"\n```\n\nRight, with a shell:\n\n```toml right\n[ns.vm]\nproc.count = { sh = \"ls / | wc -l\" }\n```\n\nRight, if it is meant literally:\n\n```toml right\n[ns.vm]\nproc.show = \"echo '|'\"\n```\n"
              },
              "defaultConfiguration": {
                "level": "warning"
              }
            }
          ]
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": [
        {
          "ruleId": "NS107",
          "ruleIndex": 0,
          "level": "error",
          "message": {
            "text": "`é` is not a name\na name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "%3Cstdin%3E"
                },
                "region": {
                  "startLine": 2,
                  "startColumn": 6,
                  "endLine": 2,
                  "endColumn": 7
                }
              }
            }
          ]
        },
        {
          "ruleId": "NS302",
          "ruleIndex": 2,
          "level": "warning",
          "message": {
            "text": "`cmd` uses `|`, but no shell runs it\n`|` is handed to the program as it stands\nhelp: write sh = \"…\" to have /bin/sh run it, or quote it if it is meant literally"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "%3Cstdin%3E"
                },
                "region": {
                  "startLine": 4,
                  "startColumn": 18,
                  "endLine": 4,
                  "endColumn": 27
                }
              }
            }
          ]
        },
        {
          "ruleId": "NS203",
          "ruleIndex": 1,
          "level": "error",
          "message": {
            "text": "`a/b` is both a process and a namespace\nthis name is taken\nprocesses and namespaces inside a namespace share one scope: an address names one thing"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "%3Cstdin%3E"
                },
                "region": {
                  "startLine": 5,
                  "startColumn": 6,
                  "endLine": 5,
                  "endColumn": 9
                }
              }
            }
          ],
          "relatedLocations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "%3Cstdin%3E"
                },
                "region": {
                  "startLine": 4,
                  "startColumn": 6,
                  "endLine": 4,
                  "endColumn": 7
                }
              },
              "message": {
                "text": "it is given here first"
              }
            }
          ]
        }
      ]
    }
  ]
}

"#]].raw());
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
    let log: Value = serde_json::from_str(&sarif(&[path.to_str().unwrap(), "no/such.toml", "-"], "[ns.é]\n")).unwrap();
    assert_valid(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let places: Vec<_> = results.iter().map(|result| &result["locations"][0]["physicalLocation"]).collect();
    let uris: Vec<_> = places.iter().map(|place| place["artifactLocation"]["uri"].as_str().unwrap()).collect();
    let first = format!("file://{}/my%20topology.toml", directory.path().display());
    assert_eq!(uris, [first.as_str(), "no/such.toml", "%3Cstdin%3E"]);
    assert!(places[0].get("region").is_some() && places[1].get("region").is_none());
}

#[test]
fn every_code_of_a_file_makes_a_valid_log() {
    for code in nestns::diagnostic::Code::ALL {
        for example in code.explanation().examples().filter(|example| example.is("toml")) {
            assert_valid(&serde_json::from_str(&sarif(&["-"], example.text)).unwrap());
        }
    }
}
