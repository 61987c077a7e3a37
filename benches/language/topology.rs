//! TOML text → values in memory, with the library's own spanned tree beside ours.
//!
//! Ours is private in the library, so its module is compiled into this executable as well.

#[path = "../../crates/nestns-topology/src/toml_text/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "only reading is measured, not what is done with the values"
)]
mod toml_text;

use std::io;
use std::time::Instant;

use crate::diagnostic::{Diagnostics, FileId, Source};

/// A tree of values with places.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tree {
    /// `topology::toml_text`.
    Own,
    /// `toml::de::DeTable`.
    Library,
}

impl Tree {
    pub(crate) const ALL: [Self; 2] = [Self::Own, Self::Library];

    /// The word of the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Library => "library",
        }
    }

    /// The row of the report.
    pub(crate) const fn row(self) -> &'static str {
        match self {
            Self::Own => "parse, own tree",
            Self::Library => "parse, DeTable",
        }
    }

    pub(crate) fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tree| tree.word() == word)
    }

    /// The milliseconds until the values of a text are in memory.
    pub(crate) fn parse(self, text: String) -> io::Result<f64> {
        let failed = || io::Error::other("this is not TOML");
        let milliseconds = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
        match self {
            Self::Own => {
                let source = Source::new("file", text);
                let start = Instant::now();
                let table = toml_text::read(&source, FileId::MAIN, &mut Diagnostics::new())
                    .ok_or_else(failed)?;
                let time = milliseconds(start);
                drop(table);
                Ok(time)
            }
            Self::Library => {
                let start = Instant::now();
                let table = toml::de::DeTable::parse(&text).map_err(|_| failed())?;
                let time = milliseconds(start);
                drop(table);
                Ok(time)
            }
        }
    }
}
