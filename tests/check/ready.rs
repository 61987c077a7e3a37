//! `ready`, `restart` and what goes with them.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

/// A file with nothing wrong in it.
fn good(text: &str) {
    assert_data_eq!(human(text), str![[""]].raw());
}

#[test]
fn every_way_to_be_ready_is_read() {
    good(
        r#"[vars]
port = 80
[limits]
log_bytes = "16M"
[ns.a]
restart = "on-failure"
max = 3
backoff = "1s"
proc.a = { cmd = "x", ready = { log = "on port {{port}}$" }, stdout = "null" }
proc.b = { cmd = "x", ready = { file = "/run/{{name}}" }, after = { a = "ready" } }
proc.c = { cmd = "x", ready = { exec = ["redis-cli", "ping"], every = "50ms" } }
proc.d = { cmd = "x", ready = { exec = "redis-cli ping" } }
proc.e = { cmd = "x", ready = { fd = "{{port / 20}}" } }
proc.f = { cmd = "x", ready = { notify = true, x-why = "systemd" }, restart = "always" }
proc.g = { cmd = "x", oneshot = true, restart = "on-failure", max = 5 }
proc.h = { actor = "serve", ready = { log = "." } }
proc.i = { cmd = "x", ready = { tcp = "{{port}}", every = "20ms", timeout = "1s", retries = 3, start_period = "1m" } }
proc.j = { cmd = "x", ready = { exec = "true", timeout = "1s", retries = "{{port / 40}}" } }
proc.k = { cmd = "x", restart = { on = [0, 88, "KILL", "SIGTERM"], max = 3, backoff = "1s", backoff_max = "1m" } }
proc.l = { cmd = "x", restart = { on = ["{{port}}"] }, max = 3, backoff = "45s" }
proc.m = { cmd = "x", oneshot = true, restart = { on = [1] }, backoff_max = "1s" }
"#,
    );
}

#[test]
fn one_way_takes_the_place_of_another() {
    good(
        r#"[defaults.proc]
ready = { exec = ["true"], every = "2s" }
max = 3
[template.t]
proc.c = { cmd = "x", ready = { log = "y" } }
[ns.a]
use = "t"
proc.a = { cmd = "x", ready = { fd = 3 } }
proc.b = { cmd = "x", ready = { every = "3s" } }
proc.c = { ready = { file = "/x" } }
proc.d = { cmd = "x", ready = { notify = false }, oneshot = true }
proc.e = { cmd = "x", restart = "never" }
proc.f = { cmd = "x", ready = { tcp = 80 } }
proc.g = { cmd = "x", restart = { on = [1], max = 5 } }
"#,
    );
}

#[test]
fn values_that_are_not_probes() {
    let text = r#"[ns.a]
proc.a = { cmd = "x", ready = {} }
proc.b = { cmd = "x", ready = { log = "x", fd = 3 } }
proc.c = { cmd = "x", ready = "listening" }
proc.d = { cmd = "x", ready = { every = "1s" } }
proc.e = { cmd = "x", ready = { fil = "/x", log = "x" } }
proc.f = { cmd = "x", log = "x", redy = { fd = 3 } }
proc.g = { cmd = "x", ready = { http = "/" , notify = true } }
ready = { fd = 3 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS132]: `ready` has no condition
 --> <stdin>:2:23
  |
2 | proc.a = { cmd = "x", ready = {} }
  |                       ^^^^^ one of `log`, `file`, `exec`, `tcp`, `fd` or `notify` is needed

error[NS132]: `ready` has both `log` and `fd`
 --> <stdin>:3:44
  |
3 | proc.b = { cmd = "x", ready = { log = "x", fd = 3 } }
  |                                 ---        ^^ only one condition can make a process ready
  |                                 |
  |                                 the first one is here

error[NS101]: `ready` must be a table such as { log = "listening" }
 --> <stdin>:4:31
  |
4 | proc.c = { cmd = "x", ready = "listening" }
  |                               ^^^^^^^^^^^ this is a string

error[NS132]: `ready` has no condition
 --> <stdin>:5:23
  |
5 | proc.d = { cmd = "x", ready = { every = "1s" } }
  |                       ^^^^^ one of `log`, `file`, `exec`, `tcp`, `fd` or `notify` is needed

error[NS102]: unknown key `fil` in `ready`
 --> <stdin>:6:33
  |
6 | proc.e = { cmd = "x", ready = { fil = "/x", log = "x" } }
  |                                 ^^^ did you mean `file`?

error[NS103]: `log` does not belong in a process
 --> <stdin>:7:23
  |
7 | proc.f = { cmd = "x", log = "x", redy = { fd = 3 } }
  |                       ^^^ `log` belongs in `ready`, but is used in a process

error[NS102]: unknown key `redy` in a process
 --> <stdin>:7:34
  |
7 | proc.f = { cmd = "x", log = "x", redy = { fd = 3 } }
  |                                  ^^^^ did you mean `ready`?

error[NS102]: unknown key `http` in `ready`
 --> <stdin>:8:33
  |
8 | proc.g = { cmd = "x", ready = { http = "/" , notify = true } }
  |                                 ^^^^ did you mean `tcp`?

error[NS103]: `ready` does not belong in a namespace
 --> <stdin>:9:1
  |
9 | ready = { fd = 3 }
  | ^^^^^ `ready` belongs in a process, but is used in a namespace


"#]]
        .raw()
    );
}

#[test]
fn probes_that_cannot_succeed() {
    let text = r#"[ns.a]
proc.a = { cmd = "x", ready = { log = "" } }
proc.b = { cmd = "x", ready = { log = "ready (port" } }
proc.c = { cmd = "x", ready = { file = "run/x" } }
proc.d = { cmd = "x", ready = { exec = [] } }
proc.e = { cmd = "x", ready = { exec = "a | b", every = "1ms" } }
proc.f = { cmd = "x", ready = { fd = 1 } }
proc.g = { cmd = "x", ready = { notify = "yes" } }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS131]: the regular expression is empty
 --> <stdin>:2:39
  |
2 | proc.a = { cmd = "x", ready = { log = "" } }
  |                                       ^^ it would match every line
  |
  = help: write "." to match any line

error[NS131]: `ready (port` is not a regular expression
 --> <stdin>:3:39
  |
3 | proc.b = { cmd = "x", ready = { log = "ready (port" } }
  |                                       ^^^^^^^^^^^^^ found open group without closing ')'
  |
  = help: escape a special character with a backslash: 'ready\.'

error[NS116]: `file` is not an absolute path
 --> <stdin>:4:40
  |
4 | proc.c = { cmd = "x", ready = { file = "run/x" } }
  |                                        ^^^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace

error[NS113]: the command is empty
 --> <stdin>:5:40
  |
5 | proc.d = { cmd = "x", ready = { exec = [] } }
  |                                        ^^ the first word is the program

warning[NS302]: `exec` uses `|`, but no shell runs it
 --> <stdin>:6:40
  |
6 | proc.e = { cmd = "x", ready = { exec = "a | b", every = "1ms" } }
  |                                        ^^^^^^^ `|` is passed to the program unchanged
  |
  = help: write ["sh", "-c", "…"] to have a shell run it, or quote it if it is literal

error[NS112]: `every` is too short
 --> <stdin>:6:57
  |
6 | proc.e = { cmd = "x", ready = { exec = "a | b", every = "1ms" } }
  |                                                         ^^^^^ the shortest interval is 10ms

error[NS112]: `fd` is out of range
 --> <stdin>:7:38
  |
7 | proc.f = { cmd = "x", ready = { fd = 1 } }
  |                                      ^ a number from 3 to 255 is expected

error[NS101]: `notify` must be true, false or "all"
 --> <stdin>:8:42
  |
8 | proc.g = { cmd = "x", ready = { notify = "yes" } }
  |                                          ^^^^^ this is a string


"#]].raw());
}

#[test]
fn probes_that_contradict_the_process() {
    let text = r#"[ns.a]
proc.a = { cmd = "x", ready = { log = "x" }, stdout = "null", stderr = "/y" }
proc.b = { cmd = "x", ready = { log = "x" }, tty = true }
proc.c = { cmd = "x", ready = { fd = 3 }, oneshot = true }
proc.d = { actor = "idle", ready = { notify = true } }
proc.e = { cmd = "x", ready = { file = "/x", every = "1s" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: `ready` reads the log, but nothing is written to it
 --> <stdin>:2:23
  |
2 | proc.a = { cmd = "x", ready = { log = "x" }, stdout = "null", stderr = "/y" }
  |                       ^^^^^                           ------           ---- its error output goes here
  |                                                       |
  |                                                       its output goes here
  |
  = help: remove one of `stdout` and `stderr`

error[NS120]: `ready` reads the log, but nothing is written to it
 --> <stdin>:3:23
  |
3 | proc.b = { cmd = "x", ready = { log = "x" }, tty = true }
  |                       ^^^^^                        ---- its output is the terminal

error[NS120]: `ready` cannot be used with oneshot = true
 --> <stdin>:4:23
  |
4 | proc.c = { cmd = "x", ready = { fd = 3 }, oneshot = true }
  |                       ^^^^^                         ---- it is a one-shot because of this
  |                       |
  |                       a one-shot is ready once it has exited successfully

error[NS120]: an actor does not report that it is ready
 --> <stdin>:5:28
  |
5 | proc.d = { actor = "idle", ready = { notify = true } }
  |                    ------  ^^^^^ it uses neither this descriptor nor this socket
  |                    |
  |                    the actor is here
  |
  = help: write ready = { log = "…" }, or remove it: an actor is ready when it is running

error[NS120]: `every` cannot be used with `file`
 --> <stdin>:6:46
  |
6 | proc.e = { cmd = "x", ready = { file = "/x", every = "1s" } }
  |                                              ^^^^^ only `exec` and `tcp` are tried again


"#]]
        .raw()
    );
}

#[test]
fn restarts_that_cannot_be() {
    let text = r#"[ns.a]
max = 2
proc.a = { cmd = "x", restart = "unless-stopped" }
proc.b = { cmd = "x", backoff = "1s" }
proc.c = { cmd = "x", restart = "always", max = 0, backoff = "0s" }
proc.d = { cmd = "x", restart = "always", oneshot = true }
proc.e = { cmd = "x", restart = true, max = 3 }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS120]: `max` has no effect without `restart`
 --> <stdin>:2:1
  |
2 | max = 2
  | ^^^ without `restart` nothing is restarted
  |
  = help: also write restart = "on-failure" or restart = "always"

error[NS109]: `unless-stopped` is not a value of `restart`
 --> <stdin>:3:33
  |
3 | proc.a = { cmd = "x", restart = "unless-stopped" }
  |                                 ^^^^^^^^^^^^^^^^ expected "never", "on-failure" or "always"

error[NS120]: `backoff` has no effect without `restart`
 --> <stdin>:4:23
  |
4 | proc.b = { cmd = "x", backoff = "1s" }
  |                       ^^^^^^^ without `restart` nothing is restarted
  |
  = help: also write restart = "on-failure" or restart = "always"

error[NS112]: `max` is out of range
 --> <stdin>:5:49
  |
5 | proc.c = { cmd = "x", restart = "always", max = 0, backoff = "0s" }
  |                                                 ^ a number from 1 to 4294967295 is expected

error[NS112]: `backoff` is zero
 --> <stdin>:5:62
  |
5 | proc.c = { cmd = "x", restart = "always", max = 0, backoff = "0s" }
  |                                                              ^^^^ a program that exits at once would be restarted without a pause
  |
  = help: write "100ms", the default

error[NS120]: a one-shot cannot have restart = "always"
 --> <stdin>:6:33
  |
6 | proc.d = { cmd = "x", restart = "always", oneshot = true }
  |                                 ^^^^^^^^            ---- it is a one-shot because of this
  |                                 |
  |                                 it would start again as soon as it has finished
  |
  = help: write restart = "on-failure", or remove `oneshot`

error[NS101]: `restart` must be "never", "on-failure", "always" or a table such as { on = [1] }
 --> <stdin>:7:33
  |
7 | proc.e = { cmd = "x", restart = true, max = 3 }
  |                                 ^^^^ this is a boolean


"#]].raw());
}

#[test]
fn sizes_that_cannot_be_read() {
    for (value, code) in [
        ("'16 megabytes'", "NS130"),
        ("'1.5M'", "NS130"),
        ("''", "NS130"),
        ("1000", "NS112"),
        ("true", "NS101"),
    ] {
        let found = human(&format!("[limits]\nlog_bytes = {value}\n[ns.a]\n"));
        assert!(
            found.contains(&format!("error[{code}]")),
            "{value}: {found}"
        );
    }
    let text = "[limits]\nlog_bytes = \"64k\"\n[ns.a]\n";
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS130]: `64k` is not a size
 --> <stdin>:2:13
  |
2 | log_bytes = "64k"
  |             ^^^^^ the unit is not one of K, M, G, T
  |
  = help: write a number of bytes, or one with a unit: "64K", "16M", "1G"


"#]]
        .raw()
    );
}

#[test]
fn tries_that_cannot_be() {
    let text = r#"[ns.a]
proc.a = { cmd = "x", ready = { tcp = 0 } }
proc.b = { cmd = "x", ready = { tcp = "web:80", fd = 3 } }
proc.c = { cmd = "x", ready = { log = "x", retries = 3, timeout = "1s" } }
proc.d = { cmd = "x", ready = { exec = "true", start_period = "1s" } }
proc.e = { cmd = "x", ready = { tcp = 80, timeout = "0s", retries = 0 } }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS112]: `tcp` is out of range
 --> <stdin>:2:39
  |
2 | proc.a = { cmd = "x", ready = { tcp = 0 } }
  |                                       ^ a number from 1 to 65535 is expected

error[NS101]: `tcp` must be a number
 --> <stdin>:3:39
  |
3 | proc.b = { cmd = "x", ready = { tcp = "web:80", fd = 3 } }
  |                                       ^^^^^^^^ this is a string

error[NS132]: `ready` has both `tcp` and `fd`
 --> <stdin>:3:49
  |
3 | proc.b = { cmd = "x", ready = { tcp = "web:80", fd = 3 } }
  |                                 ---             ^^ only one condition can make a process ready
  |                                 |
  |                                 the first one is here

error[NS120]: `retries` cannot be used with `log`
 --> <stdin>:4:44
  |
4 | proc.c = { cmd = "x", ready = { log = "x", retries = 3, timeout = "1s" } }
  |                                            ^^^^^^^ only `exec` and `tcp` are tried again

error[NS120]: `timeout` cannot be used with `log`
 --> <stdin>:4:57
  |
4 | proc.c = { cmd = "x", ready = { log = "x", retries = 3, timeout = "1s" } }
  |                                                         ^^^^^^^ only `exec` and `tcp` are tried again

error[NS120]: `start_period` has no effect without `retries`
 --> <stdin>:5:48
  |
5 | proc.d = { cmd = "x", ready = { exec = "true", start_period = "1s" } }
  |                                                ^^^^^^^^^^^^ without `retries` no failed try counts
  |
  = help: also write retries = 3

error[NS112]: `timeout` is too short
 --> <stdin>:6:53
  |
6 | proc.e = { cmd = "x", ready = { tcp = 80, timeout = "0s", retries = 0 } }
  |                                                     ^^^^ the shortest time is 10ms

error[NS112]: `retries` is out of range
 --> <stdin>:6:69
  |
6 | proc.e = { cmd = "x", ready = { tcp = 80, timeout = "0s", retries = 0 } }
  |                                                                     ^ a number from 1 to 4294967295 is expected


"#]].raw());
}

#[test]
fn ends_to_restart_after_that_cannot_be() {
    let text = r#"[ns.a]
restart = { on = [256] }
proc.a = { cmd = "x", restart = { on = [] } }
proc.b = { cmd = "x", restart = { on = ["KILLED", "9", true] } }
proc.c = { cmd = "x", restart = { max = 3 } }
proc.d = { cmd = "x", restart = [1] }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS112]: `on` is out of range
 --> <stdin>:2:19
  |
2 | restart = { on = [256] }
  |                   ^^^ a number from 0 to 255 is expected

error[NS112]: `on` is empty
 --> <stdin>:3:40
  |
3 | proc.a = { cmd = "x", restart = { on = [] } }
  |                                        ^^ nothing would be restarted
  |
  = help: write restart = "never" for that

error[NS110]: there is no signal `KILLED`
 --> <stdin>:4:41
  |
4 | proc.b = { cmd = "x", restart = { on = ["KILLED", "9", true] } }
  |                                         ^^^^^^^^ did you mean `KILL`?

error[NS101]: `on` must be an array of exit statuses and names of signals
 --> <stdin>:4:51
  |
4 | proc.b = { cmd = "x", restart = { on = ["KILLED", "9", true] } }
  |                                                   ^^^ this is a string

error[NS101]: `on` must be an array of exit statuses and names of signals
 --> <stdin>:4:56
  |
4 | proc.b = { cmd = "x", restart = { on = ["KILLED", "9", true] } }
  |                                                        ^^^^ this is a boolean

error[NS120]: `restart` names no end in `on`
 --> <stdin>:5:23
  |
5 | proc.c = { cmd = "x", restart = { max = 3 } }
  |                       ^^^^^^^ nothing would be restarted
  |
  = help: write restart = { on = [1, "KILL"] }, or restart = "on-failure"

error[NS101]: `restart` must be "never", "on-failure", "always" or a table such as { on = [1] }
 --> <stdin>:6:33
  |
6 | proc.d = { cmd = "x", restart = [1] }
  |                                 ^^^ this is an array


"#]]
        .raw()
    );
}

#[test]
fn delays_and_ends_that_contradict_the_process() {
    let text = r#"[ns.a]
proc.a = { cmd = "x", restart = { on = [1], max = 3 }, max = 4 }
proc.b = { cmd = "x", restart = "always", backoff = "2m", backoff_max = "1m" }
proc.c = { cmd = "x", restart = { on = [3] }, ok = [0, 3], oneshot = true }
proc.d = { cmd = "x", restart = { when = "always" }, backoff_max = "0s" }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS120]: `max` is both in the table `restart` and beside it
 --> <stdin>:2:62
  |
2 | proc.a = { cmd = "x", restart = { on = [1], max = 3 }, max = 4 }
  |                                                   -          ^ only one of them can count
  |                                                   |
  |                                                   the other one is here

error[NS120]: `backoff_max` is shorter than `backoff`
 --> <stdin>:3:73
  |
3 | proc.b = { cmd = "x", restart = "always", backoff = "2m", backoff_max = "1m" }
  |                                                     ----                ^^^^ no delay is as short as this
  |                                                     |
  |                                                     the first delay is longer

error[NS120]: a one-shot cannot have 3, which is a success, in `on`
 --> <stdin>:4:23
  |
4 | proc.c = { cmd = "x", restart = { on = [3] }, ok = [0, 3], oneshot = true }
  |                       ^^^^^^^                                        ---- it is a one-shot because of this
  |                       |
  |                       it would start again as soon as it has finished
  |
  = help: write restart = "on-failure", or remove `oneshot`

error[NS102]: unknown key `when` in the table `restart`
 --> <stdin>:5:35
  |
5 | proc.d = { cmd = "x", restart = { when = "always" }, backoff_max = "0s" }
  |                                   ^^^^
  |
  = help: the keys are on, max, backoff, backoff_max

error[NS112]: `backoff_max` is zero
 --> <stdin>:5:68
  |
5 | proc.d = { cmd = "x", restart = { when = "always" }, backoff_max = "0s" }
  |                                                                    ^^^^ a program that exits at once would be restarted without a pause
  |
  = help: write "30s", the default


"#]].raw());
}
