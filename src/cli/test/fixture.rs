//! The tree as a fixture: that it became ready, and that it stayed up while it was looked at.

use crate::expect::{Case, Status};
use nestns_client::protocol::message::Snapshot;
use nestns_runtime::controller::startup_report::{FailedProcess, Failing, NotReady};
use nestns_topology::Topology;
use nestns_topology::expectation::{Assertion, Expectation};

/// Precondition of every test.
pub(super) const READY: &str = "the topology became ready";
/// Condition that is expected to hold while a test runs.
const STAYED: &str = "the topology stayed up";

/// Lets processes that are expected to end do so: their failure is no failure of the tree.
pub(super) fn excuse(topology: &mut Topology, expectations: &[Expectation]) {
    let claims = expectations
        .iter()
        .flat_map(|expectation| &expectation.claims);
    let addresses: Vec<_> = claims
        .filter_map(|claim| match &claim.assertion {
            Assertion::State { process, .. }
            | Assertion::Exit { process, .. }
            | Assertion::SoMany { process, .. } => Some(process.clone()),
            _ => None,
        })
        .collect();
    topology.let_fail(|path| {
        addresses
            .iter()
            .any(|address| address.matches(path) || address.matches_instances(path))
    });
}

fn error(name: &str, expected: &str, found: String) -> Case {
    Case {
        name: name.to_owned(),
        status: Status::Error,
        expected: expected.to_owned(),
        found,
        place: None,
        rows: Vec::new(),
    }
}

/// The case of a tree that did not become ready.
pub(super) fn not_ready(status: u8, why: Option<&NotReady>) -> Case {
    let mut lines = Vec::new();
    if status == 124 {
        lines.push("the timeout expired".to_owned());
    }
    if let Some(why) = why {
        lines.extend(why.failed.iter().flat_map(describe));
        if why.failed.is_empty() && !why.waited_for.is_empty() {
            lines.push(format!("not ready: {}", why.waited_for.join(", ")));
        }
    }
    if lines.is_empty() {
        lines.push(format!(
            "it could not be built (status {status}); see standard error for the reason"
        ));
    }
    error(READY, "ready", lines.join("\n"))
}

fn describe(failed: &FailedProcess) -> Vec<String> {
    let how = match failed.exit {
        Some(exit) => format!("with status {} ", exit.status()),
        None => String::new(),
    };
    let path = &failed.path;
    let mut lines = vec![match failed.failure {
        Failing::Ended => format!("{path} ended {how}before the topology was ready"),
        Failing::Unready => format!("{path} did not become ready"),
    }];
    lines.extend(failed.lines.iter().map(|line| format!("| {line}")));
    lines
}

/// Failures of processes without which the tree does not go on; nothing where its file lets
/// everything end.
pub(super) fn fallen(topology: &Topology, snapshot: &Snapshot) -> Option<Case> {
    if topology.on_exit == nestns_topology::OnExit::Ignore {
        return None;
    }
    let essential = topology.essential();
    let failed = snapshot.processes.iter().filter(|process| {
        process.state.as_deref() == Some("failed") && essential.contains(&process.path)
    });
    let found: Vec<String> = failed
        .map(|process| {
            let status = process
                .exit
                .map(|exit| format!(" with status {}", exit.status()))
                .unwrap_or_default();
            format!("{} failed{status} after it was ready", process.path)
        })
        .collect();
    (!found.is_empty()).then(|| error(STAYED, "no essential process has failed", found.join("\n")))
}

/// The case of a tree that was taken down from elsewhere meanwhile.
pub(super) fn gone() -> Case {
    error(
        STAYED,
        "it stays up until the test is over",
        "it was stopped from elsewhere".to_owned(),
    )
}
