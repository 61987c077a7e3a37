//! `nestns experiment`: the kernel's behaviours, shown and checked.

use std::io::Write as _;

use clap::Subcommand;
use clap::builder::FalseyValueParser;

use super::answer_format::{AnswerFormat, write_document};
use super::color::When;
use super::command_error::{CommandError, ErrorKind};
use super::console_reporter::charset;
use super::status::Status;
use crate::experiment::{ALL, Experiment, Finding, Verdict, find};
use crate::present::charset::Charset;
use crate::present::count::count;
use crate::present::table::aligned;
use nestns_client::documents::{ExperimentDocument, ExperimentEntry, Kind};
use nestns_observe::boot;
use nestns_topology::diagnostic::Color;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
An experiment shows a claim, the layout it is tested on, what was done and what the kernel answered, and then whether \
the claim holds. It runs in a PID namespace of its own, which ends with it: nothing is left behind, and the numbers \
are the same on every run. Without root it needs user namespaces.

The exit status is 0 if every claim that could be tested holds, 1 if one does not, and 4 if a namespace could not be \
created.

  nestns experiment ls
  nestns experiment run pid-one ppid-zero
  nestns experiment run --all            a self-check of this kernel")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the experiments
    Ls(LsArgs),
    /// Run experiments
    Run(RunArgs),
}

#[derive(Debug, clap::Args)]
struct LsArgs {
    #[command(flatten)]
    answer: AnswerArgs,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Experiments to run, as listed by `nestns experiment ls`
    #[arg(value_name = "ID", required_unless_present = "all", value_parser = known)]
    ids: Vec<&'static str>,

    /// Run all experiments
    #[arg(long, env = "NESTNS_ALL", conflicts_with = "ids", value_parser = FalseyValueParser::new())]
    all: bool,

    #[command(flatten)]
    answer: AnswerArgs,
}

#[derive(Debug, clap::Args)]
struct AnswerArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// The document of some experiments.
fn document(experiments: Vec<ExperimentEntry>) -> ExperimentDocument {
    ExperimentDocument {
        schema: Kind::Experiment.schema().into(),
        kernel: boot::kernel(),
        experiments,
    }
}

fn known(text: &str) -> Result<&'static str, String> {
    let Some(experiment) = find(text) else {
        let nearest = ALL
            .iter()
            .min_by_key(|one| strsim::damerau_levenshtein(one.id, text));
        let nearest =
            nearest.map_or_else(String::new, |one| format!("; did you mean `{}`?", one.id));
        return Err(format!(
            "there is no such experiment{nearest} `nestns experiment ls` lists all"
        ));
    };
    Ok(experiment.id)
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    match &args.what {
        What::Ls(args) => list(&args.answer),
        What::Run(args) => carry_out(args),
    }
}

fn list(answer: &AnswerArgs) -> Result<Status, CommandError> {
    let entries: Vec<ExperimentEntry> = ALL.iter().map(|one| entry(one, None)).collect();
    if answer.format == AnswerFormat::Json {
        write_document(&document(entries))?;
        return Ok(Status::Done);
    }
    let rows: Vec<_> = ALL
        .iter()
        .map(|one| [one.id, one.hypothesis].map(str::to_owned))
        .collect();
    std::io::stdout()
        .lock()
        .write_all(aligned(&rows).as_bytes())?;
    Ok(Status::Done)
}

fn carry_out(args: &RunArgs) -> Result<Status, CommandError> {
    let chosen: Vec<&Experiment> = if args.all {
        ALL.iter().collect()
    } else {
        args.ids.iter().filter_map(|id| find(id)).collect()
    };
    let mut entries = Vec::with_capacity(chosen.len());
    let mut no_stage = None;
    for experiment in chosen {
        let finding = experiment.run().unwrap_or_else(|error| {
            let finding = Finding::without_stage(&error);
            no_stage.get_or_insert_with(|| finding.found.clone());
            finding
        });
        entries.push(entry(experiment, Some(finding)));
        if args.answer.format == AnswerFormat::Human {
            let text = describe(&entries[entries.len() - 1], &args.answer);
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
    }
    let many = |verdict| {
        entries
            .iter()
            .filter(|entry| entry.verdict == Some(verdict))
            .count()
    };
    let (holds, fails, skipped) = (
        many(Verdict::Holds),
        many(Verdict::Fails),
        many(Verdict::Skipped),
    );
    if args.answer.format == AnswerFormat::Json {
        write_document(&document(entries))?;
    } else if entries.len() > 1 {
        let skipped = if skipped > 0 {
            format!(", {skipped} skipped")
        } else {
            String::new()
        };
        let text = format!(
            "{}: {holds} hold, {fails} fail{skipped} (Linux {})\n",
            count(entries.len(), "experiment"),
            boot::kernel()
        );
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    let status = if fails == 0 { Status::Done } else { Status::No };
    match no_stage {
        None => Ok(status),
        Some(why) => {
            let error = CommandError::new(ErrorKind::Machine, why)
                .help("`nestns doctor` shows what this machine lacks");
            Err(if fails == 0 {
                error
            } else {
                error.with_status(status)
            })
        }
    }
}

fn entry(experiment: &Experiment, finding: Option<Finding>) -> ExperimentEntry {
    let Experiment {
        id,
        hypothesis,
        layout,
        did,
        ..
    } = *experiment;
    let (found, verdict) = finding
        .map(|finding| (finding.found, finding.verdict))
        .unzip();
    ExperimentEntry {
        id: id.into(),
        hypothesis: hypothesis.into(),
        layout: layout.into(),
        did: did.into(),
        found,
        verdict,
    }
}

fn describe(entry: &ExperimentEntry, answer: &AnswerArgs) -> String {
    let verdict = entry.verdict.unwrap_or(Verdict::Skipped);
    let is_styled = answer.color.resolve(&std::io::stdout()) == Color::Styled;
    let style = match verdict {
        _ if !is_styled => anstyle::Style::new(),
        Verdict::Holds => anstyle::AnsiColor::Green.on_default(),
        Verdict::Fails => anstyle::AnsiColor::Red.on_default(),
        Verdict::Skipped => anstyle::Style::new().dimmed(),
    };
    let symbol = match (verdict, charset()) {
        (Verdict::Holds, Charset::Unicode) => "✔",
        (Verdict::Fails, Charset::Unicode) => "✘",
        (Verdict::Skipped, _) => "-",
        (Verdict::Holds, Charset::Ascii) => "+",
        (Verdict::Fails, Charset::Ascii) => "x",
    };
    let found = entry.found.as_deref().unwrap_or_default();
    let rows = [
        ("layout", &*entry.layout),
        ("did", &*entry.did),
        ("found", found),
        ("verdict", verdict.word()),
    ];
    let rows = rows.map(|(what, words)| [format!("    {what}"), words.to_owned()]);
    format!(
        "{style}{symbol} {}{style:#}  {}\n{}",
        entry.id,
        entry.hypothesis,
        aligned(&rows)
    )
}
