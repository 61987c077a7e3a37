//! Strings with placeholders: text around them is untouched, and what is computed is what 128 bits come to.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nestns_fuzz::examine;
use nestns_fuzz::text::{quoted, without_braces};
use nestns_fuzz::world::World;
use nestns_topology::diagnostic::Source;
use nestns_topology::{Request, parse};

/// Variables are called `v0` to `v7`, those of the environment `E0` to `E7`.
const NAMES: u8 = 8;
/// Deeper ones are numbers.
const DEEPEST: usize = 10;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    variables: Vec<Plain<'a>>,
    environment: Vec<&'a str>,
    pieces: Vec<Piece<'a>>,
    /// Taken as it is.
    raw: &'a str,
}

#[derive(Debug, Arbitrary)]
enum Plain<'a> {
    Integer(i64),
    Boolean(bool),
    Text(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Piece<'a> {
    Literal(&'a str),
    Placeholder(Expression<'a>),
}

#[derive(Debug, Arbitrary)]
enum Expression<'a> {
    Integer(u64),
    Boolean(bool),
    Text(&'a str),
    Variable(u8),
    Environment(u8, Option<Box<Expression<'a>>>),
    Negative(Box<Expression<'a>>),
    Operation(Box<Expression<'a>>, Operator, Box<Expression<'a>>),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Modulo,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What the names mean.
struct Meaning {
    variables: Vec<Value>,
    environment: Vec<String>,
}

impl Expression<'_> {
    /// How tightly it binds.
    fn rank(&self) -> u8 {
        match self {
            Self::Operation(_, Operator::Plus | Operator::Minus, _) => 0,
            Self::Operation(..) => 1,
            _ => 2,
        }
    }

    fn write(&self, depth: usize, out: &mut String) {
        let inner = |inner: &Self, rank: u8, out: &mut String| {
            if inner.rank() < rank && depth < DEEPEST {
                out.push('(');
                inner.write(depth + 1, out);
                out.push(')');
            } else {
                inner.write(depth + 1, out);
            }
        };
        match self {
            _ if depth > DEEPEST => out.push('7'),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Boolean(flag) => out.push_str(&flag.to_string()),
            Self::Text(text) => {
                out.push('"');
                out.push_str(&plain(text));
                out.push('"');
            }
            Self::Variable(name) => out.push_str(&format!("v{}", name % NAMES)),
            Self::Environment(name, default) => {
                out.push_str(&format!("env.E{}", name % NAMES));
                if let Some(default) = default {
                    out.push_str(" ?? ");
                    inner(default, 2, out);
                }
            }
            Self::Negative(negated) => {
                out.push('-');
                inner(negated, 2, out);
            }
            Self::Operation(left, operator, right) => {
                inner(left, self.rank(), out);
                out.push_str(match operator {
                    Operator::Plus => " + ",
                    Operator::Minus => "-",
                    Operator::Times => "*",
                    Operator::Over => " / ",
                    Operator::Modulo => "%",
                });
                inner(right, self.rank() + 1, out);
            }
        }
    }

    fn value(&self, depth: usize, meaning: &Meaning) -> Option<Value> {
        match self {
            _ if depth > DEEPEST => Some(Value::Integer(7)),
            Self::Integer(number) => i64::try_from(*number).ok().map(Value::Integer),
            Self::Boolean(flag) => Some(Value::Boolean(*flag)),
            Self::Text(text) => Some(Value::Text(plain(text))),
            Self::Variable(name) => meaning.variables.get(usize::from(name % NAMES)).cloned(),
            Self::Environment(name, default) => {
                // One that is read is evaluated, needed or not.
                let default = match default {
                    Some(default) => Some(default.value(depth + 1, meaning)?),
                    None => None,
                };
                let found = meaning.environment.get(usize::from(name % NAMES));
                match (found, default) {
                    (None, default) => default,
                    (Some(found), None | Some(Value::Text(_))) => Some(Value::Text(found.clone())),
                    (Some(found), Some(Value::Integer(_))) => {
                        found.trim().parse().ok().map(Value::Integer)
                    }
                    (Some(found), Some(Value::Boolean(_))) => {
                        found.trim().parse().ok().map(Value::Boolean)
                    }
                }
            }
            Self::Negative(inner) => match inner.value(depth + 1, meaning)? {
                Value::Integer(number) => fits(-i128::from(number)),
                _ => None,
            },
            Self::Operation(left, operator, right) => {
                let operands = (
                    left.value(depth + 1, meaning)?,
                    right.value(depth + 1, meaning)?,
                );
                let (Value::Integer(left), Value::Integer(right)) = operands else {
                    return None;
                };
                let (left, right) = (i128::from(left), i128::from(right));
                match operator {
                    Operator::Plus => fits(left + right),
                    Operator::Minus => fits(left - right),
                    Operator::Times => fits(left * right),
                    Operator::Over => fits(left.checked_div(right)?),
                    // The quotient has to fit as well: that is how machines divide.
                    Operator::Modulo => {
                        fits(left.checked_div(right)?).and_then(|_| fits(left % right))
                    }
                }
            }
        }
    }
}

fn fits(number: i128) -> Option<Value> {
    i64::try_from(number).ok().map(Value::Integer)
}

/// The text of a string in an expression, which has no way to write its own quotes.
fn plain(text: &str) -> String {
    without_braces(text).replace('"', "")
}

fuzz_target!(|input: Input<'_>| {
    let variables: Vec<Value> = input
        .variables
        .iter()
        .take(usize::from(NAMES))
        .map(|variable| match variable {
            Plain::Integer(number) => Value::Integer(*number),
            Plain::Boolean(flag) => Value::Boolean(*flag),
            Plain::Text(text) => Value::Text(without_braces(text)),
        })
        .collect();
    let environment: Vec<String> = input
        .environment
        .iter()
        .take(usize::from(NAMES))
        .map(|text| (*text).to_owned())
        .collect();
    let meaning = Meaning {
        variables,
        environment,
    };

    let mut text = String::new();
    let mut expected = Some(String::new());
    for piece in &input.pieces {
        match piece {
            Piece::Literal(literal) => {
                let literal = without_braces(literal);
                text.push_str(&literal);
                if let Some(expected) = &mut expected {
                    expected.push_str(&literal);
                }
            }
            Piece::Placeholder(expression) => {
                text.push_str("{{");
                expression.write(0, &mut text);
                text.push_str("}}");
                expected = expected
                    .zip(expression.value(0, &meaning))
                    .map(|(before, value)| before + &value.text());
            }
        }
    }
    let mut file = format!("description = {}\n[ns.a]\n[vars]\n", quoted(&text));
    for (number, value) in meaning.variables.iter().enumerate() {
        let value = match value {
            Value::Text(text) => quoted(text),
            other => other.text(),
        };
        file.push_str(&format!("v{number} = {value}\n"));
    }
    let environment = meaning
        .environment
        .iter()
        .enumerate()
        .map(|(number, text)| (format!("E{number}"), text.clone()));
    let world = World {
        files: Vec::new(),
        environment: environment.collect(),
    };
    let ask = |file: String| {
        let request = Request {
            surroundings: &world,
            ..Request::new(Source::new("main.toml", file), "main")
        };
        let parsed = parse(request);
        examine(&parsed);
        parsed
    };
    let parsed = ask(file);
    let found = parsed
        .topology
        .map(|topology| topology.description.unwrap_or_default());
    assert_eq!(found, expected, "{text:?}: {:?}", parsed.diagnostics);

    // Anything else that somebody might write.
    ask(format!("description = {}\n[ns.a]\n", quoted(input.raw)));
});
