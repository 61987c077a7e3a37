//! A copy of the program with rights that its caller lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;

use crate::harness::identity::ORDINARY;
use crate::harness::nest::program;
use crate::harness::requirement::skipped;

/// A copy of the program in a directory where rights of files count; `None` where such a thing cannot be made.
fn copy() -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    if !geteuid().is_root() {
        skipped("the tests do not run as root");
        return None;
    }
    let directory = tempfile::Builder::new()
        .prefix("secure-")
        .tempdir()
        .expect("the temporary directory is writable");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))
        .expect("it is our own");
    if statvfs(directory.path())
        .expect("it is there")
        .flags()
        .contains(FsFlags::ST_NOSUID)
    {
        skipped(&format!(
            "{} is mounted with nosuid",
            directory.path().display()
        ));
        return None;
    }
    let copy = directory.path().join("nestns");
    // By another process: see `program`.
    let copied = Command::new("cp").arg(program()).arg(&copy).status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "cp(1) is everywhere"
    );
    Some((directory, copy))
}

fn run_as_ordinary(copy: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(copy);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .uid(ORDINARY)
        .gid(ORDINARY)
        .current_dir("/");
    command.output().expect("it can be executed")
}

fn assert_refused(output: &Output, what: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{what}: {stderr}");
    assert!(output.stdout.is_empty(), "{what}: {:?}", output.stdout);
    assert!(
        stderr.starts_with("error: this copy of nestns has more privileges than its caller"),
        "{what}: {stderr}"
    );
    assert!(stderr.contains("chmod u-s,g-s"), "{what}: {stderr}");
}

#[test]
fn a_set_id_copy_runs_nothing() {
    for (mode, what) in [
        (0o4755, "set-user-ID"),
        (0o2755, "set-group-ID"),
        (0o6755, "both"),
    ] {
        let Some((_directory, copy)) = copy() else {
            return;
        };
        assert_eq!(
            run_as_ordinary(&copy, &["--version"]).status.code(),
            Some(0),
            "without any bit it runs"
        );
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).expect("it is our own");
        for arguments in [
            &["run", "--", "id", "-u"][..],
            &["--version"],
            &["completions", "bash"],
            &[],
        ] {
            assert_refused(&run_as_ordinary(&copy, arguments), what);
        }
    }
}

#[test]
fn a_copy_with_file_capabilities_runs_nothing() {
    let Some((_directory, copy)) = copy() else {
        return;
    };
    let set = Command::new("setcap")
        .arg("cap_sys_admin+ep")
        .arg(&copy)
        .status();
    if !set.is_ok_and(|status| status.success()) {
        skipped("setcap(8) is not installed, or the file system takes no capabilities");
        return;
    }
    assert_refused(
        &run_as_ordinary(&copy, &["run", "--", "id", "-u"]),
        "cap_sys_admin",
    );
}

#[test]
fn the_owner_may_run_a_set_id_copy() {
    // The owner gains nothing by it, and the kernel says so.
    let Some((_directory, copy)) = copy() else {
        return;
    };
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).expect("it is our own");
    let output = Command::new(&copy)
        .arg("--version")
        .output()
        .expect("it can be executed");
    assert_eq!(output.status.code(), Some(0));
}
