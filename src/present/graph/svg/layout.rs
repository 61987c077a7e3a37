//! Layout: sizes from the innermost namespace outward, then places.
//!
//! A namespace is a box with a title line; below it are its processes as pills of one width, PID 1 first, and below
//! those the namespaces inside, in rows.

use super::measure::fixed;
use crate::present::graph::rows::{Page, Place, Size};
use crate::present::graph::shape::Shape;

/// Size of names, numbers and the titles of boxes.
pub(super) const TEXT: u32 = 13;
/// Size of commands and of secondary text.
pub(super) const SMALL: u32 = 11;
/// Distance between boxes or pills.
pub(super) const GAP: u32 = 12;
/// Distance between the edge of a box and its content.
pub(super) const PADDING: u32 = 14;
/// Height of the title line of a box.
pub(super) const TITLE: u32 = 36;
/// Width that one sheet of a folded stack shows behind the next; there are two.
pub(super) const SHEET: u32 = 5;
/// Distance between the rounded end of a pill and its text.
pub(super) const INSET: u32 = 14;
/// Width of the crown and the room behind it.
pub(super) const CROWN: u32 = 24;

const PILL_HEIGHT: u32 = 44;
const SLIM_HEIGHT: u32 = 30;
const LONGEST_PROGRAM: usize = 26;

/// Role of the node that a pill stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// PID 1.
    Init,
    /// A process of the namespace.
    Process,
    /// A joined process.
    Joined,
    /// Parts that are not shown, in words.
    Rest,
}

/// A process.
#[derive(Debug)]
pub(super) struct Pill {
    /// Number of the shape; of a PID 1, that of its namespace.
    pub(super) shape: Option<usize>,
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) chain: String,
    pub(super) program: String,
    pub(super) tooltip: Vec<String>,
    pub(super) place: Place,
    pub(super) size: Size,
}

/// A namespace.
#[derive(Debug)]
pub(super) struct Block {
    /// Number of the shape.
    pub(super) shape: usize,
    pub(super) title: String,
    pub(super) tooltip: Vec<String>,
    pub(super) level: usize,
    pub(super) is_stack: bool,
    pub(super) pills: Vec<Pill>,
    pub(super) blocks: Vec<Block>,
    /// Place relative to the surrounding block.
    pub(super) place: Place,
    /// Size without the sheets behind it.
    pub(super) size: Size,
}

impl Pill {
    fn init(shape: &Shape<'_>) -> Self {
        let program = shape.program(LONGEST_PROGRAM);
        Self {
            shape: Some(shape.number),
            ..Self::new(
                Role::Init,
                "init".to_owned(),
                shape.chain(),
                program,
                shape.init_lines(),
            )
        }
    }

    fn process(shape: &Shape<'_>) -> Self {
        let role = if shape.is_joined() {
            Role::Joined
        } else {
            Role::Process
        };
        let program = shape.program(LONGEST_PROGRAM);
        Self {
            shape: Some(shape.number),
            ..Self::new(
                role,
                shape.title(),
                shape.chain(),
                program,
                shape.process_lines(),
            )
        }
    }

    fn rest(text: &str) -> Self {
        Self::new(
            Role::Rest,
            text.to_owned(),
            String::new(),
            String::new(),
            vec![format!("not drawn: {text}")],
        )
    }

    fn new(role: Role, name: String, chain: String, program: String, tooltip: Vec<String>) -> Self {
        let crown = if role == Role::Init { CROWN } else { 0 };
        let gap = if chain.is_empty() { 0 } else { GAP };
        let text = (fixed(&name, TEXT) + gap + fixed(&chain, TEXT)).max(fixed(&program, SMALL));
        let height = if role == Role::Rest {
            SLIM_HEIGHT
        } else {
            PILL_HEIGHT
        };
        let size = Size {
            width: 2 * INSET + crown + text,
            height,
        };
        Self {
            shape: None,
            role,
            name,
            chain,
            program,
            tooltip,
            place: Place::default(),
            size,
        }
    }
}

impl Block {
    /// A namespace of a picture, with everything in it, at no place yet.
    fn of(shape: &Shape<'_>, level: usize) -> Self {
        let mut pills = vec![Pill::init(shape)];
        pills.extend(shape.processes.iter().map(Pill::process));
        pills.extend(shape.rest.iter().map(|text| Pill::rest(text)));
        let mut blocks: Vec<_> = shape
            .namespaces
            .iter()
            .map(|inner| Self::of(inner, level + 1))
            .collect();
        let title = shape.title();
        let line = fixed(&title, TEXT) + 2 * GAP + fixed(&aside(level), SMALL);
        let inside = arrange(&mut pills, &mut blocks, line);
        for place in pills
            .iter_mut()
            .map(|pill| &mut pill.place)
            .chain(blocks.iter_mut().map(|block| &mut block.place))
        {
            place.x += PADDING;
            place.y += TITLE;
        }
        let size = Size {
            width: inside.width.max(line) + 2 * PADDING,
            height: TITLE + inside.height + PADDING,
        };
        let tooltip = shape.namespace_lines(level);
        Self {
            shape: shape.number,
            title,
            tooltip,
            level,
            is_stack: shape.alike > 1,
            pills,
            blocks,
            place: Place::default(),
            size,
        }
    }

    /// Size with the sheets behind it.
    pub(super) fn extent(&self) -> Size {
        let sheets = if self.is_stack { 2 * SHEET } else { 0 };
        Size {
            width: self.size.width + sheets,
            height: self.size.height + sheets,
        }
    }

    /// Takes this much room, sheets included, and passes it on to the content.
    fn fill(&mut self, extent: Size) {
        let sheets = self.extent().width - self.size.width;
        self.size = Size {
            width: extent.width - sheets,
            height: extent.height - sheets,
        };
        justify_pills(&mut self.pills, self.size.width - 2 * PADDING);
        justify_blocks(&mut self.blocks, self.size.width - 2 * PADDING);
    }
}

/// The name of a level, at the end of a title line.
pub(super) fn aside(level: usize) -> String {
    format!("level {level}")
}

/// Everything at its place, relative to the corner.
#[derive(Debug)]
pub(super) struct Layout {
    /// Text about the namespaces directly below the host that are not shown.
    pub(super) pills: Vec<Pill>,
    /// Namespaces directly below the host.
    pub(super) blocks: Vec<Block>,
    pub(super) size: Size,
}

/// Lays out the namespaces directly below the host, and the text about those that are not shown.
pub(super) fn lay_out(roots: &[Shape<'_>], rest: &[String]) -> Layout {
    let mut blocks: Vec<_> = roots.iter().map(|shape| Block::of(shape, 1)).collect();
    let mut pills: Vec<_> = rest.iter().map(|text| Pill::rest(text)).collect();
    let size = arrange(&mut pills, &mut blocks, 0);
    justify_blocks(&mut blocks, size.width);
    Layout {
        pills,
        blocks,
        size,
    }
}

/// Gives pills and boxes their places, pills above boxes; the text above them takes `least` of the width.
fn arrange(pills: &mut [Pill], blocks: &mut [Block], least: u32) -> Size {
    let widest = pills.iter().map(|pill| pill.size.width).max().unwrap_or(0);
    for pill in &mut *pills {
        pill.size.width = widest;
    }
    let groups = [
        pills.iter().map(|pill| pill.size).collect::<Vec<_>>(),
        blocks.iter().map(Block::extent).collect::<Vec<_>>(),
    ];
    let page = Page::of(&groups, GAP, least);
    let (above, below) = page.places.split_at(pills.len());
    for (pill, &place) in pills.iter_mut().zip(above) {
        pill.place = place;
    }
    for (block, &place) in blocks.iter_mut().zip(below) {
        block.place = place;
    }
    page.size
}

/// Makes the columns of pills as wide as their namespace, unless that would stretch them out of shape.
fn justify_pills(pills: &mut [Pill], room: u32) {
    let Some(first) = pills.first() else { return };
    let (top, natural) = (first.place.y, first.size.width);
    let columns = u32::try_from(pills.iter().take_while(|pill| pill.place.y == top).count())
        .unwrap_or(u32::MAX);
    let width = (room + GAP) / columns - GAP;
    if width > 2 * natural {
        return;
    }
    for (column, pill) in (0..columns).cycle().zip(pills) {
        pill.place.x = PADDING + column * (width + GAP);
        pill.size.width = width;
    }
}

/// Makes the boxes of a row equally high, and rows as wide as the surrounding box, except a last one that is too short.
fn justify_blocks(blocks: &mut [Block], room: u32) {
    let rows = || {
        blocks
            .chunk_by(|one, next| one.place.y == next.place.y)
            .count()
    };
    let is_single = rows() == 1;
    for row in blocks.chunk_by_mut(|one, next| one.place.y == next.place.y) {
        let height = row
            .iter()
            .map(|block| block.extent().height)
            .max()
            .unwrap_or(0);
        let count = u32::try_from(row.len()).unwrap_or(u32::MAX);
        let used = row.iter().map(|block| block.extent().width).sum::<u32>() + (count - 1) * GAP;
        let slack = room.saturating_sub(used);
        let is_stretched = is_single || count == 1 || slack < room / 3;
        let mut shift = 0;
        for (place, block) in (0..count).zip(row) {
            let share = if is_stretched {
                slack / count + u32::from(place < slack % count)
            } else {
                0
            };
            block.place.x += shift;
            shift += share;
            block.fill(Size {
                width: block.extent().width + share,
                height,
            });
        }
    }
}
