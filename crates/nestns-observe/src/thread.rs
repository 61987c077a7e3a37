//! Threads: numbers that /proc does not list, and that are accepted wherever a process's number is.
//!
//! perf, debuggers and BPF report them. A thread has a number in its PID namespace and in every one around it, out of
//! the same counters as processes; `/proc/TID` exists without being listed, and gives the process in `Tgid` (R70). The
//! first thread of a process, its leader, has the process's number and is not meant here.

use std::fs::File;
use std::io;

use nix::unistd::Pid;

use super::small_file;
use nestns_sys::directory;
use nestns_sys::errno::is_gone;
use nestns_sys::proc_status::Fields;

/// A thread that is not the first of its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Numbers of the thread from the reader's namespace down to its own.
    pub numbers: Vec<i32>,
    /// Numbers of its process.
    pub process: Vec<i32>,
    /// Name, which need not be the process's.
    pub name: String,
    /// `R`, `S` and so on.
    pub state: char,
}

impl Thread {
    /// The content of its `status`; `None` where a field is missing.
    pub fn of(status: &[u8]) -> Option<Self> {
        let fields = Fields::of(status);
        let (numbers, process) = (fields.chain("NSpid")?, fields.chain("NStgid")?);
        let (name, state) = (fields.name()?.to_owned(), fields.state()?);
        Some(Self {
            numbers,
            process,
            name,
            state,
        })
    }

    /// The thread's number in the reader's namespace.
    pub fn tid(&self) -> i32 {
        self.numbers[0]
    }

    /// Number of its process in the reader's namespace.
    pub fn pid(&self) -> i32 {
        self.process[0]
    }
}

/// The thread with this number in the reader's namespace; `None` if the number is a process's.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` if the number is not in use.
pub fn read(tid: Pid) -> io::Result<Option<Thread>> {
    of(&format!("/proc/{tid}/status"))
}

/// All threads of a process but its leader, which may have ended: the process lives as long as any of them (R71).
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process.
pub fn of_process(pid: Pid) -> io::Result<Vec<Thread>> {
    let path = format!("/proc/{pid}/task");
    let mut tids = directory::numbers(File::open(&path)?)?;
    tids.retain(|&tid| tid != pid.as_raw());
    tids.sort_unstable();
    let mut threads = Vec::with_capacity(tids.len());
    for tid in tids {
        match of(&format!("{path}/{tid}/status")) {
            Ok(thread) => threads.extend(thread),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(threads)
}

/// True if a process lives on although its first thread's state is that of a zombie: another thread still runs (R71).
pub fn outlives_its_first(pid: Pid) -> bool {
    of_process(pid).is_ok_and(|threads| {
        threads
            .iter()
            .any(|thread| !matches!(thread.state, 'Z' | 'X'))
    })
}

fn of(path: &str) -> io::Result<Option<Thread>> {
    let mut buffer = [0; 4096];
    let bytes = small_file::read_bytes(path, &mut buffer)?;
    let fields = Fields::of(bytes);
    let (pid, tgid) = (fields.get("Pid"), fields.get("Tgid"));
    if pid.is_some() && pid == tgid {
        return Ok(None);
    }
    let thread = Thread::of(bytes).map(Some);
    thread
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path} lacks a field")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use nix::unistd::{Pid, getpid, gettid};

    use super::{Thread, of_process, read};

    #[test]
    fn a_thread_says_whose_it_is() {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            tell.send(gettid()).unwrap();
            let _ = ended.recv();
        });
        let tid = told.recv().unwrap();
        let thread = read(tid).unwrap().expect("it is no process");
        assert_eq!(
            (thread.tid(), thread.pid()),
            (tid.as_raw(), getpid().as_raw())
        );
        assert!(
            of_process(getpid())
                .unwrap()
                .iter()
                .any(|one| one.numbers == thread.numbers)
        );
        assert_eq!(read(getpid()).unwrap(), None);
        drop(end);
        other.join().unwrap();
        assert!(read(Pid::from_raw(i32::MAX)).is_err());
    }

    #[test]
    fn chains_are_read_on_every_level() {
        let status = "Name:\tw\nState:\tS (sleeping)\nTgid:\t90\nPid:\t95\nNStgid:\t90\t7\t2\nNSpid:\t95\t12\t5\n";
        let thread = Thread::of(status.as_bytes()).unwrap();
        assert_eq!(
            (thread.numbers, thread.process, thread.state),
            (vec![95, 12, 5], vec![90, 7, 2], 'S')
        );
        assert_eq!(Thread::of(b"Name:\tw\n"), None);
    }
}
