//! The state that could not be removed after a topology.

use super::event_sink::{EventSink, Note};
use nestns_client::state_directory::StateError;

/// The state that a topology has left behind, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as everywhere")]
pub enum Left {
    Nothing,
    Something,
}

/// Tells what could not be removed.
pub(super) fn tell_of_remains(
    removed: Result<(), StateError>,
    event_sink: &mut dyn EventSink,
) -> Left {
    match removed {
        Ok(()) => Left::Nothing,
        Err(error) => {
            event_sink.note(&Note::LeftBehind { error: &error });
            Left::Something
        }
    }
}
