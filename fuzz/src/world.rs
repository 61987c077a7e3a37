//! Files and an environment that are nowhere but here.

use std::path::PathBuf;

use nestns_topology::diagnostic::Source;
use nestns_topology::{Included, Surroundings};

/// Files by their names, and variables.
#[derive(Debug, Default)]
pub struct World {
    /// What can be included.
    pub files: Vec<(String, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
}

impl Surroundings for World {
    fn include(&self, path: &str, _: &str) -> Result<Included, String> {
        let (name, text) = self
            .files
            .iter()
            .find(|(name, _)| name == path)
            .ok_or("there is no such file")?;
        Ok(Included {
            identity: PathBuf::from(name),
            source: Source::new(name, text),
        })
    }

    fn identity(&self) -> Option<PathBuf> {
        Some(PathBuf::from("main.toml"))
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }
}
