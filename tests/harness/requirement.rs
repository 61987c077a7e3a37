//! Requirements of tests: of the machine, and of the user that runs them.
//!
//! A test that lacks something reports that and is not run. With `NESTNS_REQUIRE`, which CI sets, it fails instead,
//! unless what is missing cannot be installed or permitted.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::unistd::geteuid;

use super::STATE_ROOT;
use super::nest::program;

/// The directories of the system's programs: a Python in a home directory cannot be executed by every user.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A requirement that is not met.
#[derive(Debug)]
pub(crate) enum Missing {
    /// Something that CI provides.
    Provided(String),
    /// Something that depends on the kernel, the user or the build.
    Given(String),
}

/// Ends the test, with a report, where one of these requirements is not met.
macro_rules! require {
    ($($requirement:expr),+ $(,)?) => {
        $(if !$crate::harness::requirement::is_met($requirement) {
            return;
        })+
    };
}
pub(crate) use require;

/// Reports a requirement that is not met and returns false for it; panics where CI was to provide it.
pub(crate) fn is_met(requirement: Result<(), Missing>) -> bool {
    let (reason, is_provided) = match requirement {
        Ok(()) => return true,
        Err(Missing::Provided(reason)) => (reason, true),
        Err(Missing::Given(reason)) => (reason, false),
    };
    assert!(
        !is_provided || std::env::var_os("NESTNS_REQUIRE").is_none(),
        "{reason}, and NESTNS_REQUIRE is set"
    );
    skipped(&reason);
    false
}

/// Reports that a test, or a part of it, is not run.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    // Not `eprintln`, whose text is shown only for tests that fail.
    writeln!(
        std::io::stderr(),
        "{}: skipped: {reason}",
        thread.name().unwrap_or_default()
    )
    .expect("it is open");
}

/// Namespaces can be made.
pub(crate) fn nesting() -> Result<(), Missing> {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let can = *ANSWER.get_or_init(|| {
        let state = tempfile::tempdir().expect("the temporary directory is writable");
        let mut run = Command::new(program());
        run.args(["run", "--", "true"])
            .env(STATE_ROOT, state.path())
            .stdin(Stdio::null());
        run.output().is_ok_and(|output| output.status.success())
    });
    if can {
        Ok(())
    } else {
        Err(Missing::Provided(
            "namespaces cannot be made here".to_owned(),
        ))
    }
}

/// The tests run as root, and can run the program as an ordinary user.
pub(crate) fn root() -> Result<(), Missing> {
    if geteuid().is_root() {
        Ok(())
    } else {
        Err(Missing::Given("the tests do not run as root".to_owned()))
    }
}

/// Each PID namespace has a `pid_max` of its own, since Linux 6.14.
pub(crate) fn own_pid_max() -> Result<(), Missing> {
    let release = nix::sys::utsname::uname().expect("the kernel has a name");
    let release = release.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut number = || numbers.next().and_then(|text| text.parse::<u32>().ok());
    if (number(), number()) >= (Some(6), Some(14)) {
        Ok(())
    } else {
        Err(Missing::Given(format!(
            "all PID namespaces of Linux {release} have one pid_max"
        )))
    }
}

/// A program is installed.
pub(crate) fn installed(name: &str) -> Result<(), Missing> {
    let mut command = Command::new(name);
    let probe = command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe
        .map(drop)
        .map_err(|_| Missing::Provided(format!("`{name}` is not installed")))
}

/// Python is installed where every user can execute it.
pub(crate) fn python() -> Result<(), Missing> {
    let found =
        std::env::split_paths(SYSTEM_PATH).map(|directory: PathBuf| directory.join("python3"));
    let is_there = found.into_iter().any(|path| path.exists());
    if is_there {
        Ok(())
    } else {
        Err(Missing::Provided(format!(
            "there is no python3 in {SYSTEM_PATH}"
        )))
    }
}

/// A file below /proc/sys belongs to the PID or user namespace that it is read in, so that a test that has made one may write
/// to it; else it is the machine's, and no test's. Nothing is written to find out: in namespaces of an ordinary user the file
/// may be written exactly if it is theirs (`kernel.pid_max` since Linux 6.14).
pub(crate) fn namespaced(file: &str) -> Result<(), Missing> {
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
        "test",
        "-w",
        file,
    ]);
    if geteuid().is_root() {
        use std::os::unix::process::CommandExt as _;
        command
            .uid(super::identity::ORDINARY)
            .gid(super::identity::ORDINARY);
    }
    let is_ours = command
        .current_dir("/")
        .status()
        .expect("there is unshare(1)")
        .success();
    if is_ours {
        Ok(())
    } else {
        Err(Missing::Given(format!("{file} belongs to the machine")))
    }
}
