//! Groups of lines that may be shown as one, and the kinds of pairs of two groups.
//!
//! A line is grouped by the pattern of its path. A kind of pair is the number of indices of the column's path that both
//! share.

use std::collections::{HashMap, HashSet};

use super::{Line, Matrix};

/// Lines that may be shown as one.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) pattern: String,
    pub(super) members: Vec<usize>,
    /// Number of leading segments of the path up to each index in it, the outermost first.
    pub(super) indexed: Vec<usize>,
}

/// The groups, in the order of their first members.
pub(super) fn groups(lines: &[Line], apart: &HashSet<usize>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<(String, usize, u64), usize> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        let pattern = pattern(&line.path);
        let mut make = || {
            let segments = pattern.split('/').enumerate();
            let indexed = segments
                .filter(|(_, segment)| segment.contains(".*"))
                .map(|(place, _)| place + 1)
                .collect();
            groups.push(Group {
                pattern: pattern.clone(),
                members: Vec::new(),
                indexed,
            });
            groups.len() - 1
        };
        let group = if apart.contains(&at) {
            make()
        } else {
            *known
                .entry((pattern.clone(), line.level, line.kin))
                .or_insert_with(make)
        };
        groups[group].members.push(at);
    }
    for group in groups.iter_mut().filter(|group| group.members.len() == 1) {
        // One line is itself for every observer.
        group.indexed.clear();
    }
    groups
}

pub(super) fn places(groups: &[Group], lines: usize) -> Vec<usize> {
    let mut places = vec![0; lines];
    for (place, group) in groups.iter().enumerate() {
        group.members.iter().for_each(|&line| places[line] = place);
    }
    places
}

/// Number of indices of a column's path that a row shares, counted from the outermost.
pub(super) fn kind(group: &Group, row: &str, column: &str) -> usize {
    let shared = |&&end: &&usize| {
        prefix(row, end).is_some_and(|prefix_of_row| Some(prefix_of_row) == prefix(column, end))
    };
    group.indexed.iter().take_while(shared).count()
}

/// Number of pairs of each kind.
pub(super) fn pairs_by_kind(matrix: &Matrix, rows: &Group, columns: &Group) -> Vec<usize> {
    // At least so much is shared.
    let mut shared = vec![rows.members.len() * columns.members.len()];
    for &end in &columns.indexed {
        let mut here: HashMap<&str, usize> = HashMap::new();
        for &column in &columns.members {
            *here
                .entry(prefix(&matrix.columns[column].path, end).unwrap_or_default())
                .or_default() += 1;
        }
        let found = rows
            .members
            .iter()
            .filter_map(|&row| here.get(prefix(&matrix.rows[row].path, end)?));
        shared.push(found.sum());
    }
    let next = shared.iter().skip(1).copied().chain([0]);
    shared
        .iter()
        .zip(next)
        .map(|(at_least, more)| at_least - more)
        .collect()
}

/// The first segments of a path; a number behind `#` belongs to none.
pub(super) fn prefix(path: &str, segments: usize) -> Option<&str> {
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    match path.match_indices('/').nth(segments - 1) {
        Some((slash, _)) => Some(&path[..slash]),
        None => (path.split('/').count() == segments).then_some(path),
    }
}

/// The path with `*` for every index, and for every number behind `#`.
pub(super) fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut rest = path.chars().peekable();
    while let Some(character) = rest.next() {
        pattern.push(character);
        if matches!(character, '.' | '#') && rest.peek().is_some_and(char::is_ascii_digit) {
            while rest.next_if(char::is_ascii_digit).is_some() {}
            pattern.push('*');
        }
    }
    pattern
}
