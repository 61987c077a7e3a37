//! An expanded topology as text: the same tree again, with nothing left to merge, replace or generate.
//!
//! The text leaves out the defaults of the language, so that the text, read again, is the same tree. It begins with
//! `expanded = true`, because names such as `w.17` cannot be declared otherwise, and because braces in it are braces.

mod toml_text;

use std::fmt::{Display, Write as _};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::{
    DEFAULT_LOG_BYTES, DEFAULT_NAMESPACES, DEFAULT_PROCESSES, NamespaceId, OnExit, Topology,
    Variable, VariableValue, format_size, write,
};

/// Limit that is about more than the size of the tree.
const LOG_BYTES: &str = "log_bytes";

/// Arrangement of the namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// Sequence of namespaces, each under its path.
    Paths,
    /// Nesting of each namespace inside its parent.
    Nested,
}

/// The topology as a TOML file.
pub fn toml(topology: &Topology, arrangement: Arrangement) -> String {
    toml_text::write(&document(topology, arrangement))
}

/// Tables of the language as a TOML file.
pub fn text(document: &Table) -> String {
    toml_text::write(document)
}

/// The topology as one JSON document, `nestns.config/1`, with the keys of the file.
pub fn json(topology: &Topology) -> String {
    let mut whole = Table::new();
    whole.insert("schema".to_owned(), "nestns.config/1".into());
    whole.extend(document(topology, Arrangement::Paths));
    pretty(&whole)
}

/// Every address of the topology in the order of creation: each namespace, followed by its processes.
pub fn paths(topology: &Topology) -> String {
    let mut text = String::new();
    for id in topology.pre_order() {
        let namespace = topology.namespace(id);
        text.push_str(&namespace.path);
        text.push('\n');
        for process in &namespace.processes {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{}/{}", namespace.path, process.name);
        }
    }
    text
}

/// The variables as lines of TOML, each with the place that its value comes from, made safe to show by `escape`: what
/// `--vars-file` reads.
pub fn variables<'a, T: Display>(
    variables: &'a [Variable],
    escape: impl Fn(&'a str) -> T,
) -> String {
    let lines: Vec<_> = variables
        .iter()
        .map(|variable| format!("{} = {}", variable.name, value(&variable.value)))
        .collect();
    let width = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (line, variable) in lines.iter().zip(variables) {
        let _ = writeln!(text, "{line:width$}  # {}", escape(&variable.from));
    }
    text
}

/// The variables as one JSON document.
pub fn variables_json(variables: &[Variable]) -> String {
    let values: Vec<Value> = variables
        .iter()
        .map(|variable| {
            let mut entry = Table::new();
            entry.insert("name".to_owned(), variable.name.clone().into());
            entry.insert("value".to_owned(), value(&variable.value));
            entry.insert("from".to_owned(), variable.from.clone().into());
            entry.into()
        })
        .collect();
    let mut whole = Table::new();
    whole.insert("schema".to_owned(), "nestns.config/1".into());
    whole.insert("vars".to_owned(), values.into());
    pretty(&whole)
}

/// Hash of the content: the same for two files that describe the same tree, however they are written and whatever they
/// are called. SHA-256, in hexadecimal digits.
pub fn hash(topology: &Topology) -> String {
    let mut content = document(topology, Arrangement::Paths);
    // Two topologies with the same content may differ in name, limits of size only catch mistakes, and expectations of
    // a tree do not change it.
    for key in ["name", "expect"] {
        content.remove(key);
    }
    if let Some(Value::Table(limits)) = content.remove("limits") {
        content.extend(limits.into_iter().filter(|(key, _)| key == LOG_BYTES));
    }
    let mut text = String::new();
    for byte in Sha256::digest(pretty(&content).as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn document(topology: &Topology, arrangement: Arrangement) -> Table {
    let mut whole = Table::new();
    whole.insert("nestns".to_owned(), 1.into());
    whole.insert("expanded".to_owned(), true.into());
    whole.insert("name".to_owned(), topology.name.clone().into());
    if let Some(description) = &topology.description {
        whole.insert("description".to_owned(), description.clone().into());
    }
    match topology.on_exit {
        OnExit::Fail => {}
        OnExit::Any => _ = whole.insert("on_exit".to_owned(), "any".into()),
        OnExit::Ignore => _ = whole.insert("on_exit".to_owned(), "ignore".into()),
    }
    if let Some(main) = &topology.main {
        whole.insert("main".to_owned(), main.clone().into());
    }
    if let Some(limits) = limits(topology) {
        whole.insert("limits".to_owned(), limits.into());
    }
    let namespaces = match arrangement {
        Arrangement::Paths => {
            let order = topology.pre_order().into_iter();
            order
                .map(|id| {
                    (
                        topology.namespace(id).path.clone(),
                        write(topology, id).into(),
                    )
                })
                .collect()
        }
        Arrangement::Nested => nested(topology, topology.roots()),
    };
    whole.insert("ns".to_owned(), Value::Table(namespaces));
    if !topology.expectations.is_empty() {
        let expectations = topology
            .expectations
            .iter()
            .map(|one| Value::Table(one.written.clone()))
            .collect();
        whole.insert("expect".to_owned(), Value::Array(expectations));
    }
    whole
}

/// Namespaces with all that is inside them, by their names.
fn nested(topology: &Topology, ids: &[NamespaceId]) -> Table {
    let mut tables = Table::new();
    for &id in ids {
        let namespace = topology.namespace(id);
        let mut own = write(topology, id);
        let children = topology.children(id);
        if !children.is_empty() {
            own.insert("ns".to_owned(), nested(topology, &children).into());
        }
        tables.insert(namespace.name().to_owned(), own.into());
    }
    tables
}

/// Limits that the tree stays within, if it is over the ones that are there without a word, and how much output is kept.
fn limits(topology: &Topology) -> Option<Table> {
    let processes = topology
        .pre_order()
        .iter()
        .map(|&id| topology.namespace(id).processes.len())
        .sum();
    let mut limits = Table::new();
    for (name, count, default) in [
        ("namespaces", topology.len(), DEFAULT_NAMESPACES),
        ("processes", processes, DEFAULT_PROCESSES),
    ] {
        if count as u64 > default {
            limits.insert(
                name.to_owned(),
                Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
            );
        }
    }
    if topology.log_bytes != DEFAULT_LOG_BYTES {
        limits.insert(LOG_BYTES.to_owned(), format_size(topology.log_bytes).into());
    }
    if limits.is_empty() {
        None
    } else {
        Some(limits)
    }
}

fn value(value: &VariableValue) -> Value {
    match value {
        VariableValue::Integer(number) => (*number).into(),
        VariableValue::Boolean(flag) => (*flag).into(),
        VariableValue::Text(text) => text.clone().into(),
    }
}

fn pretty(table: &Table) -> String {
    // Strings, numbers and lists in memory: nothing that serde_json could refuse.
    let mut text = serde_json::to_string_pretty(table).unwrap_or_default();
    text.push('\n');
    text
}
