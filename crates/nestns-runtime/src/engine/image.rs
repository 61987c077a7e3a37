//! Arguments of execve(2): the words and the environment of a program, as C strings.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use nix::unistd::execve;

use super::plan::{Plan, ProcessPlan};

/// Search path for programs whose environment has no PATH, as in execvp(3).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Program that is about to be executed.
#[derive(Debug)]
pub(super) struct Image {
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Image {
    /// Image of a process whose program is these words; `told` is an additional variable.
    pub(super) fn of(
        plan: &Plan,
        words: &[String],
        process: &ProcessPlan,
        told: Option<(&str, &str)>,
    ) -> Self {
        let arguments = words
            .iter()
            .filter_map(|word| CString::new(word.as_bytes()).ok())
            .collect();
        let mut environment = plan.common().environment_of(process);
        if let Some((name, value)) = told {
            environment.retain(|entry| !is_of(entry, name));
            environment.extend(CString::new(format!("{name}={value}")));
        }
        Self {
            arguments,
            environment,
        }
    }

    /// execvpe(3): looks the program up in the PATH of *its* environment, and gives a script
    /// without `#!` to the shell.
    pub(super) fn execute(&self) -> Errno {
        let Self {
            arguments,
            environment,
        } = self;
        let Some(program) = arguments.first() else {
            return Errno::ENOENT;
        };
        let named_by_path = program.to_bytes().contains(&b'/');
        let mut result = Errno::ENOENT;
        for candidate in candidates(program, environment) {
            // execve returns only with an error.
            let errno = execve(&candidate, arguments, environment)
                .err()
                .unwrap_or(Errno::EIO);
            match errno {
                Errno::ENOEXEC => {
                    let mut words = vec![c"/bin/sh".to_owned(), candidate];
                    words.extend_from_slice(&arguments[1..]);
                    return execve(c"/bin/sh", &words, environment)
                        .err()
                        .unwrap_or(Errno::EIO);
                }
                // A file that may not be executed is remembered, but a later directory may have
                // another. A file in a directory that may not even be searched does not exist, as
                // for a shell; execvp(3) would report it as the reason.
                Errno::EACCES if named_by_path || nix::sys::stat::stat(&*candidate).is_ok() => {
                    result = Errno::EACCES;
                }
                Errno::EACCES | Errno::ENOENT | Errno::ENOTDIR => {}
                errno => return errno,
            }
        }
        result
    }
}

/// True if an entry of an environment is of this variable.
fn is_of(entry: &CStr, name: &str) -> bool {
    entry
        .to_bytes()
        .strip_prefix(name.as_bytes())
        .is_some_and(|rest| rest.starts_with(b"="))
}

/// Possible paths of a program: its own path, or in each directory of the PATH, one after the
/// other.
fn candidates(program: &CStr, environment: &[CString]) -> impl Iterator<Item = CString> {
    let program = program.to_bytes();
    let is_path = program.contains(&b'/');
    let path = environment
        .iter()
        .find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="))
        .unwrap_or(DEFAULT_PATH.as_bytes());
    let directories = if is_path { &b""[..] } else { path };
    directories
        .split(|&byte| byte == b':')
        .filter_map(move |directory| {
            let mut file = Vec::with_capacity(directory.len() + program.len() + 3);
            if !is_path {
                file.extend_from_slice(if directory.is_empty() {
                    b"."
                } else {
                    directory
                });
                file.push(b'/');
            }
            file.extend_from_slice(program);
            CString::new(file).ok()
        })
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, CString};

    use super::{Image, candidates};
    use crate::engine::plan::tests::plan;

    fn places(program: &CStr, environment: &[&str]) -> Vec<String> {
        let environment: Vec<CString> = environment
            .iter()
            .map(|&entry| CString::new(entry).unwrap())
            .collect();
        candidates(program, &environment)
            .map(|place| place.into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_program_is_looked_for_in_its_own_path() {
        assert_eq!(
            places(c"sh", &["HOME=/", "PATH=/a::/b"]),
            ["/a/sh", "./sh", "/b/sh"]
        );
        assert_eq!(places(c"sh", &["XPATH=/a"]), ["/bin/sh", "/usr/bin/sh"]);
        assert_eq!(places(c"./sh", &["PATH=/a:/b"]), ["./sh"]);
    }

    #[test]
    fn the_environment_is_the_callers_then_the_namespaces_then_its_own() {
        let plan = plan(
            "[ns.a]\nenv = { A = 'ns', B = 'ns' }\nproc.one = { cmd = 'true', env = { B = 'own', NOTIFY = 'no' } }\n",
        );
        let namespace = plan.namespace(0);
        let words = ["true".to_owned(), "a\0b".to_owned(), String::new()];
        let image = Image::of(
            &plan,
            &words,
            &namespace.processes[0],
            Some(("NOTIFY", "@x")),
        );
        assert_eq!(
            image.environment,
            [c"A=ns", c"B=own", c"NOTIFY=@x"].map(CStr::to_owned)
        );
        assert_eq!(
            image.arguments,
            [c"true", c""].map(CStr::to_owned),
            "what cannot be a word is none"
        );
    }
}
