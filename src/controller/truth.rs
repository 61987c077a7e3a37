//! `nestns.truth/1`: what stands, as the kernel confirmed it, for programs that want to compare.

use serde::Serialize;

use super::document::{NamespaceDocument, ProcessDocument, namespace_documents, process_documents};
use super::roster::Roster;
use crate::observe::{boot, namespaces};

/// Which file a tree was built from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The topology's name.
    pub name: String,
    /// Its file; `None` for one that was made from a command line.
    pub file: Option<String>,
    /// SHA-256 of the file's text.
    pub hash: Option<String>,
    /// The names of all the texts that it was read from: positions are in one of them.
    pub files: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TruthDocument<'a> {
    schema: &'static str,
    topology: &'a str,
    file: Option<&'a str>,
    hash: Option<&'a str>,
    kernel: String,
    boot_id: String,
    host: Host,
    controller: i32,
    namespaces: Vec<NamespaceDocument>,
    processes: Vec<ProcessDocument>,
}

#[derive(Debug, Serialize)]
struct Host {
    pidns: u64,
    /// The first number of each list is this level's.
    pids_of: u8,
}

/// Writes the document.
///
/// # Errors
///
/// Where /proc cannot be read.
pub fn document(roster: &Roster, origin: &Origin) -> std::io::Result<Vec<u8>> {
    let controller = nix::unistd::getpid().as_raw();
    let document = TruthDocument {
        schema: "nestns.truth/1",
        topology: &origin.name,
        file: origin.file.as_deref(),
        hash: origin.hash.as_deref(),
        kernel: boot::kernel(),
        boot_id: boot::id(),
        host: Host { pidns: namespaces::own()?, pids_of: 0 },
        controller,
        namespaces: namespace_documents(roster),
        processes: process_documents(roster),
    };
    let mut bytes = serde_json::to_vec(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
