//! `nestns kill`: signal processes of a running topology, each of which is looked at first.

use std::io::Write as _;

use clap::builder::FalseyValueParser;

use super::selection::{self, Selection, Thing, resolve, threads};
use super::status::Status;
use super::target::Target;
use super::tell::tell;
use crate::controller::control::message::{Reply, Request, Snapshot, Target as Identity};
use crate::topology::{Address, Signal};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The address of a namespace means its PID 1, and `vm/ci#7` the process that has number 7 in `vm/ci` at this moment. A \
process is signalled only if it is still the one that was addressed; numbers that the kernel has reused for another \
process are never signalled.

The kernel drops a signal sent to a PID 1 that does not handle it, whatever the sender, and kill(2) succeeds all the \
same. Each PID 1 is therefore examined first: its handlers, the signals its threads wait for with sigwait(3) and the \
like, and its signalfds. One for which the signal would be dropped is named and not signalled (status 1); all others \
addressed are signalled. If this cannot be determined, because the process cannot be examined or blocks the signal at \
the moment, the signal is sent. KILL and STOP from outside always arrive; a PID 1 that is killed takes everything \
inside with it.

Several addresses, wildcards (`'vm/w.*'`, quoted), --recursive, --label and --state may select many processes, and \
all of them are signalled, as with pkill(1). `w` where `w.0`, `w.1` and so on exist, `.`, and no address at all look \
like one target but select many: they require --all.

The paths of the signalled processes are written to standard output. The exit status is 1 if a named process had \
already ended, and if there was none to signal.

  nestns kill vm/ci/runner               ask it to end
  nestns kill -s HUP vm/dockerd          let it reload its configuration
  nestns kill -s KILL vm/ci              end the namespace with everything in it
  nestns kill -s USR1 'vm/w.0..9/job'    ten of them")]
pub(super) struct Args {
    /// Processes or namespaces to signal
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<Address>,

    /// Signal to send: a name with or without SIG, or a number
    #[arg(short, long, default_value = "TERM", env = "NESTNS_SIGNAL", value_parser = signal)]
    signal: Signal,

    /// Signal every process that an address matches, even if it looks like a single one
    #[arg(long, env = "NESTNS_ALL", value_parser = FalseyValueParser::new())]
    all: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    target: Target,

    /// Do not print the signalled processes
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

fn signal(text: &str) -> Result<Signal, String> {
    Signal::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| "a signal is a name such as TERM, SIGHUP or RTMIN+3, or a number from 1 to 64".to_owned())
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    let (mut connection, snapshot) = match selection::look(&args.target, &args.addresses) {
        Ok(found) => found,
        Err(status) => return Ok(status),
    };
    let things = match resolve(&snapshot, &args.addresses, &args.selection) {
        Ok(things) => things,
        Err(unresolved) => return Ok(unresolved.tell()),
    };
    if let Some(status) = refuse_many(args, &snapshot) {
        return Ok(status);
    }
    for address in &args.addresses {
        if let Some(thread) = threads::named(&snapshot, address) {
            tell(&format!("note: `{address}` is a thread ({}); the whole process is signalled\n", thread.name));
        }
    }
    let Whom { targets, ended } = whom(&things, &snapshot, &args.addresses);
    let mut status = Status::Done;
    for path in &ended {
        tell(&format!("`{path}` has already ended\n"));
        status = Status::No;
    }
    if targets.is_empty() {
        if ended.is_empty() {
            tell("error: all addressed processes have already ended\n");
        }
        return Ok(Status::No);
    }
    let signal = args.signal.number();
    let (reached, vanished, paused, dropped, refused) = match connection.client.ask(Request::Signal { targets, signal })
    {
        Ok(Reply::Signalled { reached, ended, paused, dropped, refused }) => (reached, ended, paused, dropped, refused),
        Ok(_) => Default::default(),
        Err(error) => return Ok(connection.fail(&error)),
    };
    for path in &vanished {
        tell(&format!("`{path}` has ended in the meantime; a process that has reused its number was not signalled\n"));
    }
    for path in &paused {
        tell(&format!("`{path}` is paused; the signal is delivered when it resumes\n"));
    }
    for (path, reason) in &refused {
        tell(&format!("error: cannot signal `{path}`: {reason}\n"));
    }
    if !dropped.is_empty() {
        tell_dropped(&dropped, args.signal, reached.is_empty());
    }
    let is_short = !dropped.is_empty() || !refused.is_empty();
    if is_short || reached.is_empty() || vanished.iter().any(|path| is_named(path, &args.addresses)) {
        status = Status::No;
    }
    if !args.quiet {
        let text = reached.iter().fold(String::new(), |text, path| text + path + "\n");
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(status)
}

/// How many paths are named before the rest is counted.
const NAMED: usize = 10;

/// Says for which PID 1s the kernel would drop a signal.
fn tell_dropped(dropped: &[String], signal: Signal, is_nothing_sent: bool) {
    let is_one = dropped.len() == 1;
    let (verb, pronoun) = if is_one { ("is a PID 1 that does", "it") } else { ("are PID 1s that do", "them") };
    let mut list: Vec<String> = dropped.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    if dropped.len() > NAMED {
        list.push(format!("and {} more", dropped.len() - NAMED));
    }
    let sent = match (is_nothing_sent, is_one) {
        (true, _) => "nothing was sent",
        (false, true) => "nothing was sent to it",
        (false, false) => "nothing was sent to them",
    };
    tell(&format!(
        "error: {} {verb} not handle {signal}, so the kernel would drop it, whatever the sender; {sent}\n  = help: \
         kill {pronoun} with `-s KILL`, which also kills everything inside, or stop the namespace\n",
        list.join(", ")
    ));
}

/// Whether an address that looks like one, or no address, means many: the status to end with.
fn refuse_many(args: &Args, snapshot: &Snapshot) -> Option<Status> {
    let Args { addresses, selection, .. } = args;
    if args.all || !selection.is_empty() {
        return None;
    }
    let everything = Address::everything();
    let looks_like_one = |address: &&Address| address.is_exact() || address.is_everything();
    let named: Vec<&Address> =
        if addresses.is_empty() { vec![&everything] } else { addresses.iter().filter(looks_like_one).collect() };
    for address in named {
        let found =
            resolve(snapshot, std::slice::from_ref(address), &Selection::default()).map_or(0, |found| found.len());
        if found > 1 || address.is_everything() {
            tell(&format!(
                "error: `{address}` matches {}; nothing was sent\n  = help: use `--all` to signal all of them\n",
                if address.is_everything() { "the whole topology".to_owned() } else { format!("{found} processes") }
            ));
            return Some(Status::No);
        }
    }
    None
}

/// Who is to be signalled, and who has ended although he was named.
struct Whom {
    targets: Vec<Identity>,
    ended: Vec<String>,
}

fn whom(things: &[Thing<'_>], snapshot: &Snapshot, addresses: &[Address]) -> Whom {
    let mut whom = Whom { targets: Vec::new(), ended: Vec::new() };
    let mut seen = std::collections::HashSet::new();
    for thing in things {
        match thing.process(snapshot).and_then(selection::identity) {
            Some(identity) if seen.insert(identity.pid) => whom.targets.push(identity),
            None if is_named(thing.path(), addresses) => whom.ended.push(thing.path().to_owned()),
            // He is signalled already, or was not meant in particular.
            _ => {}
        }
    }
    whom
}

/// Whether somebody has written exactly this path.
fn is_named(path: &str, addresses: &[Address]) -> bool {
    addresses.iter().any(|address| address.is_exact() && address.matches(path))
}
