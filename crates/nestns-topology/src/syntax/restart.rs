//! `restart`, `max`, `backoff` and `backoff_max`, which processes and namespaces have alike.

use std::time::Duration;

use super::located::Located;
use super::reader::Entry;
use super::stop;
use super::unknown::known;
use super::writer::write_table;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::format_duration;
use crate::keys::{Key, RestartKey};
use crate::restart::{Endings, RestartPolicy, RestartWhen};

/// The restart keys of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct RestartSyntax {
    pub(crate) when: Option<Located<Option<RestartWhen>>>,
    /// The bounds in the table `restart`.
    inside: Bounds,
    /// The bounds beside `restart`.
    beside: Bounds,
    /// A key that means nothing without `restart`, where the table says it itself.
    refinement: Option<(&'static str, Span)>,
    /// True if `restart` is there, be it one that was reported.
    is_given: bool,
}

/// Bounds on the number of restarts and on their delays.
#[derive(Debug, Clone, Default)]
struct Bounds {
    max: Option<Located<u32>>,
    backoff: Option<Located<Duration>>,
    backoff_max: Option<Located<Duration>>,
}

const WHEN: &[(&str, Option<RestartWhen>)] = &[
    ("never", None),
    ("on-failure", Some(RestartWhen::OnFailure)),
    ("always", Some(RestartWhen::Always)),
];

impl RestartSyntax {
    /// Takes `restart`: a word, or a table. `path` is the namespace around it.
    pub(super) fn read_when(&mut self, key: &Entry<'_>, path: &str, out: &mut Diagnostics) {
        self.is_given = true;
        if key.value.as_table().is_some() {
            self.when = self.read_table(key, path, out);
        } else if key.value.as_str().is_some() {
            self.when = key.word(WHEN, out);
        } else {
            key.wrong_type(
                "\"never\", \"on-failure\", \"always\" or a table such as { on = [1] }",
                out,
            );
        }
    }

    fn read_table(
        &mut self,
        entry: &Entry<'_>,
        path: &str,
        out: &mut Diagnostics,
    ) -> Option<Located<Option<RestartWhen>>> {
        let before = out.len();
        let (mut when, mut has_on) = (None, false);
        for key in entry.table(out).unwrap_or_default() {
            match known(&key, path, out) {
                Some(RestartKey::On) => {
                    has_on = true;
                    when = endings(&key, out);
                }
                Some(RestartKey::Max) => self.inside.max = max(&key, out),
                Some(RestartKey::Backoff) => self.inside.backoff = pause(&key, out),
                Some(RestartKey::BackoffMax) => self.inside.backoff_max = pause(&key, out),
                None => {}
            }
        }
        // An unknown key may have been meant as this one.
        if !has_on && out.len() == before {
            out.push(
                Diagnostic::at(
                    Code::Contradiction,
                    entry.key_span,
                    "`restart` names no end in `on`",
                )
                .label("nothing would be restarted")
                .help("write restart = { on = [1, \"KILL\"] }, or restart = \"on-failure\""),
            );
        }
        when.map(|endings| Located::new(Some(RestartWhen::On(endings)), entry.key_span))
    }

    /// Takes `max`.
    pub(super) fn read_max(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.refine("max", key.key_span);
        self.beside.max = max(key, out);
    }

    /// Takes `backoff`.
    pub(super) fn read_backoff(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.refine("backoff", key.key_span);
        self.beside.backoff = pause(key, out);
    }

    /// Takes `backoff_max`.
    pub(super) fn read_backoff_max(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.refine("backoff_max", key.key_span);
        self.beside.backoff_max = pause(key, out);
    }

    /// Notes a key of the table itself: one from elsewhere may be meant for others.
    fn refine(&mut self, key: &'static str, span: Span) {
        if span.layer == 0 && self.refinement.is_none() {
            self.refinement = Some((key, span));
        }
    }

    /// Reports what says how often, or how soon, where nothing says whether, where it is said twice, and bounds that
    /// contradict each other.
    pub(super) fn check(&self, out: &mut Diagnostics) {
        if let (false, Some((key, span))) = (self.is_given, self.refinement) {
            out.push(
                Diagnostic::at(
                    Code::Contradiction,
                    span,
                    format!("`{key}` has no effect without `restart`"),
                )
                .label("without `restart` nothing is restarted")
                .help("also write restart = \"on-failure\" or restart = \"always\""),
            );
        }
        let (inside, beside) = (&self.inside, &self.beside);
        check_twice("max", inside.max.as_ref(), beside.max.as_ref(), out);
        check_twice(
            "backoff",
            inside.backoff.as_ref(),
            beside.backoff.as_ref(),
            out,
        );
        check_twice(
            "backoff_max",
            inside.backoff_max.as_ref(),
            beside.backoff_max.as_ref(),
            out,
        );
        let (backoff, longest) = (
            stronger(inside.backoff, beside.backoff),
            stronger(inside.backoff_max, beside.backoff_max),
        );
        if let (Some(backoff), Some(longest)) = (backoff, longest)
            && backoff.value > longest.value
            && backoff.span.layer == longest.span.layer
        {
            out.push(
                Diagnostic::at(
                    Code::Contradiction,
                    longest.span,
                    "`backoff_max` is shorter than `backoff`",
                )
                .label("no delay is as short as this")
                .also(backoff.span, "the first delay is longer"),
            );
        }
    }

    /// The resulting policy; `None` where nothing is restarted.
    pub(crate) fn policy(&self) -> Option<Box<RestartPolicy>> {
        let when = self.when.as_ref()?.value?;
        let (inside, beside) = (&self.inside, &self.beside);
        let policy = RestartPolicy {
            when,
            max: stronger(inside.max, beside.max).map(|max| max.value),
            backoff: stronger(inside.backoff, beside.backoff)
                .map_or(RestartPolicy::BACKOFF, |backoff| backoff.value),
            backoff_max: stronger(inside.backoff_max, beside.backoff_max)
                .map_or(RestartPolicy::BACKOFF_MAX, |longest| longest.value),
        };
        Some(Box::new(policy))
    }
}

/// The value that counts of one inside the table and one beside it: that which stands in its own place, where the other
/// comes from defaults or a template.
fn stronger<T: Copy>(inside: Option<Located<T>>, beside: Option<Located<T>>) -> Option<Located<T>> {
    match (inside, beside) {
        (Some(inside), Some(beside)) if inside.span.layer != 0 && beside.span.layer == 0 => {
            Some(beside)
        }
        (inside, beside) => inside.or(beside),
    }
}

fn check_twice<T>(
    key: &str,
    inside: Option<&Located<T>>,
    beside: Option<&Located<T>>,
    out: &mut Diagnostics,
) {
    if let (Some(inside), Some(beside)) = (inside, beside)
        && inside.span.layer == beside.span.layer
    {
        let message = format!("`{key}` is both in the table `restart` and beside it");
        out.push(
            Diagnostic::at(Code::Contradiction, beside.span, message)
                .label("only one of them can count")
                .also(inside.span, "the other one is here"),
        );
    }
}

/// `restart`, if anything is started again.
pub(super) fn write_when(policy: Option<&RestartPolicy>) -> Option<toml::Value> {
    let when = policy?.when;
    if let RestartWhen::On(endings) = when {
        let statuses = endings.statuses().map(|status| i64::from(status).into());
        let signals = endings.signals().map(|signal| signal.to_string().into());
        let on: Vec<toml::Value> = statuses.chain(signals).collect();
        return write_table(|key| match key {
            RestartKey::On => Some(on.clone().into()),
            // They stand beside it.
            RestartKey::Max | RestartKey::Backoff | RestartKey::BackoffMax => None,
        });
    }
    let (word, _) = WHEN.iter().find(|(_, known)| *known == Some(when))?;
    Some((*word).into())
}

/// `max`, where there is one.
pub(super) fn write_max(policy: Option<&RestartPolicy>) -> Option<toml::Value> {
    Some(i64::from(policy?.max?).into())
}

/// `backoff`, where it is another one than most have.
pub(super) fn write_backoff(policy: Option<&RestartPolicy>) -> Option<toml::Value> {
    let backoff = policy?.backoff;
    (backoff != RestartPolicy::BACKOFF).then(|| format_duration(backoff).into())
}

/// `backoff_max`, where it is another one than most have.
pub(super) fn write_backoff_max(policy: Option<&RestartPolicy>) -> Option<toml::Value> {
    let longest = policy?.backoff_max;
    (longest != RestartPolicy::BACKOFF_MAX).then(|| format_duration(longest).into())
}

/// The ends of `on`: exit statuses, and signals by name.
fn endings(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Endings> {
    const EXPECTED: &str = "an array of exit statuses and names of signals";
    let elements = key.elements(EXPECTED, out)?;
    if elements.is_empty() {
        out.push(
            Diagnostic::at(Code::OutOfRange, key.span, "`on` is empty")
                .label("nothing would be restarted")
                .help("write restart = \"never\" for that"),
        );
        return None;
    }
    let (mut endings, mut is_complete) = (Endings::default(), true);
    for element in elements {
        let is_name = |text: &str| !text.trim().starts_with(|c: char| c.is_ascii_digit());
        if element.value.as_integer().is_some() {
            let status = element.integer(0, u8::MAX.into(), out);
            match status.and_then(|status| u8::try_from(status.value).ok()) {
                Some(status) => endings.add_status(status),
                None => is_complete = false,
            }
        } else if element.value.as_str().is_some_and(is_name) {
            match stop::signal(&element, out) {
                Some(signal) => endings.add_signal(signal.value),
                None => is_complete = false,
            }
        } else {
            element.wrong_type(EXPECTED, out);
            is_complete = false;
        }
    }
    is_complete.then_some(endings)
}

fn max(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<u32>> {
    let number = key.integer(1, u32::MAX.into(), out)?;
    let value = u32::try_from(number.value).ok()?;
    Some(Located::new(value, number.span))
}

fn pause(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Duration>> {
    let pause = key.duration(out)?;
    if pause.value.is_zero() {
        let default = if key.key == RestartKey::Backoff.name() {
            "100ms"
        } else {
            "30s"
        };
        out.push(
            Diagnostic::at(
                Code::OutOfRange,
                pause.span,
                format!("`{}` is zero", key.key),
            )
            .label("a program that exits at once would be restarted without a pause")
            .help(format!("write \"{default}\", the default")),
        );
        return None;
    }
    Some(pause)
}
