//! What `up` and `run` have in common: the request to the controller, and what becomes of troubles.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::color::When;
use super::explain::hint;
use super::status::Status;
use super::tell::tell as say;
use super::topology_arguments::TopologyArguments;
use super::topology_file::TopologyFile;
use crate::controller::trouble::Trouble;
use crate::controller::truth::Origin;
use crate::controller::{Command, LinesTo, Options};
use crate::diagnostic::{Code, Color, Diagnostics, Format, Sources, render};
use crate::engine::plan::Order;
use crate::topology::{Topology, parse_duration};

/// A file that was read, checked, and found to be good.
pub(super) struct Checked {
    pub(super) topology: Topology,
    pub(super) origin: Origin,
    pub(super) base: PathBuf,
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
    let mut hash = String::new();
    for byte in Sha256::digest(parsed.sources.main().text().as_bytes()) {
        // Writing into a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    let origin =
        Origin { name: topology.name.clone(), file: Some(parsed.sources.main().name().to_owned()), hash: Some(hash) };
    // Relative files of a topology are meant from where it lies; of one from standard input, from here.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let base =
        Path::new(parsed.sources.main().name()).parent().map_or_else(|| here.clone(), |parent| here.join(parent));
    Ok(Checked { topology, origin, base })
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
pub(super) fn tell(trouble: &Trouble, file: Option<&str>) -> Status {
    let mut text = format!("error[{}]: {trouble}\n", trouble.code());
    if let (Some(position), Some(file)) = (trouble.position().filter(|position| position.line > 0), file) {
        let _ = writeln!(text, "  --> {file}:{}:{}", position.line, position.column);
    }
    if let Some(help) = trouble.help() {
        let _ = writeln!(text, "  = help: {help}");
    }
    say(&text);
    say_hint([trouble.code()]);
    Status::Other(trouble.status())
}

/// Options that a verb has not asked for.
pub(super) fn options() -> Options {
    Options {
        order: Order::FileOrder,
        timeout: None,
        status_from: None,
        command: None::<Command>,
        announce_truth: false,
        lines_to: LinesTo::Stdout,
        environment: std::env::vars_os().collect::<BTreeMap<_, _>>(),
    }
}

/// Whether the lines of programs, or else the story, are coloured.
pub(super) fn color(when: When, lines_to: LinesTo) -> Color {
    match lines_to {
        LinesTo::Stdout => resolve(when, &std::io::stdout()),
        LinesTo::Stderr => resolve(when, &std::io::stderr()),
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
        return Err(
            "a name has 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit".to_owned()
        );
    }
    Ok(text.to_owned())
}
