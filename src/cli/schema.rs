//! `nestns schema`: the JSON Schema of topology files, and of the documents that nestns writes.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use nestns_client::documents::Kind;
use nestns_topology::schema::schema;

use super::command_error::CommandError;
use super::status::Status;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --of, the schema of topology files: an editor that knows it completes, explains and checks a file as you type. With \
--of, the schema of a JSON document that nestns writes; every document names its version in `schema`, and within a version \
keys are only added.")]
pub(super) struct Args {
    /// Print the schema of a document that nestns writes, instead of that of topology files
    #[arg(long = "of", id = "document", value_name = "DOCUMENT", value_parser = kinds(), env = "NESTNS_DOCUMENT")]
    of: Option<Kind>,
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    let values = Kind::ALL
        .iter()
        .map(|kind| clap::builder::PossibleValue::new(kind.name()).help(kind.summary().trim()));
    PossibleValuesParser::new(values).try_map(|word| word.parse::<Kind>())
}

/// Writes the schema to standard output.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let schema = args
        .of
        .map_or_else(schema, |kind| kind.json_schema().to_value());
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}
