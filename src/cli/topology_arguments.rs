//! Common arguments of the verbs that read a topology: the file, and values for its variables.

use std::path::PathBuf;

use nestns_topology::Setting;

// The file and its variables.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TopologyArguments {
    /// Topology file; `-` is standard input, a directory means the only topology file in it [default: .]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) values: Values,
}

// Values for variables of the file's `[vars]`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Values {
    /// Set a variable of the file, which keeps its type; may be repeated (in the environment, one per line)
    #[arg(long, value_name = "NAME=VALUE", env = "NESTNS_SET", value_delimiter = '\n', value_parser = assignment)]
    set: Vec<(String, String)>,

    /// Set variables from a TOML file of `NAME = value` lines; `--set` overrides them
    #[arg(long, value_name = "FILE", env = "NESTNS_VARS_FILE")]
    pub(super) vars_file: Vec<PathBuf>,
}

impl Values {
    /// Returns whether there are none.
    pub(super) fn are_empty(&self) -> bool {
        self.set.is_empty() && self.vars_file.is_empty()
    }

    /// The assignments of the command line itself.
    pub(super) fn words(&self) -> impl Iterator<Item = Setting> + '_ {
        self.set.iter().map(|(name, value)| Setting::Word {
            name: name.clone(),
            value: value.clone(),
        })
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
