//! Common parts of `up`, `run` and `test`: the checked file, the options of the controller, and the
//! error of a start.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::color::When;
use super::command_error::{CommandError, ErrorKind, Hint};
use super::explain::hint;
use super::standard_error;
use super::topology_arguments::TopologyArguments;
use super::topology_file::TopologyFile;
use nestns_observe::doctor;
use nestns_runtime::controller::start_error::StartError;
use nestns_runtime::controller::truth::Origin;
use nestns_runtime::controller::{Command, Gates, Leaves, LinesTo, Options, SignalsFor};
use nestns_runtime::engine::plan::Order;
use nestns_topology::address::nearest;
use nestns_topology::config;
use nestns_topology::diagnostic::{Code, Color, Diagnostics, Format, Level, Sources, render};
use nestns_topology::{Position, Topology, Variable, parse_duration};

/// A file that was read, checked, and found to be good.
pub(super) struct Checked {
    pub(super) topology: Topology,
    /// Path of the file; `None` for a topology made from a command line.
    pub(super) file: Option<String>,
    pub(super) base: PathBuf,
    /// The variables of the file.
    pub(super) variables: Vec<Variable>,
}

impl Checked {
    /// Describes the origin of the tree. The hash covers everything in the file, which takes as
    /// long as reading it.
    pub(super) fn origin(&self) -> Origin {
        let Self { topology, file, .. } = self;
        let hash = file.as_ref().map(|_| config::hash(topology));
        Origin {
            name: topology.name.clone(),
            file: file.clone(),
            hash,
            anonymous: false,
            files: topology.files.clone(),
        }
    }
}

/// Reads and checks a file; warnings are shown on standard error.
pub(super) fn check(
    arguments: &TopologyArguments,
    name: Option<String>,
    color: When,
) -> Result<Checked, CommandError> {
    let file = match TopologyFile::read(arguments.file.as_deref(), &arguments.values) {
        Ok(file) => file,
        Err(unreadable) => {
            let (sources, diagnostics) = unreadable.into_parts();
            return Err(file_error(&sources, &diagnostics, color));
        }
    };
    let parsed = file.parse(name);
    let Some(topology) = parsed.topology else {
        return Err(file_error(&parsed.sources, &parsed.diagnostics, color));
    };
    // A closed standard error is no failure; the status says it as well.
    standard_error::write(&rendered(&parsed.sources, &parsed.diagnostics, color));
    let file = Some(parsed.sources.main().name().to_owned());
    // Relative files of a topology are meant from where it lies; of one from standard input, from here.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let base = Path::new(parsed.sources.main().name())
        .parent()
        .map_or_else(|| here.clone(), |parent| here.join(parent));
    Ok(Checked {
        topology,
        file,
        base,
        variables: parsed.variables,
    })
}

fn rendered(sources: &Sources, diagnostics: &Diagnostics, color: When) -> String {
    render(
        Format::Human,
        color.resolve(&std::io::stderr()),
        &[(sources, diagnostics)],
    )
}

/// Error of a wrong file: its problems for people, the first of them for programs.
fn file_error(sources: &Sources, diagnostics: &Diagnostics, color: When) -> CommandError {
    let mut errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.level() == Level::Error);
    let name = sources.main().name();
    let mut error = match errors.next() {
        Some(first) => CommandError::new(ErrorKind::File, format!("{name}: {}", first.message))
            .code(first.code),
        None => CommandError::new(ErrorKind::File, format!("{name} cannot be used")),
    };
    error = error.rendering(rendered(sources, diagnostics, color));
    with_explanation(error, diagnostics.iter().map(|diagnostic| diagnostic.code))
}

/// Adds where more is said about codes.
fn with_explanation(error: CommandError, codes: impl IntoIterator<Item = Code>) -> CommandError {
    match hint(codes) {
        Some(line) => error.hint(Hint::More(line)),
        None => error,
    }
}

/// Error of a tree that did not come to stand.
pub(super) fn start_error(trouble: &StartError, files: &[String]) -> CommandError {
    let kind = match trouble.status() {
        1 => ErrorKind::Conflict,
        4 => ErrorKind::Machine,
        _ => ErrorKind::Start,
    };
    let mut error = CommandError::new(kind, trouble.to_string()).code(trouble.code());
    if let Some(place) = trouble
        .position()
        .and_then(|position| place(position, files))
    {
        error = error.hint(Hint::Place(place));
    }
    if let Some(help) = trouble.help() {
        error = error.help(help);
    }
    error = with_explanation(error, [trouble.code()]);
    match trouble.check() {
        Some(id) => error.hint(Hint::More(doctor::check(id).map_or_else(
            || format!("`nestns doctor` checks this as {id}"),
            |check| check.as_last_line(),
        ))),
        None => error,
    }
}

/// `file:line:column`, if there is such a place.
pub(super) fn place(position: Position, files: &[String]) -> Option<String> {
    let file = files
        .get(position.file as usize)
        .filter(|_| position.line > 0)?;
    Some(format!("{file}:{}:{}", position.line, position.column))
}

/// Error of a tree that has not the namespace that a command is to run in, with what there is instead. `file` is how the tree is
/// called.
pub(super) fn find_namespace(
    topology: &Topology,
    path: &str,
    file: &str,
) -> Result<(), CommandError> {
    if topology.find(path).is_some() {
        return Ok(());
    }
    let error = CommandError::not_found(format!("there is no namespace `{path}` in {file}"));
    let around = path
        .rsplit_once('/')
        .and_then(|(around, name)| Some((topology.find(around)?, name)));
    let is_process = |id, name| {
        name == "init"
            || topology
                .namespace(id)
                .processes
                .iter()
                .any(|process| process.name == name)
    };
    if let Some((around, _)) = around.filter(|&(id, name)| is_process(id, name)) {
        return Err(error.help(format!(
            "that is a process, in `{}`",
            topology.namespace(around).path
        )));
    }
    let all = topology.pre_order();
    let paths = all.iter().map(|&id| topology.namespace(id).path.as_str());
    let near = path
        .parse()
        .map(|address| nearest(&address, paths))
        .unwrap_or_default();
    if near.is_empty() {
        return Err(error);
    }
    let near: Vec<String> = near.into_iter().map(|path| format!("`{path}`")).collect();
    Err(error.help(format!("there is {}", near.join(", "))))
}

/// Options that a verb has not asked for.
pub(super) fn options() -> Options {
    Options {
        order: Order::FileOrder,
        timeout: None,
        status_from: None,
        command: None::<Command>,
        announce_truth: false,
        fixture: None,
        stays: false,
        lines_to: LinesTo::Stdout,
        gates: Gates::Open,
        report_channel: None,
        leaves: Leaves::Nothing,
        text: None,
        signals_for: SignalsFor::Tree,
        tied_to: None,
        environment: std::env::vars_os().collect::<BTreeMap<_, _>>(),
    }
}

/// Returns whether the lines of programs, or else the report, are coloured.
pub(super) fn color(when: When, lines_to: LinesTo) -> Color {
    match lines_to {
        LinesTo::Stdout => resolve(when, &std::io::stdout()),
        LinesTo::Stderr | LinesTo::Nowhere => resolve(when, &std::io::stderr()),
    }
}

fn resolve(when: When, stream: &impl IsTerminal) -> Color {
    when.resolve(stream)
}

/// A duration of the command line, with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// A name of the command line: it becomes a directory's.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty()
        || text.len() > 64
        || text.starts_with(['.', '-'])
        || !text.chars().all(is_plain)
    {
        return Err("a name consists of 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
            .to_owned());
    }
    Ok(text.to_owned())
}
