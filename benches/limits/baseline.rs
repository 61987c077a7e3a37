//! The yardstick: a tree of PID namespaces by bare system calls, with no parsing, no supervision and no logs.
//!
//! Each namespace is `unshare(CLONE_NEWPID)` and a fork, then `unshare(CLONE_NEWNS)`, a recursively private /, a fresh
//! /proc and one byte to the top. After an unshare the namespace for children points at the new one, and a second
//! unshare is refused until setns(2) with a pidfd of itself sets it back (`pid_namespaces(7)`); that is refused to an
//! unprivileged process in the namespace that it started in, so the top never asks for it.
//!
//! How it is linked counts: every fork copies the mappings of the libraries, and the end of a process takes them down
//! again. Linked statically, this takes as long as the same in static C; linked dynamically, as Cargo does it unasked,
//! 1.4 times that. Both sides of the table are linked alike, so the ratios mean something either way:
//!
//!     RUSTFLAGS="-C target-feature=+crt-static" cargo bench --target x86_64-unknown-linux-gnu
//!
//! # Safety
//!
//! The process has one thread from its start to its end; nothing before [`main`] starts another. So a forked copy finds
//! no lock held and may run ordinary code.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::time::Instant;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, pause, pipe, read, write};

use crate::memory::{available_kib, per_namespace};
use crate::shape::Shape;

/// Builds the shape, kills it, and prints one JSON line with the times in milliseconds and KiB per namespace.
pub(crate) fn main(shape: Shape) -> ExitCode {
    match measure(shape) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("baseline: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(shape: Shape) -> io::Result<String> {
    let (reports, report) = pipe()?;
    let memory_before = available_kib();
    let start = Instant::now();
    let root = match fork_namespace(Back::Stays)? {
        ForkResult::Child => {
            // The root does not outlive a baseline that is killed.
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            drop(reports);
            live(shape, &report)
        }
        ForkResult::Parent { child } => child,
    };
    drop(report);
    if let Err(error) = wait_until_standing(&reports, shape.namespaces()) {
        kill(root, Signal::SIGKILL)?;
        waitpid(root, None)?;
        return Err(error);
    }
    let build = start.elapsed();
    let memory_after = available_kib();
    let killed = Instant::now();
    kill(root, Signal::SIGKILL)?;
    waitpid(root, None)?;
    let teardown = killed.elapsed();
    let figures = serde_json::json!({
        "shape": shape.to_string(),
        "build_ms": build.as_secs_f64() * 1e3,
        "teardown_ms": teardown.as_secs_f64() * 1e3,
        "kib_per_ns": per_namespace(memory_before, memory_after, shape),
    });
    Ok(figures.to_string())
}

/// A byte from each namespace; end of file before the last means that one failed.
fn wait_until_standing(reports: &OwnedFd, namespaces: u32) -> io::Result<()> {
    let mut seen = 0;
    let mut bytes = [0; 4096];
    while seen < namespaces as usize {
        match read(reports, &mut bytes) {
            Ok(count) if count > 0 && !bytes[..count].contains(&b'x') => seen += count,
            Ok(_) => {
                return Err(io::Error::other(format!(
                    "{seen} of {namespaces} namespaces stood"
                )));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Treatment of the namespace for children after the fork.
#[derive(Clone, Copy)]
enum Back {
    Set,
    Stays,
}

/// Forks a child that is PID 1 of a new namespace.
fn fork_namespace(back: Back) -> nix::Result<ForkResult> {
    let own = open_pidfd(getpid())?;
    unshare(CloneFlags::CLONE_NEWPID)?;
    // SAFETY: the process has one thread; see the module.
    let forked = unsafe { fork() }?;
    if let (ForkResult::Parent { .. }, Back::Set) = (forked, back) {
        setns(&own, CloneFlags::CLONE_NEWPID)?;
    }
    Ok(forked)
}

fn open_pidfd(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    // What the kernel calls a descriptor fits; what does not is none.
    let descriptor = RawFd::try_from(Errno::result(descriptor)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made the descriptor, and it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The life of a PID 1: it stands, makes what belongs inside it, and waits to be killed.
fn live(shape: Shape, report: &OwnedFd) -> ! {
    let mut rest = shape;
    loop {
        let grown = stand(report).and_then(|()| grow(rest));
        match grown {
            // A new PID 1 begins from here.
            Ok(Grown::Inside(inner)) => rest = inner,
            Ok(Grown::All) => loop {
                pause();
            },
            Err(errno) => {
                // In the forked copy of a small process eprintln would do, but one write says it without a buffer.
                let _ = write(
                    io::stderr(),
                    format!("baseline: {}\n", errno.desc()).as_bytes(),
                );
                let _ = write(report, b"x");
                // SAFETY: _exit asks for nothing.
                unsafe { libc::_exit(1) }
            }
        }
    }
}

/// Process in which [`grow`] has returned.
enum Grown {
    /// The parent, which has made everything.
    All,
    /// A child, which has this much to make.
    Inside(Shape),
}

fn grow(shape: Shape) -> nix::Result<Grown> {
    let (count, inner) = match shape {
        Shape::Wide(number) => (number - 1, Shape::Wide(1)),
        Shape::Chain(1) => (0, shape),
        Shape::Chain(number) => (1, Shape::Chain(number - 1)),
    };
    for number in 1..=count {
        let back = if number < count {
            Back::Set
        } else {
            Back::Stays
        };
        if let ForkResult::Child = fork_namespace(back)? {
            return Ok(Grown::Inside(inner));
        }
    }
    Ok(Grown::All)
}

fn stand(report: &OwnedFd) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)?;
    write(report, b"r").map(drop)
}
