//! Texts of a shape: the label, and the lines of the tooltip.

use super::arrow::{Arrow, Side};
use super::chain;
use super::shape::{Remarks, Shape};
use crate::present::count::count;
use crate::present::escape::escape;
use nestns_topology::Entry;

/// Longest command in a tooltip; a longer one is cut.
const LONGEST: usize = 300;

impl Shape<'_> {
    /// `vm`, or `w.0 … w.999 (1000 alike)`.
    pub(super) fn title(&self) -> String {
        match self.alike {
            1 => escape(&self.first.label.to_string()),
            alike => escape(&format!(
                "{} … {} ({alike} alike)",
                self.first.label, self.until.label
            )),
        }
    }

    /// The PIDs; of a namespace, those of its PID 1.
    pub(super) fn chain(&self) -> String {
        chain::short(&self.first.pids, &self.last.pids)
    }

    /// Program; for a namespace, that of its PID 1. At most so many characters.
    pub(super) fn program(&self, longest: usize) -> String {
        cut(&escape(&self.first.facts.runs.to_string()), longest)
    }

    /// Returns whether it was moved in from outside.
    pub(super) fn is_joined(&self) -> bool {
        self.first.facts.entry == Entry::Join
    }

    /// All facts of a process, a line each.
    pub(super) fn process_lines(&self) -> Vec<String> {
        let mut lines = vec![self.paths("")];
        lines.extend(self.numbers().map(|numbers| format!("PID {numbers}")));
        lines.push(format!("runs {}", self.program(LONGEST)));
        if self.is_joined() {
            lines.push("joined from outside: its parent is 0 inside".to_owned());
        }
        lines.extend(self.remarks());
        lines
    }

    /// All facts of the PID 1 of a namespace, a line each.
    pub(super) fn init_lines(&self) -> Vec<String> {
        let mut lines = vec![self.paths("/init")];
        lines.extend(self.numbers().map(|numbers| format!("PID {numbers}")));
        lines.push(format!("PID 1, runs {}", self.program(LONGEST)));
        lines
    }

    /// All facts of a namespace, a line each.
    pub(super) fn namespace_lines(&self, level: usize) -> Vec<String> {
        let mut lines = vec![self.paths(""), format!("level {level}")];
        lines.extend(self.numbers().map(|numbers| format!("PID 1 is {numbers}")));
        lines.push(format!("PID 1 runs {}", self.program(LONGEST)));
        lines.extend(self.remarks());
        lines
    }

    /// Remarks by the author, if they are the same for all.
    fn remarks(&self) -> impl Iterator<Item = String> {
        let facts = Some(&self.first.facts).filter(|_| self.remarks == Remarks::OfAll);
        let description = facts
            .and_then(|facts| facts.description.as_deref())
            .map(escape);
        let labels = facts.into_iter().flat_map(|facts| facts.labels.iter());
        description
            .into_iter()
            .chain(labels.map(|(key, value)| escape(&format!("{key} = {value}"))))
    }

    /// The path, or the first and the last, of what an arrow begins or ends at.
    pub(super) fn end(&self, side: Side) -> String {
        match side {
            Side::Whole => self.paths(""),
            Side::Init => self.paths("/init"),
        }
    }

    fn paths(&self, ending: &str) -> String {
        let path = |path: &str| escape(&format!("{path}{ending}"));
        match (&self.first.facts.path, &self.last.facts.path) {
            (first, last) if first == last => path(first),
            (first, last) => format!("{} … {}", path(first), path(last)),
        }
    }

    fn numbers(&self) -> Option<String> {
        let chain = chain::whole(&self.first.pids, &self.last.pids);
        (!chain.is_empty()).then(|| format!("{chain}, outermost first"))
    }
}

impl Arrow {
    /// `web/app waits for db: ready`, by the names of its ends.
    pub(super) fn sentence(&self, waiter: &str, target: &str) -> String {
        let number = self
            .number()
            .map(|number| format!(" ({})", count(number, "dependency")))
            .unwrap_or_default();
        format!("{waiter} waits for {target}: {}{number}", self.label())
    }
}

/// The beginning of a text that is too long, and an ellipsis.
pub(super) fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}
