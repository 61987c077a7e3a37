//! Files that the schema accepts.

use std::fs;
use std::path::Path;

use super::problems;
use crate::readme::blocks;

fn takes(text: &str) {
    assert_eq!(problems(text), Vec::<String>::new(), "{text}");
}

#[test]
fn every_example() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let topologies: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    assert!(topologies.len() >= 5);
    for path in topologies {
        assert_eq!(
            problems(&fs::read_to_string(&path).unwrap()),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_topology_of_the_readme() {
    for text in blocks("toml") {
        takes(&text);
    }
}

#[test]
fn the_smallest_files() {
    takes("");
    takes("[ns.a]\n");
    takes("[ns.hello]\ninit = [\"bash\"]\n");
}

const EVERY_KEY: &str = r#"
"$schema" = "./topology.schema.json"
nestns = 1
name = "all"
description = "everything"
on_exit = "ignore"
include = ["a.toml", "b/c.toml"]
limits = { namespaces = 2000, processes = 1, depth = 32, log_bytes = "64K" }
vars = { n = 3, who = "nobody", loud = true, _x9 = -1 }

[defaults.ns]
unshare = []
proc.log = { actor = "log --rate 2" }
[defaults.proc]
stdout = "null"

[template.pod]
use = "node"
init = "pause"
[template."pod/app"]
use = ["a", "b/c"]
init = { actor = "serve", session = "inherit" }

[ns.a]
description = ""
labels = { a = "1", "b.c/d" = "" }
use = "pod"
include = "node.toml"
count = 0
fanout = 1
as = "w{{i}}"
init = "builtin"
unshare = ["mount", "uts", "ipc", "net", "cgroup"]
mount_proc = true
hostname = "a"
domainname = "b.c"
env = { A = "", "a b" = "c" }
cwd = "/"
tty = false
session = "own"
stop = { signal = 9, grace = "1m 30s" }
restart = "always"
max = 1
backoff = "1s"
[ns.a.proc]
words = "sleep 5"
argv = ["sleep", "5"]
nothing = {}
cmd = { cmd = ["a", ""], enter = "fork", count = 2, at = "every", after = { words = "created", argv = "started" } }
sh = { sh = "echo $$", enter = "join", at = 3, user = "a.b:c$", tty = true, session = "own" }
level = { sh = "echo", at = "3" }
actor = { actor = "exit --code 3", at = "0..7", stdin = "/x", stdout = "/y", stderr = "inherit", ok = [0, 255] }
log = { sh = "echo", ready.log = "^x", restart = "on-failure", max = 4, backoff = "10ms" }
file = { sh = "echo", ready.file = "/x" }
exec = { sh = "echo", ready = { exec = ["x", ""], every = "1s" } }
fd = { sh = "echo", ready.fd = 3 }
notify = { sh = "echo", ready.notify = true, restart = "never" }
tcp = { sh = "echo", ready = { tcp = 65535, every = "1s", timeout = "2s", retries = 3, start_period = "0s" } }
on = { sh = "echo", restart = { on = [0, 255, "KILL", "SIGRTMIN+3"], max = 1, backoff = "1s", backoff_max = "1m" } }
beside = { sh = "echo", restart.on = [1], max = 1, backoff = "1s", backoff_max = "1m" }
rest = { oneshot = true, essential = false, stop.grace = "0s", env.A = "b", labels.a = "b", cwd = "/", description = "" }

[ns.deep]
depth = 32
fanout = 2

[[expect]]
from = "a"
sees = ["a/**"]
[[expect]]
proc = "a/words"
pid = { a = 2 }
ppid = { host = "{{1 + 1}}", a = 1 }
pgid = { host = 0, a = 2 }
sid = { host = "{{1}}" }
chain = [2]
state = "running"
exit = 0
within = "2s"
x-later = true
[[expect]]
proc = "a/*"
count = 3
[[expect]]
from = "host"
hides = "a"
via = "proc"
[[expect]]
signal = { from = "a", to = "a/words", allowed = true }
"#;

#[test]
fn every_key() {
    takes(EVERY_KEY);
}

#[test]
fn placeholders_in_every_typed_value() {
    takes(
        r#"
name = "{{who}}"
on_exit = "{{word}}"
limits = { namespaces = "{{n}}", processes = "{{n * 2}}", depth = "{{d}}", log_bytes = "{{n}}" }
[template.t]
count = "{{n}}"
[ns.a]
labels = { a = "{{i % 10}}" }
use = "{{t}}"
include = "{{file}}.toml"
depth = "{{d}}"
fanout = "{{d + 1}}"
as = "lvl{{level}}"
init = "{{init}}"
unshare = ["{{kind}}", "uts"]
mount_proc = "{{flag}}"
hostname = "node {{i}}"
cwd = "{{env.HOME}}"
tty = "{{flag}}"
env = { A = "{{env.X ?? \"d\"}}" }
stop = { signal = "{{sig}}", grace = "{{n}}s" }
[ns.a.proc]
p = "{{cmd}} a"
q = ["{{cmd}}", "{{i}}"]
[ns.a.proc.r]
actor = "{{actor}} --children {{n}}"
enter = "{{e}}"
count = "{{n}}"
at = "{{n - 1}}"
user = "{{u}}"
tty = "{{flag}}"
stdin = "{{f}}"
stdout = "{{f}}"
stderr = "/tmp/{{i}}"
after = { p = "{{c}}" }
ok = ["{{n}}", 1]
oneshot = "{{flag}}"
essential = "{{flag}}"
restart = "{{when}}"
max = "{{n}}"
backoff = "{{n}}s"
ready = { exec = "{{cmd}}", every = "{{n}}ms" }
[ns.b.proc]
l = { sh = "x", ready.log = "{{w}}" }
f = { sh = "x", ready.file = "{{f}}" }
d = { sh = "x", ready.fd = "{{n}}" }
n = { sh = "x", ready.notify = "{{flag}}" }
[ns.d]
init = ["{{cmd}}"]
[ns.c]
init = { actor = "{{actor}}" }
"#,
    );
}

#[test]
fn private_keys_in_every_table() {
    takes(
        r#"
x-a = 1
limits.x-b = []
defaults.x-c = {}
defaults.ns.x-d = true
defaults.proc.x-e = 1.5
[ns.a]
x-f = 1979-05-27
stop.x-g = 1
init = { actor = "idle", x-h = 1 }
proc.p = { cmd = "x", x-i = 1 }
[template.t]
x-j = 1
"#,
    );
}

#[test]
fn both_spellings() {
    takes(
        "[ns.a]\n[ns.\"a/b\"]\nproc.x = \"y\"\n[ns.a.ns.c.ns.d]\ninit = \"pause\"\n[ns.a.ns.\"c/e\"]\n",
    );
}

#[test]
fn the_output_of_config() {
    takes(
        "expanded = true\nname = \"x\"\n[ns.\"w.17\"]\n[ns.\"t.0.0/t.1.1\"]\nproc.\"p.3\" = \"echo {{x}}\"\n",
    );
}
