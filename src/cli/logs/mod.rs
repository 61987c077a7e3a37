//! `nestns logs`: what the programs of a running topology have written, merged by the time when it was read.

mod chosen;
mod merge;
mod printer;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use nix::errno::Errno;
use nix::libc;

use super::answer_format::AnswerFormat;
use super::color::When;
use super::ended::EndedTopology;
use super::follower::{Follower, Wake};
use super::launch;
use super::point;
use super::selection::Selection;
use super::source::Source;
use super::standard_error;
use super::status::Status;
use super::target::{Connection, Target};
use crate::cli::command_error::{CommandError, Context as _, Hint};
use chosen::Chosen;
use merge::{Line, Merge, Pick};
use nestns_client::journal::Stream;
use nestns_client::journal::record::{Gap, Record, Why};
use nestns_client::journal::stamp::Stamp;
use nestns_client::journal::watch::Changes;
use nestns_client::journal::{LOGS, LogName, ROTATED};
use nestns_client::protocol::message::Snapshot;
use nestns_client::state_directory::Directory;
use nestns_topology::Address;
use printer::Printer;

/// How far behind the moment a follower stays, so that what is read from one log is not older than what was printed of
/// another.
const LAG: Duration = Duration::from_millis(5);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The newest `limits.log_bytes` of captured output are kept (64 MiB unless the file sets another size), including what \
`nestns up` shows in the foreground. The address of a namespace means the processes in it, those of `nestns exec -d` \
included; no address means everything. Lines of all processes are merged by the time at which nestns read them.

Where output is missing, a line in brackets says how much and why: it could not be written, or it was older than what \
`limits.log_bytes` keeps. `nestns ls` and `nestns inspect` report output that could not be written as a problem.

Output is kept as long as the topology runs, and that of a detached one until `nestns prune` removes it or the name is \
used again: `nestns logs NAME:/`. With --follow, the command exits after the last line when the topology ends.

With --format json each line is an object { ts, path, stream, text, partial }: `partial` means that no line feed \
follows the text, because the line is very long and continues, or because the output ended without one. If the bytes \
are not UTF-8, `text` has replacement characters and `base64` has the bytes. Where output is missing, `stream` is \
`notice` and `missing` is the number of bytes.

  nestns logs -f vm/ci                   from the beginning, then new lines as they arrive
  nestns logs -n 20 -t 'vm/**'           the last twenty lines, with timestamps
  nestns logs --since 10m --stream stderr")]
pub(super) struct Args {
    /// Processes or namespaces to show logs of [default: the whole topology]
    #[arg(value_name = "ADDR")]
    addresses: Vec<Address>,

    /// Keep showing new lines until the topology ends
    #[arg(short, long, env = "NESTNS_FOLLOW", value_parser = FalseyValueParser::new())]
    follow: bool,

    /// Show only the last N lines, and with --follow also the new ones [default: all]
    #[arg(short = 'n', long, value_name = "N", env = "NESTNS_TAIL")]
    tail: Option<usize>,

    /// Show the time at which each line was read, in UTC
    #[arg(short, long, env = "NESTNS_TIMESTAMPS", value_parser = FalseyValueParser::new())]
    timestamps: bool,

    /// Show lines read since this time: 10m (ago), or 2026-11-25T10:00:00Z
    #[arg(long, value_name = "TIME", env = "NESTNS_SINCE", value_parser = point::parse)]
    since: Option<Stamp>,

    /// Show lines read up to this time
    #[arg(long, value_name = "TIME", env = "NESTNS_UNTIL", value_parser = point::parse)]
    until: Option<Stamp>,

    /// Show only this stream [default: both]
    #[arg(long, value_enum, env = "NESTNS_STREAM")]
    stream: Option<StreamWord>,

    #[command(flatten)]
    selection: Selection,

    /// Topology, needed if several are running [default: inside `run`, `test` and `exec`, their own]
    #[arg(long, env = "NESTNS_NAME", value_parser = launch::name)]
    name: Option<String>,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// Print the output of programs unfiltered, including sequences that move the cursor or clear the screen
    #[arg(long, env = "NESTNS_RAW", value_parser = FalseyValueParser::new())]
    raw: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// The words for [`Stream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StreamWord {
    /// Standard output
    Stdout,
    /// Standard error
    Stderr,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let target = Target {
        name: args.name.clone(),
    };
    let source = Source::find(&target, &args.addresses).map_err(with_note_on_lifetime)?;
    let what = format!("cannot show what `{}` has written", source.name());
    match source {
        Source::Running(connection) => show_running(connection, args, &what),
        Source::Ended(ended) => show_ended(&ended, args, &what),
    }
}

/// Adds to an error why there is nothing to be shown of a topology that does not run.
pub(super) fn with_note_on_lifetime(error: CommandError) -> CommandError {
    if error.status() != Status::No.code() {
        return error;
    }
    error.hint(Hint::Note(
        "logs and events are kept as long as their topology runs, and of a detached one until it is pruned or its name is \
         used again"
            .to_owned(),
    ))
}

fn show_running(
    mut connection: Connection,
    args: &Args,
    what: &str,
) -> Result<Status, CommandError> {
    let directory = connection.directory.clone();
    let logs = directory.join(LOGS);
    let mut snapshot = connection.snapshot()?;
    let unmarked = std::mem::take(&mut snapshot.unmarked);
    // Watched before it is looked at: what happens in between is seen twice rather than never.
    let mut follower = if args.follow {
        Follower::begin(connection, &logs).context(what)?
    } else {
        Follower::once(connection)
    };
    let mut sources = Sources::new(&directory, snapshot, args, what)?;
    show(&mut follower, &mut sources, unmarked, args).context(what)?;
    Ok(Status::Done)
}

fn show_ended(ended: &EndedTopology, args: &Args, what: &str) -> Result<Status, CommandError> {
    let mut snapshot = ended.snapshot()?;
    let unmarked = std::mem::take(&mut snapshot.unmarked);
    let mut sources = Sources::new(&ended.directory, snapshot, args, what)?;
    let mut follower = Follower::after_the_end();
    match sources.secure() {
        // Those for which there is no descriptor are read one after the other.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {}
        result => result.context(what)?,
    }
    ended.confirm()?;
    ended.tell();
    show(&mut follower, &mut sources, unmarked, args).context(what)?;
    Ok(Status::Done)
}

fn show(
    follower: &mut Follower,
    sources: &mut Sources,
    unmarked: Vec<Unmarked>,
    args: &Args,
) -> io::Result<()> {
    let paths = if args.follow {
        sources.chosen.paths()
    } else {
        sources.merge.paths()
    };
    let kept = args.tail.map(|most| Kept {
        most,
        lines: VecDeque::new(),
    });
    let mut output = Output {
        printer: Printer::new(args, &paths),
        kept,
    };
    output.follow(follower, sources, unmarked, args)
}

/// Output of the verb, and the state kept for it.
struct Output {
    printer: Printer,
    /// The last lines, until all that were there are read.
    kept: Option<Kept>,
}

impl Output {
    fn follow(
        &mut self,
        follower: &mut Follower,
        sources: &mut Sources,
        unmarked: Vec<Unmarked>,
        args: &Args,
    ) -> io::Result<()> {
        let mut unmarked = Some(unmarked);
        loop {
            let is_last = follower.is_over() || !args.follow;
            let now = SystemTime::now();
            // At the end there is nothing newer than what is to be shown, whatever the clocks say.
            let up_to = (!follower.is_over()).then(|| if is_last { now } else { now - LAG });
            while let Some(line) = sources.merge.next(up_to.map(Stamp::from))? {
                self.add(line);
                if self.printer.is_full() {
                    follower.write(&self.printer.take(), &mut || sources.secure())?;
                }
            }
            for path in sources.merge.take_torn() {
                standard_error::write(&format!(
                    "warning: output of `{path}` was rotated away before it could be read\n"
                ));
            }
            for line in unmarked
                .take()
                .into_iter()
                .flatten()
                .filter_map(|lost| sources.line_of(lost))
            {
                self.add(line);
            }
            for line in self.kept.take().into_iter().flat_map(|kept| kept.lines) {
                self.printer.add(&line);
            }
            follower.write(&self.printer.take(), &mut || sources.secure())?;
            if is_last
                || args
                    .until
                    .is_some_and(|until| Stamp::from(now - LAG) > until)
            {
                return Ok(());
            }
            if follower.is_over() {
                continue;
            }
            let timeout = if sources.merge.has_more() {
                Some(LAG)
            } else {
                args.until.map(|until| {
                    SystemTime::from(until)
                        .duration_since(now)
                        .unwrap_or_default()
                        + 2 * LAG
                })
            };
            match follower.wait(timeout, &mut || sources.secure())? {
                Wake::Unread => return Err(io::ErrorKind::BrokenPipe.into()),
                Wake::Nothing | Wake::Leaving => {}
                Wake::Changed(changes) => sources.look_at(changes)?,
            }
        }
    }

    fn add(&mut self, line: Line) {
        match &mut self.kept {
            Some(kept) => kept.push(line),
            None => self.printer.add(&line),
        }
    }
}

/// Output that could neither be written into a log nor be told of there: the log, how many bytes, and the errno.
type Unmarked = (String, u64, i32);

/// The logs that are there.
fn files(logs: &Path) -> io::Result<BTreeSet<LogName>> {
    let names = match Directory::open(logs).and_then(|logs| logs.names()) {
        Ok(names) => names,
        // They could not be made, or the topology has ended.
        Err(error) if error.is_not_found() => return Ok(BTreeSet::new()),
        Err(error) => return Err(io::Error::other(error.to_string())),
    };
    Ok(names
        .iter()
        .filter_map(|name| LogName::parse(name.to_str()?.trim_end_matches(ROTATED)))
        .collect())
}

/// The logs that are shown, and which of those that may come.
struct Sources {
    logs: PathBuf,
    chosen: Chosen,
    merge: Merge,
}

impl Sources {
    fn new(
        directory: &Path,
        snapshot: Snapshot,
        args: &Args,
        what: &str,
    ) -> Result<Self, CommandError> {
        let logs = directory.join(LOGS);
        let found = files(&logs).context(what)?;
        let chosen = Chosen::new(snapshot, &found, &args.addresses, &args.selection)?;
        let stream = args.stream.map(|word| {
            if word == StreamWord::Stdout {
                Stream::Stdout
            } else {
                Stream::Stderr
            }
        });
        let pick = Pick {
            since: args.since,
            until: args.until,
            stream,
        };
        let mut sources = Self {
            logs,
            chosen,
            merge: Merge::new(directory, pick),
        };
        sources.add(&found);
        Ok(sources)
    }

    fn add(&mut self, names: &BTreeSet<LogName>) {
        for &name in names {
            if !self.merge.has(name)
                && let Some(path) = self.chosen.path(name)
            {
                self.merge.add(name, path);
            }
        }
    }

    /// Reads on where something has changed.
    fn look_at(&mut self, changes: Changes) -> io::Result<()> {
        match changes {
            Changes::Many => {
                let found = files(&self.logs)?;
                self.add(&found);
                self.merge.look_at_all();
            }
            Changes::Files(files) => {
                let names = files
                    .iter()
                    .filter_map(|file| LogName::parse(file.trim_end_matches(ROTATED)));
                let names: BTreeSet<LogName> = names.collect();
                self.add(&names);
                for name in names {
                    self.merge.look_at(name);
                }
            }
        }
        Ok(())
    }

    /// The line for output that could neither be written into a log nor be told of there.
    fn line_of(&self, (name, bytes, errno): Unmarked) -> Option<Line> {
        let path = self.chosen.path(LogName::parse(&name)?)?;
        let gap = Gap {
            bytes,
            why: Why::Unwritten(Errno::from_raw(errno)),
        };
        Some(Line {
            path: path.into(),
            record: Record::of_gap(SystemTime::now().into(), gap),
        })
    }

    /// The files are about to be removed.
    fn secure(&mut self) -> io::Result<()> {
        let found = files(&self.logs)?;
        self.add(&found);
        self.merge.pin()
    }
}

/// The last lines of all that were there at the beginning.
struct Kept {
    most: usize,
    lines: VecDeque<Line>,
}

impl Kept {
    fn push(&mut self, line: Line) {
        self.lines.push_back(line);
        if self.lines.len() > self.most {
            self.lines.pop_front();
        }
    }
}
