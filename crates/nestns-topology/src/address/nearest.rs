//! The paths that were probably meant.

use super::{Address, INIT};

/// So many are proposed.
const PROPOSED: usize = 3;
/// Longer paths are not compared: the comparison is quadratic.
const LONGEST: usize = 256;

/// The most similar of the paths that exist, the best first: those of which no more than a third of the letters differ, and
/// those that end with what was written, wherever they are.
pub fn nearest<'a>(address: &Address, paths: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = address.path();
    let limit = wanted.chars().count().div_ceil(3);
    let mut found: Vec<(usize, &str)> = paths
        .into_iter()
        .filter(|path| path.len() <= LONGEST && wanted.len() <= LONGEST)
        .filter_map(|path| distance(&wanted, path, limit).map(|distance| (distance, path)))
        .collect();
    // Of equals the one that was created first.
    found.sort_by_key(|&(distance, _)| distance);
    found.dedup_by_key(|&mut (_, path)| path);
    found
        .into_iter()
        .take(PROPOSED)
        .map(|(_, path)| path)
        .collect()
}

fn distance(wanted: &str, path: &str, limit: usize) -> Option<usize> {
    let is_elsewhere = path
        .strip_suffix(wanted)
        .is_some_and(|rest| rest.ends_with('/'));
    if is_elsewhere && wanted != INIT {
        return Some(0);
    }
    let whole = strsim::damerau_levenshtein(wanted, path);
    if whole <= limit && whole < wanted.chars().count() {
        return Some(whole);
    }
    // The name alone, misspelt and without its place.
    let name = path
        .rsplit('/')
        .next()
        .filter(|name| *name != INIT && !wanted.contains('/'))?;
    let distance = strsim::damerau_levenshtein(wanted, name);
    (distance <= limit && distance < wanted.chars().count()).then_some(distance + 1)
}
