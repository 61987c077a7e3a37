//! `NS2xx`: namespaces that do not fit together.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn a_namespace_without_a_parent() {
    let text = r#"[ns.vm]
[ns."vm/ci"]
[ns."vm/cli/job"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS201]: namespace `vm/cli/job` has no parent
 --> <stdin>:3:6
  |
2 | [ns."vm/ci"]
  |      ----- a namespace with a similar name is declared here
3 | [ns."vm/cli/job"]
  |      ^^^^^^ no namespace `vm/cli` is declared
  |
  = help: write [ns."vm/ci/job"], or declare [ns."vm/cli"] first


"#]]
        .raw()
    );
}

#[test]
fn a_parent_that_resembles_nothing() {
    let text = r#"[ns."banana/split"]
[ns.vm.ns."x/y"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS201]: namespace `banana/split` has no parent
 --> <stdin>:1:6
  |
1 | [ns."banana/split"]
  |      ^^^^^^ no namespace `banana` is declared
  |
  = help: also declare [ns.banana]

error[NS201]: namespace `vm/x/y` has no parent
 --> <stdin>:2:12
  |
2 | [ns.vm.ns."x/y"]
  |            ^ no namespace `vm/x` is declared
  |
  = help: also declare [ns."vm/x"]


"#]]
        .raw()
    );
}

#[test]
fn one_namespace_in_two_spellings() {
    let text = r#"[ns.vm.ns.ci]
[ns."vm/ci"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS202]: namespace `vm/ci` is declared twice
 --> <stdin>:2:6
  |
1 | [ns.vm.ns.ci]
  |           -- declared here first
2 | [ns."vm/ci"]
  |      ^^^^^ declared here again
  |
  = help: nested tables and paths are two ways to write the same tree: keep [ns."vm/ci"]


"#]]
        .raw()
    );
}

#[test]
fn a_process_called_like_a_child() {
    let text = r#"[ns.a.proc]
b = "x"
[ns."a/b"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS203]: `a/b` is both a process and a namespace
 --> <stdin>:3:6
  |
2 | b = "x"
  | - it is first used here
3 | [ns."a/b"]
  |      ^^^ this name is taken
  |
  = note: the processes and namespaces in a namespace share one scope: an address names only one of them


"#]]
        .raw()
    );
}

#[test]
fn processes_numbered_like_the_chain_around_them() {
    let text = r#"[ns.a]
depth = 3
proc.a = { cmd = "x", count = 2, at = "root" }
proc.b = { cmd = "x", count = 9 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS203]: `a.0/a.1` is both a process and a namespace
 --> <stdin>:3:6
  |
1 | [ns.a]
  |     - it is first used here
2 | depth = 3
3 | proc.a = { cmd = "x", count = 2, at = "root" }
  |      ^ this name is taken
  |
  = note: the processes and namespaces in a namespace share one scope: an address names only one of them


"#]]
        .raw()
    );
}

#[test]
fn a_child_called_like_a_process() {
    let text = r#"[ns."a/b"]
[ns.a]
proc.b = "x"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS203]: `a/b` is both a process and a namespace
 --> <stdin>:3:6
  |
1 | [ns."a/b"]
  |      --- it is first used here
2 | [ns.a]
3 | proc.b = "x"
  |      ^ this name is taken
  |
  = note: the processes and namespaces in a namespace share one scope: an address names only one of them


"#]]
        .raw()
    );
}

#[test]
fn deeper_than_the_kernel_allows() {
    let text = r#"[ns."a"]
[ns."a/a"]
[ns."a/a/a"]
[ns."a/a/a/a"]
[ns."a/a/a/a/a"]
[ns."a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
[ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS204]: `a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a` is 33 levels deep, but the kernel allows 32
  --> <stdin>:33:6
   |
33 | [ns."a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"]
   |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = note: PID namespaces nest at most 32 below the initial one (pid_namespaces(7))


"#]].raw());
}

#[test]
fn deeper_than_the_limit() {
    let text = r#"[limits]
depth = 1
[ns.a]
[ns."a/b"]
[ns."a/b/c"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS204]: `a/b` is 2 levels deep, but [limits] allows 1
 --> <stdin>:4:6
  |
4 | [ns."a/b"]
  |      ^^^
  |
  = help: if this is intended, raise depth in [limits], to at most 32


"#]]
        .raw()
    );
}

#[test]
fn more_than_the_limits() {
    let text = r#"[limits]
namespaces = 1
processes = 1
[defaults.ns]
proc.x = "y"
[ns.a]
[ns.b]
proc.x = "z"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has 2 namespaces, its limit is 1
 --> <stdin>:7:5
  |
7 | [ns.b]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write namespaces = 2 in [limits]

error[NS205]: the topology has 2 processes, its limit is 1
 --> <stdin>:7:5
  |
7 | [ns.b]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write processes = 2 in [limits]


"#]]
        .raw()
    );
}

#[test]
fn a_proc_without_a_mount_namespace() {
    let text = r#"[ns.a]
unshare = ["uts"]
mount_proc = true
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: `mount_proc` needs a mount namespace
 --> <stdin>:3:14
  |
2 | unshare = ["uts"]
  |           ------- "mount" is not in this list
3 | mount_proc = true
  |              ^^^^ this would hide the /proc outside
  |
  = help: add "mount" to unshare, or leave `mount_proc` out


"#]]
        .raw()
    );
}
