//! The files: the same tree of one root with many namespaces inside, written in three ways.

use std::fmt::{self, Write};

/// Form in which the namespaces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A table for each, with all of its keys.
    Declared,
    /// One table with a count.
    Generated,
    /// A table for each, which uses one template with placeholders.
    Templates,
}

impl Style {
    pub(crate) const ALL: [Self; 3] = [Self::Declared, Self::Generated, Self::Templates];

    /// Namespaces besides the root, each with a label of its own and a process.
    pub(crate) fn text(self, namespaces: u32) -> String {
        let limit = namespaces + 1;
        let mut text = format!("[limits]\nnamespaces = {limit}\nprocesses = {limit}\n[ns.r]\n");
        // Writing to a string cannot fail.
        let _ = self.write(namespaces, &mut text);
        text
    }

    fn write(self, namespaces: u32, text: &mut String) -> fmt::Result {
        const BODY: &str = "init = \"pause\"\nproc.a = { actor = \"idle\" }\n";
        match self {
            Self::Declared => {
                for number in 0..namespaces {
                    write!(
                        text,
                        "[ns.\"r/w{number}\"]\nlabels = {{ shard = \"{number}\" }}\n{BODY}"
                    )?;
                }
            }
            Self::Generated => {
                write!(
                    text,
                    "[ns.\"r/w\"]\ncount = {namespaces}\nlabels = {{ shard = \"{{{{i}}}}\" }}\n{BODY}"
                )?;
            }
            Self::Templates => {
                write!(
                    text,
                    "[template.t]\nlabels = {{ tier = \"{{{{name}}}}\" }}\n{BODY}"
                )?;
                for number in 0..namespaces {
                    write!(
                        text,
                        "[ns.\"r/w{number}\"]\nuse = \"t\"\nlabels.shard = \"{number}\"\n"
                    )?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "declared",
            Self::Generated => "generated",
            Self::Templates => "templates",
        })
    }
}
