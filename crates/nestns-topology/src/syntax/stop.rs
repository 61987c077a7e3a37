//! `stop = { signal, grace }`, of which each half may be missing and may come from defaults.

use std::time::Duration;

use super::located::Located;
use super::reader::Entry;
use super::suggest::nearest;
use super::unknown::known;
use super::writer::write_table;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::duration::format_duration;
use crate::keys::StopKey;
use crate::stop::{Signal, Stop};

/// The stop keys of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopSyntax {
    pub(crate) signal: Option<Located<Signal>>,
    pub(crate) grace: Option<Located<Duration>>,
}

/// Names worth suggesting.
const SIGNALS: [&str; 18] = [
    "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CHLD", "CONT",
    "STOP", "TSTP", "WINCH", "PWR", "RTMIN", "RTMAX",
];

impl StopSyntax {
    pub(super) fn read(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Self {
        let mut stop = Self::default();
        for key in entry.table(out).unwrap_or_default() {
            match known(&key, path, out) {
                Some(StopKey::Signal) => stop.signal = signal(&key, out),
                Some(StopKey::Grace) => stop.grace = key.duration(out),
                None => {}
            }
        }
        stop
    }

    /// Both together; the grace of a process or namespace that has none of its own is derived later.
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

/// The signal and the grace, as far as they are declared.
pub(super) fn write(stop: Stop, own_grace: Option<Duration>) -> Option<toml::Value> {
    write_table(|key| match key {
        StopKey::Signal => (stop.signal != Signal::TERM).then(|| stop.signal.to_string().into()),
        StopKey::Grace => own_grace.map(|grace| format_duration(grace).into()),
    })
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
