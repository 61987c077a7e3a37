//! Checked values → tables of the language, without what the language fills in by itself: what reading does, backwards.

use toml::{Table, Value};

use crate::keys::Key;

/// The keys that have a value, in the order of the table of keys; `None` where none has.
pub(super) fn write_table<K: Key>(value: impl Fn(K) -> Option<Value>) -> Option<Value> {
    let entries = K::ALL
        .iter()
        .filter_map(|&key| Some((key.name().to_owned(), value(key)?)));
    non_empty(entries.collect())
}

/// The keys that have a value, those of the lowest rank first.
pub(super) fn write_ranked<K: Key>(
    rank: impl Fn(K) -> u8,
    value: impl Fn(K) -> Option<Value>,
) -> Table {
    let mut keys = K::ALL.to_vec();
    keys.sort_by_key(|&key| rank(key));
    keys.into_iter()
        .filter_map(|key| Some((key.name().to_owned(), value(key)?)))
        .collect()
}

/// A table of words, if there are any.
pub(super) fn words<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Value> {
    non_empty(
        words
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect(),
    )
}

/// A table that says something.
pub(super) fn non_empty(table: Table) -> Option<Value> {
    if table.is_empty() {
        None
    } else {
        Some(table.into())
    }
}
