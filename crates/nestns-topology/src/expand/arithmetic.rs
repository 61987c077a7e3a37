//! Integers, computed with.

use super::expression::Operator;
use super::scalar::Scalar;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// The result; `None` if something is wrong with the operands, which stand at `place`.
pub(super) fn compute(
    left: &Scalar,
    operator: Operator,
    right: &Scalar,
    place: impl FnOnce() -> Span,
    out: &mut Diagnostics,
) -> Option<Scalar> {
    let (&Scalar::Integer(left), &Scalar::Integer(right)) = (left, right) else {
        let other = if matches!(left, Scalar::Integer(_)) {
            right
        } else {
            left
        };
        out.push(
            Diagnostic::at(Code::BadArithmetic, place(), "arithmetic needs integers")
                .label(format!("`{}` is {}", other.text(), other.noun())),
        );
        return None;
    };
    let (result, sign) = match operator {
        Operator::Plus => (left.checked_add(right), '+'),
        Operator::Minus => (left.checked_sub(right), '-'),
        Operator::Times => (left.checked_mul(right), '*'),
        Operator::Over => (left.checked_div(right), '/'),
        Operator::Modulo => (left.checked_rem(right), '%'),
    };
    if result.is_none() {
        let reason = if right == 0 && matches!(operator, Operator::Over | Operator::Modulo) {
            "division by 0"
        } else {
            "the result does not fit in 64 bits"
        };
        out.push(
            Diagnostic::at(
                Code::BadArithmetic,
                place(),
                "the computation has no result",
            )
            .label(format!("{left} {sign} {right}: {reason}")),
        );
    }
    result.map(Scalar::Integer)
}
