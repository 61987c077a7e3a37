//! `nestns whois`: whose number is it, in one namespace or in every one of this machine.

use std::str::FromStr;

use nestns_client::documents::{Kind, Match, WhoisDocument};

use super::command_error::CommandError;
use super::names::Names;
use super::place::Place;
use super::selection;
use super::status::Status;
use super::table_arguments::{Field, TableArguments};
use super::target::Target;
use crate::present::table::{Cell, Cut};
use nestns_observe::host_snapshot::{HostSnapshot, PidNamespaceId, Search};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A PID means nothing without its namespace. Without --in, every process of this machine that has the number in some \
namespace is shown, and every thread that has it, started by nestns or not; the column IN says where. PID is the \
chain of numbers of the process, outermost first.

A process of a running topology is shown by its path, an undeclared one by its number: `vm/ci#12` is 12 in `vm/ci`, \
`host#5304` is 5304 on the host. The exit status is 1 if no process has the number.

  nestns whois 5303                      every process that is 5303 in some namespace
  nestns whois 7 --in vm                 the process that is 7 in `vm`, same as `vm#7`
  nestns whois -q 7 --in vm              only its path

Columns: in, who, pid, command, topology. The table is for people; scripts should use --format json.")]
pub(super) struct Args {
    /// Number to look up, optionally with its namespace: `12`, `host#12` or `vm/ci#12`
    #[arg(value_name = "NUMBER")]
    number: Number,

    /// Namespace of the number: a path, `host`, `pid:[INODE]`, or `*` for all [default: *]
    #[arg(id = "in", long = "in", value_name = "NS", env = "NESTNS_IN")]
    place: Option<Place>,

    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    table: TableArguments,
}

/// A number, and the namespace that it says it is counted by.
#[derive(Debug, Clone)]
struct Number {
    number: i32,
    place: Option<Place>,
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, number) = match text.rsplit_once('#') {
            Some((place, number)) => (
                Some(place.parse::<Place>().map_err(|error| error.to_string())?),
                number,
            ),
            None => (None, text),
        };
        // PID_MAX_LIMIT of the kernel.
        let number = number
            .parse()
            .ok()
            .filter(|number| (1..=1 << 22).contains(number));
        Ok(Self {
            number: number.ok_or("a PID is a number from 1 to 4194304")?,
            place,
        })
    }
}

/// A match, and its name for people.
#[derive(Debug)]
struct Row {
    entry: Match,
    who: String,
}

type Of = Field<Row>;

const FIELDS: [Of; 5] = [
    Of::new("in", "IN", |one, _| {
        Cell::maybe(one.entry.namespace.as_ref())
    })
    .cut(Cut::Middle),
    Of::new("who", "WHO", |one, _| match one.entry.thread_of {
        Some(_) => Cell::text(&format!("thread of {}", one.who)),
        None => Cell::text(&one.who),
    })
    .cut(Cut::Middle),
    Of::new("pid", "PID", |one, redaction| {
        let pids: Vec<Option<i32>> = one.entry.pids.iter().copied().map(Some).collect();
        Cell::text(&redaction.chain(&pids))
    }),
    Of::new("command", "COMMAND", |one, _| Cell::text(&one.entry.name)),
    Of::new("topology", "TOPOLOGY", |one, _| {
        Cell::maybe(one.entry.topology.as_ref())
    }),
];

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let columns = args.table.columns(&FIELDS)?;
    let wanted = wanted(args)?;
    let names = Names::all();
    HostSnapshot::make_room();
    let machine = HostSnapshot::read(Search::Members)?;
    let place = args.number.place.as_ref().or(args.place.as_ref());
    if let Some(Place::Inode(inode)) = place
        && machine.by_inode(*inode).is_none()
    {
        let message = format!(
            "there is no PID namespace pid:[{inode}], or you are not permitted to examine it"
        );
        let help = "`nestns tree --host` shows every namespace of this machine";
        return Err(CommandError::not_found(message).help(help));
    }
    let inode = |space| machine.space(space).inode;
    let is_wanted = |space: Option<PidNamespaceId>| wanted.is_none() || space.map(inode) == wanted;
    let threads = machine.threads_with(args.number.number);
    let bearers = machine
        .bearers(args.number.number)
        .into_iter()
        .map(|(space, process)| (space, process, None));
    // Of a thread, the process that it belongs to; its numbers are its own.
    let threads = threads.iter().filter_map(|(space, thread)| {
        Some((*space, machine.process(thread.leader?)?, Some(thread)))
    });
    let matches: Vec<Row> = bearers
        .chain(threads)
        .filter(|&(space, ..)| is_wanted(space))
        .map(|(space, process, thread)| {
            let (topology, path) = names.address(&machine, process).unzip();
            let bearer = thread.unwrap_or(process);
            let entry = Match {
                namespace: space.map(|space| names.of_space(&machine, space)),
                topology: topology.map(str::to_owned),
                path,
                pids: bearer.numbers.clone(),
                name: bearer.name.clone(),
                thread_of: thread.map(|_| process.numbers.clone()),
            };
            Row {
                entry,
                who: names.of_process(&machine, process),
            }
        })
        .collect();
    if args.table.is_json() {
        let document = WhoisDocument {
            schema: Kind::Whois.schema().into(),
            number: args.number.number,
            matches: matches.iter().map(|one| one.entry.clone()).collect(),
            unreadable: machine.unreadable,
        };
        args.table.answer().write(&document)?;
    } else if matches.is_empty() {
        let hidden = match machine.unreadable {
            0 => String::new(),
            count => format!("; {count} processes are in namespaces that only root can examine"),
        };
        return Err(CommandError::not_found(format!(
            "no process has the number {}{hidden}",
            args.number.number
        )));
    } else {
        args.table.show(&columns, &matches, |one| &one.who)?;
    }
    Ok(if matches.is_empty() {
        Status::No
    } else {
        Status::Done
    })
}

/// Inode of the namespace that is asked for; `None` for all.
fn wanted(args: &Args) -> Result<Option<u64>, CommandError> {
    if args.number.place.is_some() && args.place.is_some() {
        let message = "the namespace is given both with the number and with `--in` (or NESTNS_IN)";
        return Err(CommandError::usage(message).help("use one of them"));
    }
    let Some(place) = args.number.place.as_ref().or(args.place.as_ref()) else {
        return Ok(None);
    };
    let snapshot = match place.address() {
        Some(address) if place.is_in_topology() => {
            Some(selection::look(&args.target, std::slice::from_ref(address))?.1)
        }
        _ => None,
    };
    place.inode(snapshot.as_ref())
}
