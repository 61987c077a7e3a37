//! `ready = { … }`: how a process shows that it is ready, in one of six ways.

use std::time::Duration;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::{Entry, alternatives};
use super::unknown::known;
use super::writer::write_table;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::format_duration;
use crate::keys::{Handling, Key, ReadyKey};
use crate::probe::{Notifier, Pattern, Probe, Tries};
use crate::process::Program;

/// The standard streams are below; a limit on descriptors that is lower than this lets few programs work.
const DESCRIPTORS: std::ops::RangeInclusive<u64> = 3..=255;

/// Trying more often than this keeps a processor busy and finds nothing out sooner; a try that has less time finds nothing.
const SHORTEST: Duration = Duration::from_millis(10);

/// Reads it; `None` for `notify = false` as well, which takes back what defaults or a template say.
pub(super) fn read(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Option<Located<Probe>> {
    if entry.value.as_table().is_none() {
        entry.wrong_type("a table such as { log = \"listening\" }", out);
        return None;
    }
    let mut reader = ReadyReader::default();
    for entry in entry.table(out).unwrap_or_default() {
        if let Some(key) = known::<ReadyKey>(&entry, path, out) {
            reader.read(key, entry, out);
        }
    }
    let way = reader.way(entry.key_span, out)?;
    reader.check(way, out);
    let ReadyReader {
        mut probe, tries, ..
    } = reader;
    if let Some(Probe::Exec { tries: own, .. } | Probe::Tcp { tries: own, .. }) = &mut probe {
        *own = tries;
    }
    probe.map(|probe| Located::new(probe, entry.key_span))
}

/// Values of the keys, before those that belong together are put together.
#[derive(Default)]
struct ReadyReader {
    probe: Option<Probe>,
    tries: Tries,
    ways: Vec<(ReadyKey, Span)>,
    /// The keys that say how it is tried.
    refinements: Vec<(ReadyKey, Span)>,
}

impl ReadyReader {
    fn read(&mut self, key: ReadyKey, entry: Entry<'_>, out: &mut Diagnostics) {
        if key.handling() == Handling::Choice {
            self.ways.push((key, entry.key_span));
        } else {
            self.refinements.push((key, entry.key_span));
        }
        let tries = &mut self.tries;
        let set = |time: &mut Duration, value: Option<Duration>| *time = value.unwrap_or(*time);
        match key {
            ReadyKey::Log => self.probe = pattern(&entry, out),
            ReadyKey::File => {
                self.probe = entry.absolute_path(out).map(|path| Probe::File(path.value));
            }
            ReadyKey::Exec => self.probe = command(&entry, out),
            ReadyKey::Tcp => self.probe = port(&entry, out),
            ReadyKey::Fd => self.probe = descriptor(&entry, out),
            ReadyKey::Notify => self.probe = notifier(&entry, out).map(Probe::Notify),
            ReadyKey::Every => set(&mut tries.every, short(&entry, out)),
            ReadyKey::Timeout => set(&mut tries.timeout, short(&entry, out)),
            ReadyKey::Retries => {
                let number = entry.integer(1, u32::MAX.into(), out);
                tries.retries = number.and_then(|number| u32::try_from(number.value).ok());
            }
            ReadyKey::StartPeriod => {
                let period = entry.duration(out).map(|period| period.value);
                set(&mut tries.start_period, period);
            }
        }
    }

    /// The one way, unless there is none or another one.
    fn way(&self, ready: Span, out: &mut Diagnostics) -> Option<ReadyKey> {
        match self.ways[..] {
            [(way, _)] => return Some(way),
            [] => {
                let ways = ReadyKey::ALL
                    .iter()
                    .filter(|key| key.handling() == Handling::Choice);
                let list: Vec<_> = ways.map(|way| format!("`{}`", way.name())).collect();
                out.push(
                    Diagnostic::at(Code::NotOneProbe, ready, "`ready` has no condition")
                        .label(format!("one of {} is needed", alternatives(&list))),
                );
            }
            [(first, first_span), (second, second_span), ..] => {
                let message = format!(
                    "`ready` has both `{}` and `{}`",
                    first.name(),
                    second.name()
                );
                out.push(
                    Diagnostic::at(Code::NotOneProbe, second_span, message)
                        .label("only one condition can make a process ready")
                        .also(first_span, "the first one is here"),
                );
            }
        }
        None
    }

    /// Reports what has no effect.
    fn check(&self, way: ReadyKey, out: &mut Diagnostics) {
        if !way.is_tried() {
            for (key, span) in &self.refinements {
                let message = format!("`{}` cannot be used with `{}`", key.name(), way.name());
                out.push(
                    Diagnostic::at(Code::Contradiction, *span, message)
                        .label("only `exec` and `tcp` are tried again"),
                );
            }
            return;
        }
        let mut keys = self.refinements.iter();
        let find = |wanted: ReadyKey| move |(key, _): &&(ReadyKey, Span)| *key == wanted;
        let has_retries = keys.clone().any(|(key, _)| *key == ReadyKey::Retries);
        if let (Some((_, span)), false) = (keys.find(find(ReadyKey::StartPeriod)), has_retries) {
            out.push(
                Diagnostic::at(
                    Code::Contradiction,
                    *span,
                    "`start_period` has no effect without `retries`",
                )
                .label("without `retries` no failed try counts")
                .help("also write retries = 3"),
            );
        }
    }
}

/// The one way, and how it is tried where that is another way than most.
pub(super) fn write(probe: &Probe) -> Option<toml::Value> {
    let tries = match probe {
        Probe::Exec { tries, .. } | Probe::Tcp { tries, .. } => *tries,
        _ => Tries::DEFAULT,
    };
    let duration =
        |time: Duration, default: Duration| (time != default).then(|| format_duration(time).into());
    write_table(|key| match (key, probe) {
        (ReadyKey::Log, Probe::Log(pattern)) => Some(pattern.clone().into()),
        (ReadyKey::File, Probe::File(path)) => Some(path.to_string_lossy().into_owned().into()),
        (ReadyKey::Exec, Probe::Exec { argv, .. }) => Some(argv.clone().into()),
        (ReadyKey::Tcp, Probe::Tcp { port, .. }) => Some(i64::from(*port).into()),
        (ReadyKey::Fd, Probe::Descriptor(number)) => Some(i64::from(*number).into()),
        (ReadyKey::Notify, Probe::Notify(Notifier::Itself)) => Some(true.into()),
        (ReadyKey::Notify, Probe::Notify(Notifier::All)) => Some("all".into()),
        (ReadyKey::Every, _) => duration(tries.every, Tries::DEFAULT.every),
        (ReadyKey::Timeout, _) => duration(tries.timeout, Tries::DEFAULT.timeout),
        (ReadyKey::Retries, _) => tries.retries.map(|number| i64::from(number).into()),
        (ReadyKey::StartPeriod, _) => duration(tries.start_period, Tries::DEFAULT.start_period),
        (
            ReadyKey::Log
            | ReadyKey::File
            | ReadyKey::Exec
            | ReadyKey::Tcp
            | ReadyKey::Fd
            | ReadyKey::Notify,
            Probe::Log(_)
            | Probe::File(_)
            | Probe::Exec { .. }
            | Probe::Tcp { .. }
            | Probe::Descriptor(_)
            | Probe::Notify(_),
        ) => None,
    })
}

fn pattern(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    let text = key.string(out)?;
    if text.value.is_empty() {
        out.push(
            Diagnostic::at(
                Code::BadPattern,
                text.span,
                "the regular expression is empty",
            )
            .label("it would match every line")
            .help("write \".\" to match any line"),
        );
        return None;
    }
    if let Err(error) = Pattern::new(&text.value) {
        let message = format!("`{}` is not a regular expression", text.value);
        out.push(
            Diagnostic::at(Code::BadPattern, text.span, message)
                .label(error.to_string())
                .help("escape a special character with a backslash: 'ready\\.'"),
        );
        return None;
    }
    Some(Probe::Log(text.value))
}

fn command(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    match ProgramSyntax::command(key, out) {
        ProgramSyntax::Given(Located {
            value: Program::Command(argv),
            ..
        }) => Some(Probe::Exec {
            argv,
            tries: Tries::DEFAULT,
        }),
        _ => None,
    }
}

fn port(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    let number = key.integer(1, u16::MAX.into(), out)?;
    let port = u16::try_from(number.value).ok()?;
    Some(Probe::Tcp {
        port,
        tries: Tries::DEFAULT,
    })
}

fn descriptor(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    let number = key.integer(*DESCRIPTORS.start(), *DESCRIPTORS.end(), out)?;
    i32::try_from(number.value).ok().map(Probe::Descriptor)
}

/// `true`, `false` or `"all"`.
fn notifier(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Notifier> {
    if let Some(word) = key.value.as_str() {
        if word == "all" {
            return Some(Notifier::All);
        }
        key.wrong_type("true, false or \"all\"", out);
        return None;
    }
    if key.value.as_bool().is_none() {
        key.wrong_type("true, false or \"all\"", out);
        return None;
    }
    key.boolean(out)
        .filter(|flag| flag.value)
        .map(|_| Notifier::Itself)
}

/// A time between tries, or for one.
fn short(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Duration> {
    let time = key.duration(out)?;
    if time.value < SHORTEST {
        let message = format!("`{}` is too short", key.key);
        let noun = if key.key == ReadyKey::Every.name() {
            "interval"
        } else {
            "time"
        };
        out.push(
            Diagnostic::at(Code::OutOfRange, time.span, message)
                .label(format!("the shortest {noun} is 10ms")),
        );
        return None;
    }
    Some(time.value)
}
