//! A program with a terminal of its own: a pseudo-terminal whose one side it gets and whose other side is here.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::unistd::read;

use super::process::{ExecProcess, Outcome};
use crate::cli::command_error::{CommandError, Context as _};
use crate::cli::standard_error;
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{DetachKeys, Exchange, Keyboard, Screen, Signals, Typing};
use nestns_client::protocol::message::ExecRequest;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::{descriptor, terminal};

/// End of the session.
enum End {
    Outcome(Outcome),
    /// The keys that leave the program alone were typed.
    Left,
}

/// Runs it; left from the start where it is `detached`.
pub(super) fn run(
    connection: Connection,
    mut execution: ExecRequest,
    keys: DetachKeys,
    tied_to: Option<&Pidfd>,
) -> Result<Status, CommandError> {
    let is_left = std::mem::take(&mut execution.detached);
    let signals = Signals::open(tied_to).context("cannot block the signals to forward")?;
    let size = [libc::STDIN_FILENO, libc::STDOUT_FILENO]
        .map(descriptor::inherited)
        .into_iter();
    let size = size.map(terminal::size).find_map(Result::ok);
    let size = size.unwrap_or(terminal::Size {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    });
    let keyboard = (!is_left).then(|| Keyboard::take(keys));
    let settings = keyboard.as_ref().and_then(Keyboard::settings);
    let pair = openpty(Some(&size), settings).context("cannot open a pseudo-terminal")?;
    fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let slave = pair.slave.as_fd();
    let mut process = ExecProcess::begin(connection, execution, &[slave, slave, slave])?;
    // As long as another process holds the program's side, its end could not be seen.
    drop(pair.slave);
    let end = match keyboard {
        Some(keyboard) => converse(
            &mut process,
            Exchange::new(&signals, Some(keyboard), Some(&pair.master)),
            &pair.master,
        )
        .context("cannot wait for the program (poll)")?,
        None => begin_and_leave(&mut process).context("cannot wait for the program (poll)")?,
    };
    match end {
        End::Outcome(outcome) => outcome.into_status(process.connection()),
        End::Left if is_left => start(process, &pair.master),
        End::Left => leave(process, &pair.master),
    }
}

/// Leaves a program alone that is on its own from the start.
fn start(mut process: ExecProcess, master: &OwnedFd) -> Result<Status, CommandError> {
    if let Err(error) = process.leave(master.as_fd()) {
        return Outcome::Failed(error).into_status(process.connection());
    }
    writeln!(std::io::stdout(), "{}", process.path().unwrap_or_default())?;
    Ok(Status::Done)
}

fn leave(mut process: ExecProcess, master: &OwnedFd) -> Result<Status, CommandError> {
    if let Err(error) = process.leave(master.as_fd()) {
        return Outcome::Failed(error).into_status(process.connection());
    }
    if let Some(exit) = process.ended() {
        return Outcome::Ended(exit).into_status(process.connection());
    }
    let path = process.path().unwrap_or_default();
    standard_error::write(&format!(
        "detached from `{path}`; it keeps running, and `nestns attach {path}` reattaches to it\n"
    ));
    Ok(Status::Done)
}

fn begin_and_leave(process: &mut ExecProcess) -> nix::Result<End> {
    while process.path().is_none() {
        match process.wait()? {
            // It has begun, and ended at once.
            Some(Outcome::Ended(_)) if process.path().is_some() => break,
            Some(outcome) => return Ok(End::Outcome(outcome)),
            None => {}
        }
    }
    Ok(End::Left)
}

fn converse(
    process: &mut ExecProcess,
    mut exchange: Exchange<'_>,
    master: &OwnedFd,
) -> nix::Result<End> {
    let mut is_open = true;
    let mut outcome = None;
    loop {
        let controller = outcome.is_none().then_some(process.as_fd());
        let turn = exchange.turn(controller, is_open.then_some(master.as_fd()), None)?;
        if turn.is_untied {
            return Ok(End::Outcome(Outcome::Untied));
        }
        for signal in turn.signals {
            process.pass_on(signal);
        }
        if turn.typing == Typing::Detach {
            return Ok(if process.path().is_some() {
                End::Left
            } else {
                begin_and_leave(process)?
            });
        }
        if turn.is_told {
            outcome = process.receive();
        }
        // What it has written last is there when it has ended: a terminal keeps nothing back.
        if is_open && (turn.has_output || outcome.is_some()) {
            is_open = take_output(master, &mut exchange.stdout, outcome.is_some());
            if !is_open {
                exchange.close();
            }
        }
        if exchange.stdout.is_closed() {
            // As with a terminal that is hung up: the controller ends the program when this client is gone.
            return Ok(End::Outcome(outcome.unwrap_or(Outcome::Unheard)));
        }
        if exchange.is_shown()
            && let Some(outcome) = outcome.take()
        {
            return Ok(End::Outcome(outcome));
        }
    }
}

/// Takes what the program has written, or all of it; says whether there may be more.
fn take_output(master: &OwnedFd, screen: &mut Screen, all: bool) -> bool {
    let mut buffer = [0_u8; 16 * 1024];
    loop {
        match read(master, &mut buffer) {
            Ok(0) => return false,
            Ok(count) => screen.show(&buffer[..count]),
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return true,
            // EIO: the other side is no longer open.
            Err(_) => return false,
        }
        if !all {
            return true;
        }
    }
}
