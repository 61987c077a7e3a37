//! Segments of a path with wildcards, and how they are compared with names.
//!
//! All positions that a piece of the pattern can reach are followed at once, so that no pattern, however many `*` it has,
//! takes longer than its length times that of the name.

use std::fmt;
use std::ops::RangeInclusive;

use super::INIT;

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// `**`: any number of segments, at the end at least one.
    AnyDepth,
    /// Everything else.
    Name(Vec<Token>),
}

/// A piece of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Characters that mean themselves; never two in a row.
    Literal(String),
    /// `?`
    AnyCharacter,
    /// `*`
    AnyRun,
    /// `0..99`, both ends among them.
    Range(RangeInclusive<u64>),
    /// `{a,b}`
    OneOf(Vec<Vec<Token>>),
}

/// The meaning of a name without an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instances {
    /// The things that are called so.
    ByName,
    /// That, and every instance.
    All,
}

/// The things that a wildcard may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wildcards {
    /// For every name, `init` among them.
    Everything,
    /// For every name but `init`.
    SpareInit,
}

impl Segment {
    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Self::Name(tokens) if matches!(tokens.as_slice(), [Token::Literal(_)]))
    }
}

/// Returns whether a path is one of a pattern's.
pub(super) fn matches(
    pattern: &[Segment],
    path: &str,
    instances: Instances,
    wildcards: Wildcards,
) -> bool {
    let names: Vec<&str> = path.split('/').collect();
    let mut reached = vec![false; names.len() + 1];
    reached[0] = true;
    for (place, segment) in pattern.iter().enumerate() {
        let mut next = vec![false; names.len() + 1];
        match segment {
            Segment::AnyDepth => {
                let is_last = place + 1 == pattern.len();
                let mut is_inside = false;
                for (place, &is_reached) in reached.iter().enumerate() {
                    // Nothing is inside a PID 1, and it is spared where wildcards do not stand for one.
                    is_inside &= place == 0
                        || names[place - 1] != INIT
                        || wildcards == Wildcards::Everything;
                    next[place] = is_inside || (is_reached && !is_last);
                    is_inside |= is_reached;
                }
            }
            Segment::Name(tokens) => {
                for place in (0..names.len()).filter(|&place| reached[place]) {
                    next[place + 1] |= matches_name(tokens, names[place], instances, wildcards);
                }
            }
        }
        reached = next;
    }
    reached[names.len()]
}

fn matches_name(tokens: &[Token], name: &str, instances: Instances, wildcards: Wildcards) -> bool {
    if let [Token::Literal(literal)] = tokens {
        return literal == name || (instances == Instances::All && is_instance(name, literal));
    }
    let wildcards = if name == INIT {
        wildcards
    } else {
        Wildcards::Everything
    };
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let reached = follow(tokens, name, reached, wildcards);
    // What is left of an instance behind its name is its index.
    (0..=name.len()).any(|end| {
        reached[end]
            && (end == name.len()
                || (instances == Instances::All && is_instance(name, &name[..end])))
    })
}

/// Returns whether a name is another one with an index, or with several.
fn is_instance(name: &str, of: &str) -> bool {
    let index = name
        .strip_prefix(of)
        .and_then(|rest| rest.strip_prefix('.'));
    index.is_some_and(|index| {
        index
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn follow(tokens: &[Token], name: &str, mut reached: Vec<bool>, wildcards: Wildcards) -> Vec<bool> {
    for token in tokens {
        let mut next = vec![false; name.len() + 1];
        let starts = (0..=name.len()).filter(|&start| reached[start]);
        match token {
            Token::Literal(literal) => {
                for start in starts.filter(|&start| name[start..].starts_with(literal.as_str())) {
                    next[start + literal.len()] = true;
                }
            }
            Token::AnyCharacter | Token::AnyRun if wildcards == Wildcards::SpareInit => {}
            Token::AnyCharacter => {
                for start in starts {
                    if let Some(character) = name[start..].chars().next() {
                        next[start + character.len_utf8()] = true;
                    }
                }
            }
            Token::AnyRun => {
                if let Some(first) = reached.iter().position(|&is_reached| is_reached) {
                    (first..=name.len())
                        .filter(|&end| name.is_char_boundary(end))
                        .for_each(|end| next[end] = true);
                }
            }
            Token::Range(range) => {
                for start in starts {
                    let digits = name[start..].bytes().take_while(u8::is_ascii_digit).count();
                    for end in start + 1..=start + digits {
                        let number = &name[start..end];
                        let is_plain = number == "0" || !number.starts_with('0');
                        next[end] |= is_plain
                            && number
                                .parse()
                                .is_ok_and(|number: u64| range.contains(&number));
                    }
                }
            }
            Token::OneOf(alternatives) => {
                for alternative in alternatives {
                    let ends = follow(alternative, name, reached.clone(), wildcards);
                    next.iter_mut()
                        .zip(ends)
                        .for_each(|(end, is_reached)| *end |= is_reached);
                }
            }
        }
        reached = next;
    }
    reached
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyDepth => f.write_str("**"),
            Self::Name(tokens) => write_all(tokens, f),
        }
    }
}

fn write_all(tokens: &[Token], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for token in tokens {
        match token {
            Token::Literal(literal) => f.write_str(literal)?,
            Token::AnyCharacter => f.write_str("?")?,
            Token::AnyRun => f.write_str("*")?,
            Token::Range(range) => write!(f, "{}..{}", range.start(), range.end())?,
            Token::OneOf(alternatives) => {
                for (place, alternative) in alternatives.iter().enumerate() {
                    f.write_str(if place == 0 { "{" } else { "," })?;
                    write_all(alternative, f)?;
                }
                f.write_str("}")?;
            }
        }
    }
    Ok(())
}
