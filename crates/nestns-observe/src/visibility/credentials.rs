//! The number that `SCM_CREDENTIALS` delivers: unix(7) translates a sender for each receiver.
//!
//! No process that is asked about has to send anything. A process with `CAP_SYS_ADMIN` over a PID namespace may claim
//! to be any process of it, and the kernel translates that process for the receiver as it would a real sender: root
//! claims for all, an ordinary user from inside the outermost namespace that it owns.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{ForkResult, Pid};

use super::entry::{Asked, Place, withdraw};
use super::probe::{ProbeAnswer, Question, failed};
use super::{Observer, Rows};
use crate::host_snapshot::{PidNamespaceId, ProcessInfo};
use nestns_sys::channel::Channel;
use nestns_sys::fork::{exit_now, fork};
use nestns_sys::reap::await_child;

/// Sends a message in the name of each process, and has an observer report the senders.
pub(super) fn measure(rows: &Rows<'_>, observer: &Observer) -> io::Result<ProbeAnswer> {
    let place = match Place::of(rows.machine, observer) {
        Ok(place) => place,
        Err(error) => return Ok(failed("examine it", &error)),
    };
    let (ours, theirs) = Channel::pair().map_err(Errno::from)?;
    theirs.pass_credentials().map_err(Errno::from)?;
    let asked = Asked::begin(place, &Question::Credentials, Some(theirs.into_fd()))?;
    send_all(rows, &ours)?;
    // The end for the prober, even if another process has inherited this side.
    shutdown(ours.as_fd().as_raw_fd(), Shutdown::Write)?;
    asked.end()
}

/// Sends for every process, in the name of those with the right to: the caller itself, or helpers
/// in the outermost namespaces.
fn send_all(rows: &Rows<'_>, channel: &Channel) -> io::Result<()> {
    let machine = rows.machine;
    let mut left: Vec<(usize, i32)> = Vec::new();
    for &(row, number) in rows.known(machine.own()) {
        match send(channel, row, number) {
            // A message to one that has ended is not delivered.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(Errno::EPERM) => left.push((row, number)),
            // The prober has ended, and reports why.
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    let outermost: Vec<PidNamespaceId> = machine
        .spaces()
        .filter(|(_, space)| space.level == 1)
        .map(|(id, _)| id)
        .collect();
    for space in outermost {
        let theirs: Vec<(usize, i32)> = rows
            .known(space)
            .iter()
            .copied()
            .filter(|(row, _)| left.iter().any(|(other, _)| other == row))
            .collect();
        if theirs.is_empty() {
            continue;
        }
        let mut candidates: Vec<i32> = machine
            .processes()
            .iter()
            .filter(|process| process.space == Some(space))
            .map(ProcessInfo::pid)
            .collect();
        candidates.sort_unstable();
        let Ok(Some(place)) = Place::of(machine, &Observer { space, candidates }) else {
            continue;
        };
        send_from(&place, channel, &theirs)?;
    }
    Ok(())
}

/// Sends from a helper outside and a process inside with the right to claim; both are gone when
/// this returns.
fn send_from(place: &Place, channel: &Channel, rows: &[(usize, i32)]) -> io::Result<()> {
    let helper = match fork()? {
        ForkResult::Child => {
            let [target, gateway] = place.descriptors();
            withdraw(&[Some(channel.as_fd()), target, gateway]);
            let work = || -> Result<(), Errno> {
                place.enter().map_err(|(_, errno)| errno)?;
                match place.fork().map_err(|(_, errno)| errno)? {
                    ForkResult::Child => {
                        for &(row, number) in rows {
                            if matches!(
                                send(channel, row, number),
                                Err(Errno::EPIPE | Errno::ECONNRESET)
                            ) {
                                break;
                            }
                        }
                        exit_now(0)
                    }
                    ForkResult::Parent { child } => {
                        let _ = await_child(child);
                        Ok(())
                    }
                }
            };
            exit_now(i32::from(work().is_err()))
        }
        ForkResult::Parent { child } => child,
    };
    let _ = await_child(helper);
    Ok(())
}

fn send(channel: &Channel, row: usize, number: i32) -> nix::Result<()> {
    channel.send_as(
        Pid::from_raw(number),
        &u32::try_from(row).unwrap_or(u32::MAX).to_ne_bytes(),
    )
}
