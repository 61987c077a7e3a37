//! The count of what is killed unasked when a PID 1 leaves: grandchildren and exec processes that are
//! still there.
//!
//! Read from the namespace's own /proc, which is opened before anything of the user's runs: a file
//! system that was mounted over it since could keep a PID 1 waiting. Without an own /proc
//! nothing is counted.

use std::collections::HashSet;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::Init;
use crate::engine::children::Children;
use crate::engine::report::Report;
use nestns_sys::directory;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::proc_status::Fields;

/// Time that the count may take: a namespace may have very many processes.
const LIMIT: Duration = Duration::from_millis(100);

impl Init {
    /// Opens the namespace's own /proc.
    pub(super) fn open_view(&mut self) {
        if self.plan.namespace(self.index).mount_proc {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            // Without it nothing is counted.
            self.view = open("/proc", flags, Mode::empty()).ok();
        }
    }

    /// Reports how many processes are killed by the end of this one that the stop has not asked.
    pub(super) fn report_unasked(&mut self) {
        let count = self.view.as_ref().map_or(0, |view| self.count(view));
        if count > 0 {
            self.outbox.push(Report::NotAsked {
                namespace: self.index,
                count,
            });
        }
    }

    fn count(&self, view: &OwnedFd) -> u32 {
        let end = Moment::now().plus(LIMIT);
        let children = self.children.iter().flat_map(Children::list);
        let mut known: HashSet<i32> = children
            .filter(|child| !child.gone)
            .map(|child| child.pid.as_raw())
            .collect();
        known.insert(1);
        let members = self.members.iter().map(|member| &member.pidfd);
        known.extend(members.filter_map(|pidfd| number(view, pidfd)));
        let groups = self.reached.groups().iter();
        let groups: HashSet<i32> = groups.filter_map(|leader| number(view, leader)).collect();
        let is_unasked = |pid: &i32| {
            let Some(text) = read(view, &format!("{pid}/status")) else {
                return false;
            };
            let fields = Fields::of(&text);
            let is_here = fields.chain("NSpid").is_some_and(|chain| chain.len() == 1);
            let is_alive = !matches!(fields.state(), Some('Z' | 'X') | None);
            let group = fields
                .chain("NSpgid")
                .and_then(|chain| chain.first().copied());
            let is_asked = group.is_some_and(|group| groups.contains(&group))
                || self.reached.is_all() && fields.number("PPid") != Some(0);
            is_here && is_alive && !is_asked
        };
        let numbers = directory::numbers(view).unwrap_or_default();
        let unasked = numbers
            .iter()
            .filter(|pid| !known.contains(pid))
            .take_while(|_| Moment::now() < end)
            .filter(|pid| is_unasked(pid));
        u32::try_from(unasked.count()).unwrap_or(u32::MAX)
    }
}

/// The number of a process in the namespace, which its pidfd tells.
fn number(view: &OwnedFd, pidfd: &Pidfd) -> Option<i32> {
    let path = format!("1/fdinfo/{}", pidfd.as_fd().as_raw_fd());
    Fields::of(&read(view, &path)?).number("Pid")
}

fn read(view: &OwnedFd, path: &str) -> Option<Vec<u8>> {
    let file = openat(
        view,
        path,
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .ok()?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
