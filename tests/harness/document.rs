//! JSON documents of the program.

use serde_json::Value;

use super::nest::Ended;

/// The documents of a text that has one a line.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The text under a key.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The list under a key.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The timeline of the stop in the document that `up --format json` has written.
pub(crate) fn timeline(ended: &Ended) -> Value {
    let document: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|_| panic!("{}\n{}", ended.stdout, ended.stderr));
    assert_eq!(document["schema"], "nestns.up/1");
    assert_eq!(document["stop"]["schema"], "nestns.stop/1");
    document["stop"].clone()
}

/// The step of a process in a timeline, by its path, in which `@` stands for the root.
pub(crate) fn step<'v>(timeline: &'v Value, ended: &Ended, path: &str) -> &'v Value {
    let path = path.replace('@', &ended.nest.root);
    let found = list(timeline, "steps")
        .iter()
        .find(|step| step["path"] == path);
    found.unwrap_or_else(|| panic!("no step {path}: {timeline:#}"))
}
