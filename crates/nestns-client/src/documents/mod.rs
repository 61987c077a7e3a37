//! The JSON documents of nestns: one type a document, for the writer and its readers.
//!
//! A document names its version in `schema`; within a version keys are only added, so that a reader
//! ignores what it does not know. `nestns schema --of NAME` prints the JSON Schema that
//! [`Kind::json_schema`] returns. Numbers of processes (`pids`, `ppids`) stand outermost first, the
//! host's first; what only the kernel knows is `null` where nothing runs.
//!
//! Long lists are a type parameter that is a vector for a reader: a writer may put in a sequence
//! that it computes as it goes ([`Sequence`]).

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

mod answers;
mod ended;
mod events;
mod inspect;
mod node;
mod see;
mod stop;
mod test;
mod tree;

pub use answers::{
    DoctorDocument, EndEntry, ErrorDocument, ErrorFacts, ExperimentDocument, ExperimentEntry, Kept,
    LineDocument, LsDocument, Match, PidDocument, PruneDocument, Removed, TopologyEntry,
    UpDocument, Verdict, WhoisDocument,
};
pub use ended::EndedDocument;
pub use events::{Caller, EventDocument};
pub use inspect::{
    Ancestor, InspectDocument, InspectSubject, InspectedNamespace, InspectedProcess, KernelFacts,
    Members, ProcessFacts, SignalSets, Stray, ThreadEntry,
};
pub use nestns_observe::doctor::{Check, Status as CheckStatus};
pub use nestns_topology::diagnostic::{CheckDocument, DiagnosticEntry, RelatedPlace};
pub use node::{
    Description, ExitDocument, NamespaceDocument, NamespaceOf, NamespaceRelation,
    NamespaceRelations, ProcessDocument, RestartDescription, StopDescription, Word,
};
pub use see::{MismatchEntry, SeeDocument, SeeRow};
pub use stop::{How, Step, Timeline};
pub use test::{CaseEntry, CaseStatus, TestDocument};
pub use tree::{
    HostDocument, HostEntry, HostNamespace, HostProcess, KeptBy, PsDocument, PsRow, TreeDocument,
    TreeNamespace, TreeRow, TruthDocument, Undeclared,
};

/// The version of each document, and the type that holds it.
macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident => $document:ty, $schema:literal;)+) => {
        /// A kind of document, as `nestns schema --of` names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $meaning])+ $kind,)+
        }

        impl Kind {
            /// All kinds, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The value of the document's key `schema`: `nestns.NAME/VERSION`.
            pub const fn schema(self) -> &'static str {
                match self {
                    $(Self::$kind => $schema,)+
                }
            }

            /// One line about the document.
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($meaning),+),)+
                }
            }

            fn generate(self, generator: &mut SchemaGenerator) -> Schema {
                match self {
                    $(Self::$kind => <$document as JsonSchema>::json_schema(generator),)+
                }
            }

            /// Reads a document of this kind and drops it.
            ///
            /// # Errors
            ///
            /// The place at which the text is not such a document.
            pub fn check(self, text: &str) -> serde_json::Result<()> {
                match self {
                    $(Self::$kind => serde_json::from_str::<$document>(text).map(drop),)+
                }
            }
        }
    };
}

kinds! {
    /// Problems in topology files: `check --format json`
    Check => CheckDocument, "nestns.check/1";
    /// Capabilities and limits of this machine: `doctor --format json`
    Doctor => DoctorDocument, "nestns.doctor/1";
    /// The end of a detached topology: `ended.json`
    Ended => EndedDocument, "nestns.ended/1";
    /// Failure of a command: standard error of any verb with `--format json`
    Error => ErrorDocument, "nestns.error/1";
    /// A line of `events` and of `events.jsonl`
    Event => EventDocument, "nestns.event/1";
    /// Behaviours of the kernel: `experiment run --format json`
    Experiment => ExperimentDocument, "nestns.experiment/1";
    /// PID namespaces and processes of the machine: `tree --host --format json`
    Host => HostDocument, "nestns.tree/1";
    /// One process or namespace: `inspect --format json`
    Inspect => InspectDocument, "nestns.inspect/1";
    /// A line of `logs --format json`
    Log => LineDocument, "nestns.log/1";
    /// Running topologies: `ls --format json`
    Ls => LsDocument, "nestns.ls/1";
    /// The PIDs of a process on every level: `pid --format json`
    Pid => PidDocument, "nestns.pid/1";
    /// Everything removed and everything kept: `prune --format json`
    Prune => PruneDocument, "nestns.prune/1";
    /// Processes of topologies: `ps --format json`
    Ps => PsDocument, "nestns.ps/1";
    /// Visibility of processes: `see --format json`
    See => SeeDocument, "nestns.see/1";
    /// Timeline of a stop: `down --format json`
    Stop => Timeline, "nestns.stop/1";
    /// Results of expectations: `test --format json`
    Test => TestDocument, "nestns.test/1";
    /// Namespaces and processes of a topology: `tree --format json`
    Tree => TreeDocument, "nestns.tree/1";
    /// A running topology, as the kernel confirmed it: `NESTNS_TRUTH`
    Truth => TruthDocument, "nestns.truth/1";
    /// A topology that was started: `up --format json`
    Up => UpDocument, "nestns.up/1";
    /// The processes that have a number: `whois --format json`
    Whois => WhoisDocument, "nestns.whois/1";
}

impl Kind {
    /// The word by which `nestns schema --of` names it.
    pub fn name(self) -> &'static str {
        // It has the schema of the other trees.
        if self == Self::Host {
            return "host";
        }
        let (_, name) = self.schema().split_once('.').unwrap_or_default();
        name.split_once('/').unwrap_or_default().0
    }

    /// The JSON Schema (2020-12) of the document.
    pub fn json_schema(self) -> Schema {
        let mut generator = SchemaGenerator::default();
        let mut schema = self.generate(&mut generator);
        schema.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        schema.insert("title".to_owned(), self.schema().into());
        schema.insert("$defs".to_owned(), generator.take_definitions(true).into());
        if let Some(version) = schema.pointer_mut("/properties/schema") {
            *version = serde_json::json!({ "const": self.schema() });
        }
        schema
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The error of a word that names no [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no document `{0}`")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL
            .iter()
            .find(|kind| kind.name() == text || kind.schema() == text);
        found.copied().ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A list that a writer computes element by element while it is written.
#[derive(Clone, Copy)]
pub struct Sequence<F>(pub F);

impl<F> fmt::Debug for Sequence<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sequence")
    }
}

impl<F, I> Serialize for Sequence<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}
