//! A process as it is written: a program alone, or a table. Each key is read, and written again, here.

use std::collections::BTreeSet;

use super::lifetime::LifetimeSyntax;
use super::located::Located;
use super::process_body::ProcessBody;
use super::program::ProgramSyntax;
use super::reader::{Entry, entries};
use super::restart::{self, RestartSyntax};
use super::stop::{self, StopSyntax};
use super::unknown::known;
use super::writer::{words, write_ranked};
use super::{after, contradictions, ready, stream};
use crate::dependency::{Part, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::keys::{Handling, Key, ProcessKey, REFUSED_OF_INIT};
use crate::namespace::{HIGHEST_PID, Init, Namespace};
use crate::process::{Entry as Way, Keeps, Process, Session, Terminal, Weight};
use crate::toml_text::{Kind, Table, Value};
use crate::tree::{NamespaceId, Topology};

const ENTER: &[(&str, Way)] = &[("fork", Way::Fork), ("join", Way::Join)];
/// The values of `session`, of a process and of the program that is PID 1 of a namespace.
pub(super) const SESSION: &[(&str, Session)] =
    &[("own", Session::Own), ("inherit", Session::Inherit)];

impl ProcessBody {
    /// A program alone, or a table. `path` is the namespace around it.
    pub(crate) fn read(
        name: &str,
        name_span: Span,
        value: &Value,
        path: &str,
        out: &mut Diagnostics,
    ) -> Self {
        let entry = Entry {
            key: name,
            key_span: name_span,
            value,
            span: value.span,
        };
        match &value.kind {
            Kind::Table(table) => Self::read_table(table, path, out),
            Kind::String(_) | Kind::Array(_) => Self::of(ProgramSyntax::command(&entry, out)),
            _ => {
                entry.wrong_type("a string of words, an array of arguments or a table", out);
                Self::broken()
            }
        }
    }

    /// The program that is PID 1, as a table.
    pub(super) fn read_init(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Self {
        let before = out.len();
        let table = entry.value.as_table().cloned().unwrap_or_default();
        for key in entries(&table) {
            if let Some(found) =
                ProcessKey::find(key.key).filter(|found| REFUSED_OF_INIT.contains(&found.name()))
            {
                let message = format!("`{}` cannot be used for PID 1", found.name());
                out.push(
                    Diagnostic::at(Code::MisplacedKey, key.key_span, message)
                        .label("a namespace has one PID 1, which enters it first and ends it"),
                );
            }
        }
        let body = Self::read_table(&table, path, out);
        if out.len() == before && matches!(body.program, ProgramSyntax::Absent) {
            out.push(
                Diagnostic::at(
                    Code::NotOneProgram,
                    entry.key_span,
                    "`init` names no program",
                )
                .help("write init = { actor = \"idle\" } or init = [\"program\", \"argument\"]"),
            );
        }
        match body.program {
            ProgramSyntax::Absent => body.without_program(),
            _ => body,
        }
    }

    fn read_table(table: &Table, path: &str, out: &mut Diagnostics) -> Self {
        let mut reader = TableReader {
            body: Self::of(ProgramSyntax::Absent),
            restart: RestartSyntax::default(),
            stop: StopSyntax::default(),
            programs: Vec::new(),
        };
        let before = out.len();
        for entry in entries(table) {
            if let Some(key) = known(&entry, path, out) {
                reader.read(key, entry, path, out);
            }
        }
        reader.check_programs(out);
        let TableReader {
            mut body,
            restart,
            stop,
            ..
        } = reader;
        // Whatever was wrong may have been meant as the program, as `command` of compose is.
        if out.len() > before {
            body = body.without_program();
        }
        body.values.restart = restart.policy();
        body.values.stop = stop.stop();
        stop.set(&mut body.values);
        body.values.has_own_grace = stop.grace.is_some();
        contradictions::check(&body, &restart, out);
        body.lifetime = LifetimeSyntax::new(stop, restart);
        body
    }
}

/// Values of the keys that were read of a table, before those that belong together are put together.
struct TableReader {
    body: ProcessBody,
    restart: RestartSyntax,
    stop: StopSyntax,
    /// The keys that are a program, of which there may be one.
    programs: Vec<(ProcessKey, Span)>,
}

impl TableReader {
    /// Reads one key.
    fn read(&mut self, key: ProcessKey, entry: Entry<'_>, path: &str, out: &mut Diagnostics) {
        let Self {
            body,
            restart,
            stop,
            programs,
        } = self;
        if key.handling() == Handling::Choice {
            programs.push((key, entry.key_span));
        }
        match key {
            ProcessKey::Count | ProcessKey::At => {}
            ProcessKey::Cmd => body.program = ProgramSyntax::command(&entry, out),
            ProcessKey::Sh => body.program = ProgramSyntax::script(&entry, out),
            ProcessKey::Actor => body.program = ProgramSyntax::actor(&entry, out),
            ProcessKey::Enter => body.put(key, entry.word(ENTER, out), |values, way| {
                values.entry = way;
            }),
            ProcessKey::Pid => body.put(key, pids(&entry, out), |values, pids| {
                values.pid = pids;
            }),
            ProcessKey::Env => body.values.env = entry.environment(out),
            ProcessKey::Cwd => body.put(key, entry.absolute_path(out), |values, path| {
                values.cwd = Some(path);
            }),
            ProcessKey::User => body.put(key, user(&entry, out), |values, user| {
                values.user = Some(user);
            }),
            ProcessKey::Labels => body.values.labels = entry.labels(out),
            ProcessKey::Description => {
                body.put(key, entry.string(out), |values, text| {
                    values.description = Some(text);
                });
            }
            ProcessKey::Tty => {
                body.put(key, entry.boolean(out), |values, own| {
                    values.terminal = Terminal::from_tty(own);
                });
            }
            ProcessKey::Session => {
                body.put(key, entry.word(SESSION, out), |values, session| {
                    values.session = session;
                });
            }
            ProcessKey::Stdin | ProcessKey::Stdout | ProcessKey::Stderr => {
                read_stream(body, key, &entry, out);
            }
            ProcessKey::After => body.after = after::read(&entry, out),
            ProcessKey::Ready => {
                body.put(key, ready::read(&entry, path, out), |values, probe| {
                    values.ready = Some(Box::new(probe));
                });
            }
            ProcessKey::Ok => body.put(key, exit_codes(&entry, out), |values, codes| {
                values.ok = codes.into();
            }),
            ProcessKey::Oneshot => body.put(key, entry.boolean(out), |values, flag| {
                values.oneshot = flag;
            }),
            ProcessKey::Essential => body.put(key, entry.boolean(out), |values, flag| {
                values.weight = weight(flag);
            }),
            ProcessKey::Keeps => body.put(key, entry.boolean(out), |values, flag| {
                values.keeps = keeps(flag);
            }),
            ProcessKey::Restart => restart.read_when(&entry, path, out),
            ProcessKey::Max => restart.read_max(&entry, out),
            ProcessKey::Backoff => restart.read_backoff(&entry, out),
            ProcessKey::BackoffMax => restart.read_backoff_max(&entry, out),
            ProcessKey::Stop => *stop = StopSyntax::read(&entry, path, out),
        }
    }

    /// Reports more than one program.
    fn check_programs(&mut self, out: &mut Diagnostics) {
        if let [(first, first_span), (second, second_span), ..] = self.programs[..] {
            let message = format!(
                "a process has both `{}` and `{}`",
                first.name(),
                second.name()
            );
            out.push(
                Diagnostic::at(Code::NotOneProgram, second_span, message)
                    .label("it can run only one program")
                    .also(first_span, "the first one is here"),
            );
            self.body.program = ProgramSyntax::Broken;
        }
    }
}

/// A process, which inherits the environment and the directory of its namespace, as a table. `part` is its part of the
/// namespace.
pub(super) fn write(process: &Process, part: Part, place: &Place<'_>) -> toml::Table {
    // The description stands behind the program, and what the process waits for at the end.
    let rank = |key| match key {
        ProcessKey::Cmd | ProcessKey::Sh | ProcessKey::Actor | ProcessKey::Enter => 0,
        ProcessKey::Description => 1,
        ProcessKey::Labels => 2,
        ProcessKey::After => 4,
        _ => 3,
    };
    write_ranked(rank, |key| value(key, process, part, place))
}

/// A namespace, and the tree that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'t> {
    pub(super) topology: &'t Topology,
    pub(super) id: NamespaceId,
    pub(super) namespace: &'t Namespace,
}

fn value(key: ProcessKey, process: &Process, part: Part, place: &Place<'_>) -> Option<toml::Value> {
    let namespace = place.namespace;
    match key {
        ProcessKey::Count | ProcessKey::At => None,
        ProcessKey::Cmd | ProcessKey::Sh | ProcessKey::Actor => {
            let (written, program) = ProgramSyntax::write(&process.program);
            (written == key).then_some(program)
        }
        // Beside a program that is PID 1 nothing but joining is possible, and nothing is said.
        ProcessKey::Enter => {
            let is_written =
                process.entry == Way::Join && !matches!(namespace.init, Init::Program(_));
            is_written.then(|| "join".into())
        }
        // The namespace says it for its PID 1.
        ProcessKey::Restart
        | ProcessKey::Max
        | ProcessKey::Backoff
        | ProcessKey::BackoffMax
        | ProcessKey::Stop
            if part == Part::Init =>
        {
            None
        }
        ProcessKey::Env => {
            let own = process
                .env
                .iter()
                .filter(|&(name, value)| namespace.env.get(name) != Some(value));
            words(own.map(|(name, value)| (name.as_str(), value.as_str())))
        }
        ProcessKey::Cwd => {
            let own = process
                .cwd
                .as_ref()
                .filter(|&own| Some(own) != namespace.cwd.as_ref());
            own.map(|cwd| cwd.to_string_lossy().into_owned().into())
        }
        ProcessKey::Pid => write_pids(&process.pid),
        ProcessKey::User => process.user.clone().map(Into::into),
        ProcessKey::Labels => words(process.labels.iter()),
        ProcessKey::Description => process.description.clone().map(Into::into),
        ProcessKey::Tty => (process.terminal == Terminal::Own).then(|| true.into()),
        ProcessKey::Session => (process.session == Session::Inherit).then(|| "inherit".into()),
        ProcessKey::Stdin => stream::write_input(&process.stdin),
        ProcessKey::Stdout => stream::write_output(&process.stdout),
        ProcessKey::Stderr => stream::write_output(&process.stderr),
        ProcessKey::After => {
            let waiter = Target {
                namespace: place.id.place(),
                part,
            };
            after::write(waiter, &process.after, place.topology)
        }
        ProcessKey::Ready => process.ready.as_deref().and_then(ready::write),
        ProcessKey::Ok => {
            let codes = || {
                process
                    .ok
                    .iter()
                    .map(|&code| i64::from(code))
                    .collect::<Vec<_>>()
            };
            (*process.ok != [0]).then(|| codes().into())
        }
        ProcessKey::Oneshot => process.oneshot.then(|| true.into()),
        ProcessKey::Essential => (process.weight == Weight::Expendable).then(|| false.into()),
        ProcessKey::Keeps => (process.keeps == Keeps::Nothing).then(|| false.into()),
        ProcessKey::Restart => restart::write_when(process.restart.as_deref()),
        ProcessKey::Max => restart::write_max(process.restart.as_deref()),
        ProcessKey::Backoff => restart::write_backoff(process.restart.as_deref()),
        ProcessKey::BackoffMax => restart::write_backoff_max(process.restart.as_deref()),
        ProcessKey::Stop => stop::write(process.stop, process.own_grace(), Some(&process.spec)),
    }
}

fn keeps(is_keeping: bool) -> Keeps {
    if is_keeping {
        Keeps::Namespace
    } else {
        Keeps::Nothing
    }
}

fn weight(is_essential: bool) -> Weight {
    if is_essential {
        Weight::Essential
    } else {
        Weight::Expendable
    }
}

fn user(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<String>> {
    let Located { value: text, span } = entry.string(out)?;
    let mut parts = text.split(':');
    let good = |part: &str| {
        !part.is_empty()
            && if part.starts_with(|c: char| c.is_ascii_digit()) {
                // -1 means "leave it" to setuid(2), so the largest number is not a user.
                part.parse::<u32>().is_ok_and(|number| number != u32::MAX)
            } else {
                part.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
                    && !part.starts_with('-')
            }
    };
    if parts.by_ref().take(2).all(good) && parts.next().is_none() {
        return Some(Located::new(text, span));
    }
    let message = format!("`{text}` is not a user");
    out.push(
        Diagnostic::at(Code::BadUser, entry.span, message)
            .label("expected `name`, `uid`, `name:group` or `uid:gid`"),
    );
    None
}

/// Reads one of the standard streams.
fn read_stream(body: &mut ProcessBody, key: ProcessKey, entry: &Entry<'_>, out: &mut Diagnostics) {
    match key {
        ProcessKey::Stdin => body.put(key, stream::input(entry, out), |values, input| {
            values.stdin = input;
        }),
        ProcessKey::Stdout => body.put(key, stream::output(entry, out), |values, output| {
            values.stdout = output;
        }),
        _ => body.put(key, stream::output(entry, out), |values, output| {
            values.stderr = output;
        }),
    }
}

/// A PID, or an array of PIDs from the inside outward.
fn pids(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Box<[i32]>>> {
    let pid = |entry: &Entry<'_>, out: &mut Diagnostics| {
        let number = entry.integer(1, HIGHEST_PID, out)?;
        i32::try_from(number.value).ok()
    };
    let pids: Option<Box<[i32]>> = if entry.value.as_array().is_some() {
        let elements = entry.elements("a PID or an array of PIDs", out)?;
        if elements.is_empty() {
            out.push(
                Diagnostic::at(Code::OutOfRange, entry.span, "`pid` is empty")
                    .help("leave `pid` out, or write pid = 7"),
            );
        }
        elements.iter().map(|element| pid(element, out)).collect()
    } else {
        pid(entry, out).map(|pid| [pid].into())
    };
    Some(Located::new(pids?, entry.span))
}

fn write_pids(pids: &[i32]) -> Option<toml::Value> {
    match pids {
        [] => None,
        [pid] => Some(i64::from(*pid).into()),
        pids => Some(
            pids.iter()
                .copied()
                .map(i64::from)
                .collect::<Vec<_>>()
                .into(),
        ),
    }
}

/// The codes of a set, which has no order.
fn exit_codes(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Vec<u8>>> {
    let codes = entry.elements("an array of exit codes", out)?;
    if codes.is_empty() {
        out.push(
            Diagnostic::at(Code::OutOfRange, entry.span, "`ok` is empty")
                .label("the process could never succeed"),
        );
    }
    let codes = codes
        .iter()
        .filter_map(|code| u8::try_from(code.integer(0, 255, out)?.value).ok());
    let codes: BTreeSet<u8> = codes.collect();
    Some(Located::new(codes.into_iter().collect(), entry.span))
}
