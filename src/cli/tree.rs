//! `nestns tree FILE`: what a file declares, with the numbers that it will get.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::color::When;
use super::launch;
use super::machine;
use super::status::Status;
use super::story::charset;
use super::topology_arguments::TopologyArguments;
use super::tree_document::TreeDocument;
use super::up::counts;
use crate::diagnostic::Color;
use crate::present::count::count;
use crate::present::outline;
use crate::present::tree::{self, Colour, Folding, Look};
use crate::topology::Topology;

/// Show what a file declares, with the numbers that it will get
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --host the namespaces of running topologies have their paths, all others are called as /proc calls them, pid:[INODE], \
with the id that the kernel never gives again behind. Also those are found that nobody is in, and that a mount, an open \
descriptor or a namespace inside keeps alive. The processes of the host itself are counted; --format json lists them.")]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Show this machine instead: every PID namespace that the caller may see, whoever has made it
    #[arg(long, env = "NESTNS_HOST", value_parser = FalseyValueParser::new(), conflicts_with = "file")]
    host: bool,

    /// Who is to read it
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: TreeFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum TreeFormat {
    /// People
    #[default]
    Human,
    /// Programs: one document `nestns.tree/1`, the host's numbers null
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    if args.host {
        return match args.format {
            TreeFormat::Human => machine::show(FOLDING, args.color),
            TreeFormat::Json => machine::answer(),
        };
    }
    let checked = match launch::check(&args.topology, None, args.color) {
        Ok(checked) => checked,
        Err(status) => return Ok(status),
    };
    match args.format {
        TreeFormat::Human => show(&checked.topology, FOLDING, args.color),
        TreeFormat::Json => answer(&checked.topology),
    }
}

/// How many of alike siblings people are shown.
pub(super) const FOLDING: Folding = Folding::Keep(5);

/// Draws the tree for people.
pub(super) fn show(topology: &Topology, folding: Folding, when: When) -> anyhow::Result<Status> {
    let (namespaces, processes, depth) = counts(topology);
    let title = format!(
        "{}: {}, {}, depth {depth}",
        topology.name,
        count(namespaces, "namespace"),
        count(processes, "process")
    );
    let mut stdout = std::io::stdout().lock();
    let colour = if when.resolve(&stdout) == Color::Styled { Colour::On } else { Colour::Off };
    let look = Look { charset: charset(), colour, folding };
    let nodes = outline::declared(topology);
    stdout.write_all(tree::render(&title, &nodes, look).as_bytes())?;
    // The process is about to end: nobody needs each of a hundred thousand nodes to be given back for itself.
    std::mem::forget(nodes);
    Ok(Status::Done)
}

/// Writes `nestns.tree/1`.
pub(super) fn answer(topology: &Topology) -> anyhow::Result<Status> {
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    // As an error of the stream, so that a reader who has left is known as one.
    serde_json::to_writer_pretty(&mut stdout, &TreeDocument::of(topology)).map_err(std::io::Error::from)?;
    writeln!(stdout)?;
    stdout.flush()?;
    Ok(Status::Done)
}
