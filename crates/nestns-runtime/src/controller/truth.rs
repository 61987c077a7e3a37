//! `nestns.truth/1`: what stands, as the kernel confirmed it, for programs that want to compare.

use std::path::Path;

use super::document::{namespace_documents, process_documents};
use super::exec_records::ExecRecords;
use super::roster::Roster;
use nestns_client::documents::{
    HostEntry, Kind, NamespaceDocument, ProcessDocument, TruthDocument, Undeclared,
};
use nestns_client::protocol::message::Snapshot;
use nestns_observe::{boot, namespaces};

/// File that a tree was built from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The topology's name.
    pub name: String,
    /// Path of the file; `None` for a topology that was made from a command line.
    pub file: Option<String>,
    /// SHA-256 of the file's text.
    pub hash: Option<String>,
    /// True if the name was made up: none was chosen to call it by.
    pub anonymous: bool,
    /// The names of all the texts that it was read from: positions are in one of them.
    pub files: Vec<String>,
}

/// The name of a file as it is found from everywhere, `directory` being where it was given; that of
/// what is no file stays.
pub(super) fn absolute(directory: &Path, file: &str) -> String {
    if file.starts_with('<') {
        return file.to_owned();
    }
    directory.join(file).display().to_string()
}

/// The document of what a controller has answered.
pub fn document<'a>(
    snapshot: &'a Snapshot,
    undeclared: &Undeclared,
) -> TruthDocument<&'a [NamespaceDocument], &'a [ProcessDocument]> {
    let Snapshot {
        status,
        boot_id,
        host_pidns,
        namespaces,
        processes,
        ..
    } = snapshot;
    TruthDocument {
        schema: Kind::Truth.schema().into(),
        topology: status.name.clone(),
        file: status.file.clone(),
        hash: status.hash.clone(),
        kernel: boot::kernel(),
        boot_id: boot_id.clone(),
        host: HostEntry {
            pidns: *host_pidns,
            pids_of: 0,
        },
        controller: status.controller,
        namespaces,
        processes,
        undeclared: undeclared.clone(),
    }
}

/// The document as it was made last.
///
/// What the topology declares comes first, the programs of `exec` and what is undeclared last, so
/// that one that comes or goes costs no more than its own lines, however large the tree is.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: Vec<u8>,
    /// Length of the part about what is declared.
    declared: usize,
    /// Revision of the roster that it tells of.
    revision: Option<u64>,
}

impl Draft {
    /// Has everything made anew: threads come and go without any notice.
    pub(super) fn forget(&mut self) {
        self.revision = None;
    }

    /// The document of what there is now.
    ///
    /// # Errors
    ///
    /// An error if /proc cannot be read.
    pub(super) fn document(
        &mut self,
        roster: &Roster,
        (exec_records, undeclared): (&ExecRecords, &Undeclared),
        origin: &Origin,
    ) -> std::io::Result<&[u8]> {
        if self.revision != Some(roster.revision()) {
            self.revision = None;
            self.text = declared(roster, origin)?;
            self.declared = self.text.len();
            self.revision = Some(roster.revision());
        }
        self.text.truncate(self.declared);
        for mut exec in exec_records.documents(roster) {
            exec.read_threads();
            exec.read_groups();
            if !self.text.ends_with(b"[") {
                self.text.push(b',');
            }
            serde_json::to_writer(&mut self.text, &exec)?;
        }
        self.text.extend_from_slice(b"],\"undeclared\":");
        serde_json::to_writer(&mut self.text, undeclared)?;
        self.text.extend_from_slice(b"}\n");
        Ok(&self.text)
    }
}

/// The document up to the end of the last declared process, with its list left open.
fn declared(roster: &Roster, origin: &Origin) -> std::io::Result<Vec<u8>> {
    let mut processes = process_documents(roster);
    for process in &mut processes {
        process.read_threads();
        // That of a PID 1 of nestns is known.
        if process.pgids.is_empty() {
            process.read_groups();
        }
    }
    let document = TruthDocument {
        schema: Kind::Truth.schema().into(),
        topology: origin.name.clone(),
        file: origin
            .file
            .as_deref()
            .map(|file| absolute(&roster.plan().common().directory, file)),
        hash: origin.hash.clone(),
        kernel: boot::kernel(),
        boot_id: boot::id(),
        host: HostEntry {
            pidns: namespaces::own()?,
            pids_of: 0,
        },
        controller: nix::unistd::getpid().as_raw(),
        namespaces: namespace_documents(roster),
        processes,
        undeclared: Undeclared::default(),
    };
    let mut text = serde_json::to_vec(&document)?;
    let rest = [
        "],\"undeclared\":",
        &serde_json::to_string(&document.undeclared)?,
        "}",
    ]
    .concat();
    text.truncate(text.len() - rest.len());
    text.shrink_to_fit();
    Ok(text)
}
