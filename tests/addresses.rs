//! Addresses on command lines about a running topology: which process is meant, and what is said where none is.

use crate::harness::detached::{Detached, ended};
use crate::harness::nest::{Nest, can_nest, identities};

const TREE: &str = r#"
[ns.@]
proc.idle = { actor = "idle" }
[ns."@/w"]
count = 3
proc.job = { actor = "idle" }
"#;

#[test]
fn a_detached_topology_stands_and_is_taken_down() {
    if !can_nest() {
        return;
    }
    for identity in identities() {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        assert!(detached.up.stdout.contains(&detached.nest.root), "{}", detached.up.stdout);
        assert_eq!(detached.truth().pids(&format!("{}/w.2/job", detached.nest.root)).len(), 3);
        assert!(detached.is_running() && detached.controller().as_raw() > 1);
        let down = ended(detached.start(&["down", "@"]));
        assert_eq!(down.code, 0, "{}", down.stderr);
        assert!(!detached.is_running());
    }
}
