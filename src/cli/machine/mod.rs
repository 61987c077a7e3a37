//! `nestns tree --host`: every PID namespace of this machine, those of our topologies by name.

mod document;
mod nodes;

use std::fmt::Write as _;
use std::io::Write as _;

use super::answer_format::write_document;
use super::color::When;
use super::console_reporter::charset;
use super::names::Names;
use super::status::Status;
use crate::cli::command_error::CommandError;
use crate::present::count::count;
use crate::present::tree::{self, Folding, Look};
use nestns_observe::host_snapshot::{HostSnapshot, Search};

/// Draws it for people.
pub(super) fn show(folding: Folding, when: When) -> Result<Status, CommandError> {
    let (machine, names) = read()?;
    let mut stdout = std::io::stdout().lock();
    let look = Look {
        charset: charset(),
        colour: when.colour(&stdout),
        folding,
    };
    stdout.write_all(
        tree::render(&title(&machine), &nodes::nodes(&machine, &names), look).as_bytes(),
    )?;
    Ok(Status::Done)
}

/// Writes `nestns.tree/1`.
pub(super) fn answer() -> Result<Status, CommandError> {
    let (machine, names) = read()?;
    write_document(&document::document(&machine, &names))?;
    Ok(Status::Done)
}

fn read() -> Result<(HostSnapshot, Names), CommandError> {
    HostSnapshot::make_room();
    // While the controllers look their names up.
    std::thread::scope(|scope| {
        let names = scope.spawn(Names::all);
        let machine = HostSnapshot::read(Search::Everything)?;
        let names = names
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((machine, names))
    })
}

fn title(machine: &HostSnapshot) -> String {
    let spaces = machine.spaces().count() - 1;
    let depth = machine
        .spaces()
        .map(|(_, space)| space.level)
        .max()
        .unwrap_or(0);
    let here = machine
        .processes()
        .iter()
        .filter(|process| process.space == Some(machine.own()))
        .count();
    let mut title = format!(
        "host: {}, {} in them, {here} outside, depth {depth}",
        count(spaces, "namespace"),
        count(
            machine.processes().len() - here - machine.unreadable,
            "process"
        ),
    );
    if machine.unreadable > 0 {
        // Writing to a string cannot fail.
        let _ = write!(
            title,
            "; {} cannot be examined",
            count(machine.unreadable, "process")
        );
    }
    if machine.closed > 0 {
        let _ = write!(
            title,
            "; the open files of {} cannot be read",
            count(machine.closed, "process")
        );
    }
    title
}
