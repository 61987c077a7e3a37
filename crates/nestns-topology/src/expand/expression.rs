//! Expressions between `{{` and `}}`: integers, names, strings, `+ - * / %`, parentheses, and `env.X ?? "default"`.
//!
//! Only the form is known here; what the names mean is the business of `evaluate`. Offsets count bytes of the text.

use std::ops::Range;

/// A piece of a string value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece<'t> {
    /// As it stands.
    Literal(&'t str),
    /// To be replaced by its value.
    Placeholder(Expression<'t>),
}

/// An expression and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression<'t> {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind<'t>,
}

/// The kind of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'t> {
    Integer(i64),
    Boolean(bool),
    Text(&'t str),
    Name(&'t str),
    /// `env.X`, with its default.
    Environment(&'t str, Option<Box<Expression<'t>>>),
    Negative(Box<Expression<'t>>),
    Operation(Box<Expression<'t>>, Operator, Box<Expression<'t>>),
}

/// An operation on two integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
}

/// Why a placeholder cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) range: Range<usize>,
    pub(super) message: String,
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
/// The deepest nesting of parentheses, signs and defaults: reading them is recursive.
const DEEPEST: usize = 32;

/// Returns whether there is anything to replace.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.contains(OPEN)
}

/// Cuts a string into its pieces.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Misread> {
    let mut pieces = Vec::new();
    let mut rest = 0;
    while let Some(open) = text[rest..].find(OPEN).map(|open| rest + open) {
        if open > rest {
            pieces.push(Piece::Literal(&text[rest..open]));
        }
        let mut reader = Reader {
            text,
            next: open + OPEN.len(),
            opened: open,
            depth: 0,
        };
        let expression = reader.sum()?;
        reader.blanks();
        if !text[reader.next..].starts_with(CLOSE) {
            return Err(reader.unexpected("`}}` or an operator"));
        }
        pieces.push(Piece::Placeholder(expression));
        rest = reader.next + CLOSE.len();
    }
    if rest < text.len() {
        pieces.push(Piece::Literal(&text[rest..]));
    }
    Ok(pieces)
}

/// Returns whether a word can be the name of a variable.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Reader<'t> {
    text: &'t str,
    next: usize,
    opened: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn blanks(&mut self) {
        let rest = &self.text[self.next..];
        self.next += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.text[self.next..].chars().next()
    }

    fn unexpected(&mut self, expected: &str) -> Misread {
        match self.peek() {
            None => Misread {
                range: self.opened..self.opened + OPEN.len(),
                message: "the placeholder is never closed".to_owned(),
            },
            Some('}') if self.text[self.next..].starts_with(CLOSE) => Misread {
                range: self.opened..self.next + CLOSE.len(),
                message: format!("{expected} is missing"),
            },
            Some(c) => Misread {
                range: self.next..self.next + c.len_utf8(),
                message: format!("expected {expected}, found `{c}`"),
            },
        }
    }

    fn sum(&mut self) -> Result<Expression<'t>, Misread> {
        self.operations(Self::product, |c| match c {
            '+' => Some(Operator::Plus),
            '-' => Some(Operator::Minus),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expression<'t>, Misread> {
        self.operations(Self::value, |c| match c {
            '*' => Some(Operator::Times),
            '/' => Some(Operator::Over),
            '%' => Some(Operator::Modulo),
            _ => None,
        })
    }

    fn operations(
        &mut self,
        operand: fn(&mut Self) -> Result<Expression<'t>, Misread>,
        operator: fn(char) -> Option<Operator>,
    ) -> Result<Expression<'t>, Misread> {
        let mut left = operand(self)?;
        let mut operations = 0;
        while let Some(found) = self.peek().and_then(operator) {
            operations += 1;
            // The tree leans to the left, and is walked with a stack.
            if operations > 256 {
                return Err(self.unexpected("a shorter computation"));
            }
            self.next += 1;
            let right = operand(self)?;
            let range = left.range.start..right.range.end;
            left = Expression {
                range,
                kind: Kind::Operation(Box::new(left), found, Box::new(right)),
            };
        }
        Ok(left)
    }

    fn value(&mut self) -> Result<Expression<'t>, Misread> {
        const EXPECTED: &str = "a name, a number or a string";
        let Some(first) = self.peek() else {
            return Err(self.unexpected(EXPECTED));
        };
        let start = self.next;
        let kind = match first {
            '-' | '(' => return self.nested(first),
            '"' | '\'' => self.string(first)?,
            '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => self.name()?,
            _ => return Err(self.unexpected(EXPECTED)),
        };
        Ok(Expression {
            range: start..self.next,
            kind,
        })
    }

    /// Reads what is inside of something else: the only way down.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Misread>,
    ) -> Result<T, Misread> {
        if self.depth == DEEPEST {
            return Err(self.unexpected("a simpler computation"));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    fn nested(&mut self, first: char) -> Result<Expression<'t>, Misread> {
        let start = self.next;
        if self.depth == DEEPEST {
            return Err(self.unexpected("a simpler computation"));
        }
        self.next += 1;
        let kind = if first == '-' {
            Kind::Negative(Box::new(self.deeper(Self::value)?))
        } else {
            let inner = self.deeper(Self::sum)?;
            if self.peek() != Some(')') {
                return Err(self.unexpected("`)`"));
            }
            self.next += 1;
            inner.kind
        };
        Ok(Expression {
            range: start..self.next,
            kind,
        })
    }

    fn string(&mut self, quote: char) -> Result<Kind<'t>, Misread> {
        let inner = self.next + 1;
        let Some(length) = self.text[inner..].find(quote) else {
            return Err(Misread {
                range: self.next..inner,
                message: "the string is never closed".to_owned(),
            });
        };
        self.next = inner + length + 1;
        Ok(Kind::Text(&self.text[inner..inner + length]))
    }

    fn number(&mut self) -> Result<Kind<'t>, Misread> {
        let word = self.word();
        let range = self.next - word.len()..self.next;
        match word.parse() {
            Ok(number) => Ok(Kind::Integer(number)),
            Err(_) => Err(Misread {
                range,
                message: format!("`{word}` is not a number that fits in 64 bits"),
            }),
        }
    }

    fn name(&mut self) -> Result<Kind<'t>, Misread> {
        let word = self.word();
        match word {
            "true" | "false" => return Ok(Kind::Boolean(word == "true")),
            "env" => {}
            _ => return Ok(Kind::Name(word)),
        }
        if !self.text[self.next..].starts_with('.') {
            return Err(self.unexpected("`.` and the name of an environment variable"));
        }
        self.next += 1;
        let variable = self.word();
        if variable.is_empty() {
            return Err(self.unexpected("the name of an environment variable"));
        }
        self.blanks();
        if !self.text[self.next..].starts_with("??") {
            return Ok(Kind::Environment(variable, None));
        }
        self.next += 2;
        // A default may be one of the environment again, with a default.
        let default = self.deeper(Self::value)?;
        Ok(Kind::Environment(variable, Some(Box::new(default))))
    }

    fn word(&mut self) -> &'t str {
        let rest = &self.text[self.next..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.next += end;
        &rest[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (Range<usize>, String) {
        let misread = pieces(text).unwrap_err();
        (misread.range, misread.message)
    }

    #[test]
    fn text_without_placeholders_is_one_piece() {
        assert_eq!(
            pieces("echo $$ ${HOME} }} {").unwrap(),
            [Piece::Literal("echo $$ ${HOME} }} {")]
        );
        assert_eq!(pieces("").unwrap(), []);
    }

    #[test]
    fn products_bind_tighter_than_sums_and_both_to_the_left() {
        fn text(expression: &Expression<'_>) -> String {
            match &expression.kind {
                Kind::Integer(number) => number.to_string(),
                Kind::Name(name) => (*name).to_owned(),
                Kind::Negative(inner) => format!("-{}", text(inner)),
                Kind::Operation(left, operator, right) => {
                    format!("({} {operator:?} {})", text(left), text(right))
                }
                other => format!("{other:?}"),
            }
        }
        for (written, read) in [
            ("{{1 - 2 - 3}}", "((1 Minus 2) Minus 3)"),
            ("{{ a+b*c }}", "(a Plus (b Times c))"),
            ("{{(a + b) % 7 / -2}}", "(((a Plus b) Modulo 7) Over -2)"),
        ] {
            let pieces = pieces(written).unwrap();
            let [Piece::Placeholder(expression)] = pieces.as_slice() else {
                panic!("{pieces:?}")
            };
            assert_eq!(text(expression), read);
        }
    }

    #[test]
    fn braces_can_be_quoted() {
        let pieces = pieces("a{{\"{{\"}}b{{'}}'}}").unwrap();
        let texts: Vec<_> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text)
                | Piece::Placeholder(Expression {
                    kind: Kind::Text(text),
                    ..
                }) => *text,
                Piece::Placeholder(other) => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, ["a", "{{", "b", "}}"]);
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_is() {
        assert_eq!(
            error("x {{ a"),
            (2..4, "the placeholder is never closed".to_owned())
        );
        assert_eq!(
            error("{{}}"),
            (0..4, "a name, a number or a string is missing".to_owned())
        );
        assert_eq!(
            error("{{a b}}"),
            (4..5, "expected `}}` or an operator, found `b`".to_owned())
        );
        assert_eq!(
            error("{{a +}}"),
            (0..7, "a name, a number or a string is missing".to_owned())
        );
        assert_eq!(error("{{(a}}"), (0..6, "`)` is missing".to_owned()));
        assert_eq!(
            error("{{'a}}"),
            (2..3, "the string is never closed".to_owned())
        );
        assert_eq!(
            error("{{env}}"),
            (
                0..7,
                "`.` and the name of an environment variable is missing".to_owned()
            )
        );
        assert_eq!(
            error("{{99999999999999999999}}"),
            (
                2..22,
                "`99999999999999999999` is not a number that fits in 64 bits".to_owned()
            )
        );
        assert!(pieces(&format!("{{{{{}1}}}}", "(".repeat(100))).is_err());
        assert!(pieces(&format!("{{{{1{}}}}}", "+1".repeat(1000))).is_err());
        for deep in [20, 32, 33, 1000, 100_000] {
            for (before, behind, each) in [
                ("(", ")", 1),
                ("-", "", 1),
                ("env.A ?? ", "", 1),
                ("-(env.A ?? ", ")", 3),
            ] {
                let text = format!("{{{{{}1{}}}}}", before.repeat(deep), behind.repeat(deep));
                assert_eq!(
                    pieces(&text).is_ok(),
                    deep * each <= DEEPEST,
                    "{deep} times {before}"
                );
            }
        }
    }
}
