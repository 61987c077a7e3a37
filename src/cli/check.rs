//! `nestns check`: everything that is wrong with topology files. The diagnostics are the answer, so they go to standard
//! output; for people a last line on standard error sums up.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::color::When;
use super::command_error::CommandError;
use super::explain::hint;
use super::standard_error;
use super::status::Status;
use super::topology_arguments::Values;
use super::topology_file::TopologyFile;
use crate::present::escape;
use nestns_topology::Parsed;
use nestns_topology::diagnostic::{Diagnostics, Format, Level, Sources, render};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit status is 3 if a file has errors, 1 if there are only warnings and --strict is given, and 0 otherwise. \
`nestns explain CODE` explains the code of a problem.")]
pub(super) struct Args {
    /// Topology files; `-` is standard input, a directory means the only topology file in it [default: .]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    values: Values,

    /// Exit with status 1 if there are warnings
    #[arg(long, env = "NESTNS_STRICT", value_parser = FalseyValueParser::new())]
    strict: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: FormatWord,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// The words for [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatWord {
    /// Text for people
    #[default]
    Human,
    /// One line per problem, for people and editors
    Short,
    /// One JSON document `nestns.check/1`
    Json,
    /// Annotations for GitHub Actions
    Github,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Human => Self::Human,
            FormatWord::Short => Self::Short,
            FormatWord::Json => Self::Json,
            FormatWord::Github => Self::Github,
            FormatWord::Sarif => Self::Sarif,
        }
    }
}

/// Checks all files, shows all problems, and sums up.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let words = if args.files.is_empty() {
        vec![None]
    } else {
        args.files.iter().map(|file| Some(file.as_path())).collect()
    };
    let checked: Vec<(Sources, Diagnostics)> = words
        .into_iter()
        .map(|word| match TopologyFile::read(word, &args.values) {
            Ok(file) => {
                let Parsed {
                    topology,
                    sources,
                    diagnostics,
                    ..
                } = file.parse(None);
                if args.files.len() <= 1 {
                    // The process is about to end: there is no need to free each of a hundred
                    // thousand namespaces. The bench row is `check` of `language`.
                    std::mem::forget(topology);
                }
                (sources, diagnostics)
            }
            Err(unreadable) => unreadable.into_parts(),
        })
        .collect();
    let borrowed: Vec<_> = checked
        .iter()
        .map(|(source, diagnostics)| (source, diagnostics))
        .collect();
    let format = args.format.into();
    let mut stdout = io::stdout().lock();
    let mut text = render(format, args.color.resolve(&stdout), &borrowed);
    if matches!(format, Format::Human | Format::Short) {
        // Names of files and their contents are not trusted.
        text = escape::message(&text);
    }
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;

    let count = |level| {
        checked
            .iter()
            .map(|(_, diagnostics)| diagnostics.count(level))
            .sum()
    };
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    if format == Format::Human {
        let mut last = summary(checked.len(), errors, warnings);
        last.push('\n');
        let codes = checked
            .iter()
            .flat_map(|(_, diagnostics)| diagnostics)
            .map(|diagnostic| diagnostic.code);
        if let Some(hint) = hint(codes) {
            last.push_str(&hint);
            last.push('\n');
        }
        standard_error::write(&last);
    }
    Ok(match (errors, warnings) {
        (0, 0) => Status::Done,
        (0, _) if args.strict => Status::No,
        (0, _) => Status::Done,
        _ => Status::WrongFile,
    })
}

/// `checked 2 files: 1 error, 3 warnings`.
fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let number = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    let found: Vec<_> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, what)| number(count, what))
        .collect();
    let found = if found.is_empty() {
        "no problems".to_owned()
    } else {
        found.join(", ")
    };
    format!("checked {}: {found}", number(files, "file"))
}
