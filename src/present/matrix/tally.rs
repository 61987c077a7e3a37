//! Cells at the crossings of groups, counted by kind of pair: what one cell of a folded matrix stands for.

use std::collections::BTreeMap;

use super::group::{Group, kind, pairs_by_kind, places};
use super::{Mark, Matrix};

/// Cells at a crossing of two groups, for one kind of pair.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) pairs: usize,
    seen: usize,
    pub(super) mark: Option<Mark>,
    is_mixed: bool,
}

impl Tally {
    fn add(&mut self, mark: &Mark) {
        self.seen += 1;
        match &mut self.mark {
            Some(all) => {
                self.is_mixed |= all.refused != mark.refused;
                all.first = all.first.min(mark.first);
                all.last = all.last.max(mark.last);
            }
            all => *all = Some(mark.clone()),
        }
    }

    /// Returns whether it cannot be said in one cell.
    pub(super) fn differs(&self) -> bool {
        self.is_mixed || (self.seen > 0 && self.seen < self.pairs)
    }
}

/// Tallies of each kind of pair, by group of rows and group of columns; a kind is the number of indices of the column
/// that both share.
pub(super) type Tallies = BTreeMap<(usize, usize), Vec<Tally>>;

pub(super) fn tallies(matrix: &Matrix, rows: &[Group], columns: &[Group]) -> Tallies {
    let (row_of, column_of) = (
        places(rows, matrix.rows.len()),
        places(columns, matrix.columns.len()),
    );
    let mut tallies = Tallies::new();
    for (&(row, column), mark) in &matrix.marks {
        let (row_group, column_group) = (row_of[row], column_of[column]);
        let group = &columns[column_group];
        let kinds = tallies.entry((row_group, column_group)).or_insert_with(|| {
            let pairs = pairs_by_kind(matrix, &rows[row_group], group);
            pairs
                .into_iter()
                .map(|pairs| Tally {
                    pairs,
                    ..Tally::default()
                })
                .collect()
        });
        kinds[kind(group, &matrix.rows[row].path, &matrix.columns[column].path)].add(mark);
    }
    tallies
}
