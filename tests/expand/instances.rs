//! A problem of one of a thousand instances is one of all: it is reported once.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn a_thousand_namespaces() {
    let text = r#"[ns.w]
count = 1000
hostname = "a b"
banana = 1
proc.p = { cmd = "p", user = "{{path}}:x:y" }
proc.q = { cmd = "q", after = { nobody = "ok" } }
[ns."w/x"]
count = 0
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:3:12
  |
3 | hostname = "a b"
  |            ^^^^^ a host name has no spaces

error[NS102]: unknown key `banana` in a namespace
 --> x.toml:4:1
  |
4 | banana = 1
  | ^^^^^^
  |
  = help: keys that begin with `x-` are ignored

error[NS118]: `w.0/p:x:y` is not a user
 --> x.toml:5:30
  |
5 | proc.p = { cmd = "p", user = "{{path}}:x:y" }
  |                              ^^^^^^^^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`
  |
  = note: the same is true of 999 more

error[NS206]: `q` waits for `nobody`, which does not exist
 --> x.toml:6:33
  |
6 | proc.q = { cmd = "q", after = { nobody = "ok" } }
  |                                 ^^^^^^ nothing in `w.0` has this name
  |
  = note: a name alone is beside what waits; "../name" is one namespace further out, and a path of several names begins at the top
  = note: the same is true of 999 more


"#]]
        .raw()
    );
}

#[test]
fn two_namespaces() {
    let text = r#"[ns.w]
count = 2
hostname = "a b"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:3:12
  |
3 | hostname = "a b"
  |            ^^^^^ a host name has no spaces


"#]]
        .raw()
    );
}

#[test]
fn a_thousand_processes() {
    let text = r#"[ns.a]
proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
proc.q = { count = 1000 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS118]: `a:b:0` is not a user
 --> x.toml:2:44
  |
2 | proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
  |                                            ^^^^^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`
  |
  = note: the same is true of 999 more

error[NS211]: both `a/p.0` and `a/p.1` claim the terminal
 --> x.toml:2:63
  |
2 | proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
  |                                                               ^^^^ there is only one terminal, that of `nestns up`

error[NS206]: `p.0` waits for `nobody`, which does not exist
 --> x.toml:2:79
  |
2 | proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
  |                                                                               ^^^^^^ nothing in `a` has this name
  |
  = note: a name alone is beside what waits; "../name" is one namespace further out, and a path of several names begins at the top
  = note: the same is true of 999 more

error[NS207]: `p.0` waits for itself
 --> x.toml:2:94
  |
2 | proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
  |                                                                                              ^ it would never start
  |
  = note: the same is true of 999 more

error[NS208]: processes wait for each other: p.0 → p.1 → p.0
 --> x.toml:2:94
  |
2 | proc.p = { cmd = "p", count = 1000, user = "a:b:{{i}}", tty = true, after = { nobody = "ok", p = "ok" } }
  |                                                                                              ^
  |                                                                                              |
  |                                                                                              `p.0` waits for `p.1`
  |                                                                                              `p.1` waits for `p.0`

error[NS114]: process `q` has no program
 --> x.toml:3:6
  |
3 | proc.q = { count = 1000 }
  |      ^ one of `cmd`, `sh` and `actor` is needed
  |
  = note: the same is true of 999 more


"#]]
        .raw()
    );
}

#[test]
fn a_level_of_a_chain() {
    let text = r#"[ns.deep]
depth = 20
proc.p = { cmd = "p", cwd = "{{path}}" }
proc.leaf = { cmd = "p", at = "leaf", cwd = "tmp" }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS116]: `cwd` is not an absolute path
 --> x.toml:3:29
  |
3 | proc.p = { cmd = "p", cwd = "{{path}}" }
  |                             ^^^^^^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace
  |
  = note: the same is true of 19 more

error[NS116]: `cwd` is not an absolute path
 --> x.toml:4:45
  |
4 | proc.leaf = { cmd = "p", at = "leaf", cwd = "tmp" }
  |                                             ^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace


"#]].raw());
}

#[test]
fn only_one_of_them() {
    let text = r#"[ns.w]
count = 5
hostname = "{{10 / (i - 3)}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS124]: the computation has no result
 --> x.toml:3:15
  |
3 | hostname = "{{10 / (i - 3)}}"
  |               ^^^^^^^^^^^^ 10 / 0: division by 0


"#]]
        .raw()
    );
}

#[test]
fn a_lint() {
    let text = r#"[ns.w]
count = 300
init = ["cat"]
stop = { grace = "1s" }
[ns."w/x"]
stop = { grace = "5s" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS304]: PID 1 of `w.0` (cat) has no handler for TERM, so the kernel will drop it
 --> x.toml:3:8
  |
3 | init = ["cat"]
  |        ^^^^^^^ it keeps running until its grace period is over and is then killed
  |
  = note: a PID 1 receives only signals that it handles, except KILL from outside
  = help: make it a process under init = "builtin", or write stop = { signal = "KILL" }

warning[NS301]: `w.0` has 1s to stop, but `w.0/x` inside it needs 5s
 --> x.toml:4:18
  |
4 | stop = { grace = "1s" }
  |                  ^^^^ this ends first
5 | [ns."w/x"]
6 | stop = { grace = "5s" }
  |                  ---- required here
  |
  = note: when PID 1 of `w.0` is killed, the kernel kills everything inside with it
  = note: the same is true of 299 more
  = help: leave `grace` out of `w.0`: it is then derived (6s)


"#]]
        .raw()
    );
}

#[test]
fn different_problems_at_one_place() {
    let text = r#"[ns.w]
count = 3
hostname = "{{one}}\t{{one}}{{two}}{{three}}{{four}}{{two}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `one`
 --> x.toml:3:12
  |
3 | hostname = "{{one}}\t{{one}}{{two}}{{three}}{{four}}{{two}}"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = note: the same is true of 2 more
  = help: declare it: [vars] followed by one = …

error[NS123]: there is no variable `two`
 --> x.toml:3:12
  |
3 | hostname = "{{one}}\t{{one}}{{two}}{{three}}{{four}}{{two}}"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = note: the same is true of 2 more
  = help: declare it: [vars] followed by two = …

error[NS123]: there is no variable `three`
 --> x.toml:3:38
  |
3 | hostname = "{{one}}\t{{one}}{{two}}{{three}}{{four}}{{two}}"
  |                                      ^^^^^
  |
  = help: declare it: [vars] followed by three = …

error[NS123]: there is no variable `four`
 --> x.toml:3:47
  |
3 | hostname = "{{one}}\t{{one}}{{two}}{{three}}{{four}}{{two}}"
  |                                               ^^^^
  |
  = help: declare it: [vars] followed by four = …


"#]]
        .raw()
    );
}

#[test]
fn problems_in_what_is_not_instantiated_are_found() {
    let text = r#"[defaults.proc]
usr = "0"
[template.nobody]
hostnme = "x"
proc.p = { nope = 1 }
[ns.none]
count = 0
init = "bash"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS210]: the topology has no namespace
--> x.toml
 = note: every count at its top level is 0

error[NS102]: unknown key `usr` in a process
 --> x.toml:2:1
  |
2 | usr = "0"
  | ^^^ did you mean `user`?

warning[NS305]: template `nobody` is never used
 --> x.toml:3:11
  |
3 | [template.nobody]
  |           ^^^^^^ no namespace uses it
  |
  = help: write use = "nobody" in a namespace, or remove the template

error[NS102]: unknown key `hostnme` in a namespace
 --> x.toml:4:1
  |
4 | hostnme = "x"
  | ^^^^^^^ did you mean `hostname`?

error[NS102]: unknown key `nope` in a process
 --> x.toml:5:12
  |
5 | proc.p = { nope = 1 }
  |            ^^^^
  |
  = help: keys that begin with `x-` are ignored

error[NS109]: `bash` is not a value of `init`
 --> x.toml:8:8
  |
8 | init = "bash"
  |        ^^^^^^ expected "builtin", "pause", an array of arguments or a table of a process
  |
  = help: to make a program PID 1 write init = ["bash"]


"#]]
        .raw()
    );
    let text = "[ns.a]\nproc.p = { actor = \"idle\", count = 0, usr = \"0\" }\n";
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS102]: unknown key `usr` in a process
 --> x.toml:2:39
  |
2 | proc.p = { actor = "idle", count = 0, usr = "0" }
  |                                       ^^^ did you mean `user`?


"#]]
        .raw()
    );
}
