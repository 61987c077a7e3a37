//! One `[[expect]]`, key by key. Whether the tree has what it names is for the checks.

use std::time::Duration;

use super::located::Located;
use super::reader::{Entry, entries};
use super::unknown::known;
use crate::address::{Address, HOST, Wanted};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::expectation::{Assertion, Mechanism};
use crate::keys::{ExpectationKey, PermissionKey};
use crate::state::State;
use crate::toml_text::Table;

/// The content of one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpectationSyntax {
    pub(crate) via: Mechanism,
    pub(crate) within: Duration,
    pub(crate) claims: Vec<Located<Assertion>>,
    /// The addresses in it.
    pub(crate) names: Vec<(Located<Address>, Named)>,
}

/// The kind of thing that an address may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A namespace, a process, or the host.
    Observer,
    /// A namespace or a process.
    Anything,
    /// A process, PID 1s included.
    Process,
    /// A namespace by its whole path, or the host.
    Namespace,
}

/// The highest number that the kernel gives (`PID_MAX_LIMIT`).
const HIGHEST: u64 = 1 << 22;

impl ExpectationSyntax {
    /// Reads a table; `span` is that of the word `expect`, for what has no better place.
    pub(crate) fn read(table: &Table, span: Span, out: &mut Diagnostics) -> Self {
        let before = out.len();
        let mut syntax = Self::default();
        let find = |key: &str| entries(table).find(|entry| entry.key == key);
        let mut target = |key, named, out: &mut Diagnostics| match find(key) {
            Some(entry) => syntax
                .name(&entry, named, out)
                .map_or(Target::Wrong, Target::Is),
            None => Target::Missing,
        };
        let from = target("from", Named::Observer, out);
        let process = target("proc", Named::Process, out);
        for entry in entries(table) {
            let Some(key) = known::<ExpectationKey>(&entry, "", out) else {
                continue;
            };
            match key {
                ExpectationKey::From | ExpectationKey::Proc => {}
                ExpectationKey::Sees => {
                    syntax.visibility(&entry, &from, |from, of| Assertion::Sees { from, of }, out);
                }
                ExpectationKey::Hides => {
                    syntax.visibility(&entry, &from, |from, of| Assertion::Hides { from, of }, out);
                }
                ExpectationKey::Pid
                | ExpectationKey::Ppid
                | ExpectationKey::Pgid
                | ExpectationKey::Sid => syntax.numbers((key, &entry), &process, out),
                ExpectationKey::Chain => syntax.chain(&entry, &process, out),
                ExpectationKey::State => syntax.state(&entry, &process, out),
                ExpectationKey::Exit => syntax.exit(&entry, &process, out),
                ExpectationKey::Count => syntax.count(&entry, &from, &process, out),
                ExpectationKey::Signal => syntax.signal(&entry, out),
                ExpectationKey::Via => {
                    syntax.via = entry
                        .word(Mechanism::WORDS, out)
                        .map_or(Mechanism::default(), |via| via.value);
                }
                ExpectationKey::Within => {
                    syntax.within = entry
                        .duration(out)
                        .map_or(Duration::ZERO, |within| within.value);
                }
            }
        }
        if syntax.claims.is_empty() && out.len() == before {
            report_empty(table, span, out);
        }
        syntax
    }

    fn state(&mut self, key: &Entry<'_>, process: &Target, out: &mut Diagnostics) {
        if let (Some(state), Some(process)) =
            (key.word(&State::expected(), out), process.about(key, out))
        {
            self.claim(
                Assertion::State {
                    process,
                    state: state.value,
                },
                state.span,
            );
        }
    }

    fn exit(&mut self, key: &Entry<'_>, process: &Target, out: &mut Diagnostics) {
        if let (Some(status), Some(process)) = (key.integer(0, 255, out), process.about(key, out)) {
            let number = u8::try_from(status.value).unwrap_or(u8::MAX);
            self.claim(
                Assertion::Exit {
                    process,
                    status: number,
                },
                status.span,
            );
        }
    }

    fn claim(&mut self, assertion: Assertion, span: Span) {
        self.claims.push(Located::new(assertion, span));
    }

    /// An address, which is noted down for the checks.
    fn name(&mut self, entry: &Entry<'_>, named: Named, out: &mut Diagnostics) -> Option<Address> {
        let text = entry.string(out)?;
        let problem = match text.value.parse::<Address>() {
            Err(error) => error.to_string(),
            Ok(address) if address.topology().is_some() => {
                "expectations are about this topology: leave out the name".to_owned()
            }
            Ok(address) if address.number().is_some() => {
                "which process has a PID is what is to be determined: write the path of a process"
                    .to_owned()
            }
            Ok(address) if named == Named::Process && address.wanted() == Wanted::Namespace => {
                "a trailing `/` means a namespace, but a process is expected here".to_owned()
            }
            Ok(address) => {
                self.names
                    .push((Located::new(address.clone(), text.span), named));
                return Some(address);
            }
        };
        let message = format!("`{}` cannot be used in an expectation", text.value);
        out.push(Diagnostic::at(Code::BadExpectation, text.span, message).label(problem));
        None
    }

    fn visibility(
        &mut self,
        key: &Entry<'_>,
        from: &Target,
        assertion: fn(Address, Address) -> Assertion,
        out: &mut Diagnostics,
    ) {
        let elements = if key.value.as_str().is_some() {
            Some(vec![*key])
        } else {
            key.elements("a path, or an array of paths", out)
        };
        let observer = from.looking(key, out);
        for element in elements.unwrap_or_default() {
            let Some(of) = self.name(&element, Named::Anything, out) else {
                continue;
            };
            let Some(from) = observer.clone() else {
                continue;
            };
            self.claim(assertion(from, of), element.span);
        }
    }

    fn numbers(
        &mut self,
        (kind, key): (ExpectationKey, &Entry<'_>),
        process: &Target,
        out: &mut Diagnostics,
    ) {
        let lowest = u64::from(kind == ExpectationKey::Pid);
        let target = process.about(key, out);
        for entry in key.table(out).unwrap_or_default() {
            let number = entry.integer(lowest, HIGHEST, out);
            let space = match entry.key.parse::<Address>() {
                Ok(address)
                    if address.is_host() || (address.is_exact() && address.number().is_none()) =>
                {
                    address
                }
                _ => {
                    let message = format!("`{}` is not the path of a namespace", entry.key);
                    out.push(
                        Diagnostic::at(Code::BadExpectation, entry.key_span, message)
                            .label("PIDs belong to one namespace, which is named here"),
                    );
                    continue;
                }
            };
            self.names.push((
                Located::new(space.clone(), entry.key_span),
                Named::Namespace,
            ));
            let (Some(number), Some(process)) = (number, target.clone()) else {
                continue;
            };
            let (number, space) = (
                i32::try_from(number.value).unwrap_or(i32::MAX),
                space.path(),
            );
            let assertion = match kind {
                ExpectationKey::Ppid => Assertion::Ppid {
                    process,
                    space,
                    number,
                },
                ExpectationKey::Pgid => Assertion::Pgid {
                    process,
                    space,
                    number,
                },
                ExpectationKey::Sid => Assertion::Sid {
                    process,
                    space,
                    number,
                },
                _ => Assertion::Pid {
                    process,
                    space,
                    number,
                },
            };
            self.claim(assertion, entry.key_span);
        }
    }

    fn chain(&mut self, key: &Entry<'_>, process: &Target, out: &mut Diagnostics) {
        let target = process.about(key, out);
        let Some(elements) = key.elements("an array of PIDs, the outermost first", out) else {
            return;
        };
        let read: Vec<_> = elements
            .iter()
            .filter_map(|element| element.integer(1, HIGHEST, out))
            .collect();
        let is_complete = read.len() == elements.len() && !read.is_empty();
        if let Some(process) = target.filter(|_| is_complete) {
            let numbers = read
                .iter()
                .map(|number| i32::try_from(number.value).unwrap_or(i32::MAX))
                .collect();
            self.claim(Assertion::Chain { process, numbers }, key.span);
        }
    }

    fn count(&mut self, key: &Entry<'_>, from: &Target, process: &Target, out: &mut Diagnostics) {
        let Some(count) = key.integer(0, HIGHEST, out) else {
            return;
        };
        match (from, process) {
            (Target::Is(from), _) => {
                self.claim(
                    Assertion::SeesSoMany {
                        from: from.clone(),
                        count: count.value,
                    },
                    count.span,
                );
            }
            (Target::Missing, Target::Is(process)) => {
                self.claim(
                    Assertion::SoMany {
                        process: process.clone(),
                        count: count.value,
                    },
                    count.span,
                );
            }
            (Target::Wrong, _) | (_, Target::Wrong) => {}
            (Target::Missing, Target::Missing) => {
                let message = "`count` does not state what is counted";
                out.push(
                    Diagnostic::at(Code::BadExpectation, key.key_span, message)
                        .label("both `from` and `proc` are missing")
                        .help(
                            "add `from` to count what it sees, or a pattern as `proc` to count the live processes that \
                             match",
                        ),
                );
            }
        }
    }

    fn signal(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        let (mut from, mut to, mut allowed) = (None, None, None);
        let before = out.len();
        for entry in key.table(out).unwrap_or_default() {
            match known(&entry, "", out) {
                Some(PermissionKey::From) => from = self.name(&entry, Named::Observer, out),
                Some(PermissionKey::To) => to = self.name(&entry, Named::Anything, out),
                Some(PermissionKey::Allowed) => {
                    allowed = entry.boolean(out).map(|allowed| allowed.value);
                }
                None => {}
            }
        }
        match (from, to, allowed) {
            (Some(from), Some(to), Some(allowed)) => {
                self.claim(Assertion::Signal { from, to, allowed }, key.key_span);
            }
            _ if out.len() == before => out.push(
                Diagnostic::at(
                    Code::BadExpectation,
                    key.key_span,
                    "`signal` needs a sender, a target and whether it is allowed",
                )
                .help("write signal = { from = \"…\", to = \"…\", allowed = false }"),
            ),
            _ => {}
        }
    }
}

/// Reports a table with no claim. `span` is that of the word `expect`, for what has no better place.
fn report_empty(table: &Table, span: Span, out: &mut Diagnostics) {
    let find = |key: &str| entries(table).find(|entry| entry.key == key);
    let has = |key: &str| find(key).is_some();
    let help = match (has("from"), has("proc")) {
        (true, _) => {
            "state what is visible from there: sees = [\"…\"], hides = [\"…\"] or count = 1"
        }
        (false, true) => {
            "state what is expected of it: pid, ppid, pgid, sid, chain, state, exit or count"
        }
        (false, false) => "write `from` with `sees` or `hides`, or `proc` with `pid` or `ppid`",
    };
    let place = find("from")
        .or_else(|| find("proc"))
        .map_or(span, |entry| entry.key_span);
    out.push(
        Diagnostic::at(
            Code::BadExpectation,
            place,
            "an expectation has nothing to compare",
        )
        .label("this would compare nothing")
        .help(help),
    );
}

/// The observer, or the process that something is said about.
enum Target {
    Missing,
    /// Something that was reported.
    Wrong,
    Is(Address),
}

impl Target {
    fn about(&self, key: &Entry<'_>, out: &mut Diagnostics) -> Option<Address> {
        self.wanted("proc", "the process", key, out)
    }

    fn looking(&self, key: &Entry<'_>, out: &mut Diagnostics) -> Option<Address> {
        self.wanted("from", "the observer", key, out)
    }

    fn wanted(
        &self,
        wanted: &str,
        question: &str,
        key: &Entry<'_>,
        out: &mut Diagnostics,
    ) -> Option<Address> {
        match self {
            Self::Is(address) => Some(address.clone()),
            Self::Wrong => None,
            Self::Missing => {
                let message = format!("`{}` does not name {question}", key.key);
                out.push(
                    Diagnostic::at(Code::BadExpectation, key.key_span, message)
                        .label(format!("`{wanted}` is missing"))
                        .help(format!("write {wanted} = \"…\" in the same [[expect]]")),
                );
                None
            }
        }
    }
}

impl Named {
    /// The noun of a sentence.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Observer | Self::Anything => "namespace or process",
            Self::Process => "process",
            Self::Namespace => "namespace",
        }
    }

    /// Returns whether the host is one.
    pub(crate) fn may_be(self, address: &Address) -> bool {
        address.path() == HOST && matches!(self, Self::Observer | Self::Namespace)
    }
}
