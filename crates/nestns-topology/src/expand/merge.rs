//! Several tables → one: values and arrays replace, tables merge by key, and what is inherited comes first.
//!
//! A value from elsewhere is marked with the number of its layer, so that a problem with it can show its use.

use std::borrow::Cow;
use std::rc::Rc;

use crate::diagnostic::Span;
use crate::keys::{Handling, Key, ProcessKey, ReadyKey};
use crate::toml_text::{Entry, Kind, Table, Value};

/// A table and the number that its values are marked with.
pub(super) type Numbered<'a> = (&'a Table, u32);

/// Merges tables, the weakest first, without the keys that are left out.
pub(super) fn tables<'a>(layers: &[Numbered<'a>], is_left_out: fn(&str) -> bool) -> Cow<'a, Table> {
    if let [(table, 0)] = layers {
        return Cow::Borrowed(table);
    }
    let mut merged = Table::default();
    for (table, layer) in layers {
        for entry in table
            .entries
            .iter()
            .filter(|entry| !is_left_out(&entry.key))
        {
            put(&mut merged, entry, *layer);
        }
    }
    Cow::Owned(merged)
}

/// Merges what several tables say about a process, the weakest first; there is at least one.
pub(super) fn processes<'a>(
    weakest: (&'a Value, u32),
    others: &[(&'a Value, u32)],
) -> Cow<'a, Value> {
    if weakest.1 == 0 && others.is_empty() {
        return Cow::Borrowed(weakest.0);
    }
    let mut merged = in_layer(weakest.0, weakest.1);
    for &(value, layer) in others {
        let Value { kind, span } = in_layer(value, layer);
        let kind = match (table_of(merged.kind, merged.span), table_of(kind, span)) {
            (Ok(below), Ok(above)) => Kind::Table(process(below, above)),
            // What cannot be merged is replaced.
            (_, Ok(above)) => Kind::Table(above),
            (_, Err(kind)) => kind,
        };
        merged = Value { kind, span };
    }
    Cow::Owned(merged)
}

/// A process as a table; what is none is handed back.
fn table_of(kind: Kind, span: Span) -> Result<Table, Kind> {
    match kind {
        Kind::Table(table) => Ok(table),
        Kind::String(_) | Kind::Array(_) => Ok(command(kind, span)),
        other => Err(other),
    }
}

/// `x = "words"` is short for `x = { cmd = "words" }`.
fn command(kind: Kind, span: Span) -> Table {
    Table {
        entries: vec![Entry {
            key: Rc::from(ProcessKey::Cmd.name()),
            key_span: span,
            value: Value { kind, span },
        }],
    }
}

fn process(mut below: Table, above: Table) -> Table {
    // What it runs is one choice.
    if has_choice::<ProcessKey>(&above) {
        below
            .entries
            .retain(|entry| !is_choice::<ProcessKey>(&entry.key));
    }
    for entry in above.entries {
        // Another way to be ready replaces the one that there was, with its details.
        let ready = ProcessKey::Ready.name();
        if &*entry.key == ready && entry.value.as_table().is_some_and(has_choice::<ReadyKey>) {
            below.entries.retain(|there| &*there.key != ready);
        }
        place(&mut below, entry);
    }
    below
}

fn has_choice<K: Key>(table: &Table) -> bool {
    table.entries.iter().any(|entry| is_choice::<K>(&entry.key))
}

fn is_choice<K: Key>(key: &str) -> bool {
    K::find(key).is_some_and(|key| key.handling() == Handling::Choice)
}

fn put(target: &mut Table, entry: &Entry, layer: u32) {
    let entry = Entry {
        key: Rc::clone(&entry.key),
        key_span: entry.key_span.in_layer(layer),
        value: in_layer(&entry.value, layer),
    };
    place(target, entry);
}

/// Puts an entry where its key is, or at the end.
fn place(target: &mut Table, entry: Entry) {
    let Some(there) = target
        .entries
        .iter_mut()
        .find(|there| there.key == entry.key)
    else {
        target.entries.push(entry);
        return;
    };
    there.key_span = entry.key_span;
    match (&mut there.value.kind, entry.value.kind) {
        (Kind::Table(below), Kind::Table(above)) => {
            above
                .entries
                .into_iter()
                .for_each(|entry| place(below, entry));
            there.value.span = entry.value.span;
        }
        (_, kind) => {
            there.value = Value {
                kind,
                span: entry.value.span,
            }
        }
    }
}

/// The same value, marked. Marks of its own, which it has if it was merged before, stay.
fn in_layer(value: &Value, layer: u32) -> Value {
    let kind = match &value.kind {
        Kind::Array(values) => {
            Kind::array(values.iter().map(|value| in_layer(value, layer)).collect())
        }
        Kind::Table(table) => {
            let mut marked = Table {
                entries: Vec::with_capacity(table.entries.len()),
            };
            for entry in &table.entries {
                marked.entries.push(Entry {
                    key: Rc::clone(&entry.key),
                    key_span: entry.key_span.in_layer(layer),
                    value: in_layer(&entry.value, layer),
                });
            }
            Kind::Table(marked)
        }
        other => other.clone(),
    };
    Value {
        kind,
        span: value.span.in_layer(layer),
    }
}
