//! Values that tables of namespaces and of processes have in common.

use toml::{Table, Value};

use crate::topology::{RestartPolicy, RestartWhen, Signal, Stop, format_duration};

/// A table of words, if there are any.
pub(super) fn words<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Value> {
    let table: Table = words.map(|(name, value)| (name.to_owned(), value.into())).collect();
    if table.is_empty() { None } else { Some(table.into()) }
}

/// The signal and grace of a stop, as far as they are declared.
pub(super) fn stop(stop: Stop, has_own_grace: bool) -> Option<Value> {
    let mut table = Table::new();
    if stop.signal != Signal::TERM {
        table.insert("signal".to_owned(), stop.signal.to_string().into());
    }
    if has_own_grace {
        table.insert("grace".to_owned(), format_duration(stop.grace).into());
    }
    if table.is_empty() { None } else { Some(table.into()) }
}

/// The restart policy, without the defaults of the language.
pub(super) fn restart(policy: RestartPolicy, put: &mut impl FnMut(&str, Option<Value>)) {
    let when = match policy.when {
        RestartWhen::Never => return,
        RestartWhen::OnFailure => "on-failure",
        RestartWhen::Always => "always",
    };
    put("restart", Some(when.into()));
    put("max", policy.max.map(|max| i64::from(max).into()));
    let backoff = Some(policy.backoff).filter(|&backoff| backoff != RestartPolicy::BACKOFF);
    put("backoff", backoff.map(|backoff| format_duration(backoff).into()));
}
