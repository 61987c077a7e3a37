//! `nestns pid`: the numbers of one process, in every namespace that sees it or in one.

use std::fmt;
use std::io;
use std::str::FromStr;

use nix::errno::Errno;
use nix::unistd::Pid;
use serde::{Serialize, Serializer};

use super::answer_format::AnswerFormat;
use super::command_error::{CommandError, ErrorKind};
use super::inside::refuse_inside;
use super::names::Names;
use super::place::{self, Place};
use super::selection::{self, is_over, resolve_one};
use super::status::Status;
use super::table_arguments::AnswerArguments;
use super::target::Target;
use nestns_client::documents::{Kind, PidDocument};
use nestns_client::protocol::message::Snapshot;
use nestns_observe::host_snapshot::{HostSnapshot, ProcessInfo, Search};
use nestns_observe::namespaces::Member;
use nestns_observe::thread::Thread;
use nestns_observe::translation::{self, Chain};
use nestns_sys::errno::of_io;
use nestns_topology::address::HOST;
use nestns_topology::{Address, AddressError};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
ADDR is a process (`vm/ci/runner`), a namespace, which means its PID 1, or a number in a namespace: `vm/ci#7` is the \
process with that number in `vm/ci`, `pid:[4026532301]#7` the one in a namespace that belongs to no topology, and \
`host#5304` any process of this machine, started by nestns or not.

Without --in, or with --in '*', the answer is the whole chain, outermost first. The numbers are read from the kernel \
when the command runs, with the ioctls of Linux 6.11 and from /proc/PID/status, which have to agree. They always \
belong to one and the same process: if it exits meanwhile and a number is reused, this is noticed.

Threads, numbered as perf, strace -f and gdb show them, have chains of their own; the process that a thread belongs \
to is shown after the chain.

The exit status is 1 if the process cannot be seen from NS or does not exist.

  nestns pid vm/ci/runner                5303/7/4  (host / vm / vm/ci)
  nestns pid vm/ci/runner --in vm        7
  nestns pid vm/ci#4 --in host           5303
  strace -p $(nestns pid -q vm/ci/runner --in host)")]
pub(super) struct Args {
    /// Process, namespace or number
    #[arg(value_name = "ADDR")]
    address: PidTarget,

    /// Namespace to translate to: a path, `host`, `pid:[INODE]`, or `*` for all that see the process [default: *]
    #[arg(id = "in", long = "in", value_name = "NS", env = "NESTNS_IN")]
    place: Option<Place>,

    /// Print only the number or the chain
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    quiet: bool,

    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    answer: AnswerArguments,
}

/// Process or number that is asked about.
#[derive(Debug, Clone)]
enum PidTarget {
    Address(Address),
    /// A number as a namespace counts that is known by its inode: `pid:[4026532301]#7`.
    Number(u64, i32),
}

impl FromStr for PidTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('#') {
            Some((place, number)) if place.starts_with("pid:[") => {
                let Ok(Place::Inode(inode)) = place.parse() else {
                    return Err(format!("`{place}` is not a namespace"));
                };
                let number = number
                    .parse()
                    .ok()
                    .filter(|&number| number > 0)
                    .ok_or(format!("`{number}` is not a PID"))?;
                Ok(Self::Number(inode, number))
            }
            _ => text
                .parse()
                .map(Self::Address)
                .map_err(|error: AddressError| error.to_string()),
        }
    }
}

impl fmt::Display for PidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Number(inode, number) => write!(f, "pid:[{inode}]#{number}"),
        }
    }
}

impl PidTarget {
    /// Returns whether no topology needs to know of it.
    fn is_foreign(&self) -> bool {
        match self {
            Self::Address(address) => address.is_host() && address.number().is_some(),
            Self::Number(..) => true,
        }
    }
}

/// By namespace, outermost first.
#[derive(Debug)]
struct Pids<'a>(&'a [(String, i32)], &'a AnswerArguments);

impl Serialize for Pids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(numbers, answer) = self;
        serializer.collect_map(numbers.iter().map(|(name, number)| {
            let number = serde_json::Value::from(*number);
            let is_redacted = name == HOST && answer.is_redacted();
            (name, if is_redacted { "[pid]".into() } else { number })
        }))
    }
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    // Of a process that is known by the host's number no topology needs to know.
    let is_foreign = args.address.is_foreign();
    let place_is_ours = args.place.as_ref().is_some_and(Place::is_in_topology);
    let snapshot = if is_foreign && !place_is_ours {
        None
    } else {
        Some(snapshot(args)?)
    };
    let (pid, start_time) = process(args, snapshot.as_ref())?;
    let chain = match translation::chain(Pid::from_raw(pid)) {
        Ok(chain) if start_time.is_none_or(|time| time == chain.process.start_time) => chain,
        Ok(_) => {
            return Err(CommandError::not_found(format!(
                "`{}` has ended",
                args.address
            )));
        }
        Err(error) => return Err(vanished(&args.address, &error)),
    };
    let place = args.place.as_ref().unwrap_or(&Place::Everywhere);
    let wanted = place.inode(snapshot.as_ref())?;
    let names = if is_foreign {
        Names::all()
    } else {
        Names::of(snapshot.into_iter().collect())
    };
    let numbers = numbers(&chain, &names);
    let inside = match wanted {
        None => None,
        Some(inode) => {
            let found = chain
                .numbers
                .iter()
                .position(|numbered| numbered.inode == Some(inode));
            Some(found.ok_or_else(|| invisible(args, &numbers))?)
        }
    };
    let answer = Answer {
        args,
        names: &names,
        numbers: &numbers,
        inside,
        thread: chain.thread.as_ref(),
    };
    if args.answer.format == AnswerFormat::Json {
        answer.write_document(pid)?;
    } else {
        io::Write::write_all(&mut io::stdout().lock(), answer.line().as_bytes())?;
    }
    Ok(Status::Done)
}

/// The number on the host of the process that is asked about, and its start time where that is known.
fn process(args: &Args, snapshot: Option<&Snapshot>) -> Result<(i32, Option<u64>), CommandError> {
    let address = match &args.address {
        PidTarget::Address(address) => address,
        PidTarget::Number(inode, number) => {
            let found = walk(Some(*inode), *number)?;
            let nobody = || {
                CommandError::not_found(format!(
                    "no process has the number {number} in `pid:[{inode}]`"
                ))
            };
            return Ok((found.ok_or_else(nobody)?, None));
        }
    };
    match (snapshot, address.number()) {
        (_, Some(number)) if args.address.is_foreign() => Ok((number, None)),
        (Some(snapshot), Some(number)) => Ok((bearer(snapshot, address, number)?, None)),
        (Some(snapshot), None) => declared(snapshot, address),
        (None, _) => Err(CommandError::not_found(format!(
            "there is no process `{address}`"
        ))),
    }
}

/// The numbers of a process, and how they are asked for.
struct Answer<'a> {
    args: &'a Args,
    names: &'a Names,
    numbers: &'a [(String, i32)],
    /// Place of the only number that is asked for.
    inside: Option<usize>,
    /// The thread that it is, if it is not the first of its process.
    thread: Option<&'a Thread>,
}

impl<'a> Answer<'a> {
    /// The numbers that are asked for.
    fn shown(&self) -> &'a [(String, i32)] {
        self.inside.map_or(self.numbers, |place| {
            std::slice::from_ref(&self.numbers[place])
        })
    }

    fn write_document(&self, pid: i32) -> Result<(), CommandError> {
        let answer = &self.args.answer;
        let leader = self.thread.map_or(pid, Thread::pid);
        let known = self.names.process(leader);
        let path = known.map_or_else(
            || self.args.address.to_string(),
            |known| known.document.path.clone(),
        );
        let thread_of = self.thread.map(|thread| {
            let by_namespace = self.numbers.iter().zip(&thread.process);
            by_namespace
                .map(|((name, _), &number)| (name.clone(), number))
                .collect::<Vec<_>>()
        });
        answer.write(&PidDocument {
            schema: Kind::Pid.schema().into(),
            path,
            pids: Pids(self.shown(), answer),
            thread_of: thread_of.as_deref().map(|numbers| Pids(numbers, answer)),
        })?;
        Ok(())
    }

    /// The numbers as text, with their namespaces where there may be several.
    fn line(&self) -> String {
        let answer = &self.args.answer;
        let number = |(name, number): &(String, i32)| {
            if name == HOST {
                answer.redaction().host_pid(*number)
            } else {
                number.to_string()
            }
        };
        let shown = self.shown();
        let text: Vec<String> = shown.iter().map(number).collect();
        let text = text.join("/");
        if self.inside.is_some() || self.args.quiet {
            return format!("{text}\n");
        }
        let spaces: Vec<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
        let whose = self
            .thread
            .map(|thread| format!("  thread of {}", whose(thread, self.names)))
            .unwrap_or_default();
        format!("{text}  ({}){whose}\n", spaces.join(" / "))
    }
}

fn snapshot(args: &Args) -> Result<Snapshot, CommandError> {
    let mut addresses = match &args.address {
        PidTarget::Address(address) if !args.address.is_foreign() => vec![address.clone()],
        _ => Vec::new(),
    };
    if let Some(Place::Address(place)) = &args.place {
        addresses.push(place.clone());
    }
    let (_, snapshot) = selection::look(&args.target, &addresses)?;
    refuse_inside("pid", &snapshot)?;
    Ok(snapshot)
}

/// A process of the topology, or the PID 1 of a namespace.
fn declared(snapshot: &Snapshot, address: &Address) -> Result<(i32, Option<u64>), CommandError> {
    let selected = resolve_one(snapshot, address)?;
    let process = selected
        .process(snapshot)
        .filter(|process| !is_over(process));
    let pid = process.and_then(|process| process.pids.first().copied().flatten());
    match (process, pid) {
        (Some(process), Some(pid)) => Ok((pid, process.start_time)),
        _ => Err(CommandError::not_found(format!(
            "`{}` has ended and no longer has numbers",
            selected.path()
        ))),
    }
}

/// The process that has a number in a namespace of the topology, declared or not.
fn bearer(snapshot: &Snapshot, address: &Address, number: i32) -> Result<i32, CommandError> {
    let space: Address = address.path().parse()?;
    let namespace = place::namespace(snapshot, &space)?;
    let (init, _) = declared(snapshot, &space)?;
    let found = match Member::open(Pid::from_raw(init))
        .and_then(|init| init.descriptor_of_pid_namespace())
    {
        Ok(descriptor) => match translation::bearer(&descriptor, number) {
            Ok(found) => found.map(Pid::as_raw),
            Err(Errno::ENOTTY | Errno::EINVAL) => walk(namespace.pidns, number)?,
            Err(errno) => return Err(errno.into()),
        },
        Err(error) => return Err(vanished(address, &error)),
    };
    found.ok_or_else(|| {
        CommandError::not_found(format!(
            "no process has the number {number} in `{}`",
            namespace.path
        ))
    })
}

/// The same on a kernel that cannot be asked.
fn walk(inode: Option<u64>, number: i32) -> io::Result<Option<i32>> {
    HostSnapshot::make_room();
    let mut machine = HostSnapshot::read(Search::Members)?;
    let Some(space) = inode.and_then(|inode| machine.by_inode(inode)) else {
        return Ok(None);
    };
    let bearers = machine.bearers(number);
    if let Some((_, process)) = bearers.into_iter().find(|&(found, _)| found == Some(space)) {
        return Ok(Some(process.pid()));
    }
    machine.ask_about(space, number);
    Ok(machine.threads().first().map(ProcessInfo::pid))
}

/// The process of a thread, by its path or its number.
fn whose(thread: &Thread, names: &Names) -> String {
    names.process(thread.pid()).map_or_else(
        || format!("{HOST}#{}", thread.pid()),
        |known| known.document.path.clone(),
    )
}

fn numbers(chain: &Chain, names: &Names) -> Vec<(String, i32)> {
    let name = |(level, numbered): (usize, &translation::Numbered)| {
        // Where the caller may not see which namespace it is, how deep it is can be told.
        let name = numbered.inode.map_or_else(
            || format!("?{level}"),
            |inode| names.space_in_words(inode, numbered.id),
        );
        (name, numbered.number)
    };
    chain.numbers.iter().enumerate().map(name).collect()
}

fn invisible(args: &Args, numbers: &[(String, i32)]) -> CommandError {
    let place = args
        .place
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (around, own) = match numbers.split_last() {
        Some(((own, _), around)) => (around, own.as_str()),
        None => (numbers, ""),
    };
    let around: Vec<String> = around.iter().map(|(name, _)| format!("`{name}`")).collect();
    let around = if around.is_empty() {
        String::new()
    } else {
        format!(
            " and from the namespaces around that: {}",
            around.join(", ")
        )
    };
    CommandError::not_found(format!(
        "`{}` is not visible from `{place}`: it has no number there",
        args.address
    ))
    .help(format!("it is in `{own}` and visible from there{around}"))
}

fn vanished(address: &impl fmt::Display, error: &io::Error) -> CommandError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ESRCH | Errno::ENOENT) => {
            CommandError::not_found(format!("there is no process `{address}`"))
        }
        Some(Errno::EACCES | Errno::EPERM) => {
            let message = format!("`{address}` belongs to another user and cannot be examined");
            CommandError::new(ErrorKind::Forbidden, message).help("run the command as root")
        }
        _ => CommandError::failed(format!("`{address}` cannot be examined: {}", of_io(error))),
    }
}
