//! Taking a name that another process may just be leaving.
//!
//! After a controller was killed its guardian holds the name until everything is gone, which takes
//! milliseconds to seconds: a caller that starts the topology again at once waits for that. A lock
//! whose holder answers on the control socket is one of a topology that runs, or that will in a
//! moment.

use std::path::Path;
use std::time::Duration;

use super::event_sink::{EventSink, Note};
use crate::controller::state_directory::StateDirectory;
use nestns_client::protocol::client::Client;
use nestns_client::state_directory::StateError;
use nestns_sys::moment::Moment;

/// Time that a guardian may take: it gives the roots 5 s.
const TIMEOUT: Duration = Duration::from_secs(6);
/// Interval between looks.
const NAP: Duration = Duration::from_millis(5);

/// Takes the name, and says what was found there.
///
/// # Errors
///
/// Those of [`StateDirectory::claim`].
pub(super) fn claim(
    name: &str,
    directory: &Path,
    event_sink: &mut dyn EventSink,
) -> Result<StateDirectory, StateError> {
    let end = Moment::now().plus(TIMEOUT);
    let mut has_waited = false;
    let state = loop {
        // A controller whose lock was removed is one all the same.
        let is_answered = Client::connect(directory).is_ok();
        if is_answered {
            return Err(StateError::NameInUse {
                name: name.to_owned(),
                directory: directory.to_owned(),
            });
        }
        match StateDirectory::claim(name, directory) {
            Err(StateError::NameInUse { .. }) if Moment::now() < end => {
                has_waited = true;
                std::thread::sleep(NAP);
            }
            result => break result?,
        }
    };
    if let Some(cleared) = state.left_over() {
        event_sink.note(&Note::LeftOver { cleared });
    } else if has_waited {
        event_sink.note(&Note::Awaited);
    }
    Ok(state)
}
