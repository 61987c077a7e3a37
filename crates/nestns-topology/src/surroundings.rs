//! The surroundings of a topology's text: other files, and the environment.
//!
//! This module makes no system call; its caller brings an implementation along.

use std::path::PathBuf;

use crate::diagnostic::Source;

/// A file that another one includes.
#[derive(Debug, Clone)]
pub struct Included {
    /// One for each file, however it is spelled: two that are equal are the same file.
    pub identity: PathBuf,
    /// Text of the file.
    pub source: Source,
}

/// The world around a topology.
pub trait Surroundings: std::fmt::Debug {
    /// Reads the file that `path` names in the text called `from`; relative paths begin where that text lies.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence.
    fn include(&self, path: &str, from: &str) -> Result<Included, String>;

    /// The identity of the main text, if it is a file.
    fn identity(&self) -> Option<PathBuf>;

    /// The environment; variables that are not UTF-8 are left out.
    fn environment(&self) -> Vec<(String, String)>;
}

/// A world with nothing in it: no files, no environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Surroundings for Nothing {
    fn include(&self, _: &str, _: &str) -> Result<Included, String> {
        Err("there are no files here".to_owned())
    }

    fn identity(&self) -> Option<PathBuf> {
        None
    }

    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
