//! The state directory while the tree runs: watched, and put back when it or something in it was
//! removed.
//!
//! A login manager empties the runtime directory of a user at the last log-out, a cleaner removes
//! files that are old, and a user may remove what looks left over. The tree goes on; what was
//! written is lost, which is told, and what clients need is made again. It is waited a moment
//! first: the removal of a directory removes what is in it one by one.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use super::Reactor;
use crate::controller::event_loop::{EventLoop, Token};
use crate::controller::event_sink::{Loss, Note};
use crate::controller::startup_report;
use crate::controller::state_directory::Restored;
use nestns_client::journal::watch::Watch;
use nestns_client::state_directory::{CONTROL, Directory, StateError, TOPOLOGY, TRUTH};
use nestns_sys::call::Call;
use nestns_sys::moment::Moment;

/// Time that a removal by others is given to come to an end.
const MOMENT: Duration = Duration::from_millis(30);
/// Time that a tree lives before its directory is watched: to end a watch costs the kernel some ten
/// milliseconds (R63), which a tree as short-lived as a command is not to pay.
const FIRST: Duration = Duration::from_secs(1);
/// Interval at which failed repairs are tried again, and at which is looked where nothing can be
/// watched.
const AGAIN: Duration = Duration::from_secs(5);

/// State of the directory, as far as it is known.
#[derive(Debug, Default)]
pub(in crate::controller) struct Home {
    /// None where it cannot be watched: then it is looked now and again.
    watch: Option<Watch>,
    /// The expanded topology, which stays readable when it has no name any more.
    topology: Option<File>,
    /// Moment of the next look.
    due: Option<Moment>,
    /// True if what the controller says goes into a file there.
    has_log: bool,
    /// True if cgroups are to be noted again.
    pub(in crate::controller) has_moved: bool,
    has_told: bool,
}

impl Home {
    /// Begins to look after a directory, with the expanded topology where there is one.
    pub(in crate::controller) fn begin(&mut self, directory: &Directory) {
        self.topology = directory.read(TOPOLOGY).ok().flatten();
        self.due = Some(Moment::now().plus(FIRST));
    }

    /// Watches the directory, which is there.
    fn watch(&mut self, directory: &Directory, events: &EventLoop) {
        self.forget(events);
        self.watch = Watch::for_loss(directory.path()).ok();
        let added = self
            .watch
            .as_ref()
            .map(|watch| events.add(watch, Token::Home, EpollFlags::EPOLLIN));
        if !matches!(added, Some(Ok(()))) {
            self.watch = None;
        }
    }

    fn forget(&mut self, events: &EventLoop) {
        if let Some(watch) = self.watch.take() {
            events.remove(&watch, Token::Home);
        }
    }

    /// Notes that from now on what the controller says goes into a file there.
    pub(in crate::controller) fn has_log(&mut self) {
        self.has_log = true;
    }

    /// Something was removed.
    pub(super) fn on_loss(&mut self) {
        if let Some(watch) = &self.watch {
            // What it was is found out by looking.
            let _ = watch.take();
        }
        self.due.get_or_insert_with(|| Moment::now().plus(MOMENT));
    }
}

impl Reactor<'_> {
    /// Puts back what is missing, if it is time to look, and says how long it is until then.
    pub(super) fn look_after_home(&mut self) -> Option<Duration> {
        let due = self.home.due?;
        let left = due.since(Moment::now());
        if !left.is_zero() {
            return Some(left);
        }
        self.home.due = None;
        if !self.truth.is_kept() {
            return None;
        }
        if self.home.watch.is_none() {
            // Before it is looked: what is removed from now on is told.
            self.home.watch(&self.remains.handle(), &self.events);
        }
        if self.home.watch.is_none() {
            self.home.due = Some(Moment::now().plus(AGAIN));
        }
        match self.put_back() {
            Ok(()) => self.home.has_told = false,
            Err(error) => {
                self.home.due = Some(Moment::now().plus(AGAIN));
                if !std::mem::replace(&mut self.home.has_told, true) {
                    self.console
                        .event_sink
                        .note(&Note::HomeLost { error: &error });
                }
            }
        }
        self.home.due.map(|due| due.since(Moment::now()))
    }

    fn put_back(&mut self) -> Result<(), StateError> {
        let before = self.remains.directory();
        let restored = self.remains.restore()?;
        let directory = self.remains.handle();
        let is_missing = |name: &str| directory.lacks(name);
        let mut is_news = restored != Restored::NotNeeded;
        if is_news {
            // The guardian, which removes what is left in the end, has to hold the new one.
            if let Err(cause) = self.guarding.guardian.entrust(self.remains) {
                let _ = self
                    .guarding
                    .replace(self.console.event_sink, Loss::of(cause));
            }
            self.home.has_moved = true;
        }
        if is_news || is_missing(CONTROL) {
            is_news = true;
            let failed = |errno: nix::errno::Errno| StateError::System {
                action: "make",
                call: Call::Unnamed,
                path: directory.path().join(CONTROL),
                source: errno.into(),
            };
            self.clients
                .server
                .move_to(&directory, &self.events)
                .map_err(failed)?;
        }
        is_news |= self.console.journal.move_to(&directory);
        if is_missing(TRUTH) {
            is_news = true;
            self.truth.write(&self.tree)?;
        }
        if let Some(topology) = &self.home.topology
            && is_missing(TOPOLOGY)
        {
            is_news = true;
            self.remains.write(TOPOLOGY, &whole(topology))?;
        }
        if is_news {
            if self.home.has_log {
                startup_report::log_into(&directory);
            }
            // What was made again is watched, and looked at once more: it was not, until now.
            self.home.forget(&self.events);
            self.home.due = Some(Moment::now().plus(MOMENT));
            let place = directory.path().to_owned();
            self.troubles.home = Some(if restored == Restored::Elsewhere {
                format!(
                    "its state directory {} was removed; it is now in {}",
                    before.display(),
                    place.display()
                )
            } else {
                format!(
                    "its state directory {} or something in it was removed, and was restored",
                    place.display()
                )
            });
            self.console.event_sink.note(&Note::HomeRestored {
                before: &before,
                now: &place,
            });
        }
        Ok(())
    }
}

/// Content of a file that may have no name any more.
fn whole(file: &File) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = Positioned { file, offset: 0 };
    // What cannot be read is missing, and `save` says so.
    let _ = rest.read_to_end(&mut text);
    text
}

struct Positioned<'a> {
    file: &'a File,
    offset: u64,
}

impl std::io::Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
