//! Tables → TOML text in the style of the examples: a header for each namespace, a line for each key, processes dotted.

use std::fmt::Write as _;

use toml::{Table, Value};

/// A whole file.
pub(super) fn write(document: &Table) -> String {
    let mut text = String::new();
    for (key, value) in document
        .iter()
        .filter(|(_, value)| !value.is_table() && !is_tables(value))
    {
        line(&mut text, key, value);
    }
    for (key, value) in document {
        match (key.as_str(), value) {
            ("ns", Value::Table(namespaces)) => write_namespaces(&mut text, "ns", namespaces),
            (_, Value::Table(table)) => {
                header(&mut text, key);
                table
                    .iter()
                    .for_each(|(key, value)| line(&mut text, key, value));
            }
            (_, Value::Array(tables)) if is_tables(value) => {
                for table in tables.iter().filter_map(Value::as_table) {
                    header(&mut text, &format!("[{key}]"));
                    table
                        .iter()
                        .for_each(|(name, value)| line(&mut text, &self::key(name), value));
                }
            }
            _ => {}
        }
    }
    text
}

/// Returns whether it is written `[[key]]`.
fn is_tables(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_table))
}

fn write_namespaces(text: &mut String, prefix: &str, namespaces: &Table) {
    for (name, namespace) in namespaces {
        let Value::Table(namespace) = namespace else {
            continue;
        };
        let path = format!("{prefix}.{}", self::key(name));
        header(text, &path);
        for (key, value) in namespace.iter().filter(|(key, _)| *key != "ns") {
            match (key.as_str(), value) {
                ("proc", Value::Table(processes)) => {
                    for (name, process) in processes {
                        line(text, &format!("proc.{}", self::key(name)), process);
                    }
                }
                _ => line(text, key, value),
            }
        }
        if let Some(Value::Table(inside)) = namespace.get("ns") {
            write_namespaces(text, &format!("{path}.ns"), inside);
        }
    }
}

fn header(text: &mut String, path: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    // Writing into a string cannot fail.
    let _ = writeln!(text, "[{path}]");
}

/// A key of a table with its value, inline: the library writes no line feed into an inline table.
fn line(text: &mut String, key: &str, value: &Value) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A key, quoted where TOML wants it.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}
