//! Keys that people bring along from compose and containerlab, with what nestns says to them.

/// Key, whose it is, and the answer.
const FOREIGN: &[(&str, &str, &str)] = &[
    (
        "image",
        "compose",
        "nestns does not manage images: a program is looked up in the file system that the namespace sees",
    ),
    ("build", "compose", "nestns does not build images"),
    ("volumes", "compose", "nestns does not manage volumes"),
    ("ports", "compose", "nestns does not publish ports"),
    ("expose", "compose", "nestns does not publish ports"),
    ("networks", "compose", "nestns does not connect networks; unshare = [\"net\"] gives an empty one"),
    ("network_mode", "compose", "whether the network is its own is said by unshare = [\"net\"]"),
    ("depends_on", "compose", "write after = { NAME = \"started\" }"),
    ("command", "compose", "write cmd = \"…\" in a process, or init = [\"…\"] for PID 1"),
    ("entrypoint", "compose", "write init = [\"…\"]: the program that is PID 1"),
    ("environment", "compose", "write env = { NAME = \"value\" }"),
    ("container_name", "compose", "the name is the header: [ns.NAME]"),
    ("working_dir", "compose", "write cwd = \"/…\""),
    ("stop_signal", "compose", "write stop = { signal = \"…\" }"),
    ("stop_grace_period", "compose", "write stop = { grace = \"…\" }"),
    (
        "healthcheck",
        "compose",
        "nestns knows no health; ready = { exec = [\"…\"] } waits until a command succeeds once",
    ),
    ("privileged", "compose", "nestns takes no capability away, so there is none to give back"),
    ("services", "compose", "a container is a namespace: [ns.NAME]"),
    ("secrets", "compose", "nestns does not manage secrets"),
    ("configs", "compose", "nestns does not manage configuration files"),
    ("kind", "containerlab", "nestns does not know kinds of nodes: a namespace says itself what runs in it"),
    ("topology", "containerlab", "namespaces stand at the top level: [ns.NAME]"),
    ("nodes", "containerlab", "a node is a namespace: [ns.NAME]"),
    ("links", "containerlab", "nestns does not connect networks"),
    ("mgmt", "containerlab", "nestns does not connect networks"),
];

/// Whose key this is, and what to write instead.
pub(super) fn foreign(key: &str) -> Option<(&'static str, &'static str)> {
    FOREIGN.iter().find(|(foreign, ..)| *foreign == key).map(|&(_, owner, answer)| (owner, answer))
}
