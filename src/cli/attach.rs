//! `nestns attach`: what a process writes from now on, and its terminal where it has one.

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};

use clap::builder::FalseyValueParser;
use nix::libc;

use super::command_error::{CommandError, Context as _, ErrorKind};
use super::selection::{self, Selected, resolve_one};
use super::standard_error;
use super::status::Status;
use super::target::{Connection, Target};
use super::terminal::{DetachKeys, Exchange, Keyboard, Signals, Typing};
use nestns_client::documents::ExitDocument;
use nestns_client::journal::Stream;
use nestns_client::journal::log_reader::LogReader;
use nestns_client::journal::record::Wholeness;
use nestns_client::journal::watch;
use nestns_client::journal::{LOGS, LogName};
use nestns_client::protocol::client::Answer;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Reply, Request, Target as Identity};
use nestns_topology::Address;

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

    /// Keys that detach from the process: characters and `ctrl-X`, separated by commas; empty for none
    #[arg(
        long,
        value_name = "KEYS",
        default_value = "ctrl-p,ctrl-q",
        env = "NESTNS_DETACH_KEYS"
    )]
    detach_keys: DetachKeys,

    /// Forward INT, TERM, HUP, QUIT, USR1 and USR2 to the process
    #[arg(long, env = "NESTNS_SIG_PROXY", value_parser = FalseyValueParser::new())]
    sig_proxy: bool,

    /// Do not forward keyboard input
    #[arg(long, env = "NESTNS_NO_STDIN", value_parser = FalseyValueParser::new())]
    no_stdin: bool,

    /// Process to attach to, or namespace whose PID 1 is a program
    #[arg(value_name = "ADDR")]
    address: Address,
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Result<Status, CommandError> {
    let (mut connection, snapshot) =
        selection::look(&args.topology, std::slice::from_ref(&args.address))?;
    let selected = resolve_one(&snapshot, &args.address)?;
    let Some(process) = selected.process(&snapshot) else {
        return Err(CommandError::not_found(format!(
            "`{}` no longer has a PID 1",
            selected.path()
        )));
    };
    let identity = selection::identity(process);
    let signals = Signals::open(None).context("cannot block the signals to forward")?;
    let attached =
        begin(&mut connection, &process.path).map_err(|error| connection.fail(&error))?;
    let is_namespace = matches!(selected, Selected::Namespace(_));
    let whom = if is_namespace {
        format!("`{}`, PID 1 of `{}`", process.path, selected.path())
    } else {
        format!("`{}`", process.path)
    };
    let (directory, log) = (connection.directory.clone(), attached.log);
    let what = format!("cannot show what `{}` writes", process.path);
    let mut attachment = Attachment {
        connection,
        changes: watch::Watch::begin(&directory.join(LOGS)).context(&what)?,
        log: LogReader::from_now(&directory, log).context(&what)?,
        identity: identity.filter(|_| args.sig_proxy),
        end: None,
        is_gone: false,
    };
    let keyboard = attached
        .terminal
        .as_ref()
        .filter(|_| !args.no_stdin)
        .map(|_| Keyboard::take(args.detach_keys));
    if std::io::stderr().is_terminal() && keyboard.is_none() {
        standard_error::write(&format!("attached to {whom}; Ctrl-C ends this command\n"));
    }
    let end = attachment.follow(
        Exchange::new(&signals, keyboard, attached.terminal.as_ref()),
        &what,
    )?;
    Ok(match end {
        End::Exit(exit) => Status::Other(exit.status()),
        End::Left => {
            standard_error::write(&format!("detached from {whom}; it keeps running\n"));
            Status::Done
        }
        End::Signalled(signal) => Status::Other(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        // What a shell gives for SIGPIPE.
        End::Unread => Status::Other(141),
        End::Gone => {
            return Err(CommandError::new(
                ErrorKind::Unresponsive,
                "the topology has ended",
            ));
        }
    })
}

/// Answer of the controller.
struct Attached {
    log: LogName,
    terminal: Option<OwnedFd>,
}

fn begin(connection: &mut Connection, path: &str) -> Result<Attached, ClientError> {
    connection.client.send(
        Request::Attach {
            path: path.to_owned(),
        },
        &[],
    )?;
    let wait_until = std::time::Duration::from_secs(10);
    match connection.client.wait(Some(wait_until))? {
        Some(Answer {
            reply: Reply::Attached { log },
            descriptors,
            ..
        }) => {
            let name = LogName::parse(&log)
                .ok_or_else(|| ClientError::Unreadable(format!("there is no log named `{log}`")))?;
            Ok(Attached {
                log: name,
                terminal: descriptors.into_iter().next(),
            })
        }
        Some(Answer {
            reply: Reply::Gone, ..
        }) => Err(ClientError::HungUp),
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
    /// Standard output is no longer read.
    Unread,
    Gone,
}

/// A process that is followed.
struct Attachment {
    connection: Connection,
    changes: watch::Watch,
    log: LogReader,
    /// The process that signals are passed on to.
    identity: Option<Identity>,
    end: Option<ExitDocument>,
    /// True once the controller has left.
    is_gone: bool,
}

impl Attachment {
    fn follow(&mut self, mut exchange: Exchange<'_>, what: &str) -> Result<End, CommandError> {
        exchange.resize();
        loop {
            let controller = (!self.is_gone).then_some(self.connection.client.as_fd());
            let turn = exchange.turn(controller, Some(self.changes.as_fd()), None);
            let turn = turn.context("cannot wait for the program (poll)")?;
            for signal in turn
                .signals
                .into_iter()
                .filter(|&signal| signal != libc::SIGWINCH)
            {
                let Some(identity) = &self.identity else {
                    return Ok(End::Signalled(signal));
                };
                let request = Request::Signal {
                    targets: vec![identity.clone()],
                    signal,
                };
                // One that the kernel would drop is refused; there is no reader to tell while it
                // goes on.
                let _ = self.connection.client.send(request, &[]);
            }
            if turn.typing == Typing::Detach {
                return Ok(End::Left);
            }
            if turn.is_told {
                self.receive()?;
            }
            let is_over = self.is_gone || self.end.is_some();
            if turn.has_output {
                self.changes.take().context(what)?;
            }
            if turn.has_output || is_over {
                self.read(&mut exchange).context(what)?;
            }
            if exchange.stdout.is_closed() {
                return Ok(End::Unread);
            }
            if is_over && exchange.is_shown() {
                return Ok(self.end.map_or(End::Gone, End::Exit));
            }
        }
    }

    /// Takes in what the controller says.
    fn receive(&mut self) -> Result<(), CommandError> {
        self.is_gone |= self.connection.client.receive().is_err();
        while let Some(answer) = self
            .connection
            .client
            .take_any()
            .map_err(|error| self.connection.fail(&error))?
        {
            match answer.reply {
                Reply::Ended(exit) => self.end = Some(exit),
                Reply::Gone => self.is_gone = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Shows what was written since.
    fn read(&mut self, exchange: &mut Exchange<'_>) -> std::io::Result<()> {
        loop {
            let batch = self.log.read()?;
            if batch.records.is_empty() {
                return Ok(());
            }
            for record in batch.records {
                let screen = match record.stream {
                    Stream::Stdout => &mut exchange.stdout,
                    Stream::Stderr => &mut exchange.stderr,
                };
                screen.show(&record.text);
                if record.wholeness == Wholeness::Full {
                    screen.show(b"\n");
                }
            }
        }
    }
}
