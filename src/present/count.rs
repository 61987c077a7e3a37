//! A number with its noun: `1 namespace`, `3 namespaces`, `2 processes`.
//!
//! English plurals by rule, which the handful of nouns of this program follow.

use std::fmt;

/// Number of things, with their noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<'a> {
    number: usize,
    noun: &'a str,
}

/// Makes a count; the noun is given in the singular.
pub(crate) const fn count(number: usize, noun: &str) -> Count<'_> {
    Count { number, noun }
}

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, noun } = *self;
        match noun.strip_suffix('y') {
            _ if number == 1 => write!(f, "{number} {noun}"),
            Some(stem) => write!(f, "{number} {stem}ies"),
            None if noun.ends_with('s') => write!(f, "{number} {noun}es"),
            None => write!(f, "{number} {noun}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_and_many() {
        let counted = [
            count(0, "namespace"),
            count(1, "namespace"),
            count(3, "namespace"),
            count(2, "process"),
            count(1, "dependency"),
            count(2, "dependency"),
        ];
        assert_eq!(
            counted.map(|count| count.to_string()),
            [
                "0 namespaces",
                "1 namespace",
                "3 namespaces",
                "2 processes",
                "1 dependency",
                "2 dependencies"
            ]
        );
    }
}
