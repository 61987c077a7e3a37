//! `stop = { exec, to, signal, grace }`, of which each part may be missing and may come from defaults.

use std::time::Duration;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::Entry;
use super::suggest::nearest;
use super::unknown::known;
use super::writer::write_table;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::format_duration;
use crate::keys::{Key as _, StopKey};
use crate::process::{ProcessSpec, Program};
use crate::stop::{Signal, Stop, StopReach};

/// The stop keys of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopSyntax {
    pub(crate) signal: Option<Located<Signal>>,
    pub(crate) grace: Option<Located<Duration>>,
    pub(crate) exec: Option<Located<Vec<String>>>,
    pub(crate) reach: Option<Located<StopReach>>,
}

/// Names worth suggesting.
const SIGNALS: [&str; 18] = [
    "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CHLD", "CONT",
    "STOP", "TSTP", "WINCH", "PWR", "RTMIN", "RTMAX",
];

const REACHES: &[(&str, StopReach)] = &[
    ("process", StopReach::Process),
    ("group", StopReach::Group),
    ("all", StopReach::All),
];

impl StopSyntax {
    pub(super) fn read(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Self {
        let mut stop = Self::default();
        for key in entry.table(out).unwrap_or_default() {
            match known(&key, path, out) {
                Some(StopKey::Signal) => stop.signal = signal(&key, out),
                Some(StopKey::Grace) => stop.grace = key.duration(out),
                Some(StopKey::Exec) => stop.exec = command(&key, out),
                Some(StopKey::To) => stop.reach = key.word(REACHES, out),
                None => {}
            }
        }
        stop
    }

    /// The place of the first of its keys.
    pub(crate) fn span(&self) -> Option<Span> {
        let signal = self.signal.as_ref().map(|signal| signal.span);
        signal
            .or(self.grace.as_ref().map(|grace| grace.span))
            .or(self.of_program().map(|(_, span)| span))
    }

    /// The first of the keys that are about a program, by its name, and its place.
    pub(crate) fn of_program(&self) -> Option<(&'static str, Span)> {
        let exec = self
            .exec
            .as_ref()
            .map(|exec| (StopKey::Exec.name(), exec.span));
        let reach = self
            .reach
            .as_ref()
            .map(|reach| (StopKey::To.name(), reach.span));
        exec.or(reach)
    }

    /// Each key that is missing here taken from another table.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            signal: self.signal.or(other.signal),
            grace: self.grace.or(other.grace),
            exec: self.exec.or_else(|| other.exec.clone()),
            reach: self.reach.or(other.reach),
        }
    }

    /// Sets what is about the program itself.
    pub(crate) fn set(&self, process: &mut ProcessSpec) {
        process.stop_exec = self.exec.as_ref().map(|exec| exec.value.clone().into());
        process.stop_reach = self
            .reach
            .as_ref()
            .map_or(StopReach::Process, |reach| reach.value);
    }

    /// Signal and grace; the grace of a process or namespace that has none of its own is derived later.
    pub(crate) fn stop(&self) -> Stop {
        let signal = self
            .signal
            .as_ref()
            .map_or(Signal::TERM, |signal| signal.value);
        Stop {
            signal,
            grace: self
                .grace
                .as_ref()
                .map_or(Duration::ZERO, |grace| grace.value),
        }
    }
}

/// The keys that are declared; `process` is the one that the table is about, or the program that is PID 1.
pub(super) fn write(
    stop: Stop,
    own_grace: Option<Duration>,
    process: Option<&ProcessSpec>,
) -> Option<toml::Value> {
    write_table(|key| match key {
        StopKey::Exec => process?
            .stop_exec
            .clone()
            .map(|words| words.into_vec().into()),
        StopKey::To => {
            let reach = process?.stop_reach;
            let word = REACHES.iter().find(|(_, known)| *known == reach);
            word.filter(|_| reach != StopReach::Process)
                .map(|(word, _)| (*word).into())
        }
        StopKey::Signal => (stop.signal != Signal::TERM).then(|| stop.signal.to_string().into()),
        StopKey::Grace => own_grace.map(|grace| format_duration(grace).into()),
    })
}

fn command(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Vec<String>>> {
    match ProgramSyntax::command(entry, out) {
        ProgramSyntax::Given(Located {
            value: Program::Command(argv),
            span,
        }) => Some(Located::new(argv, span)),
        _ => None,
    }
}

pub(super) fn signal(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Signal>> {
    let text = match entry.value.as_integer() {
        Some(number) => Located::new(number.to_string(), entry.span),
        None => entry.string(out)?,
    };
    if let Some(signal) = Signal::parse(&text.value) {
        return Some(Located::new(signal, text.span));
    }
    let mut diagnostic = Diagnostic::at(
        Code::BadSignal,
        text.span,
        format!("there is no signal `{}`", text.value),
    );
    let upper = text.value.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(known) = SIGNALS
        .into_iter()
        .find(|known| *known == name)
        .or_else(|| nearest(name, SIGNALS))
    {
        diagnostic = diagnostic.label(format!("did you mean `{known}`?"));
    } else {
        diagnostic = diagnostic
            .help("write a name such as \"TERM\" or \"RTMIN+3\", or a number from 1 to 64");
    }
    out.push(diagnostic);
    None
}
