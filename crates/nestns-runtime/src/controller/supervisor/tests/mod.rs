//! Orders of events, by a recording fake of the edge: without namespaces, in milliseconds.

mod clients;
mod dependencies;
mod pauses;
mod readiness;
mod restarts;
mod stops;
mod verdicts;

/// One namespace with two processes.
const PAIR: &str = "[ns.a]\nproc.one = { actor = 'idle' }\nproc.two = { actor = 'idle' }\n";
/// A namespace in another one, each with a process.
const NESTED: &str =
    "[ns.a]\nproc.one = { actor = 'idle' }\n[ns.'a/b']\nproc.two = { actor = 'idle' }\n";
