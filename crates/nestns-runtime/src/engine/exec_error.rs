//! The error of a process on its way to its program.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::failure::Stage;
use nestns_sys::call::Call;

/// The reason why a process did not become its program, as it is written into the pipe that exec
/// closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecError {
    /// The step.
    pub stage: Stage,
    /// The call.
    pub call: Call,
    /// The errno.
    pub errno: i32,
    /// The program or directory concerned.
    pub detail: String,
}

impl ExecError {
    /// Status that a shell gives: 127 for a program that does not exist, 126 for one that cannot be
    /// executed, 125 for a failure of nestns before it.
    pub fn status(&self) -> u8 {
        match (self.stage, Errno::from_raw(self.errno)) {
            (Stage::Execute, Errno::ENOENT | Errno::ENOTDIR) => 127,
            (Stage::Execute, _) => 126,
            _ => 125,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::ExecError;
    use crate::engine::failure::Stage;
    use nestns_sys::call::Call;

    #[test]
    fn the_status_is_that_of_a_shell() {
        for (stage, errno, status) in [
            (Stage::Execute, Errno::ENOENT, 127),
            (Stage::Execute, Errno::ENOTDIR, 127),
            (Stage::Execute, Errno::EACCES, 126),
            (Stage::Execute, Errno::ENOEXEC, 126),
            (Stage::WorkingDirectory, Errno::ENOENT, 125),
            (Stage::User, Errno::EPERM, 125),
        ] {
            let refusal = ExecError {
                stage,
                call: Call::Execve,
                errno: errno as i32,
                detail: String::new(),
            };
            assert_eq!(refusal.status(), status, "{stage:?} {errno}");
        }
    }
}
