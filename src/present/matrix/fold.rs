//! Folding of the instances of one declaration into one line, in rows and columns, such that everything shown stays
//! true.
//!
//! A cell of the folded matrix stands for every pair of a row's instances and a column's. The ancestors that a pair
//! shares decide whether the two see each other: each of a hundred pods sees its own PID 1 and none of the others'. So
//! the pairs of a cell are sorted by the innermost instance that both are in, and a column is shown once for each kind
//! of pair that differs: its *own*, those in the *same* instance around, and *others*. If pairs of one kind differ
//! among themselves, in that some are seen and others not, the lines are left as they are: everything folded can be
//! unfolded again.

use std::collections::HashSet;

use super::group::{Group, groups, pairs_by_kind, prefix};
use super::tally::{Tallies, Tally, tallies};
use super::unlike::{few, signatures};
use super::{Line, Matrix, Relation};

pub(super) fn fold(matrix: &Matrix) -> Matrix {
    let (mut apart_rows, mut apart_columns) = (HashSet::new(), HashSet::new());
    let blind: HashSet<usize> = matrix.blind.iter().copied().collect();
    loop {
        let rows = groups(&matrix.rows, &apart_rows);
        let columns = groups(&matrix.columns, &apart_columns);
        let tallies = tallies(matrix, &rows, &columns);
        let before = apart_rows.len() + apart_columns.len();
        let is_half_blind = |column: &&Group| {
            let count = column
                .members
                .iter()
                .filter(|&member| blind.contains(member))
                .count();
            count > 0 && count < column.members.len()
        };
        for group in columns.iter().filter(is_half_blind) {
            apart_columns.extend(few(group, |column| blind.contains(&column)));
        }
        let differing = tallies
            .iter()
            .filter(|(_, kinds)| kinds.iter().any(Tally::differs))
            .map(|(&place, _)| place);
        let differing: Vec<(usize, usize)> = differing.collect();
        if !differing.is_empty() {
            let seen = signatures(matrix, &rows, &columns);
            for (row, column) in differing {
                // Rows first: they are the many.
                if rows[row].members.len() > 1 {
                    apart_rows.extend(few(&rows[row], |row| seen.of_rows.get(&row)));
                } else {
                    apart_columns
                        .extend(few(&columns[column], |column| seen.of_columns.get(&column)));
                }
            }
        }
        if apart_rows.len() + apart_columns.len() == before {
            return draw(matrix, &rows, &columns, &tallies);
        }
    }
}

/// A column of the folded matrix: kinds of pairs of a group that are shown as one, from the least that is shared to the
/// most.
struct Slice {
    kinds: std::ops::RangeInclusive<usize>,
}

fn draw(matrix: &Matrix, rows: &[Group], columns: &[Group], tallies: &Tallies) -> Matrix {
    let mut folded = Matrix {
        rows: rows.iter().map(|group| line(&matrix.rows, group)).collect(),
        ..Matrix::default()
    };
    for (place, group) in columns.iter().enumerate() {
        for slice in slices(place, group, tallies, rows.len()) {
            let at = folded.columns.len();
            let relation = relation(group, &slice);
            folded.columns.push(Line {
                relation,
                ..line(&matrix.columns, group)
            });
            if matrix.blind.contains(&group.members[0]) {
                folded.blind.push(at);
            }
            for (row, instances) in rows.iter().enumerate() {
                let pairs;
                let kinds = match tallies.get(&(row, place)) {
                    Some(kinds) => &kinds[slice.kinds.clone()],
                    None => &[],
                };
                let is_there = if slice.kinds == (0..=group.indexed.len()) {
                    true
                } else {
                    pairs = pairs_by_kind(matrix, instances, group);
                    pairs[slice.kinds.clone()].iter().any(|&pairs| pairs > 0)
                };
                match kinds
                    .iter()
                    .filter_map(|kind| kind.mark.clone())
                    .reduce(|one, other| one.and(&other))
                {
                    Some(mark) => drop(folded.marks.insert((row, at), mark)),
                    None if !is_there => drop(folded.void.insert((row, at))),
                    None => {}
                }
            }
        }
    }
    folded
}

fn line(lines: &[Line], group: &Group) -> Line {
    let first = &lines[group.members[0]];
    let count = group.members.iter().map(|&line| lines[line].count).sum();
    let path = if group.members.len() > 1 {
        group.pattern.clone()
    } else {
        first.path.clone()
    };
    Line {
        path,
        count,
        ..first.clone()
    }
}

/// The kinds of a group in runs of those that look alike from every row, the most that is shared first.
fn slices(place: usize, group: &Group, tallies: &Tallies, rows: usize) -> Vec<Slice> {
    let most = group.indexed.len();
    let mut slices = vec![Slice { kinds: most..=most }];
    let of = |row: usize| tallies.get(&(row, place));
    for kind in (0..most).rev() {
        let Some(last) = slices.last_mut() else { break };
        let is_alike = (0..rows).filter_map(of).all(|kinds| {
            let known = last.kinds.clone().find(|&known| kinds[known].pairs > 0);
            kinds[kind].pairs == 0
                || known.is_none_or(|known| kinds[known].mark == kinds[kind].mark)
        });
        if is_alike {
            *last = Slice {
                kinds: kind..=*last.kinds.end(),
            };
        } else {
            slices.push(Slice { kinds: kind..=kind });
        }
    }
    slices
}

fn relation(group: &Group, slice: &Slice) -> Relation {
    let (least, most) = (*slice.kinds.start(), *slice.kinds.end());
    let shared = |count: usize| {
        prefix(&group.pattern, group.indexed[count - 1])
            .unwrap_or_default()
            .to_owned()
    };
    match (least, most == group.indexed.len()) {
        (0, true) => Relation::All,
        (0, false) => Relation::Others,
        (least, true) if least == group.indexed.len() => Relation::Own,
        (least, _) => Relation::Same(shared(least)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::present::matrix::group::{pattern, prefix};
    use crate::present::matrix::{Line, Mark, Matrix, Relation};

    /// Paths of namespaces: each segment a plain name or one of some replicas.
    fn spaces() -> impl Strategy<Value = Vec<String>> {
        let level = prop::collection::vec(("[a-c]", 0_usize..4), 0..3);
        prop::collection::vec(level, 1..4).prop_map(|levels| {
            let mut all = BTreeSet::new();
            let mut around = vec![String::new()];
            for level in levels {
                let mut here = Vec::new();
                for (name, count) in &level {
                    for outer in &around {
                        let names = match count {
                            0 => vec![name.clone()],
                            count => (0..*count).map(|index| format!("{name}.{index}")).collect(),
                        };
                        here.extend(names.into_iter().map(|name| format!("{outer}{name}/")));
                    }
                }
                if here.is_empty() || here.len() > 40 {
                    break;
                }
                all.extend(
                    here.iter()
                        .map(|path| path.trim_end_matches('/').to_owned()),
                );
                around = here;
            }
            all.into_iter().collect()
        })
    }

    fn is_within(path: &str, space: &str) -> bool {
        space == "host"
            || path
                .strip_prefix(space)
                .is_some_and(|rest| rest.starts_with(['/', '#']))
    }

    /// The matrix by the rules of visibility, and random exceptions in it.
    fn matrix(
        spaces: &[String],
        unusual: &[(prop::sample::Index, prop::sample::Index, u8)],
    ) -> Matrix {
        let level = |path: &str| path.split('/').count();
        let mut matrix = Matrix::default();
        matrix.columns.push(Line::new("host", 0));
        matrix
            .columns
            .extend(spaces.iter().map(|path| Line::new(path, level(path))));
        let rows = spaces.iter().flat_map(|path| {
            [
                format!("{path}/init"),
                format!("{path}/app"),
                format!("{path}#7"),
            ]
        });
        matrix.rows = rows.map(|path| Line::new(&path, level(&path))).collect();
        for row in 0..matrix.rows.len() {
            for column in 0..matrix.columns.len() {
                if is_within(&matrix.rows[row].path, &matrix.columns[column].path) {
                    let number = if column == 0 {
                        1000 + 2 * i32::try_from(row).unwrap()
                    } else {
                        1
                    };
                    matrix.marks.insert(
                        (row, column),
                        Mark {
                            first: number,
                            last: number,
                            refused: None,
                        },
                    );
                }
            }
        }
        for (row, column, what) in unusual {
            let place = (
                row.index(matrix.rows.len()),
                column.index(matrix.columns.len()),
            );
            match what {
                0 => drop(matrix.marks.remove(&place)),
                1 => drop(matrix.marks.insert(
                    place,
                    Mark {
                        first: 3,
                        last: 3,
                        refused: Some("EPERM".to_owned()),
                    },
                )),
                2 => drop(matrix.marks.insert(
                    place,
                    Mark {
                        first: 5,
                        last: 5,
                        refused: None,
                    },
                )),
                _ => matrix.blind.push(place.1),
            }
        }
        matrix.blind.sort_unstable();
        matrix.blind.dedup();
        matrix
    }

    /// Returns whether a row and a column are such a pair, by their paths alone.
    fn is_such(relation: &Relation, row: &str, column: &str) -> bool {
        let indexed: Vec<usize> = (1..=column.split('/').count())
            .filter(|&end| {
                prefix(column, end)
                    .unwrap()
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .contains('.')
            })
            .collect();
        let share =
            |end: usize| prefix(row, end).is_some() && prefix(row, end) == prefix(column, end);
        let own = indexed.iter().all(|&end| share(end));
        match relation {
            Relation::Own => own,
            Relation::Same(around) => share(around.split('/').count()),
            // The last of them to be asked.
            Relation::All | Relation::Others => true,
        }
    }

    /// Content of a folded matrix for one pair.
    fn unfolded(folded: &Matrix, row: &Line, column: &Line) -> (Option<Mark>, bool) {
        let stands_for = |line: &Line, one: &Line| {
            line.path == one.path
                || (line.count > 1 && line.path == pattern(&one.path) && line.level == one.level)
        };
        let find = |lines: &[Line], one: &Line| {
            let exact = lines.iter().any(|line| line.path == one.path);
            let places = (0..lines.len()).filter(|&at| {
                if exact {
                    lines[at].path == one.path
                } else {
                    stands_for(&lines[at], one)
                }
            });
            places.collect::<Vec<_>>()
        };
        let rows = find(&folded.rows, row);
        assert_eq!(rows.len(), 1, "{} in {:?}", row.path, folded.rows);
        // The innermost relation that holds: those around it are about the rest.
        let columns = find(&folded.columns, column);
        let at = columns
            .iter()
            .copied()
            .find(|&at| is_such(&folded.columns[at].relation, &row.path, &column.path));
        let at =
            at.unwrap_or_else(|| panic!("{} of {} in {:?}", row.path, column.path, folded.columns));
        assert!(
            !folded.void.contains(&(rows[0], at)),
            "{} of {}",
            row.path,
            column.path
        );
        (
            folded.marks.get(&(rows[0], at)).cloned(),
            folded.blind.contains(&at),
        )
    }

    proptest! {
        #[test]
        fn what_is_folded_can_be_unfolded(
            spaces in spaces(),
            unusual in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..4), 0..3),
        ) {
            prop_assume!(!spaces.is_empty());
            let plain = matrix(&spaces, &unusual);
            let folded = plain.folded();
            prop_assert!(folded.rows.len() <= plain.rows.len());
            for (row, line) in plain.rows.iter().enumerate() {
                for (column, other) in plain.columns.iter().enumerate() {
                    let (found, is_blind) = unfolded(&folded, line, other);
                    prop_assert_eq!(is_blind, plain.blind.contains(&column));
                    match (plain.marks.get(&(row, column)), found) {
                        (None, None) => {}
                        (Some(mark), Some(found)) => {
                            prop_assert_eq!(&mark.refused, &found.refused);
                            prop_assert!(found.first <= mark.first && mark.last <= found.last);
                        }
                        (mark, found) => prop_assert!(false, "{} of {}: {mark:?} is told as {found:?}", line.path, other.path),
                    }
                }
            }
        }
    }
}
