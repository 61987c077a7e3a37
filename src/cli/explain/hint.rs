//! The last line of a failure, for people: that this verb knows more about its codes.

use nestns_topology::diagnostic::{Code, Level};

/// Number of codes that are named.
const NAMED: usize = 3;

/// The line for these codes, which may repeat; errors are named before warnings. `None` where there are none.
pub(in crate::cli) fn hint(codes: impl IntoIterator<Item = Code>) -> Option<String> {
    let mut distinct: Vec<Code> = Vec::new();
    for code in codes {
        if !distinct.contains(&code) {
            distinct.push(code);
        }
    }
    distinct.sort_by_key(|code| code.level() != Level::Error);
    let (first, others) = distinct.split_first()?;
    let mut text = format!("see `nestns explain {first}`");
    if !others.is_empty() {
        let mut named: Vec<_> = others.iter().take(NAMED - 1).map(Code::to_string).collect();
        if others.len() >= NAMED {
            named.push("…".to_owned());
        }
        text.push_str("; likewise ");
        text.push_str(&named.join(", "));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_once_errors_first_and_no_more_than_three() {
        let of = |codes: &[Code]| hint(codes.iter().copied());
        assert_eq!(of(&[]), None);
        let one = [Code::NoParent, Code::NoParent];
        assert_eq!(of(&one).unwrap(), "see `nestns explain NS201`");
        let three = [
            Code::ShortGrace,
            Code::BadName,
            Code::ShortGrace,
            Code::NoParent,
        ];
        assert_eq!(
            of(&three).unwrap(),
            "see `nestns explain NS107`; likewise NS201, NS301"
        );
        let four = [
            Code::Syntax,
            Code::BadName,
            Code::ShortGrace,
            Code::NoParent,
        ];
        assert_eq!(
            of(&four).unwrap(),
            "see `nestns explain NS003`; likewise NS107, NS201, …"
        );
    }
}
