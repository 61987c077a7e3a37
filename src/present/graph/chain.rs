//! PID chains as labels: outermost first, the host's number left out where only the file is known.

/// Greatest number of PIDs that are written; of a longer chain the two outermost and the two innermost.
const MOST: usize = 5;

/// A number for each level, or a range where several instances are drawn as one.
pub(super) fn whole(first: &[Option<i32>], last: &[Option<i32>]) -> String {
    numbers(first, last).join("/")
}

/// The chain with an ellipsis in the middle if it is long.
pub(super) fn short(first: &[Option<i32>], last: &[Option<i32>]) -> String {
    let mut numbers = numbers(first, last);
    if numbers.len() > MOST {
        numbers.splice(2..numbers.len() - 2, ["…".to_owned()]);
    }
    numbers.join("/")
}

fn numbers(first: &[Option<i32>], last: &[Option<i32>]) -> Vec<String> {
    let is_below_unknown_host = first.first().is_some_and(Option::is_none);
    let number =
        |number: Option<i32>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let range = |(&first, &last)| {
        if first == last {
            number(first)
        } else {
            number(first) + "–" + &number(last)
        }
    };
    first
        .iter()
        .zip(last)
        .skip(usize::from(is_below_unknown_host))
        .map(range)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{short, whole};

    #[test]
    fn numbers_ranges_and_ellipses() {
        let chain = |numbers: &[i32]| -> Vec<Option<i32>> {
            numbers.iter().map(|&n| (n != 0).then_some(n)).collect()
        };
        let (runner, deep) = (chain(&[0, 7, 4]), chain(&[0, 9, 8, 7, 6, 5, 4]));
        assert_eq!(whole(&runner, &runner), "7/4");
        assert_eq!(
            whole(&chain(&[5303, 7, 4]), &chain(&[5303, 7, 4])),
            "5303/7/4"
        );
        assert_eq!(whole(&chain(&[0, 2, 1]), &chain(&[0, 1001, 1])), "2–1001/1");
        assert_eq!(whole(&deep, &deep), "9/8/7/6/5/4");
        assert_eq!(short(&deep, &deep), "9/8/…/5/4");
        assert_eq!(short(&deep[..6], &deep[..6]), "9/8/7/6/5");
        assert_eq!(whole(&[], &[]), "");
    }
}
