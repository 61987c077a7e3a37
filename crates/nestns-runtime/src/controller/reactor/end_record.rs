//! The record of the end of a detached topology, written when everything in it has ended.

use std::time::SystemTime;

use super::Reactor;
use super::portrait::Portrait;
use crate::controller::end_record::seconds;
use crate::controller::event_sink::Note;
use crate::controller::supervisor::Conclusion;
use nestns_client::documents::EndedDocument;
use nestns_client::protocol::message::Reply;

/// Makes a record of the state directory, where one is left. What is in the way of that is told to
/// people and to the clients that have asked for the end, and changes nothing else.
pub(in crate::controller) fn write(reactor: &mut Reactor<'_>, conclusion: &Conclusion) {
    let Some(killed) = reactor.guarding.record else {
        return;
    };
    // An older one tells of fewer ends; that it is out of date is one of the problems.
    let _ = reactor.truth.write(&reactor.tree);
    let portrait = Portrait::of(reactor);
    let ended = EndedDocument {
        ended: seconds(SystemTime::now()),
        reason: conclusion.reason.clone().into(),
        by: conclusion.by,
        status: conclusion.status,
        stop: conclusion.timeline.clone(),
        problems: portrait.problems(),
        unmarked: portrait.unmarked(),
        ..killed.clone()
    };
    let Err(error) = reactor.remains.record(&ended) else {
        return;
    };
    let sink = &mut *reactor.console.event_sink;
    sink.note(&Note::Unrecorded { error: &error });
    let problem = error.to_string();
    for asker in reactor.tree.stop_waiters.clone() {
        reactor.reply(asker, Reply::Unrecorded(problem.clone()));
    }
}
