//! The fields of `/proc/PID/status`, of that of a thread, and of the `fdinfo` of a pidfd; `proc_pid_status(5)`.
//!
//! The only parser of these files. A process may have given itself any name: the first field is all that it can change, and the
//! kernel writes a line feed in it as `\n`, so that it cannot be taken for another field.

use std::borrow::Cow;
use std::str::FromStr;

/// The fields by their names, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Cow<'a, str>);

impl<'a> Fields<'a> {
    /// The fields of the content of a file. What is no text in it is replaced.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(String::from_utf8_lossy(bytes))
    }
}

impl Fields<'static> {
    /// Those of the calling process; none where the visible /proc does not know it.
    pub fn own() -> Self {
        let bytes = std::fs::read("/proc/self/status").unwrap_or_default();
        Self(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Fields<'_> {
    /// All fields, as they stand there.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split('\n').filter_map(|line| line.split_once(":\t"))
    }

    /// A field, without the blanks around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value.trim())
    }

    /// The name of the process, with the blanks that are its own.
    pub fn name(&self) -> Option<&str> {
        self.iter()
            .find(|(field, _)| *field == "Name")
            .map(|(_, value)| value)
    }

    /// The letter of the state.
    pub fn state(&self) -> Option<char> {
        self.get("State")?.chars().next()
    }

    /// A field that is one number.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// A field that is any number of them.
    pub fn numbers<T: FromStr>(&self, name: &str) -> Option<Vec<T>> {
        numbers(self.get(name)?)
    }

    /// A field that is a number in each PID namespace from the reader's inward, `NSpid` and its like.
    pub fn chain(&self, name: &str) -> Option<Vec<i32>> {
        chain(self.get(name)?)
    }

    /// A field that is a set of bits, of signals or of capabilities.
    pub fn mask(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.get(name)?, 16).ok()
    }
}

/// The numbers of the value of a field.
pub fn numbers<T: FromStr>(value: &str) -> Option<Vec<T>> {
    value
        .split_ascii_whitespace()
        .map(|number| number.parse().ok())
        .collect()
}

/// The numbers of the value of a field that has at least one.
pub fn chain(value: &str) -> Option<Vec<i32>> {
    numbers(value).filter(|numbers| !numbers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Fields;

    const STATUS: &[u8] =
        b"Name:\t a:\tb \nState:\tS (sleeping)\nPPid:\t7\nGroups:\t4 5 \nNSpid:\t8\t3\nNStgid:\t\nSigCgt:\t1f\n";

    #[test]
    fn each_kind_of_field() {
        let fields = Fields::of(STATUS);
        assert_eq!(fields.name(), Some(" a:\tb "));
        assert_eq!(fields.state(), Some('S'));
        assert_eq!(fields.number("PPid"), Some(7));
        assert_eq!(fields.numbers("Groups"), Some(vec![4, 5]));
        assert_eq!(fields.chain("NSpid"), Some(vec![8, 3]));
        assert_eq!(fields.mask("SigCgt"), Some(0x1f));
    }

    #[test]
    fn what_is_not_there_or_no_number_is_none() {
        let fields = Fields::of(STATUS);
        assert_eq!(fields.get("Pid"), None);
        assert_eq!(fields.number::<i32>("State"), None);
        assert_eq!(fields.numbers::<i32>("State"), None);
        assert_eq!(fields.chain("NStgid"), None);
        assert_eq!(fields.numbers::<i32>("NStgid"), Some(Vec::new()));
        assert_eq!(fields.mask("State"), None);
    }

    #[test]
    fn ones_own() {
        assert_eq!(
            Fields::own().number("Pid"),
            i32::try_from(std::process::id()).ok()
        );
    }
}
