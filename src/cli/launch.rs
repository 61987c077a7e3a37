//! What `up` and `run` have in common: the request to the controller, and what becomes of troubles.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::color::When;
use super::explain::hint;
use super::status::Status;
use super::tell::tell as say;
use super::topology_arguments::TopologyArguments;
use super::topology_file::TopologyFile;
use crate::controller::trouble::Trouble;
use crate::controller::truth::Origin;
use crate::controller::{Command, Gates, LinesTo, Options, SignalsFor};
use crate::diagnostic::{Code, Color, Diagnostics, Format, Sources, render};
use crate::engine::plan::Order;
use crate::observe::doctor;
use crate::present::config;
use crate::topology::address::nearest;
use crate::topology::{Position, Topology, Variable, parse_duration};

/// A file that was read, checked, and found to be good.
pub(super) struct Checked {
    pub(super) topology: Topology,
    /// Its file; `None` for what was made from a command line.
    pub(super) file: Option<String>,
    pub(super) base: PathBuf,
    /// The variables of the file.
    pub(super) variables: Vec<Variable>,
}

impl Checked {
    /// What is told about where a tree comes from. The hash is of all that the file says, which takes as long as reading it.
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

/// Reads and checks a file; problems are shown on standard error, and errors end the verb.
pub(super) fn check(arguments: &TopologyArguments, name: Option<String>, color: When) -> Result<Checked, Status> {
    let file = match TopologyFile::read(arguments.file.as_deref(), &arguments.values) {
        Ok(file) => file,
        Err(unreadable) => {
            let (sources, diagnostics) = unreadable.into_parts();
            show(&sources, &diagnostics, color);
            say_hint(diagnostics.iter().map(|diagnostic| diagnostic.code));
            return Err(Status::WrongFile);
        }
    };
    let parsed = file.parse(name);
    show(&parsed.sources, &parsed.diagnostics, color);
    let Some(topology) = parsed.topology else {
        say_hint(parsed.diagnostics.iter().map(|diagnostic| diagnostic.code));
        return Err(Status::WrongFile);
    };
    let file = Some(parsed.sources.main().name().to_owned());
    // Relative files of a topology are meant from where it lies; of one from standard input, from here.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let base =
        Path::new(parsed.sources.main().name()).parent().map_or_else(|| here.clone(), |parent| here.join(parent));
    Ok(Checked { topology, file, base, variables: parsed.variables })
}

fn show(sources: &Sources, diagnostics: &Diagnostics, color: When) {
    let stderr = std::io::stderr();
    let text = render(Format::Human, color.resolve(&stderr), &[(sources, diagnostics)]);
    // Nobody to tell is no failure; the status says it as well.
    say(&text);
}

fn say_hint(codes: impl IntoIterator<Item = Code>) {
    if let Some(hint) = hint(codes) {
        say(&format!("{hint}\n"));
    }
}

/// Shows what kept a tree from standing, and says with which status to end.
pub(super) fn tell(trouble: &Trouble, files: &[String]) -> Status {
    let mut text = format!("error[{}]: {trouble}\n", trouble.code());
    if let Some(place) = trouble.position().and_then(|position| place(position, files)) {
        let _ = writeln!(text, "  --> {place}");
    }
    if let Some(help) = trouble.help() {
        let _ = writeln!(text, "  = help: {help}");
    }
    say(&text);
    say_hint([trouble.code()]);
    if let Some(id) = trouble.check() {
        let line = doctor::check(id)
            .map_or_else(|| format!("`nestns doctor` checks this as {id}"), |check| check.as_last_line());
        say(&format!("{line}\n"));
    }
    Status::Other(trouble.status())
}

/// `file:line:column`, if there is such a place.
pub(super) fn place(position: Position, files: &[String]) -> Option<String> {
    let file = files.get(position.file as usize).filter(|_| position.line > 0)?;
    Some(format!("{file}:{}:{}", position.line, position.column))
}

/// Whether a tree has the namespace that a command is to run in; tells what there is instead. `file` is how the tree is called.
pub(super) fn has_namespace(topology: &Topology, path: &str, file: &str) -> bool {
    if topology.find(path).is_some() {
        return true;
    }
    let mut text = format!("error: there is no namespace `{path}` in {file}\n");
    let around = path.rsplit_once('/').and_then(|(around, name)| Some((topology.find(around)?, name)));
    let is_process =
        |id, name| name == "init" || topology.namespace(id).processes.iter().any(|process| process.name == name);
    if let Some((around, _)) = around.filter(|&(id, name)| is_process(id, name)) {
        let _ = writeln!(text, "  = help: that is a process, in `{}`", topology.namespace(around).path);
    } else if let Ok(address) = path.parse() {
        let all = topology.pre_order();
        let paths = all.iter().map(|&id| topology.namespace(id).path.as_str());
        let near: Vec<String> = nearest(&address, paths).into_iter().map(|path| format!("`{path}`")).collect();
        if !near.is_empty() {
            let _ = writeln!(text, "  = help: there is {}", near.join(", "));
        }
    }
    say(&text);
    false
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
        herald: None,
        text: None,
        signals_for: SignalsFor::Tree,
        tied_to: None,
        environment: std::env::vars_os().collect::<BTreeMap<_, _>>(),
    }
}

/// Whether the lines of programs, or else the story, are coloured.
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
    if text.is_empty() || text.len() > 64 || text.starts_with(['.', '-']) || !text.chars().all(is_plain) {
        return Err("a name consists of 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
            .to_owned());
    }
    Ok(text.to_owned())
}
