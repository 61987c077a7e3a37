//! `nestns attach`: what a process writes from now on, and its terminal where it has one.

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};

use clap::builder::FalseyValueParser;
use nix::libc;

use super::command_error::{CommandError, Context as _, ErrorKind};
use super::selection::{self, Thing, resolve_one};
use super::standard_error;
use super::status::Status;
use super::target::{Connection, Target};
use super::terminal::{Arrived, DetachKeys, Keyboard, Screen, Signals, Typing, Watch};
use crate::controller::audience::Stream;
use crate::controller::control::client::Answer;
use crate::controller::control::client_error::ClientError;
use crate::controller::control::message::{Reply, Request, Target as Identity};
use crate::controller::document::ExitDocument;
use crate::controller::journal::log_reader::LogReader;
use crate::controller::journal::record::Wholeness;
use crate::controller::journal::{LOGS, LogName, watch};
use crate::sys::{descriptor, terminal};
use crate::topology::Address;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Output written from now on is passed through unchanged, with standard output and standard error kept apart; use \
`nestns logs` for earlier output. If the process has a terminal (`tty = true` in a topology started with `up -d`, or \
a program that `exec -it` detached from), keyboard input goes to it, Ctrl-C included; the detach keys leave the \
process running.

Without a terminal, Ctrl-C ends only this command; with --sig-proxy it is passed on to the process. The exit status \
is that of the process when it ends, and 0 after the detach keys.")]
pub(super) struct Args {
    #[command(flatten)]
    topology: Target,

    /// Keys that detach from the process, as a list of characters and `ctrl-X`; empty for none
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q", env = "NESTNS_DETACH_KEYS")]
    detach_keys: DetachKeys,

    /// Forward INT, TERM, HUP, QUIT, USR1 and USR2 to the process
    #[arg(long, env = "NESTNS_SIG_PROXY", value_parser = FalseyValueParser::new())]
    sig_proxy: bool,

    /// Do not forward keyboard input
    #[arg(long, env = "NESTNS_NO_STDIN", value_parser = FalseyValueParser::new())]
    no_stdin: bool,

    /// Process to attach to, or namespace whose PID 1 is a program
    #[arg(value_name = "ADDRESS")]
    address: Address,
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Result<Status, CommandError> {
    let (mut connection, snapshot) = selection::look(&args.topology, std::slice::from_ref(&args.address))?;
    let thing = resolve_one(&snapshot, &args.address)?;
    let Some(process) = thing.process(&snapshot) else {
        return Err(CommandError::not_found(format!("`{}` has no PID 1 any more", thing.path())));
    };
    let identity = selection::identity(process);
    let signals = Signals::open().context("cannot block the signals that are passed on")?;
    let attached = begin(&mut connection, &process.path).map_err(|error| connection.fail(&error))?;
    let is_namespace = matches!(thing, Thing::Namespace(_));
    let what = if is_namespace {
        format!("`{}`, PID 1 of `{}`", process.path, thing.path())
    } else {
        format!("`{}`", process.path)
    };
    let (directory, log) = (connection.directory.clone(), attached.log);
    let mut follower = Follower {
        connection,
        changes: watch::Watch::begin(&directory.join(LOGS))?,
        log: LogReader::from_now(&directory, log)?,
        stdout: Screen::on(libc::STDOUT_FILENO),
        stderr: Screen::on(libc::STDERR_FILENO),
        signals,
        identity: identity.filter(|_| args.sig_proxy),
        end: None,
    };
    let keyboard = attached.terminal.as_ref().filter(|_| !args.no_stdin).map(|_| Keyboard::take(args.detach_keys));
    if std::io::stderr().is_terminal() && keyboard.is_none() {
        standard_error::write(&format!("attached to {what}; Ctrl-C ends this command\n"));
    }
    let end = follower.follow(keyboard, attached.terminal.as_ref())?;
    Ok(match end {
        End::Exit(exit) => Status::Other(exit.status()),
        End::Left => {
            standard_error::write(&format!("left {what} alone; it goes on\n"));
            Status::Done
        }
        End::Signalled(signal) => Status::Other(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        // What a shell gives for SIGPIPE.
        End::Unread => Status::Other(141),
        End::Gone => return Err(CommandError::new(ErrorKind::Unresponsive, "the topology has ended")),
    })
}

/// What the controller has answered.
struct Attached {
    log: LogName,
    terminal: Option<OwnedFd>,
}

fn begin(connection: &mut Connection, path: &str) -> Result<Attached, ClientError> {
    connection.client.send(Request::Attach { path: path.to_owned() }, &[])?;
    let patience = std::time::Duration::from_secs(10);
    match connection.client.wait(Some(patience))? {
        Some(Answer { reply: Reply::Attached { log }, descriptors, .. }) => {
            let name = LogName::parse(&log)
                .ok_or_else(|| ClientError::Unreadable(format!("there is no log named `{log}`")))?;
            Ok(Attached { log: name, terminal: descriptors.into_iter().next() })
        }
        Some(Answer { reply: Reply::Gone, .. }) => Err(ClientError::HungUp),
        Some(_) => Err(ClientError::Unreadable("it is something else".to_owned())),
        None => Err(ClientError::Silent),
    }
}

/// How it came to an end.
enum End {
    Exit(ExitDocument),
    /// The detach keys were typed.
    Left,
    Signalled(i32),
    /// Nobody reads what is shown.
    Unread,
    Gone,
}

struct Follower {
    connection: Connection,
    changes: watch::Watch,
    log: LogReader,
    stdout: Screen,
    stderr: Screen,
    signals: Signals,
    /// Whom signals are passed on to.
    identity: Option<Identity>,
    end: Option<ExitDocument>,
}

impl Follower {
    fn follow(&mut self, mut keyboard: Option<Keyboard>, master: Option<&OwnedFd>) -> Result<End, CommandError> {
        Self::resize(master);
        let mut is_gone = false;
        loop {
            let mut watch = Watch::default();
            let said = watch.readable((!is_gone).then_some(self.connection.client.as_fd()));
            watch.readable(Some(self.signals.as_fd()));
            let has_room = self.stdout.has_room() && self.stderr.has_room();
            let written = watch.readable(has_room.then_some(self.changes.as_fd()));
            let typed = watch.readable(keyboard.as_ref().and_then(Keyboard::readable));
            let has_pending = keyboard.as_ref().is_some_and(Keyboard::has_pending);
            watch.writable(master.filter(|_| has_pending).map(AsFd::as_fd));
            let shown = [watch.writable(self.stdout.writable()), watch.writable(self.stderr.writable())];
            watch.wait(keyboard.as_ref().and_then(Keyboard::next)).context("cannot wait for the program (poll)")?;
            let is_ready = |place| watch.is_ready(place);
            let (said, written, typed, shown) =
                (is_ready(said), is_ready(written), is_ready(typed), shown.map(is_ready));
            while let Some(arrived) = self.signals.next() {
                match (arrived, &self.identity) {
                    (Arrived::Resized, _) => Self::resize(master),
                    (Arrived::ForProgram(signal), Some(identity)) => {
                        let request = Request::Signal { targets: vec![identity.clone()], signal };
                        // One that the kernel would drop is refused; there is nobody to tell while it goes on.
                        let _ = self.connection.client.send(request, &[]);
                    }
                    (Arrived::ForProgram(signal), None) => return Ok(End::Signalled(signal)),
                }
            }
            for (screen, is_ready) in [&mut self.stdout, &mut self.stderr].into_iter().zip(shown) {
                if is_ready {
                    screen.flush();
                }
            }
            if let (Some(keyboard), Some(master)) = (&mut keyboard, master) {
                let typing = if typed { keyboard.read() } else { Typing::GoesOn };
                keyboard.deliver(master);
                if typing == Typing::Detach {
                    return Ok(End::Left);
                }
            }
            if said {
                is_gone = self.hear()?;
            }
            let is_over = is_gone || self.end.is_some();
            if written {
                self.changes.take()?;
            }
            if written || is_over {
                self.read()?;
            }
            if self.stdout.is_closed() {
                return Ok(End::Unread);
            }
            if is_over && self.stdout.writable().is_none() && self.stderr.writable().is_none() {
                return Ok(self.end.map_or(End::Gone, End::Exit));
            }
        }
    }

    /// Takes in what the controller says; true when it leaves.
    fn hear(&mut self) -> Result<bool, CommandError> {
        let mut is_gone = self.connection.client.receive().is_err();
        while let Some(answer) = self.connection.client.take_any().map_err(|error| self.connection.fail(&error))? {
            match answer.reply {
                Reply::Ended(exit) => self.end = Some(exit),
                Reply::Gone => is_gone = true,
                _ => {}
            }
        }
        Ok(is_gone)
    }

    /// Shows what was written since.
    fn read(&mut self) -> Result<(), CommandError> {
        loop {
            let batch = self.log.read()?;
            if batch.records.is_empty() {
                return Ok(());
            }
            for record in batch.records {
                let screen = match record.stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                screen.show(&record.text);
                if record.wholeness == Wholeness::Full {
                    screen.show(b"\n");
                }
            }
        }
    }

    /// Gives the process's terminal the size of this one.
    fn resize(master: Option<&OwnedFd>) {
        if let (Some(master), Ok(size)) = (master, terminal::size(descriptor::inherited(libc::STDIN_FILENO))) {
            // Of a process that is just ending nobody wants to know.
            let _ = terminal::set_size(master, &size);
        }
    }
}
