//! A process as it is written: a program alone, or a table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::{Entry, entries};
use super::ready::ready;
use super::restart::RestartSyntax;
use super::stop::StopSyntax;
use super::unknown::report_unknown;
use super::vocabulary::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::labels::Labels;
use crate::topology::probe::Probe;
use crate::topology::process::{Condition, Entry as Way, Output, Program, Stdin};
use crate::topology::restart::RestartWhen;
use crate::topology::toml_text::{Kind, Table, Value};

/// What is said about a process, all layers merged.
#[derive(Debug, Clone, Default)]
pub(in crate::topology) struct ProcessBody {
    pub(in crate::topology) program: ProgramSyntax,
    pub(in crate::topology) enter: Option<Located<Way>>,
    pub(in crate::topology) env: BTreeMap<String, String>,
    pub(in crate::topology) cwd: Option<PathBuf>,
    pub(in crate::topology) user: Option<String>,
    pub(in crate::topology) labels: Labels,
    pub(in crate::topology) description: Option<String>,
    pub(in crate::topology) tty: Option<Located<bool>>,
    pub(in crate::topology) stdin: Option<Located<Stdin>>,
    pub(in crate::topology) stdout: Option<Located<Output>>,
    pub(in crate::topology) stderr: Option<Located<Output>>,
    pub(in crate::topology) after: Vec<(Located<String>, Condition)>,
    pub(in crate::topology) ready: Option<Located<Probe>>,
    pub(in crate::topology) ok: Option<Vec<u8>>,
    pub(in crate::topology) oneshot: Option<Located<bool>>,
    pub(in crate::topology) essential: Option<bool>,
    pub(in crate::topology) restart: RestartSyntax,
    pub(in crate::topology) stop: StopSyntax,
}

const ENTER: &[(&str, Way)] = &[("fork", Way::Fork), ("join", Way::Join)];
const CONDITIONS: &[(&str, Condition)] = &[
    ("created", Condition::Created),
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("exited", Condition::Exited),
    ("ok", Condition::Ok),
];

impl ProcessBody {
    /// A program alone, or a table. `path` is the namespace around it.
    pub(in crate::topology) fn read(
        name: &str,
        name_span: Span,
        value: &Value,
        path: &str,
        out: &mut Diagnostics,
    ) -> Self {
        let entry = Entry { key: name, key_span: name_span, value, span: value.span };
        match &value.kind {
            Kind::Table(table) => Self::read_table(table, path, out),
            Kind::String(_) | Kind::Array(_) => {
                Self { program: ProgramSyntax::command(&entry, out), ..Self::default() }
            }
            _ => {
                entry.wrong_type("a string of words, an array of arguments or a table", out);
                Self::broken()
            }
        }
    }

    /// Something that was reported, so that nothing more is said about it.
    pub(in crate::topology) fn broken() -> Self {
        Self { program: ProgramSyntax::Broken, ..Self::default() }
    }

    /// The same, whose program may be one that was reported.
    pub(in crate::topology) fn without_program(self) -> Self {
        let program = match self.program {
            ProgramSyntax::Absent => ProgramSyntax::Broken,
            program => program,
        };
        Self { program, ..self }
    }

    fn read_table(table: &Table, path: &str, out: &mut Diagnostics) -> Self {
        let mut body = Self::default();
        let mut programs: Vec<(&str, Span)> = Vec::new();
        let before = out.len();
        for key in entries(table) {
            match key.key {
                "count" | "at" => {}
                "cmd" | "sh" | "actor" => {
                    programs.push((key.key, key.key_span));
                    body.program = match key.key {
                        "cmd" => ProgramSyntax::command(&key, out),
                        "sh" => ProgramSyntax::script(&key, out),
                        _ => ProgramSyntax::actor(&key, out),
                    };
                }
                "enter" => body.enter = key.word(ENTER, out),
                "env" => body.env = key.environment(out),
                "cwd" => body.cwd = key.absolute_path(out).map(|path| path.value),
                "user" => body.user = user(&key, out),
                "labels" => body.labels = key.labels(out),
                "description" => body.description = key.string(out).map(|text| text.value),
                "tty" => body.tty = key.boolean(out),
                "stdin" => body.stdin = stdin(&key, out),
                "stdout" => body.stdout = output(&key, out),
                "stderr" => body.stderr = output(&key, out),
                "after" => body.after = after(&key, out),
                "ready" => body.ready = ready(&key, path, out),
                "ok" => body.ok = exit_codes(&key, out),
                "oneshot" => body.oneshot = key.boolean(out),
                "essential" => body.essential = key.boolean(out).map(|flag| flag.value),
                "stop" => body.stop = StopSyntax::read(&key, path, out),
                restart if RestartSyntax::has(restart) => body.restart.read(&key, out),
                _ => report_unknown(Scope::Process, path, &key, out),
            }
        }
        if let [(first, first_span), (second, second_span), ..] = programs[..] {
            out.push(
                Diagnostic::at(
                    Code::NotOneProgram,
                    second_span,
                    format!("a process has both `{first}` and `{second}`"),
                )
                .label("it can run only one program")
                .also(first_span, "the first one is here"),
            );
            body.program = ProgramSyntax::Broken;
        }
        // Whatever was wrong may have been meant as the program, as `command` of compose is.
        if out.len() > before {
            body = body.without_program();
        }
        body.check_terminal(out);
        body.restart.check(out);
        body.check_oneshot(out);
        body.check_ready(out);
        body
    }

    fn check_terminal(&self, out: &mut Diagnostics) {
        let Some(tty) = self.tty.as_ref().filter(|tty| tty.value) else { return };
        let streams = [
            self.stdin.as_ref().map(|stream| stream.span),
            self.stdout.as_ref().map(|stream| stream.span),
            self.stderr.as_ref().map(|stream| stream.span),
        ];
        if let Some(stream) = streams.into_iter().flatten().next() {
            out.push(
                Diagnostic::at(Code::Contradiction, stream, "a process with a terminal has no other streams")
                    .label("this would replace the terminal")
                    .also(tty.span, "the terminal is its descriptors 0, 1 and 2"),
            );
        }
    }

    /// A one-shot is ready when it has done its work.
    fn check_oneshot(&self, out: &mut Diagnostics) {
        let Some(oneshot) = self.oneshot.as_ref().filter(|oneshot| oneshot.value) else { return };
        if let Some(ready) = &self.ready {
            out.push(
                Diagnostic::at(Code::Contradiction, ready.span, "`ready` does not go together with oneshot = true")
                    .label("a one-shot is ready when it has ended well, and not before")
                    .also(oneshot.span, "it is one because of this"),
            );
        }
        if let Some(when) = self.restart.when.as_ref().filter(|when| when.value == RestartWhen::Always) {
            out.push(
                Diagnostic::at(Code::Contradiction, when.span, "a one-shot cannot be restarted always")
                    .label("it would begin again as soon as it has done its work")
                    .also(oneshot.span, "it is one because of this")
                    .help("write restart = \"on-failure\", or leave `oneshot` out"),
            );
        }
    }

    /// What a probe wants of the process itself.
    fn check_ready(&self, out: &mut Diagnostics) {
        let Some(ready) = &self.ready else { return };
        let elsewhere = |stream: &Option<Located<Output>>| {
            stream.as_ref().filter(|stream| stream.value != Output::Log).map(|stream| stream.span)
        };
        let diagnostic = match &ready.value {
            Probe::Log(_) => {
                let message = "`ready` looks at the log, and nothing is written to it";
                if let Some(tty) = self.tty.as_ref().filter(|tty| tty.value) {
                    Diagnostic::at(Code::Contradiction, ready.span, message)
                        .also(tty.span, "the terminal is its output")
                } else if let (Some(stdout), Some(stderr)) = (elsewhere(&self.stdout), elsewhere(&self.stderr)) {
                    Diagnostic::at(Code::Contradiction, ready.span, message)
                        .also(stdout, "its output goes here")
                        .also(stderr, "its error output goes here")
                        .help("leave one of `stdout` and `stderr` out")
                } else {
                    return;
                }
            }
            Probe::Descriptor(_) | Probe::Notify(_) => {
                let ProgramSyntax::Given(Located { value: Program::Actor(_), span }) = &self.program else { return };
                Diagnostic::at(Code::Contradiction, ready.span, "an actor does not say by itself that it is ready")
                    .label("it knows neither this descriptor nor this socket")
                    .also(*span, "the actor is here")
                    .help("write ready = { log = \"…\" }, or leave it out: an actor is ready when it runs")
            }
            Probe::File(_) | Probe::Exec { .. } => return,
        };
        out.push(diagnostic);
    }
}

fn user(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<String> {
    let text = entry.string(out)?.value;
    let mut parts = text.split(':');
    let good = |part: &str| {
        !part.is_empty()
            && if part.starts_with(|c: char| c.is_ascii_digit()) {
                // -1 means "leave it" to setuid(2), so the largest number is not a user.
                part.parse::<u32>().is_ok_and(|number| number != u32::MAX)
            } else {
                part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
                    && !part.starts_with('-')
            }
    };
    if parts.by_ref().take(2).all(good) && parts.next().is_none() {
        return Some(text);
    }
    let message = format!("`{text}` is not a user");
    out.push(
        Diagnostic::at(Code::BadUser, entry.span, message).label("expected `name`, `uid`, `name:group` or `uid:gid`"),
    );
    None
}

fn stdin(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Stdin>> {
    let stdin = match entry.value.as_str() {
        Some("null") => Stdin::Null,
        Some("inherit") => Stdin::Inherit,
        _ => Stdin::File(file(entry, &["null", "inherit"], out)?),
    };
    Some(Located::new(stdin, entry.span))
}

fn output(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Output>> {
    let output = match entry.value.as_str() {
        Some("log") => Output::Log,
        Some("inherit") => Output::Inherit,
        Some("null") => Output::Null,
        _ => Output::File(file(entry, &["log", "inherit", "null"], out)?),
    };
    Some(Located::new(output, entry.span))
}

/// A file in a place where words may stand too: without a slash it is taken for a misspelled word.
fn file(entry: &Entry<'_>, words: &[&str], out: &mut Diagnostics) -> Option<PathBuf> {
    let text = entry.string(out)?.value;
    if text.contains('/') || text.is_empty() {
        return entry.absolute_path(out).map(|path| path.value);
    }
    let message = format!("`{text}` is not a value of `{}`", entry.key);
    let words = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    out.push(
        Diagnostic::at(Code::UnknownWord, entry.span, message)
            .label(format!("expected {words} or the absolute path of a file")),
    );
    None
}

fn after(entry: &Entry<'_>, out: &mut Diagnostics) -> Vec<(Located<String>, Condition)> {
    let entries = entry.table(out).unwrap_or_default();
    let read = |condition: &Entry<'_>| {
        // A condition that cannot be read still names a process, which is checked.
        let word =
            Entry { key: "after", ..*condition }.word(CONDITIONS, out).map_or(Condition::Started, |word| word.value);
        (Located::new(condition.key.to_owned(), condition.key_span), word)
    };
    entries.iter().map(read).collect()
}

fn exit_codes(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Vec<u8>> {
    let codes = entry.elements("an array of exit codes", out)?;
    if codes.is_empty() {
        out.push(
            Diagnostic::at(Code::OutOfRange, entry.span, "`ok` is empty")
                .label("no end of the process would be a success"),
        );
    }
    let codes = codes.iter().filter_map(|code| u8::try_from(code.integer(0, 255, out)?.value).ok());
    Some(codes.collect())
}
