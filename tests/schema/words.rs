//! Every word and every example of the schema is one that `nestns check` takes.

use std::fs;

use serde_json::Value;

use super::committed;
use crate::harness::Nestns;

/// The words and examples below a place of the schema.
fn values(schema: &Value) -> Vec<Value> {
    let place = [schema, &schema["items"]].into_iter();
    let entries = schema["patternProperties"]
        .as_object()
        .into_iter()
        .flat_map(|entries| entries.values());
    let words = place
        .chain(entries)
        .flat_map(|place| place["anyOf"].as_array().into_iter().flatten());
    words
        .filter_map(|word| word.get("const").cloned())
        .chain(examples(schema))
        .collect()
}

fn examples(schema: &Value) -> Vec<Value> {
    schema["examples"]
        .as_array()
        .into_iter()
        .flatten()
        .cloned()
        .collect()
}

fn check(topology: &str) {
    let outcome = Nestns::new(&["check", "-"]).input(topology).run();
    assert_eq!(outcome.code, 0, "{topology}\n{}", outcome.stdout);
}

/// True for a value that can occur in a file without variables.
fn is_read(value: &Value) -> bool {
    !value.to_string().contains("{{")
}

#[test]
fn the_words_of_single_values_are_read() {
    let schema: Value = serde_json::from_slice(&fs::read(committed()).unwrap()).unwrap();
    let definitions = &schema["definitions"];
    let process = |key: &str| &definitions["Process"]["properties"][key];
    let namespace = |key: &str| &definitions["Namespace"]["properties"][key];
    for (schema, text) in [
        (&schema["properties"]["on_exit"], "on_exit = @\n[ns.a]\n"),
        (&definitions["Init"], "ns.a.init = @\n"),
        (&definitions["Actor"], "ns.a.proc.x.actor = @\n"),
        (
            process("enter"),
            "ns.a.proc.x = { actor = \"idle\", enter = @ }\n",
        ),
        (
            process("stdin"),
            "ns.a.proc.x = { actor = \"idle\", stdin = @ }\n",
        ),
        (
            process("stdout"),
            "ns.a.proc.x = { actor = \"idle\", stdout = @ }\n",
        ),
        (
            &definitions["Restart"],
            "ns.a.proc.x = { actor = \"idle\", restart = @ }\n",
        ),
        (&definitions["Restart"], "ns.a.restart = @\n"),
        (
            &definitions["Ready"]["properties"]["exec"],
            "ns.a.proc.x = { sh = \"x\", ready.exec = @ }\n",
        ),
        (
            &definitions["Pattern"],
            "ns.a.proc.x = { sh = \"x\", ready.log = @ }\n",
        ),
        (&definitions["Size"], "limits.log_bytes = @\n[ns.a]\n"),
        (process("cmd"), "ns.a.proc.x = { cmd = @ }\n"),
        (process("sh"), "ns.a.proc.x = { sh = @ }\n"),
        (
            process("after"),
            "ns.a.proc.db = \"x\"\nns.a.proc.x = { actor = \"idle\", after.db = @ }\n",
        ),
        (namespace("unshare"), "ns.a.unshare = [@]\n"),
        (&definitions["Signal"], "ns.a.stop.signal = @\n"),
        (&definitions["Duration"], "ns.a.stop.grace = @\n"),
        (
            &definitions["User"],
            "ns.a.proc.x = { actor = \"idle\", user = @ }\n",
        ),
        (&definitions["HostName"], "ns.a.hostname = @\n"),
        (&definitions["AbsolutePath"], "ns.a.cwd = @\n"),
    ] {
        let values = values(schema);
        assert!(!values.is_empty(), "{text}");
        for value in values
            .iter()
            .filter(|value| is_read(value))
            .filter(|value| value.is_string())
        {
            check(&text.replace('@', &value.to_string()));
        }
    }
}
