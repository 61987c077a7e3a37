//! What clients ask: to take parts down, and to bring them back.

use super::{Aim, Author, Supervision, Wish};
use crate::controller::control::message::{Force, Problem};
use crate::controller::part;
use crate::controller::world::Asker;

impl Supervision<'_> {
    /// Takes parts down.
    pub(in crate::controller::supervision) fn stop_part(&mut self, asker: Asker, paths: &[String], force: Force) {
        self.change(asker, paths, Aim::Down, force);
    }

    /// Brings parts back, running or not.
    pub(in crate::controller::supervision) fn restart(&mut self, asker: Asker, paths: &[String]) {
        self.change(asker, paths, Aim::Again, Force::Ask);
    }

    fn change(&mut self, asker: Asker, paths: &[String], aim: Aim, force: Force) {
        let parts = part::find(&self.plan, paths).map_err(|path| {
            Problem::no(format!("there is neither a namespace nor a declared process `{path}`"))
                .help("a program of `exec` is ended with `nestns kill`")
        });
        match self.is_running().and(parts) {
            Ok(parts) if parts.is_empty() => self.world.refuse(asker, Problem::no("nothing is named")),
            Ok(parts) => self.wish(Wish { aim, parts, author: Author::Client, force, askers: vec![asker] }),
            Err(problem) => self.world.refuse(asker, problem),
        }
    }
}
