//! `nestns new`: a commented topology to begin with.

mod template;

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use clap::builder::FalseyValueParser;

use self::template::Template;
use super::output_file::{self, Existing};
use super::standard_error;
use super::status::Status;
use crate::cli::command_error::CommandError;
use crate::present::table::aligned;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Template to write
    #[arg(value_enum, default_value_t)]
    template: Template,

    /// File to write; `-` is standard output [default: TEMPLATE.nestns.toml]
    #[arg(short, long, value_name = "FILE", env = "NESTNS_OUTPUT")]
    output: Option<PathBuf>,

    /// Overwrite an existing file
    #[arg(long, env = "NESTNS_FORCE", value_parser = FalseyValueParser::new())]
    force: bool,

    /// List the templates
    #[arg(long, env = "NESTNS_LIST", value_parser = FalseyValueParser::new())]
    list: bool,
}

/// Writes the file and says how to go on.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    if args.list {
        return list();
    }
    let default = || PathBuf::from(format!("{}.nestns.toml", args.template.name()));
    let path = args.output.clone().unwrap_or_else(default);
    let text = about_itself(args.template, &path);
    if path == Path::new("-") {
        io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Status::Done);
    }
    let written = output_file::write(&path, &text, Existing::by_force(args.force));
    output_file::written(&path, written)?;
    standard_error::write(&next(&path));
    Ok(Status::Done)
}

/// The text, in which the commands to try are about the file that it is written to.
fn about_itself(template: Template, path: &Path) -> String {
    let file = path
        .file_name()
        .filter(|_| path != Path::new("-"))
        .map(|name| word(Path::new(name)));
    // A comment is one line.
    let file = file.filter(|file| !file.contains(char::is_control));
    let file = file.unwrap_or_else(|| format!("{}.nestns.toml", template.name()));
    template
        .text()
        .replace(&format!("examples/{}.toml", template.name()), &file)
}

fn list() -> Result<Status, CommandError> {
    let row = |template: &Template| [template.name().to_owned(), template.description()];
    let rows: Vec<_> = Template::value_variants().iter().map(row).collect();
    io::stdout().lock().write_all(aligned(&rows).as_bytes())?;
    Ok(Status::Done)
}

/// Tells the path that was written, and the next steps with it.
fn next(path: &Path) -> String {
    let file = word(path);
    let schema = word(&path.with_file_name("topology.schema.json"));
    let commands = [
        (format!("nestns tree {file}"), "show what it declares"),
        (format!("nestns up {file}"), "build it"),
        (
            format!("nestns schema > {schema}"),
            "let an editor complete and explain its keys",
        ),
    ];
    let rows = commands.map(|(command, what)| [format!("  {command}"), what.to_owned()]);
    format!("wrote {}\n{}", path.display(), aligned(&rows))
}

/// A path as one word of a shell.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), Cow::into_owned)
}
