//! The command of `run FILE`: a guest of the tree, who comes when everything is ready and leaves first.

use nix::libc;

use super::Supervision;
use crate::controller::Command;
use crate::controller::audience::Cause;
use crate::controller::life::Life;
use crate::controller::part::Part;
use crate::controller::roster::Record;
use crate::controller::tree::Visitor;
use crate::engine::failure::{Failure, Stage};
use crate::engine::keeper::{Entrance, Guest, Setback};
use crate::engine::plan::Subject;
use crate::engine::report::Ending;
use crate::observe::session;
use crate::sys::call::{Call, CallError};
use crate::sys::pidfd::Pidfd;

impl Supervision<'_> {
    /// Starts the command of `run FILE`, when everything is ready.
    pub(super) fn start_command(&mut self) {
        if self.command.is_none() || self.life != Life::Running || self.world.tree.stop.is_some() {
            return;
        }
        if !self.all_settled() || !self.arrives() {
            return;
        }
        let Some(Command { process, namespace }) = self.command.take() else { return };
        // It may compare at once what it sees.
        self.world.refresh_truth();
        let index = namespace.and_then(|path| self.plan.find(&path));
        let subject = Subject::visitor(index);
        let path = process.name.clone();
        self.world.tree.visitor = Some(Visitor { subject, path, ending: None });
        self.world.tree.raising = Some(Part(subject));
        let init = index.and_then(|index| self.world.tree.roster.get(Subject::init(index))).and_then(Record::pid);
        let entrance = match init.map(Pidfd::open).transpose() {
            Ok(None) => Ok(Entrance::Host),
            Ok(Some(process)) => {
                Ok(Entrance::Beside { process, namespaces: self.keeper.namespaces_of(subject.namespace) })
            }
            Err(errno) => {
                let cause = CallError { call: Call::PidfdOpen, errno };
                Err(Setback::Failed(Failure::new(subject, Stage::EnterPid, cause)))
            }
        };
        let invited = entrance.and_then(|entrance| {
            self.keeper.invite(Guest { subject, process, entrance, streams: None }, &mut self.world)
        });
        if invited.is_err() {
            // A helper that has failed has said why before; its keeper has only noticed.
            self.world.drain_inherited();
        }
        self.world.tree.raising = None;
        match invited {
            Ok(_) => {}
            Err(Setback::Interrupted) => self.world.tree.visitor = None,
            Err(Setback::Failed(failure)) => {
                self.world.tree.fail(failure);
                self.verdict.adopt(Ending::Exited(125));
                self.world.tree.request_stop(Cause::Ended { path: "the command".to_owned() });
            }
        }
    }

    pub(super) fn visitor_lives(&self) -> bool {
        self.world.tree.visitor.as_ref().is_some_and(|visitor| visitor.ending.is_none())
    }

    /// Asks the command to end, with everything in its session.
    pub(super) fn ask_visitor(&mut self) {
        self.find_company();
        for member in &self.company {
            // It may have ended since.
            if member.signal(libc::SIGTERM).is_ok() {
                let _ = member.signal(libc::SIGCONT);
            }
        }
    }

    /// Kills the command and what there was in its session when it was asked to end.
    pub(super) fn kill_visitor(&mut self) {
        self.find_company();
        for member in self.company.drain(..) {
            let _ = member.signal(libc::SIGKILL);
        }
    }

    /// Finds what is in the session of the command, as long as that has not been reaped: its number is its own until then.
    fn find_company(&mut self) {
        let subject = self.world.tree.visitor.as_ref().map(|visitor| visitor.subject);
        if let Some(leader) = subject.and_then(|subject| self.keeper.find(subject)).map(|kid| kid.pid) {
            let members = session::members(leader).unwrap_or_default();
            self.company.extend(members.into_iter().map(|member| member.pidfd));
        }
    }
}
