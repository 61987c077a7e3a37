//! `count`, `depth`, `fanout` and `as` of a namespace, `count` and `at` of a process.

use super::evaluate::Evaluator;
use super::trace::Trace;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::syntax::{Entry, Located};
use crate::toml_text::{Table, Value};

/// The instances of one declared namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Itself.
    One,
    /// So many beside each other.
    Siblings(u64),
    /// So many inside each other.
    Chain(u64),
    /// The complete tree of that depth in which each has so many inside.
    Tree { depth: u64, fanout: u64 },
}

/// The generator of a namespace.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub(super) shape: Shape,
    /// The value of `as`.
    pub(super) names: Option<Value>,
    /// The place of `depth`.
    pub(super) depth_span: Option<Span>,
}

impl Shape {
    /// The number of levels.
    pub(super) const fn depth(self) -> u64 {
        match self {
            Self::One | Self::Siblings(_) => 1,
            Self::Chain(depth) | Self::Tree { depth, .. } => depth,
        }
    }
}

impl Generator {
    /// Reads the keys of a merged table; what is wrong is reported and taken for absent.
    pub(super) fn read(
        table: &Table,
        evaluator: &Evaluator<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Self {
        let numbers = Numbers::read(table, evaluator, trace, out);
        let shape = numbers.shape(out);
        let names = table.get("as");
        if let Some(names) = names
            && numbers.are_absent()
        {
            out.push(
                Diagnostic::at(
                    Code::BadGenerator,
                    names.key_span,
                    "`as` names generated instances, but none are generated",
                )
                .help("add count or depth; a single namespace is named by its header"),
            );
        }
        let names = names.map(Entry::of).filter(|names| {
            let is_text = names.value.as_str().is_some();
            if !is_text {
                names.wrong_type("a string", out);
            }
            is_text
        });
        Self {
            shape,
            names: names.map(|entry| entry.value.clone()),
            depth_span: numbers.depth.and_then(|depth| Some(depth.value?.span)),
        }
    }
}

/// A key of a generator, and its number if that can be read.
#[derive(Debug, Clone, Copy)]
struct Number {
    key_span: Span,
    value: Option<Located<u64>>,
}

/// The numbers of a generator as they are written.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    count: Option<Number>,
    depth: Option<Number>,
    fanout: Option<Number>,
}

impl Numbers {
    fn read(
        table: &Table,
        evaluator: &Evaluator<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Self {
        let mut number = |key: &str, lowest: u64| {
            let entry = Entry::of(table.get(key)?);
            Some(Number {
                key_span: entry.key_span,
                value: integer(entry, lowest, evaluator, trace, out),
            })
        };
        Self {
            count: number("count", 0),
            depth: number("depth", 1),
            fanout: number("fanout", 1),
        }
    }

    const fn are_absent(&self) -> bool {
        self.count.is_none() && self.depth.is_none() && self.fanout.is_none()
    }

    /// The shape that the numbers give; one namespace where they contradict each other, which is reported.
    fn shape(&self, out: &mut Diagnostics) -> Shape {
        let shape = match (self.count, self.depth, self.fanout) {
            (None, None, None) => None,
            (Some(count), None, None) => count.value.map(|count| Shape::Siblings(count.value)),
            (None, Some(depth), None) => depth.value.map(|depth| Shape::Chain(depth.value)),
            (None, Some(depth), Some(fanout)) => {
                depth
                    .value
                    .zip(fanout.value)
                    .map(|(depth, fanout)| Shape::Tree {
                        depth: depth.value,
                        fanout: fanout.value,
                    })
            }
            (Some(count), Some(depth), _) => {
                out.push(count_and_depth(count.key_span, depth.key_span));
                None
            }
            (_, None, Some(fanout)) => {
                out.push(
                    Diagnostic::at(
                        Code::BadGenerator,
                        fanout.key_span,
                        "`fanout` needs `depth`",
                    )
                    .label("the depth of the tree is missing")
                    .help("add depth = 3, or write count for siblings without a tree"),
                );
                None
            }
        };
        shape.unwrap_or(Shape::One)
    }
}

fn count_and_depth(count: Span, depth: Span) -> Diagnostic {
    let (first, second) = if count < depth {
        (count, depth)
    } else {
        (depth, count)
    };
    Diagnostic::at(
        Code::BadGenerator,
        second,
        "a namespace has both `count` and `depth`",
    )
    .label("use one of them: siblings or a chain")
    .also(first, "the other is here")
    .help("declare the chain inside the group: [ns.\"group/chain\"]")
}

/// A number that may be computed.
pub(super) fn integer(
    entry: Entry<'_>,
    lowest: u64,
    evaluator: &Evaluator<'_>,
    trace: &mut Trace,
    out: &mut Diagnostics,
) -> Option<Located<u64>> {
    let value = evaluator.value(entry.value, trace, out)?;
    Entry {
        value: &value,
        ..entry
    }
    .integer(lowest, i64::MAX.unsigned_abs(), out)
}

/// On which levels of a chain a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Every,
    Root,
    Leaf,
    /// From the first to the second, which belongs to it; 0 is the top.
    Levels(u64, u64),
}

impl At {
    /// Reads `at`; one that is wrong was reported and is taken for "every".
    pub(super) fn read(
        entry: Entry<'_>,
        evaluator: &Evaluator<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Self {
        let Some(value) = evaluator.value(entry.value, trace, out) else {
            return Self::Every;
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let read = match value.as_str() {
            Some("every") => Some(Self::Every),
            Some("root") => Some(Self::Root),
            Some("leaf") => Some(Self::Leaf),
            Some(text) => match text.split_once("..") {
                Some((first, last)) => number(first)
                    .zip(number(last))
                    .map(|(first, last)| Self::Levels(first, last)),
                None => number(text).map(|level| Self::Levels(level, level)),
            },
            None => value
                .as_integer()
                .and_then(|level| u64::try_from(level).ok())
                .map(|level| Self::Levels(level, level)),
        };
        read.filter(|at| !matches!(at, Self::Levels(first, last) if first > last)).unwrap_or_else(|| {
            out.push(
                Diagnostic::at(Code::BadPlace, value.span, "`at` cannot be read")
                    .label("expected \"every\", \"root\", \"leaf\", a level such as 0, or levels such as \"1..3\""),
            );
            Self::Every
        })
    }

    /// Returns whether a process is on this level of a chain that has so many.
    pub(super) const fn admits(self, level: u64, depth: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Root => level == 0,
            Self::Leaf => level + 1 == depth,
            Self::Levels(first, last) => first <= level && level <= last,
        }
    }

    /// Reports a level that the chain has not.
    pub(super) fn check(self, depth: u64, entry: Entry<'_>, out: &mut Diagnostics) {
        if let Self::Levels(_, last) = self
            && last >= depth
        {
            let label = if depth == 1 {
                "the namespace is not a chain; its only level is 0".to_owned()
            } else {
                format!("the chain has the levels 0 to {}", depth - 1)
            };
            out.push(
                Diagnostic::at(
                    Code::BadPlace,
                    entry.span,
                    format!("there is no level {last} in the chain"),
                )
                .label(label),
            );
        }
    }
}

/// The default name of a generated namespace.
pub(super) fn instance_name(declared: &str, shape: Shape, level: u64, index: u64) -> String {
    match shape {
        Shape::One => declared.to_owned(),
        Shape::Siblings(_) | Shape::Chain(_) => format!("{declared}.{index}"),
        Shape::Tree { .. } => format!("{declared}.{level}.{index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn levels_count_from_the_top_and_include_the_last() {
        let on = |at: At| {
            (0..4)
                .filter(|&level| at.admits(level, 4))
                .collect::<Vec<_>>()
        };
        assert_eq!(on(At::Every), [0, 1, 2, 3]);
        assert_eq!(on(At::Root), [0]);
        assert_eq!(on(At::Leaf), [3]);
        assert_eq!(on(At::Levels(1, 2)), [1, 2]);
        assert!(on(At::Levels(9, 9)).is_empty());
    }
}
