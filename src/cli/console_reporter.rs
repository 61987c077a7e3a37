//! The reports of `up` and `run` while a tree lives: progress, the tree, warnings, the countdown, the timeline.
//!
//! All of it goes to standard error; the lines of programs are made here and written by the controller.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::launch;
use super::standard_error;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::present::charset::Charset;
use crate::present::count::count;
use crate::present::duration::Human;
use crate::present::escape::escape;
use crate::present::line::{Controls, Lines};
use crate::present::stop;
use crate::present::topology_nodes;
use crate::present::tree::{self, Colour, Folding, Look};
use nestns_client::documents::Timeline;
use nestns_client::journal::stamp::Stamp;
use nestns_client::protocol::message::RequestError;
use nestns_runtime::controller::event_sink::{Cause, EventSink, Line, Note, Waiting};
use nestns_runtime::controller::event_sink::{Loss, StopExecOutcome};
use nestns_runtime::controller::roster::Roster;
use nestns_runtime::controller::start_error::{exec_error_help, exec_error_sentence, sentence};
use nestns_runtime::controller::timeline::milliseconds;
use nestns_runtime::engine::exec_error::ExecError;
use nestns_runtime::engine::report::Ending;
use nestns_sys::errno::spelled;
use nestns_topology::diagnostic::Color;
use nestns_topology::{Position, Signal};

/// How many of a run of alike siblings are shown.
const ALIKE: usize = 5;
/// A creation that takes no longer is not worth a bar.
const QUICK: Duration = Duration::from_millis(150);

/// Form of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Progress {
    /// `tty` on a terminal, else `plain`
    #[default]
    Auto,
    /// A progress bar, then the tree
    Tty,
    /// Lines of text
    Plain,
    /// JSON Lines
    Json,
    /// Errors only
    Quiet,
}

impl Progress {
    fn resolve(self) -> Self {
        match self {
            Self::Auto if std::io::stderr().is_terminal() => Self::Tty,
            Self::Auto => Self::Plain,
            other => other,
        }
    }
}

/// Extent of the reports of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All of it: `up`.
    Everything,
    /// Events until it is ready, and failures then: `up -d`.
    Start,
    /// Only failures: `run`, whose command owns the output.
    Problems,
}

/// Form and extent of the reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reports {
    pub(super) progress: Progress,
    pub(super) detail: Detail,
    pub(super) color: Color,
    /// Treatment of what the lines of programs contain.
    pub(super) controls: Controls,
}

/// Reports of what happens to a tree, for people or as JSON Lines.
#[derive(Debug)]
pub(super) struct ConsoleReporter {
    progress: Progress,
    detail: Detail,
    colour: Colour,
    charset: Charset,
    /// The files of the topology, for places in them; none if there are none.
    files: Vec<String>,
    name: String,
    bar: Option<ProgressBar>,
    began: Instant,
    tenths: usize,
    lines: Lines,
    countdown: u32,
}

impl ConsoleReporter {
    /// A reporter of the topology of this name.
    pub(super) fn new(reports: Reports, files: Vec<String>, name: String) -> Self {
        let mut lines = Lines::default();
        lines.controls = reports.controls;
        Self {
            progress: reports.progress.resolve(),
            detail: reports.detail,
            colour: if reports.color == Color::Styled {
                Colour::On
            } else {
                Colour::Off
            },
            charset: charset(),
            files,
            name,
            bar: None,
            began: Instant::now(),
            tenths: 0,
            lines,
            countdown: 0,
        }
    }

    fn is_verbose(&self) -> bool {
        self.detail != Detail::Problems && matches!(self.progress, Progress::Tty | Progress::Plain)
    }

    /// Writes whole lines. A closed standard error ends nothing.
    fn write(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        standard_error::write(text);
    }

    fn event(&self, event: serde_json::Value) {
        let mut event = event;
        if let Some(object) = event.as_object_mut() {
            object.insert(
                "ts".to_owned(),
                json!(Stamp::from(std::time::SystemTime::now()).to_string()),
            );
        }
        self.write(&format!("{event}\n"));
    }

    fn place(&self, position: Position) -> String {
        launch::place(position, &self.files)
            .map(|place| format!("\n  --> {place}"))
            .unwrap_or_default()
    }

    /// The end of a process, where it is a failure.
    fn note_end(&mut self, note: &Note<'_>) {
        match note {
            // The command of `run` speaks for itself, by its status.
            Note::Failed { .. } if self.detail == Detail::Problems && self.files.is_empty() => {}
            Note::Failed {
                path,
                position,
                ending,
                lines,
            } => {
                let text = format!(
                    "`{path}` {}{}{}",
                    ended(*ending),
                    self.place(*position),
                    last_lines(lines)
                );
                self.problem("error", Some(path), &text);
            }
            Note::Unready {
                path,
                position,
                lines,
            } => {
                let text = format!(
                    "`{path}` ended before it was ready{}{}",
                    self.place(*position),
                    last_lines(lines)
                );
                self.problem("error", Some(path), &text);
            }
            Note::FailedMeanwhile { path, status } => {
                let text = format!(
                    "the command exited with 0, but `{path}` failed while it ran, and so did the topology; the status \
                     is {status}\n  = help: set `essential = false` to let the topology run without it"
                );
                self.problem("error", Some(path), &text);
            }
            _ => {}
        }
    }

    /// The steps of a stop.
    fn note_of_stop(&self, note: &Note<'_>) {
        match note {
            Note::StopInside { path, sender } if self.is_verbose() => {
                self.write(&format!(
                    "`{path}` was asked to stop by PID {sender} inside it\n"
                ));
            }
            Note::PauseLeaves {
                path,
                sender,
                signal,
            } if self.is_verbose() => {
                let signal = Signal::from_number(*signal);
                let origin = match sender {
                    0 => "from outside".to_owned(),
                    pid => format!("from PID {pid} inside it"),
                };
                self.write(&format!(
                    "`{path}` left on {signal} {origin}; the kernel has killed everything inside\n"
                ));
            }
            Note::Stopping { cause } if self.is_verbose() => {
                self.write(&format!("stopping: {}\n", why(cause)));
            }
            Note::Killing if self.is_verbose() => self.write("killing the roots\n"),
            _ if self.progress == Progress::Json && self.detail != Detail::Problems => {
                self.event(json!({ "event": "stopping", "path": self.name }));
            }
            _ => {}
        }
    }

    /// A warning or error, which is written in every mode.
    fn problem(&self, level: &str, path: Option<&str>, text: &str) {
        if self.progress == Progress::Json {
            self.event(json!({ "event": level, "path": path, "message": text }));
            return;
        }
        self.write(&format!("{level}: {text}\n"));
    }
}

/// Characters that this locale can show.
pub(super) fn charset() -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match locale {
        // Without any word a terminal of today shows UTF-8; the locale C says explicitly that it does not.
        None => Charset::Unicode,
        Some(locale) => {
            let locale = locale.to_lowercase();
            if locale.contains("utf-8") || locale.contains("utf8") {
                Charset::Unicode
            } else {
                Charset::Ascii
            }
        }
    }
}

impl ConsoleReporter {
    /// Reports a note about an earlier topology of the same name.
    fn note_of_earlier(&self, note: &Note<'_>) {
        match note {
            Note::LeftOver { cleared } => {
                let text = format!(
                    "removed what an earlier `{}` left behind{}",
                    self.name,
                    cleared.words()
                );
                self.problem("warning", None, &text);
            }
            Note::Awaited => {
                let text = format!(
                    "the controller of an earlier `{}` had just died; waited until its tree was gone",
                    self.name
                );
                self.problem("warning", None, &text);
            }
            _ => {}
        }
    }

    /// Reports a note about a restart.
    fn note_of_restart(&self, note: &Note<'_>) {
        match note {
            Note::Restarting {
                path,
                ending,
                delay,
                count,
                most,
            } => {
                let most = most.map(|most| format!(" of {most}")).unwrap_or_default();
                let text = format!(
                    "`{path}` {}; restart {count}{most} in a row, in {}",
                    ended(*ending),
                    Human(*delay)
                );
                self.problem("warning", Some(path), &text);
            }
            Note::NotRestarted { path, trouble } => {
                self.problem(
                    "error",
                    Some(path),
                    &format!("`{path}` could not be brought back: {trouble}"),
                );
            }
            _ => {}
        }
    }

    /// Reports a note about the readiness of a process.
    fn note_of_readiness(&self, note: &Note<'_>) {
        match note {
            Note::ProbeRefused {
                path,
                position,
                refusal,
            } => {
                let text = format!(
                    "cannot probe whether `{path}` is ready: {}{}; nestns will try again",
                    refused(refusal),
                    self.place(*position)
                );
                self.problem("warning", Some(path), &text);
            }
            Note::NeverReady {
                path,
                position,
                tries,
            } => {
                let problem = RequestError::NeverReady {
                    path: (*path).to_owned(),
                    tries: *tries,
                };
                let text = format!("{problem}{}; it goes on running", self.place(*position));
                self.problem("error", Some(path), &text);
            }
            Note::ProbeLost { path, cause } => {
                let call = cause.call.name().unwrap_or_default();
                let text = format!("cannot determine whether `{path}` is ready ({call}): {cause}");
                self.problem("warning", Some(path), &text);
            }
            Note::StopExec {
                path,
                position,
                outcome,
            } => {
                let what = match outcome {
                    StopExecOutcome::Ended(ending) => ended(*ending),
                    StopExecOutcome::Overdue => {
                        "had not ended when no more time was left for it, and was killed".to_owned()
                    }
                    StopExecOutcome::Refused(refusal) => format!("failed: {}", refused(refusal)),
                    StopExecOutcome::NotStarted => "could not be started".to_owned(),
                };
                let text = format!(
                    "`stop.exec` of `{path}` {what}; the stop goes on{}",
                    self.place(*position)
                );
                self.problem("warning", Some(path), &text);
            }
            Note::Unreachable { path, dependency } => {
                let problem = RequestError::NotStarted {
                    path: (*path).to_owned(),
                    dependency: (*dependency).to_owned(),
                };
                self.problem("error", Some(path), &problem.to_string());
            }
            Note::NotifyRefused { path, sender } => {
                self.problem("warning", Some(path), &not_ready_by(path, *sender));
            }
            _ => {}
        }
    }

    /// Reports a note about the state directory.
    fn note_of_state(&mut self, note: &Note<'_>) {
        match note {
            Note::HomeRestored { before, now } => {
                let place = if before == now {
                    "restored".to_owned()
                } else {
                    format!("created again in {}", now.display())
                };
                let text = format!(
                    "the state directory {} or something in it was removed; it was {place}, but earlier output and \
                     events are lost",
                    before.display()
                );
                self.problem("warning", None, &text);
            }
            Note::HomeLost { error } => {
                let text = format!(
                    "the state directory was removed, and cannot be restored: {error}; nestns will try again"
                );
                self.problem("error", None, &text);
            }
            Note::LeftBehind { error } => {
                let text = format!(
                    "`{}` was not removed completely: {error}; `nestns prune` tries again",
                    self.name
                );
                self.problem("error", None, &text);
            }
            Note::Unrecorded { error } => {
                let text = format!("its logs and events are not kept: {error}");
                self.problem("warning", None, &text);
            }
            Note::JournalLost { errno } => {
                let text = format!(
                    "output and events are no longer kept, because the state directory cannot be written: {}",
                    spelled(*errno)
                );
                self.problem("warning", None, &text);
            }
            Note::TruthLost { errno } => {
                let text = format!(
                    "truth.json is out of date, because the state directory cannot be written: {}; `nestns inspect` \
                     and `nestns ps` still show the current state",
                    spelled(*errno)
                );
                self.problem("warning", None, &text);
            }
            _ => {}
        }
    }
}

impl EventSink for ConsoleReporter {
    fn progress(&mut self, done: usize, total: usize) {
        if self.detail == Detail::Problems {
            return;
        }
        let tenths = done * 10 / total.max(1);
        let is_news = tenths > self.tenths;
        self.tenths = tenths;
        match self.progress {
            Progress::Tty if self.bar.is_none() && self.began.elapsed() > QUICK => {
                // Without a steady tick: its ticker is a thread, and this process still forks.
                let bar =
                    ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
                let style = ProgressStyle::with_template("[create] {pos}/{len} {bar:30} {elapsed}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                self.bar = Some(bar);
            }
            Progress::Tty => {
                if let Some(bar) = &self.bar {
                    bar.set_position(done as u64);
                }
            }
            Progress::Plain if is_news && self.began.elapsed() > Duration::from_secs(1) => {
                self.write(&format!("[create] {done}/{total} · nothing released yet\n"));
            }
            Progress::Json if is_news => {
                self.event(json!({ "event": "create", "done": done, "total": total }));
            }
            _ => {}
        }
    }

    fn standing(&mut self, roster: &Roster, create: Duration) {
        let counts = roster.plan().counts();
        if self.progress == Progress::Json && self.detail != Detail::Problems {
            self.event(json!({
                "event": "verify", "path": self.name, "namespaces": counts.namespaces, "processes": counts.processes,
                "depth": counts.depth, "ms": milliseconds(create),
            }));
            self.event(json!({ "event": "release", "path": self.name }));
        }
        let paths = roster.subjects().filter(|subject| {
            roster
                .plan()
                .namespace(subject.namespace)
                .process(subject.slot)
                .is_some_and(|process| {
                    use nestns_topology::Output;
                    process.stdout == Output::Log || process.stderr == Output::Log
                })
        });
        let paths: Vec<String> = paths.map(|subject| roster.path(subject)).collect();
        let controls = self.lines.controls;
        self.lines = Lines::new(self.colour, self.charset, paths.iter().map(String::as_str));
        self.lines.controls = controls;
        if !self.is_verbose() || self.detail == Detail::Start {
            // A bar that was drawn has done its work.
            if let Some(bar) = &self.bar {
                bar.finish_and_clear();
            }
            return;
        }
        let title = format!(
            "{}: {}, {}, depth {}, created in {}",
            self.name,
            count(counts.namespaces as usize, "namespace"),
            count(counts.processes as usize, "process"),
            counts.depth,
            Human(create)
        );
        let look = Look {
            charset: self.charset,
            colour: self.colour,
            folding: Folding::Keep(ALIKE),
        };
        let drawing = tree::render(&title, &topology_nodes::standing(roster), look);
        self.write(&drawing);
    }

    fn line(&mut self, line: &Line<'_>) -> Vec<u8> {
        self.lines.render(line.path, line.stream, line.text)
    }

    fn note(&mut self, note: &Note<'_>) {
        match note {
            Note::LeftOver { .. } | Note::Awaited => self.note_of_earlier(note),
            Note::GuardianLost { loss } => self.problem("warning", None, &lost(*loss)),
            Note::Refused {
                path,
                position,
                refusal,
            } => {
                let help = exec_error_help(refusal)
                    .map(|help| format!("; {help}"))
                    .unwrap_or_default();
                let text = format!(
                    "`{path}`: {}{}{help}",
                    refused(refusal),
                    self.place(*position)
                );
                self.problem("error", Some(path), &text);
            }
            Note::Failed { .. } | Note::Unready { .. } | Note::FailedMeanwhile { .. } => {
                self.note_end(note);
            }
            Note::Restarting { .. } | Note::NotRestarted { .. } => self.note_of_restart(note),
            Note::ProbeRefused { .. }
            | Note::ProbeLost { .. }
            | Note::NeverReady { .. }
            | Note::StopExec { .. }
            | Note::Unreachable { .. }
            | Note::NotifyRefused { .. } => self.note_of_readiness(note),
            Note::InitLost { path, ending } => {
                let text = format!(
                    "PID 1 `{path}` {}; the kernel has killed everything inside",
                    ended(*ending)
                );
                self.problem("error", Some(path), &text);
            }
            Note::Stopping { .. }
            | Note::Killing
            | Note::StopInside { .. }
            | Note::PauseLeaves { .. } => {
                self.note_of_stop(note);
            }
            Note::LateFailure { path, failure } => {
                let text = format!("`{path}`: {}", escape(&sentence(failure)));
                self.problem("error", Some(path), &text);
            }
            Note::Stuck { paths } => {
                let text = format!(
                    "killed, but still there: {}; a debugger, a frozen cgroup or a file system that does not respond \
                     may be holding it",
                    paths.join(", ")
                );
                self.problem("error", None, &text);
            }
            Note::HomeRestored { .. }
            | Note::HomeLost { .. }
            | Note::LeftBehind { .. }
            | Note::Unrecorded { .. }
            | Note::JournalLost { .. }
            | Note::TruthLost { .. } => self.note_of_state(note),
            Note::ReportRefused { path, sender } => {
                self.problem("warning", Some(path), &not_reported_by(path, *sender));
            }
            Note::OutputLost { path } => {
                let text = format!(
                    "the output of `{path}` is lost: too many open descriptors (ulimit -n)"
                );
                self.problem("warning", Some(path), &text);
            }
        }
    }

    fn waiting(&mut self, waiting: &[Waiting]) {
        const NAMED: usize = 4;
        // On a terminal every second; elsewhere at once and then now and again.
        let due = self.progress == Progress::Tty || self.countdown.is_multiple_of(5);
        self.countdown += 1;
        if waiting.is_empty() || !due || !self.is_verbose() {
            return;
        }
        let one = |waiting: &Waiting| match waiting.time {
            Some((passed, grace)) => format!(
                "{} ({} s of {})",
                waiting.path,
                passed.as_secs(),
                Human(grace)
            ),
            None => waiting.path.clone(),
        };
        let mut names: Vec<String> = waiting.iter().take(NAMED).map(one).collect();
        if waiting.len() > NAMED {
            names.push(format!("{} more", waiting.len() - NAMED));
        }
        self.write(&format!(
            "stopping: waiting for {} — Ctrl-C again to kill\n",
            names.join(", ")
        ));
    }

    fn stopped(&mut self, timeline: &Timeline) {
        if self.progress == Progress::Json && self.detail != Detail::Problems {
            self.event(json!({ "event": "gone", "path": self.name, "ms": timeline.ms }));
        }
        if self.is_verbose() {
            self.write(&stop::render(timeline));
        }
    }
}

/// Describes the loss of a guardian.
fn lost(loss: Loss) -> String {
    let what = match loss {
        Loss::Killed => "was killed".to_owned(),
        Loss::Silent => "did not answer for 5 s, as if stopped, and was killed".to_owned(),
        Loss::Unreachable(cause) => format!("could not be reached: {cause}"),
    };
    format!(
        "the guardian {what}; another one has taken its place, so the tree still ends with its controller"
    )
}

fn why(cause: &Cause) -> String {
    match cause {
        Cause::Signal(signal) => format!("got {}", Signal::from_number(*signal)),
        Cause::Timeout => "the timeout has expired".to_owned(),
        Cause::Asked => "asked by `nestns down`".to_owned(),
        Cause::Untied => "the process it was tied to has ended".to_owned(),
        Cause::OutputClosed => "the output is no longer read".to_owned(),
        Cause::Ended { path } => format!("`{path}` has ended"),
        Cause::Unready { path } => format!("`{path}` did not become ready"),
    }
}

/// Last lines of the output of a process, printed below its end.
fn last_lines(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("\n  | {}", escape(line)))
        .collect();
    format!("\n  its last output:{}", lines.concat())
}

fn ended(ending: Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exited with {code}"),
        Ending::Signalled(signal) => format!("was killed by {}", Signal::from_number(signal)),
    }
}

/// Why a program did not run, for a terminal.
fn refused(refusal: &ExecError) -> String {
    escape(&exec_error_sentence(refusal))
}

/// The sentence about a process that has said that another one is ready.
fn not_ready_by(path: &str, sender: i32) -> String {
    format!(
        "`{path}` was reported ready by process {sender}, which is ignored: with `notify = true` it must report \
         itself; `notify = \"all\"` accepts every process of its namespace"
    )
}

/// Sentence about a process that has sent a report about another one.
fn not_reported_by(path: &str, sender: i32) -> String {
    format!(
        "process {sender} in `{path}` sent a report that it is not entitled to send; the report is ignored"
    )
}
