//! Names of captured namespaces and processes.

use std::collections::HashSet;

use crate::host_snapshot::ProcessInfo;

/// Greatest length: the language refuses longer names, and room is left for a number behind it.
const LONGEST: usize = 56;

/// Title of a process of nestns: `nestns: vm/ci (init)`.
#[derive(Debug)]
pub(super) struct Title {
    /// The last component of the path, that of the namespace for its PID 1.
    pub(super) name: String,
    /// Role or actor.
    pub(super) kind: String,
}

impl Title {
    /// Reads the title; `None` if the process is not one of nestns.
    pub(super) fn of(process: &ProcessInfo) -> Option<Self> {
        let words = std::fs::read(format!("/proc/{}/cmdline", process.pid())).ok()?;
        Self::parse(String::from_utf8_lossy(&words).trim_end_matches('\0'))
    }

    fn parse(title: &str) -> Option<Self> {
        let (path, kind) = title
            .strip_prefix("nestns: ")?
            .strip_suffix(')')?
            .rsplit_once(" (")?;
        let path = path.strip_suffix("/init").unwrap_or(path);
        Some(Self {
            name: path.rsplit('/').next()?.to_owned(),
            kind: kind.to_owned(),
        })
    }
}

/// The names in one scope.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Takes a name like this one that the language allows and that is not yet in use here.
    pub(super) fn take(&mut self, like: &str) -> String {
        let mut base: String = like
            .chars()
            .map(|letter| letter.to_ascii_lowercase())
            .map(|letter| {
                if letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_' {
                    letter
                } else {
                    '-'
                }
            })
            .take(LONGEST)
            .collect();
        base = base.trim_start_matches(['-', '_']).to_owned();
        if base.is_empty() || base == "init" || base == "host" {
            base = format!("p{base}");
        }
        let mut name = base.clone();
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Title};

    #[test]
    fn names_are_those_of_the_language_and_differ() {
        let mut names = Names::default();
        let given = [
            "bash",
            "Web Content",
            "bash",
            "w.0",
            "(sd-pam)",
            "init",
            "",
            "bash-2",
        ]
        .map(|like| names.take(like));
        assert_eq!(
            given,
            [
                "bash",
                "web-content",
                "bash-2",
                "w-0",
                "sd-pam-",
                "pinit",
                "p",
                "bash-2-2"
            ]
        );
    }

    #[test]
    fn a_title_is_taken_apart() {
        let title = Title::parse("nestns: vm/ci (init)").unwrap();
        assert_eq!((title.name.as_str(), title.kind.as_str()), ("ci", "init"));
        assert_eq!(Title::parse("nestns: vm/ci/p0 (idle)").unwrap().name, "p0");
        assert!(Title::parse("sleep").is_none());
    }
}
