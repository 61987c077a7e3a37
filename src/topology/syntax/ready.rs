//! `ready = { … }`: how a process shows that it is ready, in one of five ways.

use std::time::Duration;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::{Entry, alternatives};
use super::unknown::report_unknown;
use super::vocabulary::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::probe::{Notifier, Pattern, Probe};
use crate::topology::process::Program;

/// The keys of which a table has one.
pub(in crate::topology) const WAYS: [&str; 5] = ["log", "file", "exec", "fd", "notify"];

/// The standard streams are below; a limit on descriptors that is lower than this lets few programs work.
const DESCRIPTORS: std::ops::RangeInclusive<u64> = 3..=255;

/// Asking more often than this keeps a processor busy and finds nothing out sooner.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Reads it; `None` for `notify = false` as well, which takes back what defaults or a template say.
pub(super) fn ready(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Option<Located<Probe>> {
    if entry.value.as_table().is_none() {
        entry.wrong_type("a table such as { log = \"listening\" }", out);
        return None;
    }
    let (mut probe, mut every) = (None, None);
    let mut ways: Vec<(&str, Span)> = Vec::new();
    for key in entry.table(out).unwrap_or_default() {
        if WAYS.contains(&key.key) {
            ways.push((key.key, key.key_span));
        }
        match key.key {
            "log" => probe = pattern(&key, out),
            "file" => probe = key.absolute_path(out).map(|path| Probe::File(path.value)),
            "exec" => probe = command(&key, out),
            "fd" => probe = descriptor(&key, out),
            "notify" => probe = notifier(&key, out).map(Probe::Notify),
            "every" => every = Some((key.key_span, pause(&key, out))),
            _ => report_unknown(Scope::Ready, path, &key, out),
        }
    }
    match ways[..] {
        [] => {
            let list: Vec<_> = WAYS.iter().map(|way| format!("`{way}`")).collect();
            out.push(
                Diagnostic::at(Code::NotOneProbe, entry.key_span, "`ready` does not say what makes the process ready")
                    .label(format!("one of {} is needed", alternatives(&list))),
            );
            return None;
        }
        [(first, first_span), (second, second_span), ..] => {
            out.push(
                Diagnostic::at(Code::NotOneProbe, second_span, format!("`ready` has both `{first}` and `{second}`"))
                    .label("a process becomes ready in one way")
                    .also(first_span, "the first one is here"),
            );
            return None;
        }
        [_] => {}
    }
    match (every, ways[0].0) {
        (Some((_, pause)), "exec") => {
            if let (Some(Probe::Exec { every, .. }), Some(pause)) = (&mut probe, pause) {
                *every = pause;
            }
        }
        (Some((span, _)), way) => out.push(
            Diagnostic::at(Code::Contradiction, span, format!("`every` does not go together with `{way}`"))
                .label("only a command is asked again and again"),
        ),
        (None, _) => {}
    }
    probe.map(|probe| Located::new(probe, entry.key_span))
}

fn pattern(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    let text = key.string(out)?;
    if text.value.is_empty() {
        out.push(
            Diagnostic::at(Code::BadPattern, text.span, "the regular expression is empty")
                .label("every line contains nothing")
                .help("write \".\" if any line will do"),
        );
        return None;
    }
    if let Err(error) = Pattern::new(&text.value) {
        let message = format!("`{}` is not a regular expression", text.value);
        out.push(
            Diagnostic::at(Code::BadPattern, text.span, message)
                .label(error.to_string())
                .help("a character with a meaning is written literally behind a backslash: 'ready\\.'"),
        );
        return None;
    }
    Some(Probe::Log(text.value))
}

fn command(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Probe> {
    match ProgramSyntax::command(key, out) {
        ProgramSyntax::Given(Located { value: Program::Command(argv), .. }) => {
            Some(Probe::Exec { argv, every: Probe::EVERY })
        }
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
    key.boolean(out).filter(|flag| flag.value).map(|_| Notifier::Itself)
}

fn pause(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Duration> {
    let pause = key.duration(out)?;
    if pause.value < SHORTEST_PAUSE {
        out.push(
            Diagnostic::at(Code::OutOfRange, pause.span, "`every` is too short")
                .label("a process is not asked more often than every 10ms"),
        );
        return None;
    }
    Some(pause.value)
}
