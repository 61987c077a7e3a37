//! `nestns graph FILE`: what a file declares, as a picture.

use std::io::Write;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::answer_format::AnswerFormat;
use super::color::When;
use super::command_error::CommandError;
use super::launch;
use super::standard_error;
use super::status::Status;
use super::topology_arguments::TopologyArguments;
use super::tree;
use crate::present::graph::{Detail, Direction, Heading, Picture, Subject, dot, mermaid, svg};
use crate::present::topology_nodes;
use crate::present::tree::Folding;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Numbers are PIDs, outermost first, without the host's. In `dot`, `mermaid` and `svg`, a thin dashed or dotted arrow leads \
from what waits (`after`) to what it waits for; its label or tooltip is the condition. To make an image:
  nestns graph dind.toml --format svg > dind.svg
  nestns graph dind.toml --format dot | dot -Tpng > dind.png")]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: GraphFormat,

    /// Draw every instance, instead of folding those that are alike
    #[arg(long, env = "NESTNS_NO_FOLD", value_parser = FalseyValueParser::new())]
    no_fold: bool,

    /// Layout direction of `dot` and `mermaid`
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        default_value_t,
        env = "NESTNS_DIRECTION"
    )]
    direction: DirectionWord,

    /// When to use colours, for `ascii`
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum GraphFormat {
    /// Text, as in `nestns tree`
    #[default]
    Ascii,
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown; with less detail for large topologies
    Mermaid,
    /// SVG image, light or dark as the viewer prefers
    Svg,
    /// One JSON document `nestns.tree/1`
    Json,
}

/// The words for [`Direction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum DirectionWord {
    /// Top to bottom
    #[default]
    #[value(name = "TB")]
    Down,
    /// Left to right
    #[value(name = "LR")]
    Right,
}

impl From<DirectionWord> for Direction {
    fn from(word: DirectionWord) -> Self {
        match word {
            DirectionWord::Down => Self::Down,
            DirectionWord::Right => Self::Right,
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let topology = launch::check(&args.topology, None, args.color)?.topology;
    let heading = Heading {
        name: topology.name.clone(),
        description: topology.description.clone(),
    };
    let nodes = topology_nodes::declared(&topology);
    let dependencies: Vec<_> = topology.dependencies().collect();
    let subject = Subject {
        heading: &heading,
        nodes: &nodes,
        dependencies: &dependencies,
    };
    let picture = || {
        if args.no_fold {
            Picture::new(subject, Detail::FULL)
        } else {
            Picture::folded(subject)
        }
    };
    let folding = if args.no_fold {
        Folding::Never
    } else {
        tree::FOLDING
    };
    let text = match args.format {
        GraphFormat::Ascii => {
            return tree::declared(&topology, AnswerFormat::Human, folding, args.color);
        }
        GraphFormat::Json => {
            return tree::declared(&topology, AnswerFormat::Json, folding, args.color);
        }
        GraphFormat::Dot => dot::render(&picture(), args.direction.into()),
        GraphFormat::Mermaid => chart(args, subject),
        GraphFormat::Svg => svg::render(&picture()),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Status::Done)
}

/// A chart that Mermaid takes, unless all of it was asked for; what is wrong with it is told.
fn chart(args: &Args, subject: Subject<'_>) -> String {
    if !args.no_fold {
        let chart = mermaid::fit(subject, args.direction.into());
        if !chart.left_out.is_empty() {
            standard_error::write(&format!(
                "note: Mermaid draws {} edges and {} characters at most; {}\n",
                mermaid::MOST_EDGES,
                mermaid::MOST_CHARACTERS,
                chart.left_out.join("; ")
            ));
        }
        return chart.text;
    }
    let chart = mermaid::Chart::of(&Picture::new(subject, Detail::FULL), args.direction.into());
    if !chart.fits() {
        standard_error::write(&format!(
            "warning: this has {} edges and {} characters, and Mermaid draws {} and {} at most unless `maxEdges` and \
             `maxTextSize` are raised\n",
            chart.edges,
            chart.text.chars().count(),
            mermaid::MOST_EDGES,
            mermaid::MOST_CHARACTERS
        ));
    }
    chart.text
}
