//! `nestns config FILE`: the expanded topology.

use std::io::Write;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::color::When;
use super::command_error::CommandError;
use super::launch;
use super::status::Status;
use super::topology_arguments::TopologyArguments;
use crate::present::escape::escape;
use nestns_topology::config::{self, Arrangement};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Output format
    #[arg(long = "as", id = "as", value_enum, default_value_t, env = "NESTNS_AS")]
    form: Form,

    /// Print only the address of every namespace and process, one per line
    #[arg(long, env = "NESTNS_PATHS", value_parser = FalseyValueParser::new(), conflicts_with_all = ["vars", "hash"])]
    paths: bool,

    /// Print only the variables with their values, as `--vars-file` reads them, and the origin of each value
    #[arg(long, env = "NESTNS_VARS", value_parser = FalseyValueParser::new(), conflicts_with = "hash")]
    vars: bool,

    /// Print only a hash of the content, which does not depend on formatting or the name of the file
    #[arg(long, env = "NESTNS_HASH", value_parser = FalseyValueParser::new())]
    hash: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// TOML with each namespace under its path
    #[default]
    Toml,
    /// TOML with namespaces nested as they are in the tree
    Nested,
    /// One JSON document `nestns.config/1`
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let checked = launch::check(&args.topology, None, args.color)?;
    let topology = &checked.topology;
    let text = if args.paths {
        config::paths(topology)
    } else if args.vars {
        match args.form {
            Form::Json => config::variables_json(&checked.variables),
            Form::Toml | Form::Nested => config::variables(&checked.variables, escape),
        }
    } else if args.hash {
        config::hash(topology) + "\n"
    } else {
        match args.form {
            Form::Toml => config::toml(topology, Arrangement::Paths),
            Form::Nested => config::toml(topology, Arrangement::Nested),
            Form::Json => config::json(topology),
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}
