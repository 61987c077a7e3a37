//! Problems → text, in the formats that people and programs read. Nothing is printed here.

mod format;
mod github;
mod human;
mod json;
mod sarif;
mod short;

use super::collection::Diagnostics;
use super::sources::Sources;

pub use format::{Color, Format, HUMAN_LIMIT};
pub use human::heading;
pub use json::{CheckDocument, DiagnosticEntry, RelatedPlace};

/// The problems of some files as one text, which ends with a newline unless it is empty.
pub fn render(format: Format, color: Color, files: &[(&Sources, &Diagnostics)]) -> String {
    match format {
        Format::Human => human::render(color, files),
        Format::Short => short::render(files),
        Format::Json => json::render(files),
        Format::Github => github::render(files),
        Format::Sarif => sarif::render(files),
    }
}
