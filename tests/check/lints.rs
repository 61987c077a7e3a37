//! `NS3xx`: files that work, but not as their author thinks.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn a_grace_shorter_than_inside() {
    let text = r#"[ns.vm]
[ns."vm/ci"]
stop = { grace = "2s" }
[ns."vm/ci/job"]
stop = { grace = "4s" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS301]: `vm/ci` has 2s to stop, but `vm/ci/job` inside it needs 4s
 --> <stdin>:3:18
  |
3 | stop = { grace = "2s" }
  |                  ^^^^ this ends first
4 | [ns."vm/ci/job"]
5 | stop = { grace = "4s" }
  |                  ---- required here
  |
  = note: when PID 1 of `vm/ci` is killed, the kernel kills everything inside with it
  = help: leave `grace` out of `vm/ci`: it is then derived (5s)


"#]]
        .raw()
    );
}

#[test]
fn a_grace_shorter_than_a_derived_one() {
    let text = r#"[ns.vm]
stop = { grace = "2s" }
[ns."vm/ci"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS301]: `vm` has 2s to stop, but `vm/ci` inside it needs 5s
 --> <stdin>:2:18
  |
2 | stop = { grace = "2s" }
  |                  ^^^^ this ends first
  |
  = note: when PID 1 of `vm` is killed, the kernel kills everything inside with it
  = help: leave `grace` out of `vm`: it is then derived (6s)


"#]]
        .raw()
    );
}

#[test]
fn a_grace_shorter_than_a_chain_of_processes() {
    let text = r#"[ns.vm]
stop = { grace = "5s" }
proc.db = { cmd = "x", stop = { grace = "3s" } }
proc.web = { cmd = "x", stop = { grace = "3s" }, after = { db = "ready" } }
proc.other = { cmd = "x", stop = { grace = "4s" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS301]: `vm` has 5s to stop, but `vm/web` and then `vm/db` inside it needs 6s
 --> <stdin>:2:18
  |
2 | stop = { grace = "5s" }
  |                  ^^^^ this ends first
3 | proc.db = { cmd = "x", stop = { grace = "3s" } }
4 | proc.web = { cmd = "x", stop = { grace = "3s" }, after = { db = "ready" } }
  |                                          ---- required here
  |
  = note: when PID 1 of `vm` is killed, the kernel kills everything inside with it
  = help: leave `grace` out of `vm`: it is then derived (7s)


"#]]
        .raw()
    );
}

#[test]
fn a_command_that_wants_a_shell() {
    let text = r#"[ns.a]
proc.b = "echo $HOME"
proc.c = { cmd = "a && b" }
proc.d = "ls *.txt"
proc.e = "sh -c 'a | b'"
proc.f = ["echo", "*"]
proc.g = "irc #rust"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS302]: `b` uses `$`, but no shell runs it
 --> <stdin>:2:10
  |
2 | proc.b = "echo $HOME"
  |          ^^^^^^^^^^^^ `$` is passed to the program unchanged
  |
  = help: write sh = "…" to have /bin/sh run it, or quote it if it is literal

warning[NS302]: `cmd` uses `&&`, but no shell runs it
 --> <stdin>:3:18
  |
3 | proc.c = { cmd = "a && b" }
  |                  ^^^^^^^^ `&&` is passed to the program unchanged
  |
  = help: write sh = "…" to have /bin/sh run it, or quote it if it is literal

warning[NS302]: `d` uses `*`, but no shell runs it
 --> <stdin>:4:10
  |
4 | proc.d = "ls *.txt"
  |          ^^^^^^^^^^ `*` is passed to the program unchanged
  |
  = help: write sh = "…" to have /bin/sh run it, or quote it if it is literal

warning[NS302]: `g` uses `#`, but no shell runs it
 --> <stdin>:7:10
  |
7 | proc.g = "irc #rust"
  |          ^^^^^^^^^^^ everything after `#` is a comment and ignored
  |
  = help: write sh = "…" to have /bin/sh run it, or quote it if it is literal


"#]]
        .raw()
    );
}

#[test]
fn a_pid_one_that_ignores_term() {
    let text = r#"[ns.a]
init = ["sleep", "infinity"]
[ns.b]
init = ["sh", "-c", "exec tail -f /dev/null"]
stop = { signal = "INT" }
[ns.c]
init = ["sleep", "infinity"]
stop = { signal = "KILL" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS304]: PID 1 of `a` (sleep) has no handler for TERM, so the kernel will drop it
 --> <stdin>:2:8
  |
2 | init = ["sleep", "infinity"]
  |        ^^^^^^^^^^^^^^^^^^^^^ it keeps running until its grace period is over and is then killed
  |
  = note: a PID 1 receives only signals that it handles, except KILL from outside
  = help: make it a process under init = "builtin", or write stop = { signal = "KILL" }

warning[NS304]: PID 1 of `b` (tail) has no handler for INT, so the kernel will drop it
 --> <stdin>:4:8
  |
4 | init = ["sh", "-c", "exec tail -f /dev/null"]
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ it keeps running until its grace period is over and is then killed
  |
  = note: a PID 1 receives only signals that it handles, except KILL from outside
  = help: make it a process under init = "builtin", or write stop = { signal = "KILL" }


"#]]
        .raw()
    );
}
