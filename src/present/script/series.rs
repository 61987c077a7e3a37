//! Runs of neighbours that are alike but for their number: a thousand replicas are one loop, not a thousand blocks.
//!
//! Two texts are alike if they consist of the same pieces, and each piece that differs is, in both, the number of the
//! replica. In the text for the whole series such a piece is the loop's variable, written between NULs, which no text
//! of a checked topology contains.

use std::collections::VecDeque;

/// Mark before and behind the name of a variable.
pub(super) const MARK: char = '\0';

/// One thing, or several that are alike.
#[derive(Debug, Clone)]
pub(super) struct Run<T> {
    /// The item; of several the first, with the loop's variable in place of its number.
    pub(super) like: T,
    /// Repetition, if there are several.
    pub(super) repeat: Option<Repeat>,
}

/// Number of repetitions, and the loop's variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeat {
    /// The loop's variable.
    pub(super) variable: String,
    /// The number in the name of the first.
    pub(super) first: usize,
    /// Number of instances.
    pub(super) count: usize,
    /// The path of the last.
    pub(super) last_path: String,
    /// The PID of the last.
    pub(super) last_number: Option<i32>,
}

/// Item that may be generated in numbers.
pub(super) trait Replica {
    /// Whole path, which may end in `.N`.
    fn path(&self) -> &str;
    /// PID, if known.
    fn number(&self) -> Option<i32>;
    /// Writes down all that makes a difference to the script, except for names.
    fn sign(&self, out: &mut String);
    /// Visits every text in it, always in the same order.
    fn texts(&mut self, visit: &mut dyn FnMut(&mut String));
    /// Folds the children; `depth` loops are around it.
    fn fold(&mut self, depth: usize);
}

impl<T> Run<T> {
    /// Run of one item.
    pub(super) const fn one(like: T) -> Self {
        Self { like, repeat: None }
    }

    /// Number of items.
    pub(super) fn count(&self) -> usize {
        self.repeat.as_ref().map_or(1, |repeat| repeat.count)
    }
}

/// Folds siblings that have not been folded yet.
pub(super) fn fold_again<T: Replica>(runs: &mut Vec<Run<T>>, depth: usize) {
    *runs = fold(
        std::mem::take(runs)
            .into_iter()
            .map(|run| run.like)
            .collect(),
        depth,
    );
}

/// Folds siblings and everything inside them. In time linear in all that is inside, and once more for each level.
pub(super) fn fold<T: Replica>(siblings: Vec<T>, depth: usize) -> Vec<Run<T>> {
    let mut rest = VecDeque::from(siblings);
    let mut runs = Vec::new();
    while let Some(mut like) = rest.pop_front() {
        let repeat = gather(&mut like, &mut rest, variable(depth));
        like.fold(depth + usize::from(repeat.is_some()));
        runs.push(Run { like, repeat });
    }
    runs
}

/// Takes those that are like `one` from the front of the others; if there are any, `one` then stands for all.
fn gather<T: Replica>(one: &mut T, others: &mut VecDeque<T>, variable: String) -> Option<Repeat> {
    let (_, first) = instance(one.path())?;
    let second = others
        .front()
        .filter(|second| is_successor(one.path(), second.path()))?;
    let pattern = Pattern::of(&signature(one), first, &signature(second), first + 1)?;
    let mut second = others.pop_front()?;
    let (mut last_path, mut last_number) = (second.path().to_owned(), second.number());
    generalise(one, first, &mut second, &variable);
    let mut count = 2;
    while let Some(next) = others.front()
        && is_successor(&last_path, next.path())
        && pattern.fits(&signature(next), first + count)
    {
        (last_path, last_number) = (next.path().to_owned(), next.number());
        count += 1;
        others.pop_front();
    }
    Some(Repeat {
        variable,
        first,
        count,
        last_path,
        last_number,
    })
}

fn signature(replica: &impl Replica) -> String {
    let mut text = String::new();
    replica.sign(&mut text);
    text
}

/// `i`, `i2`, `i3`: loops that are inside each other need different ones.
fn variable(depth: usize) -> String {
    if depth == 0 {
        "i".to_owned()
    } else {
        format!("i{}", depth + 1)
    }
}

/// The path without its number, and the number.
pub(super) fn instance(path: &str) -> Option<(&str, usize)> {
    let (stem, number) = path.rsplit_once('.')?;
    // `a.1/b` is no instance, but inside one.
    number
        .parse()
        .ok()
        .filter(|_| !number.contains('/'))
        .map(|number| (stem, number))
}

fn is_successor(path: &str, next: &str) -> bool {
    matches!((instance(path), instance(next)), (Some((a, i)), Some((b, j))) if a == b && j == i + 1)
}

/// Puts the variable wherever two neighbours have their numbers.
fn generalise<T: Replica>(like: &mut T, first: usize, second: &mut T, variable: &str) {
    let mut others = Vec::new();
    second.texts(&mut |text| others.push(std::mem::take(text)));
    let mut others = others.into_iter();
    like.texts(&mut |text| {
        if let Some(pattern) = others
            .next()
            .and_then(|other| Pattern::of(text, first, &other, first + 1))
        {
            *text = pattern.with(variable);
        }
    });
}

/// Common parts of two texts.
#[derive(Debug, PartialEq, Eq)]
struct Pattern(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Same(String),
    Number,
}

impl Pattern {
    fn of(one: &str, i: usize, other: &str, j: usize) -> Option<Self> {
        let (one, other) = (pieces(one), pieces(other));
        if one.len() != other.len() {
            return None;
        }
        let (i, j) = (i.to_string(), j.to_string());
        let piece = |(a, b): (&str, &str)| match () {
            () if a == b => Some(Piece::Same(a.to_owned())),
            () if a == i && b == j => Some(Piece::Number),
            () => None,
        };
        one.into_iter()
            .zip(other)
            .map(piece)
            .collect::<Option<_>>()
            .map(Self)
    }

    fn fits(&self, text: &str, number: usize) -> bool {
        let (pieces, number) = (pieces(text), number.to_string());
        pieces.len() == self.0.len()
            && self
                .0
                .iter()
                .zip(pieces)
                .all(|(expected, found)| match expected {
                    Piece::Same(text) => text == found,
                    Piece::Number => number == found,
                })
    }

    fn with(&self, variable: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Same(text) => text.clone(),
            Piece::Number => format!("{MARK}{variable}{MARK}"),
        };
        self.0.iter().map(piece).collect()
    }
}

/// Splits a text wherever digits begin or end.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != is_digit)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}
