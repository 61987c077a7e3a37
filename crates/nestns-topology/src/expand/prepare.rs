//! A declared namespace with all of its layers merged, before it becomes one namespace or a thousand.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::declared::NodeId;
use super::evaluate::Evaluator;
use super::generator::{At, integer};
use super::layers::Layer;
use super::library::Library;
use super::merge::{self, Numbered};
use super::place::Place;
use super::trace::Trace;
use crate::diagnostic::{Diagnostics, Label, Span};
use crate::keys::{Handling, Key, NamespaceKey};
use crate::syntax::{Entry, NamespaceBody, ProcessBody};
use crate::toml_text::{Table, Value};

/// The mark of what comes from `[defaults.*]`.
pub(super) const DEFAULTS: u32 = u32::MAX;

/// Defaults of all namespaces, or processes, of a scope; of several files the weakest first.
#[derive(Debug, Default)]
pub(super) struct Defaults<'a> {
    pub(super) namespaces: Vec<NodeId>,
    pub(super) processes: Vec<&'a Value>,
}

/// A namespace inside another, and what it stands on.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) layers: Vec<Layer>,
    /// Kept where the namespace around is there more than once.
    pub(super) prepared: OnceCell<Rc<Prepared<'a>>>,
}

impl Slot<'_> {
    /// Nodes of the slot, if templates alone make it, so that it may be there many times.
    pub(super) fn shared(&self) -> Option<Vec<NodeId>> {
        let is_shared = self.layers.iter().all(|layer| layer.used.is_some());
        is_shared.then(|| self.layers.iter().map(|layer| layer.node).collect())
    }

    /// The last segment of its path, which is the same in every layer.
    pub(super) fn name<'l>(&self, library: &'l Library<'_>) -> &'l str {
        self.layers
            .first()
            .map_or("", |layer| library.node(layer.node).name())
    }
}

/// A process of a declared namespace.
#[derive(Debug)]
pub(super) struct PreparedProcess<'a> {
    pub(super) name: &'a str,
    pub(super) span: Span,
    pub(super) value: Cow<'a, Value>,
    /// The checked body, if it is the same everywhere.
    pub(super) body: RefCell<Option<Rc<ProcessBody>>>,
}

/// A declared namespace.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) name: String,
    /// The place of its header: of several, that of the strongest layer.
    pub(super) span: Span,
    /// True if a header declares it: its path may only be the beginning of others.
    pub(super) is_declared: bool,
    pub(super) layers: Vec<Layer>,
    pub(super) table: Cow<'a, Table>,
    pub(super) processes: Vec<PreparedProcess<'a>>,
    pub(super) children: Vec<Slot<'a>>,
    /// The checked body, if it is the same everywhere.
    pub(super) body: RefCell<Option<Rc<NamespaceBody>>>,
    /// True if one like it was checked.
    pub(super) checked: std::cell::Cell<bool>,
}

impl<'a> Prepared<'a> {
    /// Merges the layers that a namespace stands on.
    pub(super) fn new(
        library: &Library<'a>,
        defaults: &[Defaults<'a>],
        slot: &Slot<'a>,
        path: &str,
        out: &mut Diagnostics,
    ) -> Self {
        let structure = &slot.layers;
        let scope = structure
            .first()
            .map_or(0, |layer| library.node(layer.node).scope);
        let mut layers = Vec::new();
        // What the defaults use is weaker than what they say themselves, and both than all the rest.
        let own: Vec<_> = defaults[scope]
            .namespaces
            .iter()
            .map(|&node| Layer::own(node))
            .collect();
        layers.extend(library.expand(&own));
        let inherited = layers.len();
        layers.extend(library.expand(structure));
        let number = |place: usize, layer: &Layer| {
            if place < inherited {
                DEFAULTS
            } else if layer.used.is_some() {
                u32::try_from(place + 1).unwrap_or(DEFAULTS - 1)
            } else {
                0
            }
        };
        let tables: Vec<Numbered<'a>> = layers
            .iter()
            .enumerate()
            .filter_map(|(place, layer)| {
                Some((library.node(layer.node).table?, number(place, layer)))
            })
            .collect();
        let top = structure
            .iter()
            .rev()
            .find(|layer| library.node(layer.node).table.is_some());
        let span = top
            .or(structure.last())
            .map_or(Span::default(), |layer| library.node(layer.node).span);
        Self {
            name: slot.name(library).to_owned(),
            span,
            is_declared: top.is_some(),
            table: merge::tables(&tables, |key| !is_merged(key)),
            processes: processes(&tables, &defaults[scope].processes, out),
            children: library
                .children(&layers, path)
                .into_iter()
                .map(|layers| Slot {
                    layers,
                    prepared: OnceCell::new(),
                })
                .collect(),
            layers,
            body: RefCell::new(None),
            checked: std::cell::Cell::new(false),
        }
    }

    /// Adds to each problem since `before` the uses of what it is about, and the origins of computed values.
    pub(super) fn explain(&self, before: usize, trace: &Trace, out: &mut Diagnostics) {
        out.amend(before, |diagnostic| {
            trace.explain(diagnostic);
            let layer = diagnostic
                .primary
                .as_ref()
                .map_or(0, |label| label.span.layer);
            for label in self.used(layer) {
                if !diagnostic.secondary.contains(&label) {
                    diagnostic.secondary.push(label);
                }
            }
        });
    }

    /// The places that use the layer of this number.
    pub(super) fn used(&self, layer: u32) -> Vec<Label> {
        match layer {
            0 => Vec::new(),
            DEFAULTS => vec![Label::new(self.span, "it applies here")],
            number => self
                .layers
                .get(number as usize - 1)
                .map(Layer::labels)
                .unwrap_or_default(),
        }
    }

    /// The keys that say what the namespace is; what says how often it is there is read by the generators.
    pub(super) fn is_body_key(key: &str) -> bool {
        NamespaceKey::find(key)
            .is_none_or(|key| matches!(key.handling(), Handling::Checked | Handling::Choice))
    }
}

/// Returns whether what the layers of a namespace say with a key is merged as it stands.
fn is_merged(key: &str) -> bool {
    NamespaceKey::find(key)
        .is_none_or(|key| !matches!(key.handling(), Handling::Source | Handling::Content))
}

/// Merges what the layers say about each process.
fn processes<'a>(
    tables: &[Numbered<'a>],
    defaults: &[&'a Value],
    out: &mut Diagnostics,
) -> Vec<PreparedProcess<'a>> {
    /// The key of the strongest layer, with its number, and what each says.
    type Merged<'a> = (Entry<'a>, u32, Vec<(&'a Value, u32)>);
    let mut names: Vec<Merged<'a>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    // Of one table TOML has seen to it that no key is there twice.
    let is_merged = tables
        .iter()
        .filter(|(table, _)| table.get("proc").is_some())
        .count()
        > 1;
    for &(table, layer) in tables {
        let Some(entry) = table.get("proc") else {
            continue;
        };
        let Some(declared) = entry.value.as_table() else {
            let mut entry = Entry::of(entry);
            (entry.key_span, entry.span) =
                (entry.key_span.in_layer(layer), entry.span.in_layer(layer));
            entry.wrong_type("a table", out);
            continue;
        };
        for process in &declared.entries {
            let entry = Entry::of(process);
            if let Some(&place) = places.get(entry.key) {
                let (known, number, values) = &mut names[place];
                (*known, *number) = (entry, layer);
                values.push((&process.value, layer));
                continue;
            }
            if is_merged {
                places.insert(entry.key, names.len());
            }
            names.push((entry, layer, vec![(&process.value, layer)]));
        }
    }
    names
        .into_iter()
        .map(|(entry, layer, values)| {
            let all: Vec<_> = defaults
                .iter()
                .map(|&default| (default, DEFAULTS))
                .chain(values)
                .collect();
            PreparedProcess {
                name: entry.key,
                span: entry.key_span.in_layer(layer),
                value: merge::processes(all[0], &all[1..]),
                body: RefCell::new(None),
            }
        })
        .collect()
}

/// The levels of a chain on which a process is, and its count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presence<'p> {
    pub(super) at: At,
    /// The entry of `at`.
    pub(super) entry: Option<Entry<'p>>,
    /// `None` for one that is not a group; 0 for one that was reported.
    pub(super) count: Option<u64>,
    /// True if that differs with the `i` around it.
    pub(super) is_indexed: bool,
    /// True if that differs from place to place.
    pub(super) is_placed: bool,
}

impl Presence<'_> {
    /// The number of processes on a level of a chain with so many levels.
    pub(super) fn number(&self, level: u64, depth: u64) -> u64 {
        if self.at.admits(level, depth) {
            self.count.unwrap_or(1)
        } else {
            0
        }
    }
}

impl PreparedProcess<'_> {
    /// Reads `count` and `at` for a namespace.
    pub(super) fn presence(
        &self,
        namespace: Place<'_>,
        evaluator: &Evaluator<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Presence<'_> {
        let keys = self.value.as_table().map(|table| {
            (
                table.get("at").map(Entry::of),
                table.get("count").map(Entry::of),
            )
        });
        let (entry, count) = match keys {
            None | Some((None, None)) => {
                return Presence {
                    at: At::Every,
                    entry: None,
                    count: None,
                    is_indexed: false,
                    is_placed: false,
                };
            }
            Some(keys) => keys,
        };
        let path = format!("{}/{}", namespace.path, self.name);
        let evaluator = evaluator.at(Place {
            path: &path,
            name: self.name,
            ..namespace
        });
        let at = entry.map_or(At::Every, |entry| At::read(entry, &evaluator, trace, out));
        let count = count
            .map(|entry| integer(entry, 0, &evaluator, trace, out).map_or(0, |count| count.value));
        Presence {
            at,
            entry,
            count,
            is_indexed: evaluator.indexed.get(),
            is_placed: evaluator.placed.get(),
        }
    }
}
