//! The end of a detached topology, as its record tells of it: `ended.json`.
//!
//! Made before the first fork, for the case that the controller is killed: then its guardian writes
//! it. A controller that ends in order writes how that was.

use std::time::SystemTime;

use super::event_sink::Cause;
use super::truth::{Origin, absolute};
use crate::engine::plan::{Counts, Plan};
use nestns_client::documents::{EndedDocument, Kind};

/// The end by the death of the controller, at a time still to be filled in.
pub(super) fn of_killed(origin: &Origin, plan: &Plan) -> EndedDocument {
    let Counts {
        namespaces,
        processes,
        depth,
        ..
    } = plan.counts();
    let now = seconds(SystemTime::now());
    EndedDocument {
        schema: Kind::Ended.schema().into(),
        topology: origin.name.clone(),
        file: origin
            .file
            .as_deref()
            .map(|file| absolute(&plan.common().directory, file)),
        namespaces,
        processes,
        depth,
        since: now,
        ended: now,
        reason: "its controller was killed".into(),
        by: None,
        status: Cause::KILLED,
        stop: None,
        problems: Vec::new(),
        unmarked: Vec::new(),
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
