//! The word that was probably meant.

/// The longest word that is compared: the comparison is quadratic.
const LONGEST: usize = 64;

/// The mistakes of one kind that are compared with everything that could be meant: proposals for more are not read, and
/// with a thousand mistakes among thousands of names they would take longer than everything else.
pub(crate) const SUGGESTIONS: usize = 20;

/// The most similar candidate, if no more than a third of the letters differ, and not all of them.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || length > LONGEST {
        return None;
    }
    let limit = length.div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST && *candidate != word)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit && distance < length)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", if something is similar.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_third_of_the_letters_may_differ() {
        assert_eq!(
            nearest("hostnme", ["hostname", "domainname"]),
            Some("hostname")
        );
        assert_eq!(nearest("cdw", ["cmd", "cwd"]), Some("cwd"));
        assert_eq!(nearest("banana", ["hostname"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("b", ["a"]), None);
    }
}
