//! System calls that are refused, one after the other: what the program cannot do without is told before anything is built,
//! and `doctor` knows it; without the rest a tree lives, and ends.

use std::process::{Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::identity::{for_each_identity, identities};
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require};
use crate::harness::said;
use crate::harness::seccomp::{kill, refuse};
use crate::harness::wait::TIMEOUT;

const TOPOLOGY: &str = "[ns.@]\nproc.a = { actor = \"idle\" }\n[ns.\"@/b\"]\nunshare = [\"mount\", \"uts\"]\nproc.c = \"sleep \
                        100\"\n[ns.\"@/p\"]\ninit = { actor = \"idle\" }\nproc.j = { actor = \"idle\", enter = \"join\" }\n";

macro_rules! numbers {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), libc::$name),)*]
    };
}

/// The calls that strace(1) has seen in `up`, `exec`, `pause`, `restart` and `down`, as root and as an ordinary user, but for
/// those that no program starts without, those that have no way to fail, and those that only the programs of
/// this topology make; and what a release build or another libc might use in their place.
#[cfg(target_arch = "x86_64")]
const MADE: &[(&str, libc::c_long)] = &numbers![
    SYS_accept4,
    SYS_bind,
    SYS_chdir,
    SYS_chmod,
    SYS_clock_nanosleep,
    SYS_clone,
    SYS_clone3,
    SYS_close_range,
    SYS_connect,
    SYS_dup2,
    SYS_dup3,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_wait,
    SYS_fcntl,
    SYS_flock,
    SYS_fsopen,
    SYS_ftruncate,
    SYS_futex,
    SYS_getcwd,
    SYS_getdents64,
    SYS_getsockopt,
    SYS_inotify_add_watch,
    SYS_inotify_init1,
    SYS_ioctl,
    SYS_kcmp,
    SYS_kill,
    SYS_listen,
    SYS_lseek,
    SYS_memfd_create,
    SYS_mkdir,
    SYS_mkdirat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_newfstatat,
    SYS_renameat,
    SYS_mount,
    SYS_openat2,
    SYS_pidfd_getfd,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    SYS_pipe2,
    SYS_poll,
    SYS_prctl,
    SYS_preadv2,
    SYS_prlimit64,
    SYS_readlink,
    SYS_readlinkat,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_rename,
    SYS_renameat2,
    SYS_rmdir,
    SYS_rt_sigprocmask,
    SYS_sched_getaffinity,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setgroups,
    SYS_sethostname,
    SYS_setns,
    SYS_setpgid,
    SYS_setresgid,
    SYS_setresuid,
    SYS_setsid,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_sigaltstack,
    SYS_signalfd4,
    SYS_socket,
    SYS_socketpair,
    SYS_statx,
    SYS_tgkill,
    SYS_unlink,
    SYS_unlinkat,
    SYS_unshare,
    SYS_wait4,
    SYS_waitid,
];

fn run(nest: &Nest, words: &[&str], refused: (libc::c_long, i32)) -> Output {
    let mut command = nest.command(words);
    refuse(&mut command, refused.0, refused.1);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("the program was built");
    let number = Pid::from_raw(child.id().cast_signed());
    // What hangs is killed, and has then no status of its own.
    let (ended, watched) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if watched.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            let _ = signal::kill(number, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().expect("it is our own");
    drop(ended);
    watch.join().expect("it does not panic");
    output
}

#[cfg(target_arch = "x86_64")]
#[test]
fn where_the_doctor_finds_no_problem_a_tree_starts_and_stops() {
    require!(nesting());
    let identities = identities();
    let errnos = [libc::EPERM, libc::ENOSYS];
    let mut problems = Vec::new();
    for (place, (name, number)) in MADE.iter().copied().enumerate() {
        let identity = identities[place % identities.len()];
        let refused = (number, errnos[place / 2 % 2]);
        let what = format!("{name}, {:?}, {identity:?}", Errno::from_raw(refused.1));
        let nest = Nest::new(TOPOLOGY).identity(identity);
        let file = nest.file_name().to_owned();
        if !run(&nest, &["--version"], refused).status.success() {
            continue;
        }
        let doctor = run(&nest, &["doctor", "--format", "json", &file], refused);
        let document: Value = serde_json::from_slice(&doctor.stdout)
            .unwrap_or_else(|_| panic!("{what}: {}", said(&doctor)));
        let checks = document["checks"].as_array().expect("it has them");
        let impossible: Vec<&Value> = checks
            .iter()
            .filter(|check| check["status"] == "no")
            .collect();
        assert_eq!(
            doctor.status.code(),
            Some(if impossible.is_empty() { 0 } else { 4 }),
            "{what}: {}",
            said(&doctor)
        );
        let up = run(&nest, &["run", &file, "--", "true"], refused);
        // 125 is the status of `run` where nestns itself has failed.
        let is_right = match (impossible.is_empty(), up.status.code()) {
            (true, code) => code == Some(0),
            (false, code) => code == Some(125) && said(&up).contains("NS404"),
        };
        if !is_right {
            problems.push(format!(
                "{what}: the doctor says {impossible:?}, and {:?}: {}",
                up.status,
                said(&up)
            ));
        }
        assert_nothing_left(&nest);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn calls_that_only_a_stop_needs_are_checked_before_the_build() {
    let calls = [
        ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
        ("wait4", libc::SYS_wait4),
        ("unlinkat", libc::SYS_unlinkat),
        ("accept4", libc::SYS_accept4),
        ("close_range", libc::SYS_close_range),
    ];
    for_each_identity(|identity| {
        for (name, number) in calls {
            for errno in [libc::EPERM, libc::ENOSYS] {
                let spelled = format!("{name} ({:?})", Errno::from_raw(errno));
                let nest = Nest::new(TOPOLOGY).identity(identity);
                let file = nest.file_name().to_owned();
                let up = run(&nest, &["up", &file], (number, errno));
                let said = said(&up);
                assert_eq!(up.status.code(), Some(4), "{spelled}, {identity:?}: {said}");
                let expected = format!(
                    "error[NS404]: this machine forbids system calls that nestns requires: {spelled}\n"
                );
                assert!(
                    said.starts_with(&expected),
                    "{spelled}, {identity:?}: {said}"
                );
                assert!(said.contains("seccomp"), "{said}");
                let last = said.lines().last().unwrap_or_default();
                assert_eq!(
                    last,
                    format!("`nestns doctor` checks this as system-calls: refused: {spelled}"),
                    "{said}"
                );
                assert_nothing_left(&nest);
            }
        }
    });
}

#[test]
fn a_filter_that_kills_is_found() {
    require!(nesting());
    let nest = Nest::new("");
    let mut command = nest.command(&["doctor", "--format", "json"]);
    kill(&mut command, libc::SYS_flock);
    let output = command.output().expect("the program was built");
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let checks = document["checks"].as_array().expect("it has them");
    let check = checks
        .iter()
        .find(|check| check["id"] == "system-calls")
        .expect("it is there");
    assert_eq!(
        (&check["status"], &check["found"]),
        (
            &"no".into(),
            &"refused: flock (the caller is killed)".into()
        )
    );
}

#[test]
fn empty_namespace_links_are_treated_as_unreadable() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.a = \"sleep 100\"\n").identity(identity);
        let mut standing = nest.up();
        standing.until_running();
        let root = standing.nest.root.clone();
        // Linux 5.10.262 answers readlink(2) of a stranger's /proc/PID/ns/* with 0 bytes.
        let verbs: [&[&str]; 4] = [
            &["see"],
            &["whois", "1"],
            &["capture", "--host"],
            &["exec", &root, "--", "true"],
        ];
        for words in verbs {
            let mut command = standing.nest.command(words);
            refuse(&mut command, libc::SYS_readlinkat, 0);
            let output = command.output().expect("the program was built");
            assert_eq!(
                output.status.code(),
                Some(0),
                "{words:?}, {identity:?}: {}",
                said(&output)
            );
            assert!(
                !said(&output).contains("invalid data"),
                "{words:?}: {}",
                said(&output)
            );
        }
        standing.stop();
    });
}
