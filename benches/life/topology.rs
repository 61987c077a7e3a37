//! A topology that runs by itself while something is measured, in a runtime directory of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The program that was built with this bench.
const NESTNS: &str = env!("CARGO_BIN_EXE_nestns");

/// The topology's name.
pub(crate) const NAME: &str = "life";

/// A topology; taken down when it is dropped.
#[derive(Debug)]
pub(crate) struct Topology {
    directory: tempfile::TempDir,
}

impl Topology {
    /// A namespace with this number of processes besides its PID 1.
    pub(crate) fn with_processes(processes: u32) -> io::Result<Self> {
        let limit = processes + 1;
        Self::up(&format!(
            "[limits]\nprocesses = {limit}\n[ns.one]\nproc.p = {{ cmd = [\"sleep\", \"100000\"], count = {processes} }}\n"
        ))
    }

    /// This number of sibling namespaces, with only a PID 1 in each.
    pub(crate) fn with_namespaces(namespaces: u32) -> io::Result<Self> {
        Self::up(&format!(
            "[limits]\nnamespaces = {namespaces}\nprocesses = {namespaces}\n[ns.one]\ncount = {namespaces}\ninit = \
             \"pause\"\n"
        ))
    }

    fn up(text: &str) -> io::Result<Self> {
        let topology = Self {
            directory: tempfile::tempdir()?,
        };
        // Installed, as `cargo install` does it. What a linker has just written through a mapping lies in the page cache in
        // single pages, and each page that is executed costs four times as much to map (measured: exec takes a tenth longer).
        std::fs::copy(NESTNS, topology.program())?;
        let file = topology.directory.path().join("life.toml");
        std::fs::write(&file, format!("name = \"{NAME}\"\n{text}"))?;
        let output = topology.command(&["up", "-d", "-q"]).arg(&file).output()?;
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        Ok(topology)
    }

    /// `nestns ARGUMENTS` about it, whose output is read and thrown away.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command
            .args(arguments)
            .env("NESTNS_STATE_ROOT", self.directory.path().join("nestns"))
            .stdin(Stdio::null());
        command
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("program")
    }

    /// The number of the namespace's PID 1 on the host.
    pub(crate) fn init(&self) -> io::Result<i64> {
        let path: &Path = self.directory.path();
        let truth = std::fs::read(path.join("nestns").join(NAME).join("truth.json"))?;
        let truth: Value = serde_json::from_slice(&truth)?;
        truth["processes"][0]["pids"][0]
            .as_i64()
            .ok_or_else(|| io::Error::other("the truth has no PID 1"))
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        let _ = self.command(&["down", NAME, "--now"]).output();
    }
}
