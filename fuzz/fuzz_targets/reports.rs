//! Any bytes as a message from a process of the tree: reports, what a PID 1 is told and answers, words of a creation, and why
//! a program did not run.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use nestns_client::documents::ExitDocument;
use nestns_fuzz::terminal::show;
use nestns_runtime::controller::start_error::{exec_error_help, exec_error_sentence, sentence};
use nestns_runtime::engine::control_channel::{Answer, Command};
use nestns_runtime::engine::exec_error::ExecError;
use nestns_runtime::engine::failure::Failure;
use nestns_runtime::engine::message;
use nestns_runtime::engine::plan::ProcessKey;
use nestns_runtime::engine::report::{self, Report};
use nestns_runtime::engine::sync_channel::SyncMessage;
use nestns_topology::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most reports that a message may have.
const MOST: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    if let Some(reports) = report::read(bytes) {
        assert!(reports.len() <= MOST && reports.len() < bytes.len());
        let written = report::write(&reports).expect("what was read can be written");
        assert!(
            written.len() <= bytes.len(),
            "there is one shortest way to write it"
        );
        assert_eq!(report::read(&written).as_ref(), Some(&reports));
        reports.iter().for_each(examine);
    }
    again::<Command>(bytes);
    again::<SyncMessage>(bytes);
    if let Some(Answer::Failed(failure)) = again(bytes) {
        tell(&failure);
    }
    if let Some(refusal) = again::<ExecError>(bytes) {
        refuse(&refusal);
    }
});

/// Reads a message, and what it is written as.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = message::read(bytes)?;
    let written = postcard::to_stdvec(&read).expect("what was read can be written");
    assert!(written.len() <= bytes.len());
    assert_eq!(message::read::<T>(&written).as_ref(), Some(&read));
    Some(read)
}

/// The controller's reading of a report.
fn examine(report: &Report) {
    match report {
        Report::Failed(failure) => tell(failure),
        Report::Refused { subject, refusal } => {
            name(*subject);
            refuse(refusal);
        }
        Report::Asked {
            subject,
            signal,
            at,
        } => {
            name(*subject);
            show(&Signal::from_number(*signal).to_string());
            let _ = at.plus(at.since(*at));
        }
        Report::Ended { ending, .. } | Report::Orphan { ending, .. } => {
            assert_eq!(ExitDocument::from(*ending).status(), ending.status());
        }
        _ => {}
    }
}

fn tell(failure: &Failure) {
    name(failure.subject);
    let _ = (failure.is_refusal(), failure.errno());
    show(&sentence(failure));
}

fn refuse(refusal: &ExecError) {
    assert!((125..=127).contains(&refusal.status()));
    show(&exec_error_sentence(refusal));
    exec_error_help(refusal).iter().for_each(|help| show(help));
}

/// Each subject is one thing: a declared process, a program of `exec`, the command of `run`, a question about a process, or
/// what is run before its stop.
fn name(subject: ProcessKey) {
    let kinds = [
        subject.exec_number().is_some(),
        subject.is_run_command(),
        subject.probed().is_some(),
        subject.stopped().is_some(),
    ];
    let guests = kinds.into_iter().filter(|&is_it| is_it).count();
    assert_eq!(
        guests,
        usize::from(subject.is_from_outside()),
        "{subject:?}"
    );
}
