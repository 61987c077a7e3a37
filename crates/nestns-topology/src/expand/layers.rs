//! The layers of a namespace: one table after the other, from the weakest to the strongest, each with the chain of places
//! that brought it there.

use std::collections::HashMap;
use std::rc::Rc;

use super::declared::NodeId;
use crate::diagnostic::{Label, Span};

/// The places of a chain that are shown under a problem, and so kept: more would not make it clearer.
const SHOWN: usize = 3;

/// A place that makes something that was written elsewhere part of a namespace.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) at: Span,
    pub(super) text: Rc<str>,
    /// The place that brought this one in.
    pub(super) outer: Option<Rc<Used>>,
}

/// A table that a namespace is made of.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) node: NodeId,
    /// `None` for what stands in its own place.
    pub(super) used: Option<Rc<Used>>,
}

impl Used {
    /// The same chain inside another one, as far as so many places of it are seen.
    fn behind(self: &Rc<Self>, outer: &Rc<Self>, room: usize) -> Rc<Self> {
        if room <= 1 {
            return Rc::clone(self);
        }
        let outer = self
            .outer
            .as_ref()
            .map_or_else(|| Rc::clone(outer), |inner| inner.behind(outer, room - 1));
        Rc::new(Self {
            at: self.at,
            text: Rc::clone(&self.text),
            outer: Some(outer),
        })
    }
}

impl Layer {
    pub(super) const fn own(node: NodeId) -> Self {
        Self { node, used: None }
    }

    /// The places to show under a problem with a value of this layer, the nearest first.
    pub(super) fn labels(&self) -> Vec<Label> {
        let places = std::iter::successors(self.used.as_deref(), |used| used.outer.as_deref());
        places
            .take(SHOWN)
            .map(|used| Label::new(used.at, &*used.text))
            .collect()
    }

    /// The same as part of something that was itself brought in.
    pub(super) fn behind(&self, outer: Option<&Rc<Used>>) -> Self {
        let used = match (&self.used, outer) {
            (Some(inner), Some(outer)) => Some(inner.behind(outer, SHOWN)),
            (used, None) => used.clone(),
            (None, Some(outer)) => Some(Rc::clone(outer)),
        };
        Self {
            node: self.node,
            used,
        }
    }
}

/// Of a layer that is there twice the stronger one counts, so the weaker one need not be there.
pub(super) fn strongest(layers: Vec<Layer>) -> Vec<Layer> {
    /// So many are compared with one another sooner than they are hashed.
    const FEW: usize = 8;
    let is_short = layers.len() <= FEW;
    let is_new = |(place, layer): (usize, &Layer)| {
        layers[..place].iter().all(|other| other.node != layer.node)
    };
    if is_short && layers.iter().enumerate().all(is_new) {
        return layers;
    }
    let mut last: HashMap<NodeId, usize> = HashMap::with_capacity(layers.len());
    for (place, layer) in layers.iter().enumerate() {
        last.insert(layer.node, place);
    }
    if last.len() == layers.len() {
        return layers;
    }
    layers
        .into_iter()
        .enumerate()
        .filter(|(place, layer)| last[&layer.node] == *place)
        .map(|(_, layer)| layer)
        .collect()
}
