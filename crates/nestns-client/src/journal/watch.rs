//! Waiting for more to read: inotify(7) on a directory of a topology that runs.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// A watched directory.
#[derive(Debug)]
pub struct Watch(Inotify);

/// Changes since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Files of these names were made, written to or renamed; one may be named more than once.
    Files(Vec<String>),
    /// Too many files to name them.
    Many,
}

impl Watch {
    /// Begins to watch a directory.
    ///
    /// # Errors
    ///
    /// `EMFILE` and `ENOSPC` where the limits on inotify are reached (`fs.inotify`), `ENOENT` where
    /// there is none.
    pub fn begin(directory: &Path) -> nix::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let flags = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVE;
        inotify.add_watch(directory, flags)?;
        Ok(Self(inotify))
    }

    /// Begins to watch whether a directory, the one that it is in, or something in it is removed or
    /// moved away.
    ///
    /// # Errors
    ///
    /// Those of [`Watch::begin`].
    pub fn for_loss(directory: &Path) -> nix::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let own = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        inotify.add_watch(
            directory,
            own | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ONLYDIR,
        )?;
        if let Some(above) = directory.parent() {
            inotify.add_watch(above, own | AddWatchFlags::IN_ONLYDIR)?;
        }
        let logs = directory.join(super::LOGS);
        if logs.is_dir() {
            inotify.add_watch(&logs, own | AddWatchFlags::IN_ONLYDIR)?;
        }
        Ok(Self(inotify))
    }

    /// Takes what there is, without waiting: the descriptor is readable when there is something.
    ///
    /// # Errors
    ///
    /// Those of read(2).
    pub fn take(&self) -> nix::Result<Changes> {
        let mut names = Vec::new();
        loop {
            match self.0.read_events() {
                Ok(events) => {
                    for event in events {
                        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                            return Ok(Changes::Many);
                        }
                        names.extend(event.name.map(|name| name.to_string_lossy().into_owned()));
                    }
                }
                Err(Errno::EAGAIN) => return Ok(Changes::Files(names)),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Watch};

    #[test]
    fn what_changes_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let watch = Watch::begin(directory.path()).unwrap();
        assert_eq!(watch.take(), Ok(Changes::Files(vec![])));
        std::fs::write(directory.path().join("one"), "text").unwrap();
        std::fs::rename(directory.path().join("one"), directory.path().join("two")).unwrap();
        let Ok(Changes::Files(names)) = watch.take() else {
            panic!("it is not much")
        };
        assert!(
            names.contains(&"one".to_owned()) && names.contains(&"two".to_owned()),
            "{names:?}"
        );
    }
}
