//! A hundred thousand namespaces in one file: they are checked within a bound of memory, however they are written. The
//! times are those of `cargo bench --bench language`.
#![allow(unsafe_code)]

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, setrlimit};

const NAMESPACES: usize = 100_000;

/// In MiB: 200 for what is used, and some for room that lists have and never touch. The tests' build of the program is
/// larger than the one that is installed.
const ADDRESS_SPACE: u64 = 224;

const BODY: &str = "init = \"pause\"\nproc.a = { actor = \"idle\" }\n";

/// Runs a verb on a file of namespaces, in little memory, and tells what it writes.
fn within_bounds(verb: &[&str], namespaces: &str) -> String {
    let limit = NAMESPACES + 1;
    let text = format!("[limits]\nnamespaces = {limit}\nprocesses = {limit}\n[ns.r]\n{namespaces}");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("large.toml");
    std::fs::write(&file, text).expect("the directory is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestns"));
    command.args(verb).arg(&file).stdin(Stdio::null());
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            Ok(setrlimit(
                Resource::RLIMIT_AS,
                ADDRESS_SPACE << 20,
                ADDRESS_SPACE << 20,
            )?)
        });
    }
    let output = command.output().expect("the program was built");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{}: {stderr}", output.status);
    stdout.into_owned() + &stderr
}

const FINE: &str = "checked 1 file: no problems\n";

#[test]
fn a_file_that_declares_each_namespace() {
    let mut text = String::new();
    for number in 0..NAMESPACES {
        write!(
            text,
            "[ns.\"r/w{number}\"]\nlabels = {{ shard = \"{number}\" }}\n{BODY}"
        )
        .expect("memory");
    }
    assert_eq!(within_bounds(&["check"], &text), FINE);
}

#[test]
fn a_file_with_a_generator() {
    let text =
        format!("[ns.\"r/w\"]\ncount = {NAMESPACES}\nlabels = {{ shard = \"{{{{i}}}}\" }}\n{BODY}");
    assert_eq!(within_bounds(&["check"], &text), FINE);
}

#[test]
fn a_file_with_a_template() {
    let mut text = format!("[template.t]\nlabels = {{ tier = \"{{{{name}}}}\" }}\n{BODY}");
    for number in 0..NAMESPACES {
        write!(
            text,
            "[ns.\"r/w{number}\"]\nuse = \"t\"\nlabels.shard = \"{number}\"\n"
        )
        .expect("memory");
    }
    assert_eq!(within_bounds(&["check"], &text), FINE);
}

#[test]
fn the_document_is_streamed() {
    let text = format!("[ns.\"r/w\"]\ncount = {NAMESPACES}\n{BODY}");
    let document = within_bounds(&["up", "--dry-run", "--format", "json"], &text);
    let document: serde_json::Value = serde_json::from_str(&document).expect("a document");
    let number = |key: &str| document[key].as_array().map(Vec::len);
    assert_eq!(
        (number("namespaces"), number("processes")),
        (Some(NAMESPACES + 1), Some(2 * NAMESPACES + 1))
    );
}
