//! Keys that are not read: misspelled, misplaced, of a later version, of another program.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn a_misspelled_key() {
    let text = r#"[ns.ci]
hostnme = "ci-runner"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `hostnme` in a namespace
 --> <stdin>:2:1
  |
2 | hostnme = "ci-runner"
  | ^^^^^^^ did you mean `hostname`?


"#]]
        .raw()
    );
}

#[test]
fn a_key_that_resembles_nothing() {
    let text = r#"[ns.a]
banana = 1
x-banana = "a private note"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `banana` in a namespace
 --> <stdin>:2:1
  |
2 | banana = 1
  | ^^^^^^
  |
  = help: keys that begin with `x-` are ignored


"#]]
        .raw()
    );
}

#[test]
fn a_key_of_a_small_table() {
    let text = r#"[ns.a]
stop = { softness = "2s" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `softness` in `stop`
 --> <stdin>:2:10
  |
2 | stop = { softness = "2s" }
  |          ^^^^^^^^
  |
  = help: the keys are exec, to, signal, grace


"#]]
        .raw()
    );
}

#[test]
fn a_namespace_without_its_prefix() {
    let text = r#"[vm]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `vm` at the top level of the file
 --> <stdin>:1:2
  |
1 | [vm]
  |  ^^
  |
  = help: a namespace is written [ns.vm]


"#]]
        .raw()
    );
}

#[test]
fn a_child_without_its_prefix() {
    let text = r#"[ns.vm.job]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `job` in a namespace
 --> <stdin>:1:8
  |
1 | [ns.vm.job]
  |        ^^^
  |
  = help: a namespace inside this one is written [ns."vm/job"]


"#]]
        .raw()
    );
}

#[test]
fn a_key_of_a_namespace_in_a_process() {
    let text = r#"[ns.a]
proc.b = { cmd = "x", hostname = "b" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `hostname` does not belong in a process
 --> <stdin>:2:23
  |
2 | proc.b = { cmd = "x", hostname = "b" }
  |                       ^^^^^^^^ `hostname` belongs in a namespace, but is used in a process


"#]]
        .raw()
    );
}

#[test]
fn a_key_of_a_process_in_a_namespace() {
    let text = r#"[ns.a]
cmd = "x"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `cmd` does not belong in a namespace
 --> <stdin>:2:1
  |
2 | cmd = "x"
  | ^^^ `cmd` belongs in a process, but is used in a namespace


"#]]
        .raw()
    );
}

#[test]
fn a_key_of_a_namespace_at_the_top() {
    let text = r#"init = "pause"
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `init` does not belong in the top level of the file
 --> <stdin>:1:1
  |
1 | init = "pause"
  | ^^^^ `init` belongs in a namespace, but is used at the top level of the file


"#]]
        .raw()
    );
}

#[test]
fn namespaces_in_defaults() {
    let text = r#"[defaults.ns.ns.a]
[defaults.ns]
cwd = "/"
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `ns` does not belong in `[defaults.ns]`
 --> <stdin>:1:14
  |
1 | [defaults.ns.ns.a]
  |              ^^ every namespace would contain this one, endlessly


"#]]
        .raw()
    );
}

#[test]
fn keys_of_a_later_version() {
    let text = r#"[ns.a]
userns = "auto"
unshare = ["user", "mount"]
proc.b = { cmd = "x" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS104]: `userns` is part of the language but not supported by this version
 --> <stdin>:2:1
  |
2 | userns = "auto"
  | ^^^^^^

error[NS104]: unshare = ["user"] is part of the language but not supported by this version
 --> <stdin>:3:12
  |
3 | unshare = ["user", "mount"]
  |            ^^^^^^


"#]]
        .raw()
    );
}

#[test]
fn keys_of_compose() {
    let text = r#"[services.web]
[ns.web]
image = "nginx"
ports = ["80:80"]
depends_on = ["db"]
proc.a = { command = "nginx" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS105]: `services` is a key of compose, not of nestns
 --> <stdin>:1:2
  |
1 | [services.web]
  |  ^^^^^^^^
  |
  = help: a container is a namespace: [ns.NAME]

error[NS105]: `image` is a key of compose, not of nestns
 --> <stdin>:3:1
  |
3 | image = "nginx"
  | ^^^^^
  |
  = help: nestns does not manage images: programs are looked up in the file system seen by the namespace

error[NS105]: `ports` is a key of compose, not of nestns
 --> <stdin>:4:1
  |
4 | ports = ["80:80"]
  | ^^^^^
  |
  = help: nestns does not publish ports

error[NS105]: `depends_on` is a key of compose, not of nestns
 --> <stdin>:5:1
  |
5 | depends_on = ["db"]
  | ^^^^^^^^^^
  |
  = help: write after = { NAME = "started" }

error[NS105]: `command` is a key of compose, not of nestns
 --> <stdin>:6:12
  |
6 | proc.a = { command = "nginx" }
  |            ^^^^^^^
  |
  = help: write cmd = "…" in a process, or init = ["…"] for PID 1


"#]]
        .raw()
    );
}

#[test]
fn keys_of_containerlab() {
    let text = r#"[topology.nodes.a]
kind = "linux"
[ns.a]
kind = "linux"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS105]: `topology` is a key of containerlab, not of nestns
 --> <stdin>:1:2
  |
1 | [topology.nodes.a]
  |  ^^^^^^^^
  |
  = help: namespaces are declared at the top level: [ns.NAME]

error[NS105]: `kind` is a key of containerlab, not of nestns
 --> <stdin>:4:1
  |
4 | kind = "linux"
  | ^^^^
  |
  = help: nestns has no kinds of nodes: each namespace declares what runs in it


"#]]
        .raw()
    );
}

#[test]
fn a_parent_as_a_key() {
    let text = r#"[ns.job]
parent = "vm/ci"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS106]: `parent` is not a key: write the path
 --> <stdin>:2:1
  |
2 | parent = "vm/ci"
  | ^^^^^^ the parent is the part before the last `/` of the header
  |
  = help: write [ns."vm/ci/job"]


"#]]
        .raw()
    );
}

#[test]
fn another_version_of_the_language() {
    let text = r#"nestns = 2
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS121]: the file is written for nestns = 2
 --> <stdin>:1:10
  |
1 | nestns = 2
  |          ^ this program supports version 1 of the language


"#]]
        .raw()
    );
}
