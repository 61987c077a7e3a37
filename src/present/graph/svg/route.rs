//! The line of an arrow: straight pieces with rounded corners, and a tip.

use std::fmt::Write as _;

use crate::present::graph::rows::Place;

/// Radius of corners.
const CORNER: u32 = 4;
/// Length of a tip, and half of its width.
const TIP: (u32, u32) = (6, 3);

/// Points of a line, the first being that of the tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    points: Vec<Place>,
}

impl Route {
    /// A line through these points, each straight above or beside the one before.
    pub(super) fn new(points: Vec<Place>) -> Self {
        let mut bends: Vec<Place> = Vec::with_capacity(points.len());
        for point in points {
            while let [.., before, last] = bends[..]
                && is_straight(before, last, point)
            {
                bends.pop();
            }
            if bends.last() != Some(&point) {
                bends.push(point);
            }
        }
        Self { points: bends }
    }

    /// Measure of its length and its bends: the less, the easier it is to follow.
    pub(super) fn cost(&self) -> u32 {
        const BEND: u32 = 24;
        let pieces = self.points.windows(2);
        let pieces = pieces.map(|piece| match piece {
            [from, to] => length(*from, *to) + BEND,
            _ => 0,
        });
        pieces.sum()
    }

    /// The line as the data of a path. It begins behind the tip.
    pub(super) fn line(&self) -> String {
        let mut data = String::new();
        let [first, second, ..] = self.points[..] else {
            return data;
        };
        let begin = toward(first, second, TIP.0.min(length(first, second)));
        let mut points = self.points.clone();
        points[0] = begin;
        // Writing into a string cannot fail.
        let _ = write!(data, "M{} {}", begin.x, begin.y);
        for piece in points.windows(3) {
            let [before, corner, next] = piece else {
                continue;
            };
            let near = |other: Place| {
                let radius = CORNER.min(length(*corner, other) / 2);
                toward(*corner, other, radius)
            };
            let (begin, end) = (near(*before), near(*next));
            let _ = write!(
                data,
                "L{} {}Q{} {} {} {}",
                begin.x, begin.y, corner.x, corner.y, end.x, end.y
            );
        }
        if let Some(last) = self.points.last() {
            let _ = write!(data, "L{} {}", last.x, last.y);
        }
        data
    }

    /// The tip as the data of a path.
    pub(super) fn tip(&self) -> String {
        let [first, second, ..] = self.points[..] else {
            return String::new();
        };
        let (long, half) = TIP;
        let Place { x, y } = toward(first, second, long);
        let corners = if first.x == second.x {
            [(x - half, y), (x + half, y)]
        } else {
            [(x, y - half), (x, y + half)]
        };
        let [(ax, ay), (bx, by)] = corners;
        format!("M{} {}L{ax} {ay} {bx} {by}z", first.x, first.y)
    }
}

/// Returns whether the second of three points is on the line between the others, or at the place of one of them.
fn is_straight(a: Place, b: Place, c: Place) -> bool {
    (a.x == b.x && b.x == c.x) || (a.y == b.y && b.y == c.y)
}

fn length(a: Place, b: Place) -> u32 {
    a.x.abs_diff(b.x) + a.y.abs_diff(b.y)
}

/// The point so far from one on the way to another, which is straight above or beside it.
fn toward(from: Place, to: Place, distance: u32) -> Place {
    let step = |from: u32, to: u32| match from.cmp(&to) {
        std::cmp::Ordering::Less => from + distance,
        std::cmp::Ordering::Equal => from,
        std::cmp::Ordering::Greater => from - distance,
    };
    Place {
        x: step(from.x, to.x),
        y: step(from.y, to.y),
    }
}
