//! System calls that fail in the middle of a life: strace(1) has one in a process of the tree or in the controller answer an
//! errno, while the tree is built, used, and stopped. Whatever that leads to, it is said, and nothing is left.
//!
//! A few dozen here; `NESTNS_LONG=1` makes it two thousand, and `NESTNS_REQUIRE_STRACE=1` a failure where there is no strace.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::nest::{Identity, Nest, assert_nothing_left, can_nest, identities, program};
use crate::harness::tool::can_run;

/// What is created, moved in, restarted, paused, entered and stopped.
const TOPOLOGY: &str = "[ns.@]\nproc.a = { actor = \"idle\" }\nproc.b = { actor = \"idle\", restart = \"always\" }\n\
                        [ns.\"@/in\"]\nunshare = [\"mount\", \"uts\"]\nproc.c = { actor = \"idle\" }\n\
                        [ns.\"@/p\"]\ninit = { actor = \"idle\" }\nproc.j = { actor = \"idle\", enter = \"join\" }\n";

/// The calls of a life, as strace(1) counts them in one without failures, and what each may answer. Those of cleaning up
/// have tests of their own; what is written to standard error cannot be told of.
const CALLS: &[(&str, &[&str])] = &[
    ("accept4", &["EMFILE", "ECONNABORTED"]),
    ("bind", &["EADDRINUSE", "ENOSPC"]),
    ("chdir", &["ENOENT", "EACCES"]),
    ("chmod", &["EPERM"]),
    ("clone", &["EAGAIN", "ENOMEM"]),
    ("clone3", &["EAGAIN", "ENOSYS"]),
    ("close_range", &["EPERM"]),
    ("connect", &["ECONNREFUSED", "EAGAIN"]),
    ("dup2", &["EBUSY", "EMFILE"]),
    ("dup3", &["EMFILE"]),
    ("epoll_create1", &["EMFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOSPC", "ENOMEM"]),
    ("epoll_wait", &["EINTR"]),
    ("execve", &["ENOENT", "EACCES", "E2BIG"]),
    ("fcntl", &["EMFILE"]),
    ("getsockopt", &["ENOBUFS"]),
    ("ioctl", &["ENOTTY", "ESRCH", "EPERM"]),
    ("listen", &["EADDRINUSE"]),
    ("mkdir", &["ENOSPC", "EROFS", "EACCES"]),
    ("mount", &["EPERM", "ENOMEM"]),
    ("openat", &["EMFILE", "ENFILE", "EACCES", "ENOENT"]),
    ("pidfd_open", &["EMFILE", "ESRCH", "ENODEV"]),
    ("pidfd_send_signal", &["ESRCH", "EPERM"]),
    ("pipe2", &["EMFILE", "ENFILE"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("prctl", &["EINVAL"]),
    ("read", &["EIO", "EINTR"]),
    ("readlinkat", &["EACCES", "ENOENT"]),
    ("recvfrom", &["ECONNRESET", "ENOMEM"]),
    ("recvmsg", &["ENOMEM", "ECONNRESET", "EINTR"]),
    ("rename", &["ENOSPC", "EIO"]),
    ("rt_sigprocmask", &["EINVAL"]),
    ("sendmsg", &["ENOBUFS", "EPIPE", "ETOOMANYREFS"]),
    ("setns", &["EPERM", "EINVAL"]),
    ("setsid", &["EPERM"]),
    ("setsockopt", &["ENOMEM"]),
    ("signalfd4", &["EMFILE"]),
    ("socket", &["EMFILE"]),
    ("socketpair", &["EMFILE", "ENFILE"]),
    ("unshare", &["ENOSPC", "EPERM", "ENOMEM"]),
    ("wait4", &["EINTR"]),
    ("write", &["EINTR"]),
];

/// Which call of a process it is: early ones are the start's, late ones the stop's.
const WHEN: &[u32] = &[1, 2, 4, 3, 6, 9, 5, 13, 19, 7, 28, 41, 60, 11, 88, 130];

/// One failure.
#[derive(Debug, Clone, Copy)]
struct Injection {
    identity: Identity,
    call: &'static str,
    errno: &'static str,
    when: u32,
}

/// All there are, those that differ most first.
fn injections() -> impl Iterator<Item = Injection> {
    let identities = identities();
    (0..WHEN.len() * 4).flat_map(move |round| {
        let identities = identities.clone();
        CALLS.iter().enumerate().map(move |(place, &(call, errnos))| Injection {
            identity: identities[(round + place) % identities.len()],
            call,
            errno: errnos[(round / WHEN.len() + round) % errnos.len()],
            when: WHEN[(round + place) % WHEN.len()],
        })
    })
}

/// What came of it.
#[derive(Debug)]
struct Lived {
    /// Whether the call was made so often at all.
    is_injected: bool,
    code: i32,
}

/// Leads a life with it, and says what is wrong with that.
fn live(injection: Injection) -> Result<Lived, String> {
    let nest = Nest::new(TOPOLOGY).identity(injection.identity);
    let Injection { call, errno, when, .. } = injection;
    let trace = nest.directory.path().join("trace");
    let inject = format!("inject={call}:error={errno}:when={when}");
    let traced = format!("trace={call}");
    let file = nest.file.display().to_string();
    let words = [
        "-f",
        "-qq",
        "-o",
        trace.to_str().expect("our own path"),
        "-e",
        &traced,
        "-e",
        "signal=none",
        "-e",
        &inject,
        program().to_str().expect("our own path"),
        "up",
        &file,
    ];
    let mut command = nest.outside("strace".as_ref(), &words);
    let open = |name: &str| fs::File::create(nest.directory.path().join(name)).expect("the directory is writable");
    let mut up =
        command.stdin(Stdio::null()).stdout(open("stdout")).stderr(open("stderr")).spawn().expect("strace is there");
    let read = |name: &str| {
        String::from_utf8_lossy(&fs::read(nest.directory.path().join(name)).unwrap_or_default()).into_owned()
    };
    let name = nest.root.clone();
    let end = Instant::now() + Duration::from_secs(40);
    let mut said = String::new();
    let status;
    // As soon as it stands it is used; then it is asked to stop, again and again until it does.
    let (truth, mut is_used) = (nest.state().join(&name).join("truth.json"), false);
    let mut asked = Instant::now();
    loop {
        if let Some(ended) = up.try_wait().expect("it is our child") {
            status = ended;
            break;
        }
        if Instant::now() > end {
            for (pid, _) in crate::harness::nest::processes_of(&nest) {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
            let _ = up.kill();
            let _ = up.wait();
            return Err(format!("does not end: {}{said}", read("stderr")));
        }
        let is_due = if is_used { asked.elapsed() > Duration::from_secs(3) } else { truth.exists() };
        if is_due {
            let path = format!("{name}/in");
            let restarted = format!("{name}/a");
            let uses: &[&[&str]] = if is_used {
                &[&["down", &name]]
            } else {
                &[&["exec", "-n", &name, &path, "--", "true"], &["restart", "-n", &name, &restarted], &["down", &name]]
            };
            for words in uses {
                let output = nest
                    .outside("timeout".as_ref(), &[&["10", program().to_str().expect("our own path")], *words].concat())
                    .output()
                    .expect("timeout(1) is everywhere");
                said.push_str(&String::from_utf8_lossy(&output.stderr));
            }
            (is_used, asked) = (true, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    let (stderr, trace) = (read("stderr"), read("trace"));
    let lived = Lived { is_injected: trace.contains("(INJECTED)"), code };
    let context = format!("status {code}\n{stderr}{said}");
    if [134, 139, 132, 135].contains(&code) || stderr.contains("panicked") || said.contains("panicked") {
        return Err(format!("aborts: {context}"));
    }
    if code != 0 && !stderr.contains("error") && !stderr.contains("stopping") {
        return Err(format!("says nothing: {context}"));
    }
    let left = std::panic::catch_unwind(|| assert_nothing_left(&nest));
    if left.is_err() {
        let processes = crate::harness::nest::processes_of(&nest);
        for (pid, _) in &processes {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL);
        }
        let is_said =
            ["cannot", "left", "does not end"].iter().any(|word| stderr.contains(word) || said.contains(word));
        if !processes.is_empty() || code == 0 || !is_said {
            return Err(format!("leaves something: {processes:?}: {context}"));
        }
    }
    Ok(lived)
}

/// Injects so many, of which this is one of some shards.
fn inject(most: usize, shard: usize, shards: usize) {
    if !can_nest() || !can_run("strace", "NESTNS_REQUIRE_STRACE") {
        return;
    }
    let (mut injected, mut codes, mut failures) = (0, BTreeMap::<i32, usize>::new(), Vec::new());
    for injection in injections().skip(shard).step_by(shards) {
        if injected == most {
            break;
        }
        match live(injection) {
            Ok(lived) => {
                injected += usize::from(lived.is_injected);
                *codes.entry(lived.code).or_default() += usize::from(lived.is_injected);
            }
            Err(problem) => {
                eprintln!("{injection:?}: {problem}");
                failures.push(injection);
            }
        }
    }
    eprintln!("shard {shard}: {injected} failures injected, statuses {codes:?}");
    assert!(failures.is_empty(), "{} of {injected}: {failures:#?}", failures.len());
}

/// How many for each shard.
fn count() -> usize {
    if std::env::var_os("NESTNS_LONG").is_some() { 667 } else { 24 }
}

#[test]
fn failures_are_said_and_leave_nothing_first_third() {
    inject(count(), 0, 3);
}

#[test]
fn failures_are_said_and_leave_nothing_second_third() {
    inject(count(), 1, 3);
}

#[test]
fn failures_are_said_and_leave_nothing_last_third() {
    inject(count(), 2, 3);
}
