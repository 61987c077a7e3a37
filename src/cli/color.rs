//! `--color`, `NO_COLOR` and `CLICOLOR_FORCE`: the decision about colours.

use std::io::IsTerminal;

use clap::ValueEnum;

use crate::present::tree::Colour;
use nestns_topology::diagnostic::Color;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless `NO_COLOR` is set; everywhere if `CLICOLOR_FORCE` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Decides for a stream.
    pub(super) fn resolve(self, stream: &impl IsTerminal) -> Color {
        // An empty variable counts as unset (no-color.org), and CLICOLOR_FORCE=0 means no (bixense.com/clicolors).
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced = std::env::var_os("CLICOLOR_FORCE")
            .is_some_and(|value| !value.is_empty() && value != "0");
        let styled = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto => forced || stream.is_terminal(),
        };
        if styled { Color::Styled } else { Color::Plain }
    }

    /// The same, for what is drawn.
    pub(super) fn colour(self, stream: &impl IsTerminal) -> Colour {
        if self.resolve(stream) == Color::Styled {
            Colour::On
        } else {
            Colour::Off
        }
    }
}
