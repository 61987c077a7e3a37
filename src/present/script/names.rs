//! Names for the variables of the script, made from paths.

use std::collections::HashSet;

/// Greatest length of a name in bytes; paths are ASCII.
const LONGEST: usize = 32;

/// The names of variables, each given once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Makes a name from a path, or from its end if it is too long. Different paths have different names, `a-b` and
    /// `a_b` included.
    pub(super) fn give(&mut self, prefix: &str, path: &str) -> String {
        let end = path.rsplit('/').next().filter(|_| path.len() > LONGEST);
        let path = end.unwrap_or(path);
        let plain: String = path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let plain = format!("{prefix}_{plain}");
        let candidates =
            std::iter::once(plain.clone()).chain((2_u64..).map(|n| format!("{plain}_{n}")));
        let name = candidates
            .into_iter()
            .find(|name| !self.0.contains(name))
            .unwrap_or(plain);
        self.0.insert(name.clone());
        name
    }
}
