//! The keys of the language: which table has which, and the schemas of their values.
//!
//! The table itself is [`rows`]; the modules beside it have the kinds of values, as an editor and a manual describe them.
//! The reader in `syntax` can say more about a mistake than any schema.

#![expect(dead_code, reason = "kinds of values are described, never built")]

mod actor;
mod defaults;
mod expectation;
mod generator;
mod init;
mod name;
mod namespace;
mod placeholder;
mod process;
mod program;
mod ready;
mod restart;
mod rows;
mod stop;
mod stream;
mod table;
mod template;
mod top;
mod value;
mod variables;

pub(super) use init::REFUSED as REFUSED_OF_INIT;
pub(super) use placeholder::PLACEHOLDER;
pub(super) use rows::{
    DefaultsKey, ExpectationKey, LimitsKey, NamespaceKey, PermissionKey, ProcessKey, ReadyKey,
    RestartKey, StopKey, TableKind, Top, TopKey,
};

/// Keys of compose and containerlab that nothing of nestns replaces, with the answer to them.
const FOREIGN: &[(&str, &str, &str)] = &[
    (
        "image",
        "compose",
        "nestns does not manage images: programs are looked up in the file system seen by the namespace",
    ),
    ("build", "compose", "nestns does not build images"),
    ("volumes", "compose", "nestns does not manage volumes"),
    ("ports", "compose", "nestns does not publish ports"),
    ("expose", "compose", "nestns does not publish ports"),
    (
        "privileged",
        "compose",
        "nestns does not drop capabilities, so there are none to add",
    ),
    ("secrets", "compose", "nestns does not manage secrets"),
    (
        "configs",
        "compose",
        "nestns does not manage configuration files",
    ),
    (
        "kind",
        "containerlab",
        "nestns has no kinds of nodes: each namespace declares what runs in it",
    ),
    ("links", "containerlab", "nestns does not connect networks"),
    ("mgmt", "containerlab", "nestns does not connect networks"),
];

/// A key of one kind of table.
pub(super) trait Key: Copy + PartialEq + 'static {
    /// The table.
    const TABLE: TableKind;
    /// All of its keys, those that belong together beside each other.
    const ALL: &'static [Self];

    /// The key of this name.
    fn find(name: &str) -> Option<Self>;

    /// The key as it is written.
    fn name(self) -> &'static str;

    /// Handling by the expansion.
    fn handling(self) -> Handling;
}

/// Treatment of a key while layers are merged and generators run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// A stronger layer replaces its value, or adds to it if it is a table; then the checks read it.
    Checked,
    /// The same, and a table has one of several: another one in a stronger layer replaces it.
    Choice,
    /// Names other sources, and is gone when they are found.
    Source,
    /// Gives the number and the place of instances, and is gone when they are made.
    Generator,
    /// Holds tables of their own, which are merged one by one.
    Content,
}

impl TableKind {
    /// The place as a sentence says it.
    pub(super) fn place(self) -> String {
        let preposition = if self == Self::Top { "at" } else { "in" };
        format!("{preposition} {}", self.noun())
    }

    /// Another table that has the key.
    pub(super) fn elsewhere(self, key: &str) -> Option<Self> {
        let has = |table: Self| table.keys().contains(&key) || table.later().contains(&key);
        Self::ALL
            .iter()
            .copied()
            .find(|&table| table != self && has(table))
    }
}

/// The program that has such a key, and what nestns says to it.
pub(super) fn foreign(key: &str) -> Option<(&'static str, &'static str)> {
    let all = rows::REPLACED.iter().chain(FOREIGN);
    all.copied()
        .find(|(word, ..)| *word == key)
        .map(|(_, owner, answer)| (owner, answer))
}
