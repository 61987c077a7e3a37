//! Boxes and pills at their places as elements, in the order in which they cover each other.
//!
//! Elements are written one by one into the text and not kept: a picture may have a million.

use svg::node::element::{Element, Group, Path, Rectangle, Title};
use svg::node::{Node as _, Text};

use super::layout::{Block, CROWN, INSET, PADDING, Pill, Role, SHEET, SMALL, aside};
use super::route::Route;
use crate::present::graph::rows::{Place, Size};

/// Radius of the corners of boxes, in pixels.
const CORNER: u32 = 14;

/// The elements so far.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    text: String,
}

impl Canvas {
    /// Paints a namespace and everything in it; `around` is the place of the surrounding block.
    pub(super) fn block(&mut self, block: &Block, around: Place) {
        let place = Place {
            x: around.x + block.place.x,
            y: around.y + block.place.y,
        };
        let class = format!("box l{}", block.level);
        let mut group = Group::new().add(Title::new(block.tooltip.join("\n")));
        if block.is_stack {
            for behind in [2 * SHEET, SHEET] {
                let sheet = Place {
                    x: place.x + behind,
                    y: place.y + behind,
                };
                group = group.add(rectangle(&class, sheet, block.size, CORNER));
            }
        }
        let baseline = place.y + 23;
        group = group
            .add(rectangle(&class, place, block.size, CORNER))
            .add(label("name", place.x + PADDING, baseline, &block.title))
            .add(label(
                "small muted right",
                place.x + block.size.width - PADDING,
                baseline,
                &aside(block.level),
            ));
        self.add(&group);
        for pill in &block.pills {
            self.pill(pill, block.level, place);
        }
        for inner in &block.blocks {
            self.block(inner, place);
        }
    }

    /// Paints a process.
    pub(super) fn pill(&mut self, pill: &Pill, level: usize, around: Place) {
        let place = Place {
            x: around.x + pill.place.x,
            y: around.y + pill.place.y,
        };
        let class = match pill.role {
            Role::Init => format!("init l{level}"),
            Role::Process => format!("pill l{level}"),
            Role::Joined => format!("pill joined l{level}"),
            Role::Rest => "rest".to_owned(),
        };
        let mut group = Group::new().add(Title::new(pill.tooltip.join("\n")));
        group = group.add(rectangle(&class, place, pill.size, pill.size.height / 2));
        let right = place.x + pill.size.width - INSET;
        let left = place.x + INSET;
        group = match pill.role {
            Role::Rest => {
                let middle = place.x + pill.size.width / 2;
                group.add(label(
                    "small muted middle",
                    middle,
                    place.y + pill.size.height.midpoint(SMALL) - 1,
                    &pill.name,
                ))
            }
            role => {
                let crown = if role == Role::Init { CROWN } else { 0 };
                if role == Role::Init {
                    group = group.add(self::crown(left, place.y + 15));
                }
                group
                    .add(label("name", left + crown, place.y + 19, &pill.name))
                    .add(label("right", right, place.y + 19, &pill.chain))
                    .add(label(
                        "small muted",
                        left + crown,
                        place.y + 34,
                        &pill.program,
                    ))
            }
        };
        self.add(&group);
    }

    /// Paints a dependency, from its target to what waits: its dashes are those of others to the same target, where
    /// they run together.
    pub(super) fn arrow(&mut self, tooltip: &str, route: &Route) {
        let line = Path::new().set("class", "wait").set("d", route.line());
        let tip = Path::new().set("class", "tip").set("d", route.tip());
        let title = Title::new(tooltip);
        self.add(&Group::new().add(title).add(line).add(tip));
    }

    /// Adds an element of any kind.
    pub(super) fn add(&mut self, element: &impl std::fmt::Display) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&element.to_string());
    }

    /// Text of the elements so far.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A rounded rectangle.
pub(super) fn rectangle(class: &str, place: Place, size: Size, corner: u32) -> Rectangle {
    let rectangle = Rectangle::new()
        .set("class", class)
        .set("x", place.x)
        .set("y", place.y);
    rectangle
        .set("width", size.width)
        .set("height", size.height)
        .set("rx", corner)
}

/// Text on its baseline. White space in it is preserved.
pub(super) fn label(class: &str, x: u32, y: u32, text: &str) -> Element {
    let mut element = Element::new("text");
    element.assign("class", class);
    element.assign("x", x);
    element.assign("y", y);
    element.append(Text::new(text));
    element
}

/// The mark of PID 1, sixteen wide and thirteen high; a path, because few fonts have one.
pub(super) fn crown(x: u32, y: u32) -> Path {
    const OUTLINE: &str = "M0 1 3.5 5 8 0 12.5 5 16 1 14.5 9.5H1.5zM1.5 11h13v2h-13z";
    Path::new()
        .set("class", "crown")
        .set("d", OUTLINE)
        .set("transform", format!("translate({x} {y})"))
}
