//! `nestns kill`: signal processes of a running topology, each of which is looked at first.

use std::io::Write as _;

use clap::builder::FalseyValueParser;

use super::command_error::{CommandError, ErrorKind};
use super::selection::{self, Selected, Selection, resolve, threads};
use super::standard_error;
use super::status::Status;
use super::target::Target;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Reply, Request, Snapshot, Target as Identity};
use nestns_topology::{Address, Signal};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The address of a namespace means its PID 1, and `vm/ci#7` the process that has number 7 in `vm/ci` at this moment. A \
process is signalled only if it is still the one that was addressed; numbers that the kernel has reused for another \
process are never signalled.

The kernel drops a signal sent to a PID 1 that does not handle it, whatever the sender, and kill(2) succeeds all the \
same. Each PID 1 is therefore examined first: its handlers, the signals its threads wait for with sigwait(3) and the \
like, and its signalfds. A PID 1 that would not receive the signal is reported and not signalled (status 1); all \
other targets are signalled. If this cannot be determined, because the process cannot be examined or blocks the \
signal at the moment, the signal is sent. KILL and STOP from outside always arrive; a PID 1 that is killed takes \
everything inside with it.

Several addresses, wildcards (`'vm/w.*'`, quoted), --recursive, --label and --state may select many processes, and \
all of them are signalled, as with pkill(1). Addresses that look like a single target but select many require --all: \
`w` where `w.0`, `w.1` and so on exist, `.`, and no address at all.

The paths of the signalled processes are written to standard output. The exit status is 1 if a named process had \
already ended, or if there was none to signal.

  nestns kill vm/ci/runner               ask it to end
  nestns kill -s HUP vm/dockerd          let it reload its configuration
  nestns kill -s KILL vm/ci              end the namespace with everything in it
  nestns kill -s USR1 'vm/w.0..9/job'    ten of them")]
pub(super) struct Args {
    /// Processes or namespaces to signal
    #[arg(value_name = "ADDR")]
    addresses: Vec<Address>,

    /// Signal to send: a name with or without SIG, or a number
    #[arg(short, long, default_value = "TERM", env = "NESTNS_SIGNAL", value_parser = signal)]
    signal: Signal,

    /// Signal all processes that an address matches, even if it looks like the address of a single one
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
    Signal::parse(&text.to_ascii_uppercase()).ok_or_else(|| {
        "a signal is a name such as TERM, SIGHUP or RTMIN+3, or a number from 1 to 64".to_owned()
    })
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let (mut connection, snapshot) = selection::look(&args.target, &args.addresses)?;
    let selections = resolve(&snapshot, &args.addresses, &args.selection)?;
    refuse_many(args, &snapshot)?;
    for address in &args.addresses {
        if let Some(thread) = threads::named(&snapshot, address) {
            standard_error::write(&format!(
                "note: `{address}` is a thread ({}); the whole process is signalled\n",
                thread.name
            ));
        }
    }
    let Targets { targets, ended } = targets(&selections, &snapshot, &args.addresses);
    let mut errors: Vec<CommandError> = ended
        .iter()
        .map(|path| CommandError::not_found(format!("`{path}` has already ended")))
        .collect();
    if targets.is_empty() {
        if ended.is_empty() {
            errors.push(CommandError::not_found(
                "all addressed processes have already ended",
            ));
        }
        return CommandError::of_several(errors).map(|()| Status::Done);
    }
    let signal = args.signal.number();
    let reply = connection
        .client
        .ask(Request::Signal { targets, signal })
        .map_err(|error| connection.fail(&error))?;
    let Reply::Signalled {
        reached,
        ended,
        dropped,
        refused,
        paused,
    } = reply
    else {
        return Err(connection.fail(&ClientError::Unreadable("it is something else".to_owned())));
    };
    for path in &ended {
        let message = format!(
            "`{path}` has ended in the meantime; a process that has reused its number was not signalled"
        );
        if reached.is_empty() || is_named(path, &args.addresses) {
            errors.push(CommandError::not_found(message));
        } else {
            standard_error::write(&format!("note: {message}\n"));
        }
    }
    for path in &paused {
        standard_error::write(&format!(
            "`{path}` is paused; the signal is delivered when it resumes\n"
        ));
    }
    let refusal = |(path, reason): &(String, String)| {
        CommandError::new(
            ErrorKind::Forbidden,
            format!("cannot signal `{path}`: {reason}"),
        )
    };
    errors.extend(refused.iter().map(refusal));
    errors.extend(dropped_error(&dropped, args.signal, reached.is_empty()));
    if !args.quiet {
        let text = reached
            .iter()
            .fold(String::new(), |text, path| text + path + "\n");
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    CommandError::of_several(errors).map(|()| Status::Done)
}

/// Number of paths that are named before the rest is counted.
const NAMED: usize = 10;

/// Error of PID 1s for which the kernel would drop a signal.
fn dropped_error(
    dropped: &[String],
    signal: Signal,
    is_nothing_sent: bool,
) -> Option<CommandError> {
    let (verb, pronoun) = match dropped.len() {
        0 => return None,
        1 => ("is a PID 1 that does", "it"),
        _ => ("are PID 1s that do", "them"),
    };
    let mut list: Vec<String> = dropped
        .iter()
        .take(NAMED)
        .map(|path| format!("`{path}`"))
        .collect();
    if dropped.len() > NAMED {
        list.push(format!("and {} more", dropped.len() - NAMED));
    }
    let sent = if is_nothing_sent {
        "nothing was sent".to_owned()
    } else {
        format!("nothing was sent to {pronoun}")
    };
    let message = format!(
        "{} {verb} not handle {signal}, so the kernel would drop it, whatever the sender; {sent}",
        list.join(", ")
    );
    let help = format!(
        "kill {pronoun} with `-s KILL`, which also kills everything inside, or stop the namespace"
    );
    Some(CommandError::new(ErrorKind::Conflict, message).help(help))
}

/// Refuses an address that looks like one, or no address, where it means many.
fn refuse_many(args: &Args, snapshot: &Snapshot) -> Result<(), CommandError> {
    let Args {
        addresses,
        selection,
        ..
    } = args;
    if args.all || !selection.is_empty() {
        return Ok(());
    }
    let everything = Address::everything();
    let looks_like_one = |address: &&Address| address.is_exact() || address.is_everything();
    let named: Vec<&Address> = if addresses.is_empty() {
        vec![&everything]
    } else {
        addresses.iter().filter(looks_like_one).collect()
    };
    for address in named {
        let found = resolve(
            snapshot,
            std::slice::from_ref(address),
            &Selection::default(),
        )
        .map_or(0, |found| found.len());
        if found > 1 || address.is_everything() {
            let what = if address.is_everything() {
                "the whole topology".to_owned()
            } else {
                format!("{found} processes")
            };
            let message = format!("`{address}` means {what}; nothing was sent");
            return Err(CommandError::new(ErrorKind::Ambiguous, message)
                .help("use `--all` to signal all of them"));
        }
    }
    Ok(())
}

/// Processes to be signalled, and those that were named and have ended.
struct Targets {
    targets: Vec<Identity>,
    ended: Vec<String>,
}

fn targets(selections: &[Selected<'_>], snapshot: &Snapshot, addresses: &[Address]) -> Targets {
    let mut found = Targets {
        targets: Vec::new(),
        ended: Vec::new(),
    };
    let mut seen = std::collections::HashSet::new();
    for selected in selections {
        match selected.process(snapshot).and_then(selection::identity) {
            Some(identity) if seen.insert(identity.pid) => found.targets.push(identity),
            None if is_named(selected.path(), addresses) => {
                found.ended.push(selected.path().to_owned());
            }
            // It is signalled already, or was not meant in particular.
            _ => {}
        }
    }
    found
}

/// Returns whether exactly this path was written.
fn is_named(path: &str, addresses: &[Address]) -> bool {
    addresses
        .iter()
        .any(|address| address.is_exact() && address.matches(path))
}
