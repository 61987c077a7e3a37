//! Places of everything that is painted, for the routes of arrows.
//!
//! Boxes and pills stand in rows, and no two of them touch: around each there is room for a line. An arrow runs only
//! there, across the edges of boxes and never across a pill or a title. It leaves a pill upward or downward, a box beside
//! its title, and every surrounding box to the side, until it is in the box that both ends are in.

use super::layout::{Block, GAP, Layout, PADDING, Pill, Role};
use super::route::Route;
use crate::present::graph::arrow::{Arrow, End, Side};
use crate::present::graph::rows::{Place, Size};

/// Distance between a pill or box and a line beside it.
const HALF: u32 = GAP / 2;
/// Distance between lines that run beside each other.
const LANE: u32 = 3;
/// Number of lines that have room beside each other.
const LANES: usize = 3;
/// Distance between the upper edge of a box and the end of an arrow at its side.
const TITLE_LINE: u32 = 18;
/// Distance between the columns in which arrows end and begin at a pill.
const OFF_CENTRE: u32 = 12;

/// A pill or box in the box around it.
#[derive(Debug, Clone, Copy)]
struct Site {
    /// The box around it.
    around: usize,
    /// Row, the first being 0.
    row: usize,
    place: Place,
    size: Size,
    /// The box, if it is one.
    own: Option<usize>,
}

/// A box, or the page.
#[derive(Debug)]
struct Area {
    /// `None` for the page.
    site: Option<Site>,
    left: u32,
    right: u32,
    /// The upper edges of its rows.
    rows: Vec<u32>,
    /// Number of rows of pills, which are above those of boxes and stand in columns.
    pill_rows: usize,
}

/// Everything that an arrow may end at.
#[derive(Debug)]
pub(super) struct Map {
    areas: Vec<Area>,
    /// Processes and namespaces, by the number of the shape.
    shapes: Vec<Option<Site>>,
    /// PID 1s, by the number of the shape.
    inits: Vec<Option<Site>>,
}

/// Line that is on its way out.
#[derive(Debug)]
struct Way {
    points: Vec<Place>,
    /// Column in which it goes up or down.
    x: u32,
    /// Points from which it goes up and down: the edges of a pill, or one point beside a box.
    from: (u32, u32),
    site: Site,
}

/// Number of a line among those beside each other.
#[derive(Debug, Clone, Copy)]
struct Lane(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

impl Lane {
    /// The coordinate of the line, around the middle.
    fn at(self, middle: u32) -> u32 {
        match self.0 % LANES {
            0 => middle,
            1 => middle + LANE,
            _ => middle - LANE,
        }
    }
}

impl Site {
    fn right(&self) -> u32 {
        self.place.x + self.size.width
    }

    fn middle(&self) -> u32 {
        self.place.x + self.size.width / 2
    }

    /// Column of a line beside it.
    fn beside(&self, direction: Direction, lane: Lane) -> u32 {
        match direction {
            Direction::Left => lane.at(self.place.x - HALF),
            Direction::Right => lane.at(self.right() + HALF),
        }
    }
}

impl Map {
    /// The places in a layout at a corner.
    pub(super) fn of(layout: &Layout, corner: Place, shapes: usize) -> Self {
        let mut map = Self {
            areas: Vec::new(),
            shapes: vec![None; shapes],
            inits: vec![None; shapes],
        };
        let page = Area {
            site: None,
            left: corner.x - PADDING,
            right: corner.x + layout.size.width + PADDING,
            rows: Vec::new(),
            pill_rows: 0,
        };
        map.area(page, (&layout.pills, &layout.blocks), corner);
        map
    }

    fn area(&mut self, area: Area, (pills, blocks): (&[Pill], &[Block]), corner: Place) {
        let around = self.areas.len();
        self.areas.push(area);
        let mut rows: Vec<u32> = Vec::new();
        let mut site = |place: Place, size: Size| {
            let place = Place {
                x: corner.x + place.x,
                y: corner.y + place.y,
            };
            if rows.last().is_none_or(|&last| last < place.y) {
                rows.push(place.y);
            }
            Site {
                around,
                row: rows.len() - 1,
                place,
                size,
                own: None,
            }
        };
        let mut pill_rows = 0;
        for pill in pills {
            let site = site(pill.place, pill.size);
            pill_rows = site.row + 1;
            let sites = if pill.role == Role::Init {
                &mut self.inits
            } else {
                &mut self.shapes
            };
            if let Some(shape) = pill.shape {
                sites[shape] = Some(site);
            }
        }
        let sites: Vec<_> = blocks
            .iter()
            .map(|block| site(block.place, block.extent()))
            .collect();
        self.areas[around].rows = rows;
        self.areas[around].pill_rows = pill_rows;
        for (block, mut site) in blocks.iter().zip(sites) {
            site.own = Some(self.areas.len());
            self.shapes[block.shape] = Some(site);
            let area = Area {
                site: Some(site),
                left: site.place.x,
                right: site.place.x + block.size.width,
                rows: Vec::new(),
                pill_rows: 0,
            };
            self.area(area, (&block.pills, &block.blocks), site.place);
        }
    }

    /// The way of an arrow, its lane being one of any number; `None` if an end is nowhere.
    pub(super) fn route(&self, arrow: &Arrow, lane: usize) -> Option<Route> {
        let lane = Lane(lane);
        let (waiter, target) = (self.site(arrow.waiter)?, self.site(arrow.target)?);
        if let Some(points) = self.inside(waiter, target, lane) {
            return Some(Route::new(points.into_iter().rev().collect()));
        }
        if let Some(points) = self.inside(target, waiter, lane) {
            return Some(Route::new(points));
        }
        if let Some(points) = next_to(waiter, target, lane) {
            return Some(Route::new(points));
        }
        let outer = self.common(waiter, target);
        let sides = [Direction::Left, Direction::Right];
        let sides = sides.map(|from| sides.map(|to| (from, to)));
        let routes = sides.into_iter().flatten().map(|(from, to)| {
            let from = self.out(start(waiter, from, lane, OFF_CENTRE), outer, from, lane);
            let to = self.out(start(target, to, lane, 0), outer, to, lane);
            Route::new(self.join(to, from, outer, lane))
        });
        routes.min_by_key(Route::cost)
    }

    fn site(&self, end: End) -> Option<Site> {
        let sites = match end.side {
            Side::Whole => &self.shapes,
            Side::Init => &self.inits,
        };
        sites.get(end.shape).copied().flatten()
    }

    /// The innermost box that both are in.
    fn common(&self, one: Site, other: Site) -> usize {
        let around = |site: Site| {
            let next = |&area: &usize| self.areas[area].site.map(|site| site.around);
            std::iter::successors(Some(site.around), next)
        };
        // No more than the kernel has levels.
        around(one)
            .find(|&area| around(other).any(|same| same == area))
            .unwrap_or(0)
    }

    /// The points from what is inside to the edge of a box around it, seen from inside.
    fn inside(&self, inner: Site, outer: Site, lane: Lane) -> Option<Vec<Place>> {
        let area = outer.own?;
        let mut around = Some(inner);
        let child = loop {
            let site = around?;
            if site.around == area {
                break site;
            }
            around = self.areas[site.around].site;
        };
        let direction = if child.middle() <= outer.middle() {
            Direction::Left
        } else {
            Direction::Right
        };
        let way = self.out(
            start(inner, direction, lane, OFF_CENTRE),
            area,
            direction,
            lane,
        );
        let (mut points, y) = self.up_to_row(way, lane);
        let edge = match direction {
            Direction::Left => self.areas[area].left,
            Direction::Right => self.areas[area].right,
        };
        points.push(Place { x: edge, y });
        Some(points)
    }

    /// The way out of all boxes below this one.
    fn out(&self, mut way: Way, outer: usize, direction: Direction, lane: Lane) -> Way {
        while way.site.around != outer {
            let Some(site) = self.areas[way.site.around].site else {
                return way;
            };
            let (mut points, y) = self.up_to_row(way, lane);
            let x = site.beside(direction, lane);
            points.push(Place { x, y });
            way = Way {
                points,
                x,
                from: (y, y),
                site,
            };
        }
        way
    }

    /// The line above the row of a way, and the points as far as there.
    fn up_to_row(&self, way: Way, lane: Lane) -> (Vec<Place>, u32) {
        let y = self.above(way.site.around, way.site.row, lane);
        let x = way.x;
        let mut points = way.leave(y);
        points.push(Place { x, y });
        (points, y)
    }

    /// The line above a row.
    fn above(&self, area: usize, row: usize, lane: Lane) -> u32 {
        let rows = &self.areas[area].rows;
        let top = rows.get(row).or(rows.last()).copied().unwrap_or(HALF);
        lane.at(top - HALF)
    }

    /// Joins two ways in one box; the points begin with those of the first.
    fn join(&self, one: Way, other: Way, area: usize, lane: Lane) -> Vec<Place> {
        let (ends, (a, b)) = ([one.x, other.x], (one.site, other.site));
        let above = |row| self.above(area, row, lane);
        let (mut points, rest);
        if a.row == b.row && ends[0] == ends[1] {
            // In the gap between two boxes.
            points = one.points;
            rest = other.points;
        } else if a.row.abs_diff(b.row) <= 1 {
            let y = above(a.row.max(b.row));
            points = one.leave(y);
            points.extend(ends.map(|x| Place { x, y }));
            rest = other.leave(y);
        } else {
            let near = |site: Site, far: Site| {
                above(if far.row > site.row {
                    site.row + 1
                } else {
                    site.row
                })
            };
            let (first, last) = (near(a, b), near(b, a));
            let x = self.column((a, b), area, lane);
            points = one.leave(first);
            points.push(Place {
                x: ends[0],
                y: first,
            });
            points.push(Place { x, y: first });
            points.push(Place { x, y: last });
            points.push(Place {
                x: ends[1],
                y: last,
            });
            rest = other.leave(last);
        }
        points.extend(rest.into_iter().rev());
        points
    }

    /// A column that is free from one row to another: beside the first of two pills, or at the edge of the box.
    fn column(&self, (a, b): (Site, Site), area: usize, lane: Lane) -> u32 {
        let area = &self.areas[area];
        if a.row.max(b.row) < area.pill_rows {
            let side = if b.middle() < a.middle() {
                Direction::Left
            } else {
                Direction::Right
            };
            return a.beside(side, lane);
        }
        let (left, right) = (area.left + PADDING / 2, area.right - PADDING / 2);
        let sum = a.middle() + b.middle();
        if sum <= left + right {
            lane.at(left)
        } else {
            lane.at(right)
        }
    }
}

impl Way {
    /// The points as far as where it goes up or down to this height.
    fn leave(self, y: u32) -> Vec<Place> {
        let mut points = self.points;
        let (top, bottom) = self.from;
        points.push(Place {
            x: self.x,
            y: if y < top { top } else { bottom },
        });
        points
    }
}

/// Column of an arrow at the upper or lower edge of a pill. Its target has none added, what waits has.
fn port(site: Site, off: u32, lane: Lane) -> u32 {
    lane.at(site.middle() + off - OFF_CENTRE / 2)
}

/// The way from a pill, so far right of its middle, or from a box.
fn start(site: Site, direction: Direction, lane: Lane, off: u32) -> Way {
    let (top, bottom) = (site.place.y, site.place.y + site.size.height);
    if site.own.is_none() {
        return Way {
            points: Vec::new(),
            x: port(site, off, lane),
            from: (top, bottom),
            site,
        };
    }
    let y = lane.at(top + TITLE_LINE);
    let edge = match direction {
        Direction::Left => site.place.x,
        Direction::Right => site.right(),
    };
    let x = site.beside(direction, lane);
    Way {
        points: vec![Place { x: edge, y }, Place { x, y }],
        x,
        from: (y, y),
        site,
    }
}

/// The straight line between two pills next to each other, or one above the other, from the target.
fn next_to(waiter: Site, target: Site, lane: Lane) -> Option<Vec<Place>> {
    if waiter.own.is_some() || target.own.is_some() || waiter.around != target.around {
        return None;
    }
    let gap = |from: (u32, u32), to: (u32, u32)| {
        let (first, second) = ((from.0, to.1), (from.1, to.0));
        [first, second]
            .into_iter()
            .find(|(a, b)| a.abs_diff(*b) <= GAP)
    };
    if waiter.row == target.row {
        let y = lane.at(waiter.place.y + waiter.size.height / 2);
        let edges = |site: Site| (site.place.x, site.right());
        let (x, to) = gap(edges(waiter), edges(target))?;
        return Some(vec![Place { x: to, y }, Place { x, y }]);
    }
    if waiter.row.abs_diff(target.row) == 1 && waiter.place.x == target.place.x {
        let x = port(target, 0, lane);
        let edges = |site: Site| (site.place.y, site.place.y + site.size.height);
        let (y, to) = gap(edges(waiter), edges(target))?;
        return Some(vec![Place { x, y: to }, Place { x, y }]);
    }
    None
}
