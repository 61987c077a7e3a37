//! `restart`, `max` and `backoff`, which processes and namespaces have alike.

use std::time::Duration;

use super::located::Located;
use super::reader::Entry;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::format_duration;
use crate::restart::{RestartPolicy, RestartWhen};

/// The restart keys of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct RestartSyntax {
    pub(crate) when: Option<Located<RestartWhen>>,
    max: Option<u32>,
    backoff: Option<Duration>,
    /// A key that means nothing without `restart`, where the table says it itself.
    refinement: Option<(&'static str, Span)>,
    /// True if `restart` is there, be it one that was reported.
    is_given: bool,
}

const WHEN: &[(&str, RestartWhen)] = &[
    ("never", RestartWhen::Never),
    ("on-failure", RestartWhen::OnFailure),
    ("always", RestartWhen::Always),
];

impl RestartSyntax {
    /// Takes `restart`.
    pub(super) fn read_when(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.is_given = true;
        self.when = key.word(WHEN, out);
    }

    /// Takes `max`.
    pub(super) fn read_max(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.refine("max", key.key_span);
        let number = key.integer(1, u32::MAX.into(), out);
        self.max = number.and_then(|number| u32::try_from(number.value).ok());
    }

    /// Takes `backoff`.
    pub(super) fn read_backoff(&mut self, key: &Entry<'_>, out: &mut Diagnostics) {
        self.refine("backoff", key.key_span);
        self.backoff = backoff(key, out);
    }

    /// Notes a key of the table itself: one from elsewhere may be meant for others.
    fn refine(&mut self, key: &'static str, span: Span) {
        if span.layer == 0 && self.refinement.is_none() {
            self.refinement = Some((key, span));
        }
    }

    /// Reports what says how often, or how soon, where nothing says whether.
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
    }

    /// The resulting policy.
    pub(crate) fn policy(&self) -> RestartPolicy {
        let when = self
            .when
            .as_ref()
            .map_or(RestartWhen::Never, |when| when.value);
        match when {
            RestartWhen::Never => RestartPolicy::NEVER,
            _ => RestartPolicy {
                when,
                max: self.max,
                backoff: self.backoff.unwrap_or(RestartPolicy::BACKOFF),
            },
        }
    }
}

/// `restart`, if anything is started again.
pub(super) fn write_when(policy: RestartPolicy) -> Option<toml::Value> {
    let (word, _) = WHEN.iter().find(|(_, when)| *when == policy.when)?;
    (policy.when != RestartWhen::Never).then(|| (*word).into())
}

/// `max`, where there is one.
pub(super) fn write_max(policy: RestartPolicy) -> Option<toml::Value> {
    policy
        .max
        .filter(|_| policy.when != RestartWhen::Never)
        .map(|max| i64::from(max).into())
}

/// `backoff`, where it is another one than most have.
pub(super) fn write_backoff(policy: RestartPolicy) -> Option<toml::Value> {
    let is_given = policy.when != RestartWhen::Never && policy.backoff != RestartPolicy::BACKOFF;
    is_given.then(|| format_duration(policy.backoff).into())
}

fn backoff(key: &Entry<'_>, out: &mut Diagnostics) -> Option<Duration> {
    let backoff = key.duration(out)?;
    if backoff.value.is_zero() {
        out.push(
            Diagnostic::at(Code::OutOfRange, backoff.span, "`backoff` is zero")
                .label("a program that exits at once would be restarted without a pause")
                .help("write \"100ms\", the default"),
        );
        return None;
    }
    Some(backoff.value)
}
