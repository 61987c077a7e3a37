//! A program with a terminal of its own: a pseudo-terminal whose one side it gets and whose other side is here.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::unistd::read;

use super::session::{Outcome, Session};
use crate::cli::command_error::{CommandError, Context as _};
use crate::cli::standard_error;
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{Arrived, DetachKeys, Keyboard, Screen, Signals, Typing, Watch};
use crate::controller::control::message::Execution;
use crate::sys::{descriptor, terminal};

/// What it came to.
enum End {
    Outcome(Outcome),
    /// The keys that leave the program alone were typed.
    Left,
}

/// Runs it; left from the start where it is `detached`.
pub(super) fn run(connection: Connection, mut execution: Execution, keys: DetachKeys) -> Result<Status, CommandError> {
    let is_left = std::mem::take(&mut execution.detached);
    let signals = Signals::open().context("cannot block the signals to forward")?;
    let size = [libc::STDIN_FILENO, libc::STDOUT_FILENO].map(descriptor::inherited).into_iter();
    let size = size.map(terminal::size).find_map(Result::ok);
    let size = size.unwrap_or(terminal::Size { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 });
    let keyboard = (!is_left).then(|| Keyboard::take(keys));
    let settings = keyboard.as_ref().and_then(Keyboard::settings);
    let pair = openpty(Some(&size), settings).context("cannot open a pseudo-terminal")?;
    fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let slave = pair.slave.as_fd();
    let mut session = Session::begin(connection, execution, &[slave, slave, slave])?;
    // As long as anybody else holds the program's side, its end could not be seen.
    drop(pair.slave);
    let end = match keyboard {
        Some(keyboard) => {
            converse(&mut session, &signals, keyboard, &pair.master).context("cannot wait for the program (poll)")?
        }
        None => begin_and_leave(&mut session).context("cannot wait for the program (poll)")?,
    };
    match end {
        End::Outcome(outcome) => outcome.into_status(session.connection()),
        End::Left if is_left => start(session, &pair.master),
        End::Left => leave(session, &pair.master),
    }
}

/// Leaves a program alone that is on its own from the start.
fn start(mut session: Session, master: &OwnedFd) -> Result<Status, CommandError> {
    if let Err(error) = session.leave(master.as_fd()) {
        return Outcome::Failed(error).into_status(session.connection());
    }
    writeln!(std::io::stdout(), "{}", session.path().unwrap_or_default())?;
    Ok(Status::Done)
}

fn leave(mut session: Session, master: &OwnedFd) -> Result<Status, CommandError> {
    if let Err(error) = session.leave(master.as_fd()) {
        return Outcome::Failed(error).into_status(session.connection());
    }
    if let Some(exit) = session.ended() {
        return Outcome::Ended(exit).into_status(session.connection());
    }
    let path = session.path().unwrap_or_default();
    standard_error::write(&format!("left `{path}` alone; it goes on, and `nestns attach {path}` returns to it\n"));
    Ok(Status::Done)
}

fn begin_and_leave(session: &mut Session) -> nix::Result<End> {
    while session.path().is_none() {
        let mut watch = Watch::default();
        watch.readable(Some(session.as_fd()));
        watch.wait(None)?;
        match session.hear() {
            // It has begun, and ended at once.
            Some(Outcome::Ended(_)) if session.path().is_some() => break,
            Some(outcome) => return Ok(End::Outcome(outcome)),
            None => {}
        }
    }
    Ok(End::Left)
}

fn converse(session: &mut Session, signals: &Signals, mut keyboard: Keyboard, master: &OwnedFd) -> nix::Result<End> {
    let mut screen = Screen::on(libc::STDOUT_FILENO);
    let mut is_open = true;
    let mut outcome = None;
    loop {
        let mut watch = Watch::default();
        let said = watch.readable(outcome.is_none().then_some(session.as_fd()));
        watch.readable(Some(signals.as_fd()));
        let written = watch.readable((is_open && screen.has_room()).then_some(master.as_fd()));
        watch.writable((is_open && keyboard.has_pending()).then_some(master.as_fd()));
        let typed = watch.readable(keyboard.readable());
        let shown = watch.writable(screen.writable());
        watch.wait(keyboard.next())?;
        let [said, written, typed, shown] = [said, written, typed, shown].map(|place| watch.is_ready(place));
        while let Some(arrived) = signals.next() {
            match arrived {
                Arrived::ForProgram(signal) => session.pass_on(signal),
                Arrived::Resized => {
                    if let Ok(size) = terminal::size(descriptor::inherited(libc::STDIN_FILENO)) {
                        // Of a program that is just ending, nobody wants to know.
                        let _ = terminal::set_size(master, &size);
                    }
                }
            }
        }
        if shown {
            screen.flush();
        }
        if typed && keyboard.read() == Typing::Detach {
            keyboard.deliver(master);
            return Ok(if session.path().is_some() { End::Left } else { begin_and_leave(session)? });
        }
        keyboard.deliver(master);
        if said {
            outcome = session.hear();
        }
        // What it has written last is there when it has ended: a terminal keeps nothing back.
        if written || outcome.is_some() {
            is_open = is_open && take_output(master, &mut screen, outcome.is_some());
        }
        if screen.is_closed() {
            // As with a terminal that is hung up: the controller ends the program when this client is gone.
            return Ok(End::Outcome(outcome.unwrap_or(Outcome::Unheard)));
        }
        if screen.writable().is_none()
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
            // EIO: nobody has the other side open any more.
            Err(_) => return false,
        }
        if !all {
            return true;
        }
    }
}
