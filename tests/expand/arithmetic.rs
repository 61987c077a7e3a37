//! Placeholders that chance writes, against 128 bits. `fuzz/` has the same with more kinds of values, for as long as one likes.

use nestns_topology::diagnostic::{Code, Source};
use nestns_topology::{Request, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::random;

#[derive(Debug, Clone)]
enum Expression {
    Number(i64),
    /// `v0` to `v3`.
    Variable(usize),
    Negative(Box<Expression>),
    Operation(Box<Expression>, char, Box<Expression>),
}

impl Expression {
    /// Precedence of the operator.
    fn rank(&self) -> u8 {
        match self {
            Self::Operation(_, '+' | '-', _) => 0,
            Self::Operation(..) => 1,
            _ => 2,
        }
    }

    /// With parentheses where they are needed.
    fn text(&self) -> String {
        let inner = |inner: &Self, rank| {
            if inner.rank() < rank {
                format!("({})", inner.text())
            } else {
                inner.text()
            }
        };
        match self {
            Self::Number(number) => number.to_string(),
            Self::Variable(name) => format!("v{name}"),
            Self::Negative(negated) => format!("-{}", inner(negated, 2)),
            Self::Operation(left, sign, right) => {
                format!(
                    "{} {sign} {}",
                    inner(left, self.rank()),
                    inner(right, self.rank() + 1)
                )
            }
        }
    }

    /// `None` where a step does not fit into 64 bits, or divides by zero.
    fn value(&self, variables: &[i64]) -> Option<i64> {
        let exact = match self {
            Self::Number(number) => i128::from(*number),
            Self::Variable(name) => i128::from(variables[*name]),
            Self::Negative(inner) => -i128::from(inner.value(variables)?),
            Self::Operation(left, sign, right) => {
                let (left, right) = (
                    i128::from(left.value(variables)?),
                    i128::from(right.value(variables)?),
                );
                match sign {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    '/' => left.checked_div(right)?,
                    // The quotient has to fit as well: that is how machines divide.
                    _ => i64::try_from(left.checked_div(right)?)
                        .ok()
                        .map(|_| left % right)?,
                }
            }
        };
        i64::try_from(exact).ok()
    }
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -9..10_i64, 1 => any::<i64>(), 1 => select(vec![i64::MIN, i64::MAX])]
}

fn expression() -> impl Strategy<Value = Expression> {
    // A sign in front is an operation of its own.
    let number =
        number().prop_map(|number| Expression::Number(number.checked_abs().unwrap_or(i64::MAX)));
    let leaf = prop_oneof![2 => number, 1 => (0..4_usize).prop_map(Expression::Variable)];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let operation = (
            inner.clone(),
            select(vec!['+', '-', '*', '/', '%']),
            inner.clone(),
        );
        prop_oneof![
            1 => inner.prop_map(|inner| Expression::Negative(Box::new(inner))),
            4 => operation.prop_map(|(left, sign, right)| {
                Expression::Operation(Box::new(left), sign, Box::new(right))
            }),
        ]
    })
}

#[test]
fn text_is_kept_and_computations_are_exact_or_refused() {
    // A text, and a placeholder behind it.
    let pieces = vec(("[a-zé$}#\\[ ]{0,5}", expression()), 0..4);
    let mut runner = random::runner(random::cases(1_000, 100_000), u32::MAX);
    let check = |(variables, pieces): ([i64; 4], Vec<(String, Expression)>)| {
        let (mut text, mut expected) = (String::new(), Some(String::new()));
        for (literal, expression) in pieces {
            text.extend([&literal, "{{", &expression.text(), "}}"]);
            let value = expression.value(&variables);
            expected = expected
                .zip(value)
                .map(|(before, value)| format!("{before}{literal}{value}"));
        }
        let [v0, v1, v2, v3] = variables;
        let file = format!(
            "description = '{text}'\n[vars]\nv0 = {v0}\nv1 = {v1}\nv2 = {v2}\nv3 = {v3}\n[ns.a]\n"
        );
        let parsed = parse(Request::new(Source::new("x.toml", file), "x"));
        prop_assert!(
            parsed
                .diagnostics
                .iter()
                .all(|problem| problem.code == Code::BadArithmetic),
            "{text}"
        );
        let found = parsed
            .topology
            .map(|topology| topology.description.unwrap_or_default());
        prop_assert_eq!(found, expected, "{}", text);
        Ok(())
    };
    runner
        .run(&([number(), number(), number(), number()], pieces), check)
        .unwrap();
}
