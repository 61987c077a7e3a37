//! `ready = { … }`: how a process shows that it is ready, in one of five ways.

use std::time::Duration;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::{Entry, alternatives};
use super::unknown::known;
use super::writer::write_table;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::format_duration;
use crate::keys::{Handling, Key, ReadyKey};
use crate::probe::{Notifier, Pattern, Probe};
use crate::process::Program;

/// The standard streams are below; a limit on descriptors that is lower than this lets few programs work.
const DESCRIPTORS: std::ops::RangeInclusive<u64> = 3..=255;

/// Asking more often than this keeps a processor busy and finds nothing out sooner.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Reads it; `None` for `notify = false` as well, which takes back what defaults or a template say.
pub(super) fn read(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Option<Located<Probe>> {
    if entry.value.as_table().is_none() {
        entry.wrong_type("a table such as { log = \"listening\" }", out);
        return None;
    }
    let (mut probe, mut every) = (None, None);
    let mut ways: Vec<(ReadyKey, Span)> = Vec::new();
    for entry in entry.table(out).unwrap_or_default() {
        let Some(key) = known::<ReadyKey>(&entry, path, out) else {
            continue;
        };
        if key.handling() == Handling::Choice {
            ways.push((key, entry.key_span));
        }
        match key {
            ReadyKey::Log => probe = pattern(&entry, out),
            ReadyKey::File => probe = entry.absolute_path(out).map(|path| Probe::File(path.value)),
            ReadyKey::Exec => probe = command(&entry, out),
            ReadyKey::Fd => probe = descriptor(&entry, out),
            ReadyKey::Notify => probe = notifier(&entry, out).map(Probe::Notify),
            ReadyKey::Every => every = Some((entry.key_span, pause(&entry, out))),
        }
    }
    match ways[..] {
        [] => {
            let ways = ReadyKey::ALL
                .iter()
                .filter(|key| key.handling() == Handling::Choice);
            let list: Vec<_> = ways.map(|way| format!("`{}`", way.name())).collect();
            out.push(
                Diagnostic::at(
                    Code::NotOneProbe,
                    entry.key_span,
                    "`ready` has no condition",
                )
                .label(format!("one of {} is needed", alternatives(&list))),
            );
            return None;
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
            return None;
        }
        [_] => {}
    }
    match (every, ways[0].0) {
        (Some((_, pause)), ReadyKey::Exec) => {
            if let (Some(Probe::Exec { every, .. }), Some(pause)) = (&mut probe, pause) {
                *every = pause;
            }
        }
        (Some((span, _)), way) => out.push(
            Diagnostic::at(
                Code::Contradiction,
                span,
                format!("`every` cannot be used with `{}`", way.name()),
            )
            .label("only a command is repeated"),
        ),
        (None, _) => {}
    }
    probe.map(|probe| Located::new(probe, entry.key_span))
}

/// The one way, and the pause of a command that has another one than most.
pub(super) fn write(probe: &Probe) -> Option<toml::Value> {
    write_table(|key| match (key, probe) {
        (ReadyKey::Log, Probe::Log(pattern)) => Some(pattern.clone().into()),
        (ReadyKey::File, Probe::File(path)) => Some(path.to_string_lossy().into_owned().into()),
        (ReadyKey::Exec, Probe::Exec { argv, .. }) => Some(argv.clone().into()),
        (ReadyKey::Every, Probe::Exec { every, .. }) if *every != Probe::EVERY => {
            Some(format_duration(*every).into())
        }
        (ReadyKey::Fd, Probe::Descriptor(number)) => Some(i64::from(*number).into()),
        (ReadyKey::Notify, Probe::Notify(Notifier::Itself)) => Some(true.into()),
        (ReadyKey::Notify, Probe::Notify(Notifier::All)) => Some("all".into()),
        (
            ReadyKey::Log
            | ReadyKey::File
            | ReadyKey::Exec
            | ReadyKey::Every
            | ReadyKey::Fd
            | ReadyKey::Notify,
            Probe::Log(_)
            | Probe::File(_)
            | Probe::Exec { .. }
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
            every: Probe::EVERY,
        }),
        _ => None,
    }
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

fn pause(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Duration> {
    let pause = key.duration(out)?;
    if pause.value < SHORTEST_PAUSE {
        out.push(
            Diagnostic::at(Code::OutOfRange, pause.span, "`every` is too short")
                .label("the shortest interval is 10ms"),
        );
        return None;
    }
    Some(pause.value)
}
