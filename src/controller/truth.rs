//! `nestns.truth/1`: what stands, as the kernel confirmed it, for programs that want to compare.

use serde::Serialize;

use super::document::{NamespaceDocument, ProcessDocument, namespace_documents, process_documents};
use super::roster::Roster;
use super::world::Guests;
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
    /// The last field: more may follow.
    processes: Vec<ProcessDocument>,
}

#[derive(Debug, Serialize)]
struct Host {
    pidns: u64,
    /// The first number of each list is this level's.
    pids_of: u8,
}

/// The document as it was made last.
///
/// What the topology declares comes first and the programs of `exec` last, so that one that comes or goes costs no more than
/// its own lines, however large the tree is.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: Vec<u8>,
    /// How much of it is about what is declared.
    declared: usize,
    /// Of which roster that tells.
    revision: Option<u64>,
}

impl Draft {
    /// The document of what there is now.
    ///
    /// # Errors
    ///
    /// Where /proc cannot be read.
    pub(super) fn document(&mut self, roster: &Roster, guests: &Guests, origin: &Origin) -> std::io::Result<&[u8]> {
        if self.revision != Some(roster.revision()) {
            self.revision = None;
            self.text = declared(roster, origin)?;
            self.declared = self.text.len();
            self.revision = Some(roster.revision());
        }
        self.text.truncate(self.declared);
        for guest in guests.documents(roster) {
            if !self.text.ends_with(b"[") {
                self.text.push(b',');
            }
            serde_json::to_writer(&mut self.text, &guest)?;
        }
        self.text.extend_from_slice(b"]}\n");
        Ok(&self.text)
    }
}

/// The document up to the end of the last declared process, with its list left open.
fn declared(roster: &Roster, origin: &Origin) -> std::io::Result<Vec<u8>> {
    let document = TruthDocument {
        schema: "nestns.truth/1",
        topology: &origin.name,
        file: origin.file.as_deref(),
        hash: origin.hash.as_deref(),
        kernel: boot::kernel(),
        boot_id: boot::id(),
        host: Host { pidns: namespaces::own()?, pids_of: 0 },
        controller: nix::unistd::getpid().as_raw(),
        namespaces: namespace_documents(roster),
        processes: process_documents(roster),
    };
    let mut text = serde_json::to_vec(&document)?;
    text.truncate(text.len() - b"]}".len());
    text.shrink_to_fit();
    Ok(text)
}
