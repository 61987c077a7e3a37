//! `nestns capture` of what others have built: bubblewrap and runc, where they are installed.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::harness::nest::program;
use crate::harness::requirement::{installed, nesting, require, root};
use crate::harness::wait::TIMEOUT;
use crate::harness::{Nestns, Outcome};

/// Ends with its PID 1, which ends with it.
struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        // It may have ended by itself, where a test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(words: &[&str]) -> Theirs {
    let mut command = Command::new(words[0]);
    Theirs(
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it is installed"),
    )
}

/// Captures until the text has what is expected of a tree that stands.
fn captured(pid: u32, arguments: &[&str], expected: &str) -> Outcome {
    let pid = pid.to_string();
    let words: Vec<&str> = [&["capture", &pid], arguments].concat();
    let start = Instant::now();
    loop {
        let outcome = Nestns::new(&words).run();
        if outcome.stdout.contains(expected) || start.elapsed() > TIMEOUT {
            assert!(outcome.stdout.contains(expected), "{expected}: {outcome:?}");
            let checked = Nestns::new(&["check", "-"])
                .input(outcome.stdout.clone())
                .run();
            assert_eq!(checked.code, 0, "{outcome:?} {checked:?}");
            return outcome;
        }
    }
}

#[test]
fn nested_bubblewrap_sandboxes_are_captured() {
    require!(nesting(), root(), installed("bwrap"));
    let outer = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--die-with-parent",
        "--unshare-pid",
    ];
    let named = ["--unshare-uts", "--hostname", "inner-box"];
    let boxes = start(&[&outer[..], &outer[..], &named[..], &["sleep", "1000"]].concat());
    let actors = captured(boxes.0.id(), &[], "sleep");
    // bwrap(1) forks a PID 1 that reaps, and below it the command.
    for said in [
        "\n[ns.bwrap]\n",
        "proc.bwrap",
        "\n[ns.\"bwrap/",
        "hostname = \"inner-box\"",
        "proc.sleep",
    ] {
        assert!(actors.stdout.contains(said), "{said}: {}", actors.stdout);
    }
    assert_eq!(
        actors.stdout.matches("\n[ns.").count(),
        2,
        "{}",
        actors.stdout
    );
    // bwrap(1) covers parts of its /proc where that can be written to.
    let masked = "1 namespace with parts of /proc masked\n";
    assert!(["", masked].contains(&&*actors.stderr), "{}", actors.stderr);
    let programs = captured(boxes.0.id(), &["--programs"], "[\"sleep\", \"1000\"]");
    assert!(
        !programs.stdout.contains("--unshare-pid"),
        "it would be made twice: {}",
        programs.stdout
    );
}

#[test]
fn a_separate_user_namespace_is_reported() {
    require!(nesting(), root(), installed("bwrap"));
    let words = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--die-with-parent",
        "--unshare-pid",
        "--unshare-user",
        "sleep",
        "1000",
    ];
    let boxed = start(&words);
    let outcome = captured(boxed.0.id(), &[], "proc.sleep");
    assert!(
        outcome
            .stderr
            .contains("1 namespace with a user or time namespace of its own"),
        "{}",
        outcome.stderr
    );
}

/// The least that runc(8) runs: our own program, which needs no library.
const BUNDLE: &str = r#"{"ociVersion": "1.0.2", "hostname": "pod",
    "process": {"user": {"uid": 0, "gid": 0}, "args": ["/nestns", "actor", "idle"], "cwd": "/"},
    "root": {"path": "rootfs"}, "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]}}"#;

#[test]
fn containers_of_runc_are_captured() {
    require!(nesting(), root(), installed("runc"));
    let bundle = tempfile::tempdir().expect("we may write there");
    fs::create_dir(bundle.path().join("rootfs")).expect("it is empty");
    fs::copy(program(), bundle.path().join("rootfs/nestns")).expect("the program was built");
    fs::write(bundle.path().join("config.json"), BUNDLE).expect("we may write there");
    let state = bundle.path().join("state").display().to_string();
    let path = bundle.path().display().to_string();
    let name = format!("nestns-test-{}", std::process::id());
    let runtime = start(&["runc", "--root", &state, "run", "--bundle", &path, &name]);
    let outcome = captured(runtime.0.id(), &["--programs"], "\"/nestns\"");
    assert!(
        outcome.stdout.contains("hostname = \"pod\""),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("init = [\"/nestns\", \"actor\", \"idle\"]"),
        "{}",
        outcome.stdout
    );
    let removed = Command::new("runc")
        .args(["--root", &state, "delete", "--force", &name])
        .status();
    assert!(removed.expect("it is installed").success());
    drop(runtime);
    assert!(!bundle.path().join("state").join(&name).exists());
}
