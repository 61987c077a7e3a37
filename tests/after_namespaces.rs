//! `after` between namespaces: what waits is released when what it waits for has come so far, wherever in the tree they are,
//! and a stop goes the other way.

use std::fs;
use std::time::Duration;

use crate::harness::chain::{DEPTHS, chain, path};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};
use crate::harness::wait;

/// A process of shell that says when it runs, when it is asked to stop, and when it has finished with that.
fn server(name: &str, keys: &str) -> String {
    format!(
        "{{ sh = \"trap 'echo {name} asked; sleep 0.1; echo {name} ends; exit 0' TERM; echo {name} runs; touch {name}; \
         while :; do sleep 0.02; done\", stdout = \"DIRECTORY/order\"{keys} }}"
    )
}

/// Runs a topology until a file is there, stops it, and returns the order of its lines.
fn order(topology: &str, identity: Identity, last: &str) -> (Ended, Vec<String>) {
    let up = Nest::new(topology).identity(identity).up();
    let file = up.nest.directory.path().join(last);
    wait::until("everything runs", || file.exists());
    let ended = up.interrupt().wait();
    let order = fs::read_to_string(ended.nest.directory.path().join("order")).unwrap();
    (ended, order.lines().map(str::to_owned).collect())
}
