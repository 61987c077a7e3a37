//! Drawing of boxes in boxes in Scalable Vector Graphics, for which nothing has to be installed.
//!
//! The same picture gives the same bytes, wherever it is drawn: there is no font to measure, and only integers are added.

mod layout;
mod map;
mod measure;
mod paint;
mod route;
mod style;

use std::collections::HashMap;

use svg::node::element::{Description, SVG, Style, Title};
use svg::node::{Node as _, Text};

use self::layout::{GAP, Layout, SMALL, TEXT, lay_out};
use self::map::Map;
use self::measure::{proportional, wrap};
use self::paint::{Canvas, crown, label, rectangle};
use super::arrow::End;
use super::picture::Picture;
use super::rows::{Place, Size};
use super::shape::Shape;
use crate::present::escape::escape;

/// Margin around everything.
const MARGIN: u32 = 24;
/// Size of the heading.
const HEAD: u32 = 20;
/// Least width, for prose, however small the tree is.
const NARROWEST: u32 = 420;
/// Greatest width of prose, however wide the tree is.
const WIDEST: u32 = 900;
/// End of every document.
const END: &str = "</svg>";
/// Distance between lines of prose.
const LINE: u32 = 18;

/// The picture as a document; it ends with a line feed.
pub(crate) fn render(picture: &Picture<'_>) -> String {
    let layout = lay_out(&picture.roots, &picture.rest);
    let size = layout.size;
    let name = escape(&picture.heading.name);
    let summary = picture.summary();
    let least = proportional(&name, HEAD)
        .max(proportional(&summary, TEXT))
        .max(NARROWEST);
    let width = size.width.max(least);
    let prose = width.min(WIDEST);
    let mut canvas = Canvas::default();
    let mut y = MARGIN + HEAD;
    canvas.add(&label("prose head", MARGIN, y, &name));
    y += LINE + 4;
    canvas.add(&label("prose muted", MARGIN, y, &summary));
    let description = picture.heading.description.as_deref().map(escape);
    for line in wrap(description.as_deref().unwrap_or_default(), TEXT, prose, 3) {
        y += LINE;
        canvas.add(&label("prose", MARGIN, y, &line));
    }
    y += GAP + 6;
    let corner = Place { x: MARGIN, y };
    for pill in &layout.pills {
        canvas.pill(pill, 0, corner);
    }
    for block in &layout.blocks {
        canvas.block(block, corner);
    }
    arrows(picture, &layout, corner, &mut canvas);
    y += size.height + GAP / 2;
    canvas.add(&crown(MARGIN, y + 8));
    let legend = std::iter::once((22, legend(picture)));
    let left_out = picture
        .left_out
        .iter()
        .map(|sentence| (0, format!("Left out: {sentence}.")));
    for (indent, text) in legend.chain(left_out) {
        for line in wrap(&text, SMALL, prose - indent, 4) {
            y += LINE;
            canvas.add(&label("prose small muted", MARGIN + indent, y, &line));
        }
    }
    let page = Size {
        width: width + 2 * MARGIN,
        height: y + MARGIN,
    };
    document(picture, page, canvas)
}

/// Paints the dependencies, above everything else: none of them crosses a process or a title.
fn arrows(picture: &Picture<'_>, layout: &Layout, corner: Place, canvas: &mut Canvas) {
    if picture.arrows.is_empty() {
        return;
    }
    let map = Map::of(layout, corner, picture.shapes);
    let mut names = vec![None; picture.shapes];
    name(&picture.roots, &mut names);
    let name = |end: End| names[end.shape].map(|shape: &Shape<'_>| shape.end(end.side));
    let mut lanes = HashMap::new();
    for arrow in &picture.arrows {
        // Those to one target run together, and beside those to others.
        let next = lanes.len();
        let lane = *lanes.entry(arrow.target).or_insert(next);
        let names = name(arrow.waiter).zip(name(arrow.target));
        if let (Some((waiter, target)), Some(route)) = (names, map.route(arrow, lane)) {
            canvas.arrow(&arrow.sentence(&waiter, &target), &route);
        }
    }
}

/// Finds the shapes by their numbers.
fn name<'s, 'a>(shapes: &'s [Shape<'a>], names: &mut [Option<&'s Shape<'a>>]) {
    for shape in shapes {
        names[shape.number] = Some(shape);
        name(&shape.processes, names);
        name(&shape.namespaces, names);
    }
}

fn document(picture: &Picture<'_>, page: Size, canvas: Canvas) -> String {
    let Size { width, height } = page;
    let mut words = picture.summary();
    if let Some(description) = &picture.heading.description {
        words = format!("{words}: {}", escape(description));
    }
    let mut description = Description::new();
    description.append(Text::new(words));
    let document = SVG::new()
        .set("class", "nestns")
        .set("role", "img")
        .set("width", width)
        .set("height", height)
        .set("viewBox", format!("0 0 {width} {height}"))
        .add(Title::new(escape(&picture.heading.name)))
        .add(description)
        .add(Style::new(style::sheet(depth(&picture.roots))))
        .add(rectangle("page", Place::default(), page, 0));
    // The painted elements are inserted as text: as a node of the document, they would be copied several times over.
    let mut text = document.to_string();
    text.truncate(text.len() - END.len());
    text.push_str(&canvas.into_text());
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}

/// Legend, as far as it is needed.
fn legend(picture: &Picture<'_>) -> String {
    let mut legend =
        "PID 1. Numbers are PIDs, outermost namespace first, without the host's.".to_owned();
    if has_joined(&picture.roots) {
        legend.push_str(" A dashed process joined from outside: its parent is 0 inside.");
    }
    if !picture.arrows.is_empty() {
        legend.push_str(" A dashed arrow leads from what waits to what it waits for.");
    }
    legend
}

fn has_joined(shapes: &[Shape<'_>]) -> bool {
    shapes
        .iter()
        .any(|shape| shape.processes.iter().any(Shape::is_joined) || has_joined(&shape.namespaces))
}

/// Number of levels that are shown.
fn depth(shapes: &[Shape<'_>]) -> usize {
    shapes
        .iter()
        .map(|shape| 1 + depth(&shape.namespaces))
        .max()
        .unwrap_or(0)
}
