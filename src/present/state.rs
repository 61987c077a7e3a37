//! A symbol and a colour for each state of namespaces and processes.
//!
//! The symbol says the same as the colour, so that nothing is lost without colour; red is for failure alone.

use anstyle::{AnsiColor, Style};

use super::charset::Charset;
pub(crate) use nestns_topology::State;

/// One column wide.
pub(crate) const fn symbol(state: State, charset: Charset) -> &'static str {
    let (unicode, ascii) = match state {
        State::Creating => ("◌", "."),
        State::Created => ("○", "o"),
        State::Running => ("●", "*"),
        State::Ready => ("✔", "+"),
        State::Paused => ("‖", "="),
        State::Stopping | State::Killing => ("▾", "v"),
        State::Exited | State::Gone => ("·", "-"),
        State::Failed | State::Killed => ("✘", "x"),
        State::Zombie => ("z", "z"),
    };
    match charset {
        Charset::Unicode => unicode,
        Charset::Ascii => ascii,
    }
}

/// The colour.
pub(crate) const fn style(state: State) -> Style {
    match state {
        State::Running | State::Ready => AnsiColor::Green.on_default(),
        State::Creating | State::Created | State::Paused | State::Stopping | State::Killing => {
            AnsiColor::Yellow.on_default()
        }
        State::Exited | State::Gone | State::Zombie => Style::new().dimmed(),
        State::Failed | State::Killed => AnsiColor::Red.on_default(),
    }
}
