//! The timeline of a stop as a table.

use std::fmt::Write as _;

use super::count::count;
use super::duration::Human;
use super::escape::escape;
use super::table::aligned;
use nestns_client::documents::{How, Step, Timeline};

/// Number of steps from which on only the remarkable ones are shown.
const MANY: usize = 40;

/// The table, with a title line. Every line ends with a line feed.
pub(crate) fn render(timeline: &Timeline) -> String {
    let time = |ms: f64| Human::of_milliseconds(ms).to_string();
    let is_ordinary = |step: &Step| {
        step.how == How::Exited && step.handled != Some(false) && step.not_asked.is_none()
    };
    let (shown, hidden): (Vec<&Step>, Vec<&Step>) = timeline
        .steps
        .iter()
        .partition(|step| timeline.steps.len() <= MANY || !is_ordinary(step));
    let mut text = format!(
        "{} stopped in {}\n",
        escape(&timeline.topology),
        time(timeline.ms)
    );
    let mut rows = vec![["PATH", "SIGNAL", "ASKED", "ENDED", "HOW"].map(str::to_owned)];
    for step in shown.iter().take(MANY) {
        let signal = match (&step.signal, step.handled) {
            (None, _) => "—".to_owned(),
            (Some(signal), Some(false)) => format!("{signal}, not handled"),
            (Some(signal), None) => format!("{signal}, unknown if handled"),
            (Some(signal), Some(true)) => signal.clone(),
        };
        let at = |ms: Option<f64>| ms.map_or_else(|| "—".to_owned(), time);
        rows.push([
            escape(&step.path),
            escape(&signal),
            at(step.asked_ms),
            at(step.ended_ms),
            how(step),
        ]);
    }
    if rows.len() > 1 {
        text.push_str(&aligned(&rows));
    }
    let cut = shown.len().saturating_sub(MANY);
    if !hidden.is_empty() {
        let _ = writeln!(
            text,
            "{} more exited when asked",
            count(hidden.len(), "process")
        );
    }
    if cut > 0 {
        let _ = writeln!(text, "… and {cut} more");
    }
    text
}

fn how(step: &Step) -> String {
    let code = match (step.how, step.code) {
        (How::Exited, Some(0))
        | (How::Collapsed | How::Killed | How::KilledAtDeadline, _)
        | (_, None) => String::new(),
        (How::Exited, Some(code)) => format!(" with {code}"),
        (How::Signalled, Some(code)) => {
            format!(
                " by {}",
                nestns_topology::Signal::from_number(i32::from(code) - 128)
            )
        }
    };
    let asked = step
        .asked_by_pid
        .map(|pid| format!(", asked by PID {pid} inside"))
        .unwrap_or_default();
    let word = match step.how {
        How::Exited => "exited",
        How::Signalled => "signalled",
        How::Killed => "killed",
        How::KilledAtDeadline => "killed at deadline",
        How::Collapsed => "collapsed with its PID 1",
    };
    let unasked = step
        .not_asked
        .map(|count| format!("; {count} more, not asked"))
        .unwrap_or_default();
    format!("{word}{code}{asked}{unasked}")
}
