//! Namespaces as boxes in boxes, for Graphviz, for Mermaid, and as an SVG drawing.
//!
//! All formats draw one [`Picture`], which is made once from the nodes of `present::topology_nodes`: what is folded, counted or
//! left out is decided there, and every format says it. A format is responsible for layout and for its own escapes only.

mod arrow;
mod chain;
mod counts;
mod detail;
mod diagram;
pub(crate) mod dot;
mod hue;
pub(crate) mod mermaid;
mod picture;
mod rows;
mod selection;
mod shape;
pub(crate) mod svg;
#[cfg(test)]
mod tests;
mod wording;

pub(crate) use detail::Detail;
pub(crate) use picture::{Heading, Picture, Subject};

/// Direction of the inside of a namespace, for the formats that leave the layout to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Direction {
    /// Downward.
    #[default]
    Down,
    /// To the right.
    Right,
}
