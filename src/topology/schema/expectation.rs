//! `[[expect]]`: what is compared with the kernel once the tree stands.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::placeholder::word_or_placeholder;
use super::table::table;
use super::value::DurationText;

/// One or several assertions about the tree, which `nestns test` compares with the kernel. It begins with `from`, with
/// `proc`, or is a `signal`.
#[derive(JsonSchema)]
#[schemars(title = "expectation", transform = table)]
pub(super) struct Expectation {
    /// Who looks: a namespace, seen from as its PID 1 does, a process, or `host`.
    #[schemars(example = &"vm/ci")]
    from: String,
    /// What it sees: paths, in which `*` stands for one name and `**` for any number of them, PID 1s (`init`) included. A
    /// namespace stands for the processes directly in it.
    #[schemars(example = ["vm/ci/**"])]
    sees: Paths,
    /// What it does not see.
    #[schemars(example = ["vm/dockerd"])]
    hides: Paths,
    /// The process about which something is said, or a pattern, which means each of them; PID 1s only where it means nothing
    /// else.
    #[schemars(example = &"node/web/app")]
    proc: String,
    /// Its number in each of these namespaces.
    #[schemars(example = BTreeMap::from([("vm/ci", 4)]))]
    pid: BTreeMap<String, Number>,
    /// Its parent's number in each of these namespaces; 0 for a parent outside.
    #[schemars(example = BTreeMap::from([("node/web", 0)]))]
    ppid: BTreeMap<String, Number>,
    /// All its numbers below the host, the outermost first.
    #[schemars(example = [7, 4])]
    chain: Vec<Number>,
    /// What it does, or has done.
    state: State,
    /// With which status it has ended: its own, or 128 and the number of the signal.
    #[schemars(example = 0)]
    exit: Number,
    /// With `from`: how many processes of the topology it sees. With `proc`: how many that live are called so.
    #[schemars(example = 3)]
    count: Number,
    /// Whether kill(2) from one to another is allowed.
    signal: Permission,
    /// How visibility is found out.
    via: Via,
    /// How long it may take until it is true.
    #[schemars(example = &"2s")]
    within: DurationText,
}

/// One path, or several.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only their types count")]
enum Paths {
    One(String),
    Several(Vec<String>),
}

/// A number, or a placeholder for one.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only their types count")]
enum Number {
    Itself(u32),
    Placeholder(String),
}

/// Who may signal whom, in `signal` of an expectation.
#[derive(JsonSchema)]
#[schemars(title = "permission", transform = table)]
struct Permission {
    /// Who sends it: a namespace, as its PID 1 does, a process, or `host`.
    from: String,
    /// Who is sent it.
    to: String,
    /// Whether the kernel lets it.
    allowed: bool,
}

/// A mechanism of the kernel's.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "chain"))]
enum Via {
    /// What the kernel says from outside: `NSpid` and the namespaces around.
    Chain,
    /// What the observer's /proc lists.
    Proc,
    /// kill(2) with signal 0.
    Kill,
    /// `pidfd_open(2)`.
    Pidfd,
    /// May it attach: the check of ptrace(2).
    Ptrace,
    /// The number that `SCM_CREDENTIALS` delivers.
    Cred,
}

/// A state, as `nestns ps` shows it.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
enum State {
    /// It is being made.
    Creating,
    /// It is there, and has not become its program.
    Created,
    /// It runs its program; what is ready does as well.
    Running,
    /// Others may use it.
    Ready,
    /// It is frozen.
    Paused,
    /// It was asked to end.
    Stopping,
    /// It was killed, and has not ended yet.
    Killing,
    /// It has ended well.
    Exited,
    /// It has ended otherwise.
    Failed,
    /// It was ended by nestns.
    Killed,
}
