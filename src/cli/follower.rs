//! A reader of the files of a topology while it runs: what wakes it, and how it writes without missing the end.
//!
//! The controller says that it leaves and waits a moment for its clients to hang up; then its files are gone. A reader whose
//! own reader is slow must not find that out too late, so that it listens while it waits for room as well.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::target::Connection;
use super::terminal;
use nestns_client::journal::watch::{Changes, Watch};
use nestns_client::protocol::client::Client;
use nestns_client::protocol::message::Reply;
use nestns_sys::descriptor;
use nestns_sys::moment::Moment;

/// Number of bytes that a pipe which polls writable takes without blocking (pipe(7)).
const PIECE: usize = 4096;

/// Why a wait is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// There may be more to read.
    Changed(Changes),
    /// The controller leaves: what is there now is all.
    Leaving,
    /// Standard output is no longer read.
    Unread,
    /// The time is over.
    Nothing,
}

/// A connection that is kept for its end, and what it is told of meanwhile.
#[derive(Debug)]
pub(super) struct Follower {
    /// `None` when the controller leaves.
    client: Option<Client>,
    /// `None` for a reader that does not wait for more.
    watch: Option<Watch>,
}

impl Follower {
    /// A follower that reads what there is.
    pub(super) fn once(connection: Connection) -> Self {
        allow_many_files();
        Self {
            client: Some(connection.client),
            watch: None,
        }
    }

    /// A reader of the record of a topology that has ended.
    pub(super) fn after_the_end() -> Self {
        allow_many_files();
        Self {
            client: None,
            watch: None,
        }
    }

    /// Begins to watch a directory of the topology; what was there before is for the caller to look at after this.
    pub(super) fn begin(connection: Connection, directory: &Path) -> nix::Result<Self> {
        Ok(Self {
            watch: Some(Watch::begin(directory)?),
            ..Self::once(connection)
        })
    }

    /// Returns whether the controller leaves, or has left.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_none()
    }

    /// Waits for something to happen. Before [`Wake::Leaving`] whatever is still to be read is secured.
    pub(super) fn wait(
        &mut self,
        timeout: Option<Duration>,
        secure: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<Wake> {
        let mut ready = terminal::Watch::default();
        let unread = ready.hung_up(stdout());
        let told = ready.readable(self.client.as_ref().map(AsFd::as_fd));
        ready.readable(self.watch.as_ref().map(AsFd::as_fd));
        ready.wait(timeout.map(|time| Moment::now().plus(time)))?;
        let [is_unread, is_told] = [unread, told].map(|place| ready.is_ready(place));
        if is_unread {
            return Ok(Wake::Unread);
        }
        if is_told && self.receive(secure)? {
            return Ok(Wake::Leaving);
        }
        match self.watch.as_ref().map(Watch::take).transpose()? {
            None => Ok(Wake::Nothing),
            Some(Changes::Files(names)) if names.is_empty() => Ok(Wake::Nothing),
            Some(changes) => Ok(Wake::Changed(changes)),
        }
    }

    /// Writes to standard output, and listens meanwhile.
    pub(super) fn write(
        &mut self,
        text: &[u8],
        secure: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            let mut ready = terminal::Watch::default();
            let room = ready.writable(Some(stdout()));
            let told = ready.readable(self.client.as_ref().map(AsFd::as_fd));
            ready.wait(None)?;
            let [has_room, is_told] = [room, told].map(|place| ready.is_ready(place));
            if is_told {
                self.receive(secure)?;
            }
            if !has_room {
                continue;
            }
            match nix::unistd::write(stdout(), &rest[..rest.len().min(PIECE)]) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Takes in what the controller says. Returns whether it leaves.
    fn receive(&mut self, secure: &mut dyn FnMut() -> io::Result<()>) -> io::Result<bool> {
        let Some(client) = &mut self.client else {
            return Ok(false);
        };
        let mut is_leaving = client.receive().is_err();
        while !is_leaving {
            match client.take_any() {
                Ok(Some(answer)) => is_leaving = matches!(answer.reply, Reply::Gone),
                Ok(None) => return Ok(false),
                Err(_) => is_leaving = true,
            }
        }
        secure()?;
        // Only now: the controller waits for this.
        self.client = None;
        Ok(true)
    }
}

/// Without it the last lines of very many processes may be missed.
fn allow_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn stdout() -> BorrowedFd<'static> {
    descriptor::inherited(libc::STDOUT_FILENO)
}
