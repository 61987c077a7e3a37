//! Every code in one table. A code never changes its meaning and is never given out twice.
//!
//! Most are raised by the checks of a file; those of the machine and of the run are raised by the controller, which fails
//! before or while a tree comes to stand.

use std::fmt;

use super::explanation::Explanation;

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The file cannot be used, or the tree does not stand.
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
    ($($name:ident = $text:literal, $title:literal;)*) => {
        /// The kind of a problem: `NSnnn`, 0xx the text, 1xx keys and types, 2xx the tree, 3xx lints, 4xx this machine,
        /// 5xx run time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// The whole table, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is printed and searched for: `NS102`.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The meaning of the code, in one line.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// The explanation: why it matters, with examples. A code without a file does not compile.
            pub fn explanation(self) -> Explanation {
                Explanation::parse(match self {
                    $(Self::$name => include_str!(concat!("explanations/", $text, ".md")),)*
                })
            }
        }
    };
}

codes! {
    Unreadable = "NS001", "the file cannot be read";
    NotUtf8 = "NS002", "the file is not UTF-8 text";
    Syntax = "NS003", "the text is not TOML";
    NoSingleFile = "NS004", "a directory does not have exactly one topology file";
    CannotInclude = "NS005", "an included file cannot be used";
    IncludeCycle = "NS006", "files include each other";

    WrongType = "NS101", "a value has the wrong type";
    UnknownKey = "NS102", "a key is unknown";
    MisplacedKey = "NS103", "a key belongs in another table";
    NotSupported = "NS104", "a key or value is not supported by this version";
    ForeignKey = "NS105", "a key belongs to another program";
    ParentKey = "NS106", "a parent is given as a key instead of in the path";
    BadName = "NS107", "a name contains characters that are not allowed";
    ReservedName = "NS108", "a name is reserved";
    UnknownWord = "NS109", "a value is not one of the allowed words";
    BadSignal = "NS110", "a signal does not exist";
    BadDuration = "NS111", "a duration is invalid";
    OutOfRange = "NS112", "a number is out of range";
    BadCommand = "NS113", "a command cannot be run as written";
    NotOneProgram = "NS114", "a process does not have exactly one program";
    BadActor = "NS115", "an actor or one of its options does not exist";
    BadPath = "NS116", "a path cannot be used";
    BadVariable = "NS117", "an environment variable cannot be set";
    BadUser = "NS118", "a user is invalid";
    BadHostName = "NS119", "a host name cannot be set";
    Contradiction = "NS120", "two keys contradict each other";
    WrongVersion = "NS121", "the file is for another version of the language";
    BadPlaceholder = "NS122", "a placeholder is invalid";
    UnknownVariable = "NS123", "a placeholder names something that does not exist";
    BadArithmetic = "NS124", "a computation has no result";
    BadOverride = "NS125", "a variable cannot be set to this value";
    BadVars = "NS126", "a variable declaration is invalid";
    VariableCycle = "NS127", "variables depend on each other";
    BadGenerator = "NS128", "generators conflict, or have nothing to generate";
    BadPlace = "NS129", "`at` is outside the chain";
    BadSize = "NS130", "a size is invalid";
    BadPattern = "NS131", "a regular expression is invalid";
    NotOneProbe = "NS132", "`ready` does not have exactly one condition";
    BadExpectation = "NS133", "an expectation has nothing to compare";
    BadPid = "NS139", "a PID cannot be given in a namespace";

    NoParent = "NS201", "a namespace has no parent";
    DeclaredTwice = "NS202", "a namespace is declared twice";
    SharedName = "NS203", "a process and a namespace have the same name";
    TooDeep = "NS204", "namespaces are nested too deeply";
    TooMany = "NS205", "the tree is larger than its limits";
    UnknownDependency = "NS206", "`after` names something that does not exist";
    OwnDependency = "NS207", "a process or namespace waits for itself";
    DependencyCycle = "NS208", "processes or namespaces wait for each other";
    ImpossibleFork = "NS209", "a process cannot be forked by a program that is PID 1";
    NoNamespace = "NS210", "the file declares no namespace";
    SeveralTerminals = "NS211", "several processes claim the terminal";
    UnknownTemplate = "NS212", "a namespace uses a template that does not exist";
    TemplateCycle = "NS213", "templates use each other";
    BadInstanceName = "NS214", "`as` gives a name that cannot be used";
    UnknownExpected = "NS215", "an expectation names something that is not in the tree";
    UnknownMain = "NS216", "`main` names something that does not exist";
    SharedPid = "NS219", "two processes are to have the same PID";
    TooFewPids = "NS220", "a namespace has fewer PIDs than declared processes";

    ShortGrace = "NS301", "a namespace has less time to stop than something inside it";
    LooksLikeShell = "NS302", "a command uses shell syntax but is not run by a shell";
    DroppedSignal = "NS304", "PID 1 does not handle its stop signal, so the kernel drops it";
    UnusedTemplate = "NS305", "a template of the file is never used";

    NoStateDirectory = "NS401", "the state directory cannot be created or trusted";
    UnavailableUser = "NS402", "a user or group is not available on this machine";
    TooFewDescriptors = "NS403", "the limit on descriptors is too low for the tree";
    Refused = "NS404", "this machine does not permit what a tree needs";

    NameInUse = "NS501", "a topology of this name is already running";
    NotStarted = "NS502", "the start could not be completed";
    Disagreement = "NS503", "the kernel does not agree with the plan";
    SystemFailure = "NS504", "a system call of the controller failed";
}

impl Code {
    /// The code of a text, in any case.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.text().eq_ignore_ascii_case(text))
    }

    /// Lints are warnings; everything else makes a file unusable, or is why a tree does not stand.
    pub const fn level(self) -> Level {
        if self.text().as_bytes()[2] == b'3' {
            Level::Warning
        } else {
            Level::Error
        }
    }
}

/// As it is printed and searched for: `NS102`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_number_twice() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].text() < pair[1].text())
        );
    }

    #[test]
    fn a_code_is_two_letters_and_three_digits() {
        for code in Code::ALL {
            let digits = code.text().strip_prefix("NS").expect("it begins with NS");
            assert!(
                digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()),
                "{code}"
            );
        }
    }
}
