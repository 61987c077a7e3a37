//! Values that cannot be read.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn values_of_the_wrong_type() {
    let text = r#"name = 1
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
    assert_data_eq!(
        human(text),
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

#[test]
fn names_with_wrong_characters() {
    let text = r#"name = "Über"
[ns.VM]
[ns."w.17"]
[ns."VM//x"]
[ns.""]
[ns.a]
proc."-x" = "y"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: `Über` is not a name
 --> <stdin>:1:8
  |
1 | name = "Über"
  |        ^^^^^^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit

error[NS107]: `VM` is not a name
 --> <stdin>:2:5
  |
2 | [ns.VM]
  |     ^^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit
  |
  = help: write `vm`

error[NS107]: `w.17` is not a name
 --> <stdin>:3:6
  |
3 | [ns."w.17"]
  |      ^^^^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit
  |
  = note: a dot marks a generated instance, as in `w.17`, and never stands in a declared name
  = help: write `w-17`

error[NS107]: `VM` is not a name
 --> <stdin>:4:6
  |
4 | [ns."VM//x"]
  |      ^^^^^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit
  |
  = help: write `vm`

error[NS107]: a namespace needs a name
 --> <stdin>:5:6
  |
5 | [ns.""]
  |      ^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit

error[NS107]: `-x` is not a name
 --> <stdin>:7:7
  |
7 | proc."-x" = "y"
  |       ^^ a name is made of a-z, 0-9, `_` and `-`, and begins with a letter or a digit
  |
  = help: write `x`


"#]]
        .raw()
    );
}

#[test]
fn a_name_that_is_too_long() {
    let text = r#"[ns.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: the name has 67 characters
 --> <stdin>:1:5
  |
1 | [ns.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a name has at most 64


"#]]
        .raw()
    );
}

#[test]
fn reserved_names() {
    let text = r#"[ns.host]
[ns.a]
proc.init = "x"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS108]: a namespace cannot be called `host`
 --> <stdin>:1:5
  |
1 | [ns.host]
  |     ^^^^ this name is reserved
  |
  = note: `host` is the address of the namespace outside the topology

error[NS108]: a process cannot be called `init`
 --> <stdin>:3:6
  |
3 | proc.init = "x"
  |      ^^^^ this name is reserved
  |
  = note: `vm/ci/init` is the address of the PID 1 of `vm/ci`


"#]]
        .raw()
    );
}

#[test]
fn words_that_are_none() {
    let text = r#"on_exit = "fial"
[ns.a]
init = "pasue"
unshare = ["uts", "nte", "pid", "banana"]
[ns.b]
init = "bash -l"
proc.c = { cmd = "x", enter = "jion", after = { d = "started up" }, stdin = "log", stdout = "lgo" }
proc.d = "x"
"#;
    assert_data_eq!(human(text), str![[r#"
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
  |        ^^^^^^^ expected "builtin", "pause", an array of arguments or { actor = "…" }
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
  |        ^^^^^^^^^ expected "builtin", "pause", an array of arguments or { actor = "…" }
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
  |                                                     ^^^^^^^^^^^^ expected "created", "started", "ready", "exited" or "ok"
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
  |                  ^^^^^^^^^^^ the unit is none of ms, s, m, h, d
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
  |                            ^^ no end of the process would be a success


"#]]
        .raw()
    );
}

#[test]
fn commands_that_cannot_run() {
    let text = r#"[ns.a]
init = []
proc.b = ""
proc.c = { cmd = ["", "x"] }
proc.d = "echo 'x"
proc.e = { sh = " " }
proc.f = "a\u0000b"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS113]: the command is empty
 --> <stdin>:2:8
  |
2 | init = []
  |        ^^ the first word is the program

error[NS113]: the command is empty
 --> <stdin>:3:10
  |
3 | proc.b = ""
  |          ^^ the first word is the program

error[NS113]: the command is empty
 --> <stdin>:4:18
  |
4 | proc.c = { cmd = ["", "x"] }
  |                  ^^^^^^^^^ the first word is the program

error[NS113]: the command has an open quote
 --> <stdin>:5:10
  |
5 | proc.d = "echo 'x"
  |          ^^^^^^^^^ a quote is opened and never closed

error[NS113]: the script is empty
 --> <stdin>:6:17
  |
6 | proc.e = { sh = " " }
  |                 ^^^

error[NS113]: the command contains a NUL
 --> <stdin>:7:10
  |
7 | proc.f = "a\u0000b"
  |          ^^^^^^^^^^ a NUL ends an argument for the kernel


"#]]
        .raw()
    );
}

#[test]
fn not_exactly_one_program() {
    let text = r#"[ns.a]
proc.b = { cwd = "/" }
proc.c = { cmd = "x", actor = "idle" }
[ns.d]
init = {}
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS114]: process `b` runs nothing
 --> <stdin>:2:6
  |
2 | proc.b = { cwd = "/" }
  |      ^ one of `cmd`, `sh` and `actor` is needed

error[NS114]: a process has both `cmd` and `actor`
 --> <stdin>:3:23
  |
3 | proc.c = { cmd = "x", actor = "idle" }
  |            ---        ^^^^^ it can run only one program
  |            |
  |            the first one is here

error[NS114]: `init` names no program
 --> <stdin>:5:1
  |
5 | init = {}
  | ^^^^
  |
  = help: write init = { actor = "idle" } or init = ["program", "argument"]


"#]]
        .raw()
    );
}

#[test]
fn actors_that_do_not_exist() {
    let text = r#"[ns.a]
proc.b = { actor = "idel" }
proc.c = { actor = "banana" }
proc.d = { actor = "tree --child 3" }
proc.e = { actor = "idle --rate 3" }
proc.f = { actor = "tree --children" }
proc.g = { actor = "exit --after 3" }
proc.h = { actor = "" }
proc.i = { actor = "exit --banana 3" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS115]: there is no actor `idel`
 --> <stdin>:2:20
  |
2 | proc.b = { actor = "idel" }
  |                    ^^^^^^ did you mean `idle`?

error[NS115]: there is no actor `banana`
 --> <stdin>:3:20
  |
3 | proc.c = { actor = "banana" }
  |                    ^^^^^^^^
  |
  = help: the actors are idle, serve, tree, zombie, orphan, ignore-term, fork-storm, log, exit

error[NS115]: the actor `tree` has no option `--child`
 --> <stdin>:4:20
  |
4 | proc.d = { actor = "tree --child 3" }
  |                    ^^^^^^^^^^^^^^^^ did you mean `--children`?

error[NS115]: the actor `idle` has no option `--rate`
 --> <stdin>:5:20
  |
5 | proc.e = { actor = "idle --rate 3" }
  |                    ^^^^^^^^^^^^^^^
  |
  = help: it has none at all

error[NS115]: the option `--children` needs a value
 --> <stdin>:6:20
  |
6 | proc.f = { actor = "tree --children" }
  |                    ^^^^^^^^^^^^^^^^^

error[NS115]: `3` is not a value for `--after`: a duration such as 2s
 --> <stdin>:7:20
  |
7 | proc.g = { actor = "exit --after 3" }
  |                    ^^^^^^^^^^^^^^^^

error[NS115]: an actor needs a name
 --> <stdin>:8:20
  |
8 | proc.h = { actor = "" }
  |                    ^^
  |
  = help: the actors are idle, serve, tree, zombie, orphan, ignore-term, fork-storm, log, exit

error[NS115]: the actor `exit` has no option `--banana`
 --> <stdin>:9:20
  |
9 | proc.i = { actor = "exit --banana 3" }
  |                    ^^^^^^^^^^^^^^^^^
  |
  = help: it has --code, --after


"#]]
        .raw()
    );
}

#[test]
fn paths_that_are_not_absolute() {
    let text = r#"[ns.a]
cwd = "tmp"
proc.b = { cmd = "x", cwd = "", stdout = "./log" }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS116]: `cwd` is not an absolute path
 --> <stdin>:2:7
  |
2 | cwd = "tmp"
  |       ^^^^^ a path begins with `/`: inside a namespace nestns's own directory means nothing

error[NS116]: `cwd` is not an absolute path
 --> <stdin>:3:29
  |
3 | proc.b = { cmd = "x", cwd = "", stdout = "./log" }
  |                             ^^ the path is empty

error[NS116]: `stdout` is not an absolute path
 --> <stdin>:3:42
  |
3 | proc.b = { cmd = "x", cwd = "", stdout = "./log" }
  |                                          ^^^^^^^ a path begins with `/`: inside a namespace nestns's own directory means nothing


"#]].raw());
}

#[test]
fn variables_that_cannot_be_passed() {
    let text = r#"[ns.a]
env = { "A=B" = "x", "" = "y", C = "a\u0000" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS117]: `A=B` cannot be the name of an environment variable
 --> <stdin>:2:10
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |          ^^^ a name ends at the first `=`, so it cannot contain one

error[NS117]: `` cannot be the name of an environment variable
 --> <stdin>:2:23
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |                       ^ a variable needs a name

error[NS117]: the value of `C` contains a NUL
 --> <stdin>:2:36
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |                                    ^^^^^^^^^ a NUL ends the text for the kernel


"#]]
        .raw()
    );
}

#[test]
fn users_that_cannot_be_read() {
    let text = r#"[ns.a]
proc.b = { cmd = "x", user = "a:b:c" }
proc.c = { cmd = "x", user = "4294967295" }
proc.d = { cmd = "x", user = "" }
proc.e = { cmd = "x", user = "me:you" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS118]: `a:b:c` is not a user
 --> <stdin>:2:30
  |
2 | proc.b = { cmd = "x", user = "a:b:c" }
  |                              ^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`

error[NS118]: `4294967295` is not a user
 --> <stdin>:3:30
  |
3 | proc.c = { cmd = "x", user = "4294967295" }
  |                              ^^^^^^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`

error[NS118]: `` is not a user
 --> <stdin>:4:30
  |
4 | proc.d = { cmd = "x", user = "" }
  |                              ^^ expected `name`, `uid`, `name:group` or `uid:gid`


"#]]
        .raw()
    );
}

#[test]
fn host_names_that_cannot_be_set() {
    let text = r#"[ns.a]
hostname = ""
domainname = "a b"
[ns.b]
hostname = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> <stdin>:2:12
  |
2 | hostname = ""
  |            ^^ the name is empty

error[NS119]: `domainname` cannot be set
 --> <stdin>:3:14
  |
3 | domainname = "a b"
  |              ^^^^^ a host name has no blanks

error[NS119]: `hostname` cannot be set
 --> <stdin>:5:12
  |
5 | hostname = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the kernel keeps at most 64 bytes


"#]]
        .raw()
    );
}
