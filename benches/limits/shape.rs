//! The shapes that are built, and how each is written as a topology file.

use std::fmt::{self, Write};

/// A tree of namespaces with nothing in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A root with all the others inside, side by side; the number counts the root.
    Wide(u32),
    /// A chain: each inside the one before.
    Chain(u32),
}

impl Shape {
    /// Reads `wide 1000` or `chain 32`.
    pub(crate) fn parse(words: &[String]) -> Option<Self> {
        let [name, number] = words else { return None };
        let number = number.parse().ok().filter(|&number| number > 0)?;
        match name.as_str() {
            "wide" => Some(Self::Wide(number)),
            "chain" => Some(Self::Chain(number)),
            _ => None,
        }
    }

    /// Number of namespaces.
    pub(crate) fn namespaces(self) -> u32 {
        match self {
            Self::Wide(number) | Self::Chain(number) => number,
        }
    }

    /// The words that [`Shape::parse`] reads.
    pub(crate) fn words(self) -> [String; 2] {
        match self {
            Self::Wide(number) => ["wide".to_owned(), number.to_string()],
            Self::Chain(number) => ["chain".to_owned(), number.to_string()],
        }
    }

    /// The topology file: `pause` as every PID 1, a /proc of its own in each, no processes.
    pub(crate) fn topology(self) -> String {
        let number = self.namespaces();
        let mut file = format!("[limits]\nnamespaces = {number}\n");
        let mut path = String::from("root");
        // Writing to a string cannot fail.
        let _ = writeln!(file, "[ns.root]\ninit = \"pause\"");
        for number in 1..number {
            let _ = match self {
                Self::Wide(_) => writeln!(file, "[ns.\"root/w{number}\"]\ninit = \"pause\""),
                Self::Chain(_) => {
                    let _ = write!(path, "/c{number}");
                    writeln!(file, "[ns.\"{path}\"]\ninit = \"pause\"")
                }
            };
        }
        file
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}
