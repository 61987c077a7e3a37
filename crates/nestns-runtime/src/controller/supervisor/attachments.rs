//! `attach`: clients that follow what a process writes, and type into its terminal where it has
//! one.
//!
//! They read its log, like every client, and type into the terminal themselves: a descriptor of it
//! is lent to them. What is said here is how the process ends.

use std::os::fd::OwnedFd;

use super::edge::Edge;
use crate::controller::asker::Asker;
use crate::controller::control::server::ClientId;
use crate::engine::plan::ProcessKey;
use crate::engine::report::Ending;
use nestns_client::protocol::message::{Reply, RequestError};
use nestns_topology::{Output, Terminal};

/// Number of clients that may be attached at a time.
const MOST: usize = 1024;

/// Attached clients, and the process that each follows.
#[derive(Debug, Default)]
pub(super) struct Attachments(Vec<(Asker, ProcessKey)>);

impl Attachments {
    /// Attaches a client to a process.
    pub(super) fn attach(&mut self, edge: &mut dyn Edge, asker: Asker, path: &str) {
        match self.try_attach(edge, path) {
            Ok((subject, terminal)) => {
                self.0.push((asker, subject));
                let log = crate::controller::journal::log_name(subject)
                    .map(|name| name.to_string())
                    .unwrap_or_default();
                edge.reply_with(
                    asker,
                    Reply::Attached { log },
                    terminal.into_iter().collect(),
                );
            }
            Err(problem) => edge.refuse(asker, problem),
        }
    }

    fn try_attach(
        &self,
        edge: &mut dyn Edge,
        path: &str,
    ) -> Result<(ProcessKey, Option<OwnedFd>), RequestError> {
        if self.0.len() >= MOST {
            return Err(RequestError::TooManyAttached { most: MOST });
        }
        if let Some(subject) = edge.tree().exec_records.find(path) {
            let terminal = edge.terminals().lend(Some(subject));
            if terminal.is_none()
                && !edge
                    .tree()
                    .exec_records
                    .get(subject)
                    .is_some_and(|record| record.is_logged)
            {
                return Err(RequestError::Foreground {
                    path: path.to_owned(),
                });
            }
            return Ok((subject, terminal));
        }
        let subject =
            edge.tree()
                .plan
                .find_process(path)
                .ok_or_else(|| RequestError::NoProcess {
                    path: path.to_owned(),
                })?;
        let namespace = edge.tree().plan.namespace(subject.namespace);
        let Some(process) = namespace.process(subject.slot) else {
            return Err(RequestError::BuiltinInit {
                path: path.to_owned(),
            });
        };
        if edge
            .tree()
            .roster
            .get(subject)
            .is_some_and(|record| record.state.is_over())
        {
            return Err(RequestError::Ended {
                path: path.to_owned(),
            });
        }
        if process.terminal == Terminal::Own {
            let terminal = edge.terminals().lend(None);
            return match terminal {
                Some(terminal) => Ok((subject, Some(terminal))),
                None => Err(RequestError::TerminalOfUp {
                    path: path.to_owned(),
                }),
            };
        }
        if process.stdout != Output::Log && process.stderr != Output::Log {
            return Err(RequestError::NotKept {
                path: path.to_owned(),
                place: where_to(&process.stdout),
            });
        }
        Ok((subject, None))
    }

    /// Tells the clients that follow a process how it has ended.
    pub(super) fn end(&mut self, edge: &mut dyn Edge, subject: ProcessKey, ending: Ending) {
        let (over, others) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(_, whom)| *whom == subject);
        self.0 = others;
        let over: Vec<(Asker, ProcessKey)> = over;
        for (asker, _) in over {
            edge.reply(asker, Reply::Ended(ending.into()));
        }
    }

    /// Forgets a client that has hung up.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.0.retain(|(asker, _)| asker.client != client);
    }
}

fn where_to(output: &Output) -> String {
    match output {
        Output::File(path) => format!("`{}`", path.display()),
        Output::Inherit => "the standard output of `nestns up`".to_owned(),
        _ => "/dev/null".to_owned(),
    }
}
