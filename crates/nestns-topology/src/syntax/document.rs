//! The top level of one file: what is read here and now, and the tables that wait until all files are known.

use super::expanded::check_expanded;
use super::located::Located;
use super::name::{NameRules, check_name};
use super::reader::{Entry, entries};
use super::unknown::known;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::{DefaultsKey, Key, LimitsKey, TopKey};
use crate::toml_text::{Table, Value};
use crate::tree::{DEFAULT_LOG_BYTES, OnExit};

/// The kernel's `MAX_PID_NS_LEVEL` (`pid_namespaces(7)`): how deep PID namespaces nest below the initial one.
pub(crate) const KERNEL_DEPTH: u64 = 32;

/// The default limit of namespaces.
pub const DEFAULT_NAMESPACES: u64 = 1024;
/// The default limit of processes.
pub const DEFAULT_PROCESSES: u64 = 4096;

/// Less than this would not hold what one process says of its own failure.
const LEAST_LOG_BYTES: u64 = 64 << 10;

/// Limits of a tree, whatever the machine could do: a slip of the pen must not eat it.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) namespaces: u64,
    pub(crate) processes: u64,
    pub(crate) depth: u64,
    pub(crate) log_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            namespaces: DEFAULT_NAMESPACES,
            processes: DEFAULT_PROCESSES,
            depth: KERNEL_DEPTH,
            log_bytes: DEFAULT_LOG_BYTES,
        }
    }
}

/// In which of the two spellings a namespace is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `[ns."vm/ci"]`
    Path,
    /// `[ns.vm.ns.ci]`
    Nested,
}

/// The tables of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) variables: Option<Entry<'a>>,
    pub(crate) limits: Option<Entry<'a>>,
    pub(crate) templates: Option<Entry<'a>>,
    pub(crate) namespaces: Option<Entry<'a>>,
    pub(crate) namespace_defaults: Option<Entry<'a>>,
    pub(crate) process_defaults: Option<Entry<'a>>,
    pub(crate) expectations: Option<Entry<'a>>,
    /// The table that is read of every file and counts in the main one.
    pub(crate) heading: &'a Table,
    pub(crate) rules: NameRules,
}

/// Settings of the topology as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heading {
    pub(crate) name: Option<Located<String>>,
    pub(crate) description: Option<String>,
    pub(crate) on_exit: OnExit,
    pub(crate) main: Option<Located<String>>,
}

const ON_EXIT: &[(&str, OnExit)] = &[
    ("fail", OnExit::Fail),
    ("any", OnExit::Any),
    ("ignore", OnExit::Ignore),
];

impl<'a> Document<'a> {
    /// Finds the tables of a file.
    pub(crate) fn read(table: &'a Table, out: &mut Diagnostics) -> Self {
        let mut document = Self {
            variables: None,
            limits: None,
            templates: None,
            namespaces: None,
            namespace_defaults: None,
            process_defaults: None,
            expectations: None,
            heading: table,
            rules: NameRules::Declared,
        };
        for entry in entries(table) {
            let Some(key) = known::<TopKey>(&entry, "", out) else {
                continue;
            };
            match key {
                TopKey::Nestns => version(&entry, out),
                TopKey::Expanded => {
                    if entry.boolean(out).is_some_and(|expanded| expanded.value) {
                        document.rules = NameRules::Expanded;
                    }
                }
                TopKey::Vars => document.variables = Some(entry),
                TopKey::Limits => document.limits = Some(entry),
                TopKey::Template => document.templates = Some(entry),
                TopKey::Ns => document.namespaces = Some(entry),
                TopKey::Defaults => document.defaults(&entry, out),
                TopKey::Expect => document.expectations = expectations(entry, out),
                TopKey::Name
                | TopKey::Description
                | TopKey::OnExit
                | TopKey::Main
                | TopKey::Include
                | TopKey::Schema => {}
            }
        }
        if document.rules == NameRules::Expanded {
            check_expanded(table, out);
        }
        document
    }

    fn defaults(&mut self, entry: &Entry<'a>, out: &mut Diagnostics) {
        let Some(table) = entry.value.as_table() else {
            entry.wrong_type("a table", out);
            return;
        };
        for key in entries(table) {
            match known(&key, "", out) {
                Some(_) if key.value.as_table().is_none() => key.wrong_type("a table", out),
                Some(DefaultsKey::Ns) => self.namespace_defaults = Some(key),
                Some(DefaultsKey::Proc) => self.process_defaults = Some(key),
                None => {}
            }
        }
        let inside = self
            .namespace_defaults
            .and_then(|entry| entry.value.as_table());
        for name in ["ns", "include"] {
            if let Some(children) = inside.and_then(|table| table.get(name)) {
                let message = format!("`{name}` does not belong in `[defaults.ns]`");
                out.push(
                    Diagnostic::at(Code::MisplacedKey, children.key_span, message)
                        .label("every namespace would contain this one, endlessly"),
                );
            }
        }
    }
}

impl Heading {
    /// Reads what is left of the top level, its placeholders replaced.
    pub(crate) fn read(table: &Table, out: &mut Diagnostics) -> Self {
        let mut heading = Self::default();
        for entry in entries(table) {
            match TopKey::find(entry.key) {
                Some(TopKey::Name) => heading.name = name(&entry, out),
                Some(TopKey::Description) => {
                    heading.description = entry.string(out).map(|text| text.value);
                }
                Some(TopKey::OnExit) => {
                    heading.on_exit = entry
                        .word(ON_EXIT, out)
                        .map_or(OnExit::default(), |word| word.value);
                }
                Some(TopKey::Main) => heading.main = entry.string(out),
                _ => {}
            }
        }
        heading
    }

    /// Returns whether a key of the top level is one of these.
    pub(crate) fn has(key: &str) -> bool {
        matches!(
            TopKey::find(key),
            Some(TopKey::Name | TopKey::Description | TopKey::OnExit | TopKey::Main)
        )
    }
}

impl Limits {
    /// Reads the merged table of all files.
    pub(crate) fn read(table: &Table, out: &mut Diagnostics) -> Self {
        let mut limits = Self::default();
        for entry in entries(table) {
            let Some(key) = known::<LimitsKey>(&entry, "", out) else {
                continue;
            };
            let (limit, value) = match key {
                LimitsKey::Namespaces => (
                    &mut limits.namespaces,
                    entry.integer(1, u32::MAX.into(), out),
                ),
                LimitsKey::Processes => (
                    &mut limits.processes,
                    entry.integer(1, u32::MAX.into(), out),
                ),
                LimitsKey::Depth => (&mut limits.depth, entry.integer(1, KERNEL_DEPTH, out)),
                LimitsKey::LogBytes => (&mut limits.log_bytes, entry.size(LEAST_LOG_BYTES, out)),
            };
            if let Some(value) = value {
                *limit = value.value;
            }
        }
        limits
    }
}

fn version(entry: &Entry<'_>, out: &mut Diagnostics) {
    let Some(number) = entry.value.as_integer() else {
        entry.wrong_type("a number", out);
        return;
    };
    if number != 1 {
        out.push(
            Diagnostic::at(
                Code::WrongVersion,
                entry.span,
                format!("the file is written for nestns = {number}"),
            )
            .label("this program supports version 1 of the language"),
        );
    }
}

fn name(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<String>> {
    let name = entry.string(out)?;
    check_name(&name.value, name.span, "a topology", out);
    Some(name)
}

fn expectations<'a>(entry: Entry<'a>, out: &mut Diagnostics) -> Option<Entry<'a>> {
    if entry.value.as_array().is_none() {
        entry.wrong_type("an array of tables, written [[expect]]", out);
        return None;
    }
    Some(entry)
}

/// The elements of `include`: strings with the places where they stand.
pub(crate) fn included(value: &Value) -> &[Value] {
    value.as_array().unwrap_or(std::slice::from_ref(value))
}
