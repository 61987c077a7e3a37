//! The world around a topology file: the files beside it, and the environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::file_reader::{read, reason};
use nestns_topology::diagnostic::Source;
use nestns_topology::{Included, Surroundings};

/// This machine, from the directory that nestns was started in.
#[derive(Debug, Clone)]
pub(super) struct HostSnapshot {
    /// The file itself; `None` for standard input.
    pub(super) file: Option<PathBuf>,
}

impl Surroundings for HostSnapshot {
    fn include(&self, path: &str, from: &str) -> Result<Included, String> {
        if path.is_empty() {
            return Err("the path is empty".to_owned());
        }
        // What was read from standard input lies where nestns was started.
        let place = if from.starts_with('<') {
            Path::new("")
        } else {
            Path::new(from).parent().unwrap_or(Path::new(""))
        };
        let path = place.join(path);
        let identity = fs::canonicalize(&path).map_err(|error| reason(&error))?;
        let metadata = fs::metadata(&identity).map_err(|error| reason(&error))?;
        // A pipe may never be written to, and can be read only once.
        if !metadata.is_file() && !metadata.is_dir() {
            return Err("it is not a regular file".to_owned());
        }
        let bytes = read(&path).map_err(|error| reason(&error))?;
        let source = Source::from_bytes(path.display().to_string(), bytes);
        let source = source.map_err(|_| "it is not UTF-8 text".to_owned())?;
        Ok(Included { identity, source })
    }

    fn identity(&self) -> Option<PathBuf> {
        self.file
            .as_ref()
            .and_then(|file| fs::canonicalize(file).ok())
    }

    fn environment(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}
