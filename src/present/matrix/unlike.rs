//! The members of a group that are unlike the others, by the answers in their lines.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::Matrix;
use super::group::{Group, kind, places};

/// The members of a group that are unlike most; all of them if nothing distinguishes them.
pub(super) fn few<S: Eq + Hash>(group: &Group, signature: impl Fn(usize) -> S) -> Vec<usize> {
    let mut alike: HashMap<S, Vec<usize>> = HashMap::new();
    for &member in &group.members {
        alike.entry(signature(member)).or_default().push(member);
    }
    let mut alike: Vec<Vec<usize>> = alike.into_values().collect();
    alike.sort_by_key(|members| (members.len(), std::cmp::Reverse(members[0])));
    if alike.len() > 1 {
        alike.pop();
    }
    alike.concat()
}

/// Answers of a line, or about it: by group on the other side and kind of pair, the number of each answer.
pub(super) type Signature<'a> = BTreeMap<(usize, usize), BTreeMap<Option<&'a str>, usize>>;

pub(super) struct Signatures<'a> {
    pub(super) of_rows: HashMap<usize, Signature<'a>>,
    pub(super) of_columns: HashMap<usize, Signature<'a>>,
}

pub(super) fn signatures<'a>(
    matrix: &'a Matrix,
    rows: &[Group],
    columns: &[Group],
) -> Signatures<'a> {
    let (row_of, column_of) = (
        places(rows, matrix.rows.len()),
        places(columns, matrix.columns.len()),
    );
    let mut all = Signatures {
        of_rows: HashMap::new(),
        of_columns: HashMap::new(),
    };
    for (&(row, column), mark) in &matrix.marks {
        let group = &columns[column_of[column]];
        let kind = kind(group, &matrix.rows[row].path, &matrix.columns[column].path);
        let answer = mark.refused.as_deref();
        let of_row = all
            .of_rows
            .entry(row)
            .or_default()
            .entry((column_of[column], kind))
            .or_default();
        *of_row.entry(answer).or_default() += 1;
        let of_column = all
            .of_columns
            .entry(column)
            .or_default()
            .entry((row_of[row], kind))
            .or_default();
        *of_column.entry(answer).or_default() += 1;
    }
    all
}
