//! Boxes in rows, like words on a page: in their order, from left to right, then from top to bottom.
//!
//! The width of the page makes it about three wide and two high, which fits screens and documents; found by trying a
//! fixed number of widths, so in linear time.

/// The extent of a box, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Upper left corner of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
}

/// Boxes with their places.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Places of all boxes of all groups, in order.
    pub(super) places: Vec<Place>,
    pub(super) size: Size,
}

/// The widths that are tried, in hundredths of the side of a square of the same area.
const TRIED: [u64; 9] = [70, 85, 100, 115, 130, 150, 170, 200, 250];

impl Page {
    /// Places groups of boxes, each beginning a row, with a gap around each box but none at the edges. A row that is no
    /// wider than `least` is never broken.
    pub(super) fn of(groups: &[Vec<Size>], gap: u32, least: u32) -> Self {
        let all = || groups.iter().flatten();
        let widest = all().map(|size| size.width).max().unwrap_or(0).max(least);
        let area: u64 = all()
            .map(|size| u64::from(size.width + gap) * u64::from(size.height + gap))
            .sum();
        let limits = TRIED.map(|hundredths| {
            let width = area.isqrt() * hundredths / 100;
            u32::try_from(width).unwrap_or(u32::MAX).max(widest)
        });
        let cost = |size: Size| (u64::from(size.width) * 2).max(u64::from(size.height) * 3);
        let best = limits.into_iter().min_by_key(|&limit| {
            let size = Self::within(groups, gap, limit).size;
            (cost(size), u64::from(size.width) * u64::from(size.height))
        });
        Self::within(groups, gap, best.unwrap_or(widest))
    }

    /// Fills rows up to a width.
    fn within(groups: &[Vec<Size>], gap: u32, limit: u32) -> Self {
        let mut page = Self::default();
        let mut y = 0;
        for group in groups.iter().filter(|group| !group.is_empty()) {
            if !page.places.is_empty() {
                y += gap;
            }
            let (mut x, mut height) = (0, 0);
            for size in group {
                if x > 0 && x + size.width > limit {
                    y += height + gap;
                    (x, height) = (0, 0);
                }
                page.places.push(Place { x, y });
                height = height.max(size.height);
                page.size.width = page.size.width.max(x + size.width);
                x += size.width + gap;
            }
            y += height;
        }
        page.size.height = y;
        page
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Place, Size};

    #[test]
    fn rows_are_filled_in_order_and_groups_begin_new_ones() {
        let groups = [
            vec![
                Size {
                    width: 10,
                    height: 4
                };
                3
            ],
            vec![Size {
                width: 10,
                height: 6,
            }],
        ];
        let page = Page::within(&groups, 2, 22);
        let places = [(0, 0), (12, 0), (0, 6), (0, 12)].map(|(x, y)| Place { x, y });
        assert_eq!(page.places, places);
        assert_eq!(
            page.size,
            Size {
                width: 22,
                height: 18
            }
        );
    }

    #[test]
    fn many_boxes_become_a_page_and_no_ribbon() {
        let page = Page::of(
            &[vec![
                Size {
                    width: 100,
                    height: 60
                };
                1000
            ]],
            10,
            0,
        );
        let ratio = f64::from(page.size.width) / f64::from(page.size.height);
        assert!((1.2..1.8).contains(&ratio), "{ratio}");
        assert_eq!(Page::of(&[], 10, 0).size, Size::default());
    }
}
