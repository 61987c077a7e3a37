//! Values that cannot be read.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

const VALUES_OF_THE_WRONG_TYPE: &str = r#"name = 1
ns.a.hostname = true
ns.a.mount_proc = "yes"
ns.a.labels = []
ns.a.unshare = "mount"
ns.a.env.X = 1
ns.a.init = 1
ns.a.proc.x = 1.5
ns.a.proc.y = [1]
ns.b = 3
expect = 1
"#;

#[test]
fn values_of_the_wrong_type() {
    assert_data_eq!(
        human(VALUES_OF_THE_WRONG_TYPE),
        str![[r#"
error[NS101]: `name` must be a string
 --> <stdin>:1:8
  |
1 | name = 1
  |        ^ this is an integer

error[NS101]: `hostname` must be a string
 --> <stdin>:2:17
  |
2 | ns.a.hostname = true
  |                 ^^^^ this is a boolean

error[NS101]: `mount_proc` must be true or false
 --> <stdin>:3:19
  |
3 | ns.a.mount_proc = "yes"
  |                   ^^^^^ this is a string

error[NS101]: `labels` must be a table
 --> <stdin>:4:15
  |
4 | ns.a.labels = []
  |               ^^ this is an array

error[NS101]: `unshare` must be an array of strings
 --> <stdin>:5:16
  |
5 | ns.a.unshare = "mount"
  |                ^^^^^^^ this is a string

error[NS101]: `X` must be a string
 --> <stdin>:6:14
  |
6 | ns.a.env.X = 1
  |              ^ this is an integer

error[NS101]: `init` must be "builtin", "pause", an array of arguments or a table
 --> <stdin>:7:13
  |
7 | ns.a.init = 1
  |             ^ this is an integer

error[NS101]: `x` must be a string of words, an array of arguments or a table
 --> <stdin>:8:15
  |
8 | ns.a.proc.x = 1.5
  |               ^^^ this is a float

error[NS101]: `y` must be an array of strings
 --> <stdin>:9:16
  |
9 | ns.a.proc.y = [1]
  |                ^ this is an integer

error[NS101]: `b` must be a table
  --> <stdin>:10:8
   |
10 | ns.b = 3
   |        ^ this is an integer

error[NS101]: `expect` must be an array of tables, written [[expect]]
  --> <stdin>:11:10
   |
11 | expect = 1
   |          ^ this is an integer


"#]]
        .raw()
    );
}

const UNKNOWN_WORDS: &str = r#"on_exit = "fial"
[ns.a]
init = "pasue"
unshare = ["uts", "nte", "pid", "banana"]
[ns.b]
init = "bash -l"
proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
proc.d = "x"
"#;

#[test]
fn unknown_words() {
    assert_data_eq!(human(UNKNOWN_WORDS), str![[r#"
error[NS109]: `fial` is not a value of `on_exit`
 --> <stdin>:1:11
  |
1 | on_exit = "fial"
  |           ^^^^^^ expected "fail", "any" or "ignore"
  |
  = help: did you mean `fail`?

error[NS109]: `pasue` is not a value of `init`
 --> <stdin>:3:8
  |
3 | init = "pasue"
  |        ^^^^^^^ expected "builtin", "pause", an array of arguments or a table of a process
  |
  = help: did you mean `pause`?

error[NS109]: `nte` is not a value of `unshare`
 --> <stdin>:4:19
  |
4 | unshare = ["uts", "nte", "pid", "banana"]
  |                   ^^^^^ expected "mount", "uts", "ipc", "net" or "cgroup"
  |
  = help: did you mean `net`?

error[NS109]: `pid` is not a value of `unshare`
 --> <stdin>:4:26
  |
4 | unshare = ["uts", "nte", "pid", "banana"]
  |                          ^^^^^ every namespace of a topology is a PID namespace

error[NS109]: `banana` is not a value of `unshare`
 --> <stdin>:4:33
  |
4 | unshare = ["uts", "nte", "pid", "banana"]
  |                                 ^^^^^^^^ expected "mount", "uts", "ipc", "net" or "cgroup"

error[NS109]: `bash -l` is not a value of `init`
 --> <stdin>:6:8
  |
6 | init = "bash -l"
  |        ^^^^^^^^^ expected "builtin", "pause", an array of arguments or a table of a process
  |
  = help: to make a program PID 1 write init = ["bash", "-l"]

error[NS109]: `jion` is not a value of `enter`
 --> <stdin>:7:31
  |
7 | proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
  |                               ^^^^^^ expected "fork" or "join"
  |
  = help: did you mean `join`?

error[NS109]: `started up` is not a value of `after`
 --> <stdin>:7:53
  |
7 | proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
  |                                                     ^^^^^^^^^^^^ expected "created", "started", "ready", "exited", "done" or "ok"
  |
  = help: did you mean `started`?

error[NS109]: `log` is not a value of `stdin`
 --> <stdin>:7:77
  |
7 | proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
  |                                                                             ^^^^^ expected "null", "inherit" or the absolute path of a file

error[NS109]: `lgo` is not a value of `stdout`
 --> <stdin>:7:93
  |
7 | proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
  |                                                                                             ^^^^^ expected "log", "inherit", "null" or the absolute path of a file


"#]].raw());
}

#[test]
fn signals_that_do_not_exist() {
    let text = r#"[ns.a]
stop = { signal = "TREM" }
[ns.b]
stop = { signal = "sigterm" }
[ns.c]
stop = { signal = 99 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS110]: there is no signal `TREM`
 --> <stdin>:2:19
  |
2 | stop = { signal = "TREM" }
  |                   ^^^^^^ did you mean `TERM`?

error[NS110]: there is no signal `sigterm`
 --> <stdin>:4:19
  |
4 | stop = { signal = "sigterm" }
  |                   ^^^^^^^^^ did you mean `TERM`?

error[NS110]: there is no signal `99`
 --> <stdin>:6:19
  |
6 | stop = { signal = 99 }
  |                   ^^
  |
  = help: write a name such as "TERM" or "RTMIN+3", or a number from 1 to 64


"#]]
        .raw()
    );
}

#[test]
fn durations_without_a_unit() {
    let text = r#"[ns.a]
stop = { grace = 5 }
[ns.b]
stop = { grace = "5" }
[ns.c]
stop = { grace = "5 parsecs" }
[ns.d]
stop = { grace = "soon" }
[ns.e]
stop = { grace = "9999d" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS111]: `grace` needs a unit
 --> <stdin>:2:18
  |
2 | stop = { grace = 5 }
  |                  ^ a duration is a string
  |
  = help: write "5s"

error[NS111]: `5` is not a duration
 --> <stdin>:4:18
  |
4 | stop = { grace = "5" }
  |                  ^^^ the unit is missing
  |
  = help: write "5s"

error[NS111]: `5 parsecs` is not a duration
 --> <stdin>:6:18
  |
6 | stop = { grace = "5 parsecs" }
  |                  ^^^^^^^^^^^ the unit is not one of ms, s, m, h, d
  |
  = help: write a number with a unit: "200ms", "1.5s", "2m"

error[NS111]: `soon` is not a duration
 --> <stdin>:8:18
  |
8 | stop = { grace = "soon" }
  |                  ^^^^^^ a duration is a number with a unit
  |
  = help: write a number with a unit: "200ms", "1.5s", "2m"

error[NS111]: `9999d` is not a duration
  --> <stdin>:10:18
   |
10 | stop = { grace = "9999d" }
   |                  ^^^^^^^ it is longer than ten years
   |
   = help: write a number with a unit: "200ms", "1.5s", "2m"


"#]]
        .raw()
    );
}

#[test]
fn numbers_out_of_range() {
    let text = r#"[limits]
namespaces = 0
depth = 33
[ns.a]
proc.b = { cmd = "x", ok = [0, 256, -1] }
proc.c = { cmd = "x", ok = [] }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS112]: `namespaces` is out of range
 --> <stdin>:2:14
  |
2 | namespaces = 0
  |              ^ a number from 1 to 4294967295 is expected

error[NS112]: `depth` is out of range
 --> <stdin>:3:9
  |
3 | depth = 33
  |         ^^ a number from 1 to 32 is expected

error[NS112]: `ok` is out of range
 --> <stdin>:5:32
  |
5 | proc.b = { cmd = "x", ok = [0, 256, -1] }
  |                                ^^^ a number from 0 to 255 is expected

error[NS112]: `ok` is out of range
 --> <stdin>:5:37
  |
5 | proc.b = { cmd = "x", ok = [0, 256, -1] }
  |                                     ^^ a number from 0 to 255 is expected

error[NS112]: `ok` is empty
 --> <stdin>:6:28
  |
6 | proc.c = { cmd = "x", ok = [] }
  |                            ^^ the process could never succeed


"#]]
        .raw()
    );
}
