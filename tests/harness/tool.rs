//! Programs of others that a test needs and a machine may lack.

use std::process::{Command, Stdio};

/// Whether a program is there; if not, a test that needs it is skipped, or fails where that is asked for.
pub(crate) fn can_run(program: &str, variable: &str) -> bool {
    let probe = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = probe.is_ok();
    assert!(is_there || std::env::var_os(variable).is_none(), "{program} is required here and missing");
    if !is_there {
        eprintln!("skipped: there is no `{program}`; set {variable}=1 to make that a failure");
    }
    is_there
}
