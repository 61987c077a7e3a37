//! Common options of the verbs that answer with a table: the columns, their redaction, their
//! widths.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use clap::builder::FalseyValueParser;
use serde::Serialize;

use super::answer_format::{AnswerFormat, write_document};
use super::color::When;
use super::command_error::CommandError;
use super::console_reporter::charset;
use crate::present::redact::Redaction;
use crate::present::table::{self, Align, Cell, Column, Cut, Header, Look};
use crate::present::tree::Colour;
use nestns_sys::terminal;

// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TableArguments {
    /// Columns to show, separated by commas; a leading `+` adds them to the default ones. All are listed below
    #[arg(
        short,
        long,
        value_name = "COLUMNS",
        env = "NESTNS_OUTPUT_COLUMNS",
        allow_hyphen_values = false
    )]
    output_columns: Option<String>,

    /// Do not truncate lines to the width of the terminal
    #[arg(long, env = "NESTNS_WIDE", value_parser = FalseyValueParser::new())]
    wide: bool,

    /// Omit the header line
    #[arg(long, env = "NESTNS_NO_HEADER", value_parser = FalseyValueParser::new())]
    no_header: bool,

    /// Print only names or paths, one per line
    #[arg(short, long, env = "NESTNS_QUIET", conflicts_with = "output_columns", value_parser = FalseyValueParser::new())]
    quiet: bool,

    #[command(flatten)]
    answer: AnswerArguments,
}

// Format of an answer, and the values that are left out of it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct AnswerArguments {
    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    pub(super) format: AnswerFormat,

    /// Replace values that differ on every run (host PIDs, inodes, times), for comparisons
    #[arg(long, env = "NESTNS_REDACT", value_parser = FalseyValueParser::new())]
    redact: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// A column that a verb has to offer.
pub(super) struct Field<T> {
    /// Word for it on the command line.
    pub(super) name: &'static str,
    /// True if it is shown by default.
    is_usual: bool,
    /// How it looks.
    column: Column,
    /// Content of the cell.
    cell: fn(&T, Redaction) -> Cell,
}

impl<T> Field<T> {
    /// A column of words that is always shown, whole.
    pub(super) const fn new(
        name: &'static str,
        header: &'static str,
        cell: fn(&T, Redaction) -> Cell,
    ) -> Self {
        Self {
            name,
            is_usual: true,
            column: Column {
                header,
                align: Align::Left,
                cut: Cut::Never,
            },
            cell,
        }
    }

    /// One of numbers.
    pub(super) const fn right(mut self) -> Self {
        self.column.align = Align::Right;
        self
    }

    /// One that may be cut on a narrow terminal.
    pub(super) const fn cut(mut self, cut: Cut) -> Self {
        self.column.cut = cut;
        self
    }

    /// One that is shown only when it is asked for.
    pub(super) const fn unusual(mut self) -> Self {
        self.is_usual = false;
        self
    }
}

impl AnswerArguments {
    pub(super) fn redaction(&self) -> Redaction {
        if self.redact {
            Redaction::On
        } else {
            Redaction::Off
        }
    }

    /// When there are colours.
    pub(super) fn color(&self) -> When {
        self.color
    }

    /// Returns whether what is different on every run is replaced.
    pub(super) fn is_redacted(&self) -> bool {
        self.redact
    }

    /// Returns whether standard output is coloured.
    pub(super) fn colour(&self) -> Colour {
        self.color.colour(&std::io::stdout())
    }

    /// Writes a document, as one.
    pub(super) fn write(&self, document: &impl Serialize) -> Result<(), CommandError> {
        if !self.redact {
            return write_document(document);
        }
        let mut document = serde_json::to_value(document)?;
        self.redaction().document(&mut document);
        write_document(&document)
    }
}

impl TableArguments {
    pub(super) fn answer(&self) -> &AnswerArguments {
        &self.answer
    }

    /// Returns whether it is a table.
    pub(super) fn is_for_people(&self) -> bool {
        !self.is_json() && !self.quiet
    }

    pub(super) fn is_json(&self) -> bool {
        self.answer.format == AnswerFormat::Json
    }

    /// The columns that were asked for.
    pub(super) fn columns<'a, T>(
        &self,
        fields: &'a [Field<T>],
    ) -> Result<Vec<&'a Field<T>>, CommandError> {
        let usual = || fields.iter().filter(|field| field.is_usual).collect();
        let Some(asked) = self.output_columns.as_deref() else {
            return Ok(usual());
        };
        let (mut chosen, words) = match asked.strip_prefix('+') {
            Some(words) => (usual(), words),
            None => (Vec::new(), asked),
        };
        for word in words.split(',') {
            // A `+` may stand in front of each word as well.
            let word = word.trim().trim_start_matches('+').to_lowercase();
            let Some(field) = fields.iter().find(|field| field.name == word) else {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let error = CommandError::usage(format!("there is no column `{word}`"));
                return Err(error.help(format!("the columns are {}", names.join(", "))));
            };
            if !chosen.iter().any(|other| other.name == field.name) {
                chosen.push(field);
            }
        }
        Ok(chosen)
    }

    /// Shows items to people: as a table, or their names alone.
    pub(super) fn show<T>(
        &self,
        columns: &[&Field<T>],
        items: &[T],
        name: fn(&T) -> &str,
    ) -> Result<(), CommandError> {
        let mut stdout = std::io::stdout().lock();
        if self.quiet {
            let mut text = String::new();
            for item in items {
                text.push_str(name(item));
                text.push('\n');
            }
            stdout.write_all(text.as_bytes())?;
            return Ok(());
        }
        let redaction = self.answer.redaction();
        let rows: Vec<Vec<Cell>> = items
            .iter()
            .map(|item| {
                columns
                    .iter()
                    .map(|field| (field.cell)(item, redaction))
                    .collect()
            })
            .collect();
        let look = Look {
            charset: charset(),
            colour: self.answer.colour(),
            header: if self.no_header {
                Header::Hidden
            } else {
                Header::Shown
            },
            width: if self.wide { None } else { width() },
        };
        let columns: Vec<Column> = columns.iter().map(|field| field.column).collect();
        stdout.write_all(table::render(&columns, &rows, look).as_bytes())?;
        Ok(())
    }
}

/// How many columns standard output has, where it is a terminal.
pub(super) fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = terminal::size(stdout.as_fd()).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}
