//! Every code in one table. A code never changes its meaning and is never given out twice.

use std::fmt;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not do what its author thinks.
    Warning,
}

/// The word in front of a message.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        /// What kind of problem a diagnostic is about: `NSnnn`, 0xx TOML, 1xx keys and types, 2xx the tree, 3xx lints.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $name = $number,)*
        }

        impl Code {
            /// The whole table, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the code means, in one line.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    Unreadable = 1, "the file cannot be read";
    NotUtf8 = 2, "the file is not UTF-8 text";
    Syntax = 3, "the text is not TOML";
    NoSingleFile = 4, "a directory does not have exactly one topology file";

    WrongType = 101, "a value has the wrong type";
    UnknownKey = 102, "a key is not part of the language";
    MisplacedKey = 103, "a key belongs to another place";
    NotSupported = 104, "a key or value is not supported by this version";
    ForeignKey = 105, "a key belongs to another program's language";
    ParentKey = 106, "a parent is given as a key, not by the path";
    BadName = 107, "a name is not made of the allowed characters";
    ReservedName = 108, "a name is reserved";
    UnknownWord = 109, "a value is none of the allowed words";
    BadSignal = 110, "a signal does not exist";
    BadDuration = 111, "a duration cannot be read";
    OutOfRange = 112, "a number is out of its range";
    BadCommand = 113, "a command cannot be run as it is written";
    NotOneProgram = 114, "a process does not have exactly one program";
    BadActor = 115, "an actor or one of its options does not exist";
    BadPath = 116, "a file path cannot be used";
    BadVariable = 117, "an environment variable cannot be passed on";
    BadUser = 118, "a user cannot be read";
    BadHostName = 119, "a host name cannot be set";
    Contradiction = 120, "two keys contradict each other";
    WrongVersion = 121, "the file is written for another version of the language";

    NoParent = 201, "a namespace has no parent";
    DeclaredTwice = 202, "a namespace is declared twice";
    SharedName = 203, "a process and a namespace have the same name";
    TooDeep = 204, "namespaces are nested too deeply";
    TooMany = 205, "the tree is larger than its limits";
    UnknownDependency = 206, "a process waits for one that does not exist";
    OwnDependency = 207, "a process waits for itself";
    DependencyCycle = 208, "processes wait for each other";
    ImpossibleFork = 209, "a process cannot be forked by a program that is PID 1";
    NoNamespace = 210, "the file declares no namespace";
    SeveralTerminals = 211, "several processes own the terminal";

    ShortGrace = 301, "a namespace has less time to stop than something inside it";
    LooksLikeShell = 302, "a command uses shell syntax but is not run by a shell";
    UncheckedExpectation = 303, "an expectation is not checked by this version";
    DroppedSignal = 304, "PID 1 does not handle its stop signal, so the kernel drops it";
}

impl Code {
    /// The number behind `NS`.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Lints are warnings; everything else makes a file unusable.
    pub const fn level(self) -> Level {
        if self.number() / 100 == 3 { Level::Warning } else { Level::Error }
    }
}

/// As it is printed and searched for: `NS102`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NS{:03}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_number_twice() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    }
}
