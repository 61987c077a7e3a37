//! From the word on the command line to the text of a topology file, for every verb that takes one.
//!
//! `-` is standard input, a directory stands for the only topology file in it, and no word for that of the current
//! directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file_reader::{read, read_all, reason};
use super::surroundings::HostSnapshot;
use super::topology_arguments::Values;
use nestns_topology::diagnostic::{Code, Diagnostic, Diagnostics, Source, Sources};
use nestns_topology::{self, Parsed, Request, Setting};

/// A file that was read.
#[derive(Debug)]
pub(super) struct TopologyFile {
    source: Source,
    /// Name of the topology if it does not name itself: `dind` for `somewhere/dind.nestns.toml`.
    stem: String,
    path: Option<PathBuf>,
    settings: Vec<Setting>,
}

/// A file that cannot be read, in the form in which every other problem of a file is shown.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// Text, as far as it was read.
    pub(super) source: Source,
    /// Why not.
    pub(super) diagnostic: Diagnostic,
}

impl TopologyFile {
    /// Finds and reads it, and the files of values.
    pub(super) fn read(word: Option<&Path>, values: &Values) -> Result<Self, Box<Unreadable>> {
        let word = word.unwrap_or(Path::new("."));
        let path = match word {
            word if word == Path::new("-") => None,
            word if word.is_dir() => Some(find(word)?),
            word => Some(word.to_owned()),
        };
        let source = match &path {
            None => decode_stdin()?,
            Some(path) => decode(path)?,
        };
        let stem = path.as_deref().map_or_else(|| "stdin".to_owned(), stem);
        let mut settings = Vec::new();
        for file in &values.vars_file {
            settings.push(Setting::File(decode(file)?));
        }
        settings.extend(values.words());
        Ok(Self {
            source,
            stem,
            path,
            settings,
        })
    }

    /// Expands and checks what was read; `name` names it whatever it says itself.
    pub(super) fn parse(self, name: Option<String>) -> Parsed {
        let Self {
            source,
            stem,
            path,
            settings,
        } = self;
        let surroundings = HostSnapshot { file: path };
        nestns_topology::parse(Request {
            source,
            stem: &stem,
            name,
            settings,
            surroundings: &surroundings,
        })
    }
}

impl Unreadable {
    /// For a renderer, which takes lists.
    pub(super) fn into_parts(self) -> (Sources, Diagnostics) {
        (self.source.into(), self.diagnostic.into())
    }
}

fn decode_stdin() -> Result<Source, Box<Unreadable>> {
    let name = "<stdin>";
    let mut bytes = Vec::new();
    match read_all(&mut io::stdin().lock(), &mut bytes) {
        Ok(()) => text(name, bytes),
        Err(error) => Err(unreadable(name, &error)),
    }
}

/// Reads a file as text.
fn decode(path: &Path) -> Result<Source, Box<Unreadable>> {
    let name = path.display().to_string();
    match read(path) {
        Ok(bytes) => text(&name, bytes),
        Err(error) => Err(unreadable(&name, &error)),
    }
}

fn text(name: &str, bytes: Vec<u8>) -> Result<Source, Box<Unreadable>> {
    Source::from_bytes(name, bytes).map_err(|problem| {
        let (source, diagnostic) = *problem;
        Box::new(Unreadable { source, diagnostic })
    })
}

/// The only topology file of a directory.
fn find(directory: &Path) -> Result<PathBuf, Box<Unreadable>> {
    let name = directory.display().to_string();
    let entries = fs::read_dir(directory).map_err(|error| unreadable(&name, &error))?;
    let mut names: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| is_topology(Path::new(&entry.file_name())) && entry.path().is_file())
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    let diagnostic = match names.as_slice() {
        [only] if directory == Path::new(".") => return Ok(only.into()),
        [only] => return Ok(directory.join(only)),
        [] => Diagnostic::of_file(
            Code::NoSingleFile,
            "there is no topology file in this directory",
        )
        .help("topology files are named topology.toml, nestns.toml or NAME.nestns.toml"),
        several => {
            let list: Vec<_> = several.iter().map(|name| name.to_string_lossy()).collect();
            Diagnostic::of_file(
                Code::NoSingleFile,
                "there are several topology files in this directory",
            )
            .note(format!("they are {}", list.join(", ")))
            .help("name one of them on the command line")
        }
    };
    Err(Box::new(Unreadable {
        source: Source::new(name, ""),
        diagnostic,
    }))
}

fn is_topology(name: &Path) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    matches!(name, "topology.toml" | "nestns.toml")
        || name
            .strip_suffix(".nestns.toml")
            .is_some_and(|stem| !stem.is_empty())
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".toml").unwrap_or(&name);
    stem.strip_suffix(".nestns")
        .filter(|stem| !stem.is_empty())
        .unwrap_or(stem)
        .to_owned()
}

fn unreadable(name: &str, error: &io::Error) -> Box<Unreadable> {
    let diagnostic = Diagnostic::of_file(
        Code::Unreadable,
        format!("cannot read the file: {}", reason(error)),
    );
    Box::new(Unreadable {
        source: Source::new(name, ""),
        diagnostic,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_is_what_the_author_chose() {
        for (path, expected) in [
            ("a/dind.nestns.toml", "dind"),
            ("topology.toml", "topology"),
            ("nestns.toml", "nestns"),
            ("x", "x"),
            (".nestns.toml", ".nestns"),
        ] {
            assert_eq!(stem(Path::new(path)), expected, "{path}");
        }
    }
}
