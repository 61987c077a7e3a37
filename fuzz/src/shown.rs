//! Facts about running topologies as the program shows them.

use std::collections::BTreeMap;

use nestns_client::documents::Timeline;
use nestns_client::protocol::message::Snapshot;

use crate::present::age;
use crate::present::duration::Human;
use crate::present::escape::{self, Colours};
use crate::present::snapshot_nodes::{self, Scope, View};
use crate::present::stop;
use crate::present::tree::{self, Folding, Look};

/// A time, in seconds since 1970.
pub fn date(since: f64) -> String {
    age::date(since)
}

/// A duration, in seconds.
pub fn duration(seconds: f64) -> String {
    Human::of_seconds(seconds).to_string()
}

/// A name.
pub fn name(text: &str) -> String {
    escape::escape(text)
}

/// A line of output, without its colours.
pub fn line(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::new();
    escape::line(text, Colours::Dropped, &mut shown);
    shown
}

/// The timeline of a stop.
pub fn timeline(timeline: &Timeline) -> String {
    stop::render(timeline)
}

/// A whole topology as a tree, first with every node, then with two of those that are alike.
pub fn trees(snapshot: &Snapshot) -> [String; 2] {
    let scope = Scope {
        namespaces: snapshot
            .namespaces
            .iter()
            .map(|one| one.path.as_str())
            .collect(),
        processes: snapshot
            .processes
            .iter()
            .map(|one| one.path.as_str())
            .collect(),
    };
    let nodes = snapshot_nodes::nodes(snapshot, &BTreeMap::new(), &scope, View::Host);
    [Folding::Never, Folding::Keep(2)].map(|folding| {
        tree::render(
            &snapshot.status.name,
            &nodes,
            Look {
                folding,
                ..Look::default()
            },
        )
    })
}
