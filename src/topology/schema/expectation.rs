//! `[[expect]]`: described as the language has it, but open, as long as no version checks it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// One assertion about the tree, which is to be checked against the kernel. This version reads it and checks nothing.
#[derive(JsonSchema)]
#[schemars(title = "expectation", transform = open)]
pub(super) struct Expectation {
    /// The namespace that looks.
    from: Value,
    /// What it sees: paths, in which `*` stands for one name and `**` for any number of them.
    #[schemars(example = ["vm/ci/**"])]
    sees: Value,
    /// What it does not see.
    #[schemars(example = ["vm/dockerd"])]
    hides: Value,
    /// The process about which something is said.
    proc: Value,
    /// Its number in each of these namespaces.
    #[schemars(example = BTreeMap::from([("vm/ci", 4)]))]
    pid: Value,
    /// Its parent's number in each of these namespaces; 0 for a parent outside.
    #[schemars(example = BTreeMap::from([("node/web", 0)]))]
    ppid: Value,
    /// How many namespaces of the tree it is in.
    chain: Value,
    /// What it does.
    #[schemars(example = &"running")]
    state: Value,
    /// With which status it has ended.
    exit: Value,
    /// How many there are.
    count: Value,
    /// Whether a signal from one to another is allowed: `{ from, to, allowed }`.
    signal: Value,
    /// How long it may take until it is true.
    #[schemars(example = &"2s")]
    within: Value,
}

fn open(schema: &mut Schema) {
    schema.remove("required");
}
