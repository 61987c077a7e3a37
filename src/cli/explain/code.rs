//! `nestns explain NS301`: what a code means, with examples. The answer goes to standard output.

use std::io::{self, Write};

use super::{Status, When};
use crate::cli::command_error::CommandError;
use nestns_topology::diagnostic::{Code, heading};

/// How many codes are named in place of one that does not exist.
const NEAREST: usize = 3;

/// Returns whether this is a code and not a file: `NS301`, in any case, or with other digits.
pub(super) fn is_code(word: &str) -> bool {
    word.len() == 5
        && word
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("NS"))
        && word[2..].bytes().all(|byte| byte.is_ascii_digit())
}

/// Explains it.
pub(super) fn run(word: &str, color: When) -> Result<Status, CommandError> {
    let Some(code) = Code::find(word) else {
        let error = CommandError::not_found(format!("there is no code {}", word.to_uppercase()));
        let nearest = nearest(word).join(", ");
        return Err(error.help(format!(
            "the nearest are {nearest}; `nestns explain --list` shows all"
        )));
    };
    let mut stdout = io::stdout().lock();
    let text = format!(
        "{}\n\n{}",
        heading(code, color.resolve(&stdout)),
        code.explanation()
    );
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Status::Done)
}

/// The codes whose numbers differ least: the hundred says what a code is about.
fn nearest(word: &str) -> Vec<String> {
    let number = |text: &str| text[2..].parse::<u16>().unwrap_or_default();
    let asked = number(word);
    let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.text()).collect();
    codes.sort_by_key(|text| number(text).abs_diff(asked));
    codes.truncate(NEAREST);
    codes.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_code, nearest};

    #[test]
    fn a_code_is_told_from_a_file() {
        for word in ["NS301", "ns301", "Ns999"] {
            assert!(is_code(word), "{word}");
        }
        for word in ["NS30", "NS3011", "ns301.toml", "NS+30", "./ns301", "NSübe"] {
            assert!(!is_code(word), "{word}");
        }
    }

    #[test]
    fn the_nearest_are_of_the_same_hundred() {
        assert_eq!(nearest("NS299"), ["NS301", "NS302", "NS304"]);
        assert_eq!(nearest("ns999"), ["NS504", "NS503", "NS502"]);
    }
}
