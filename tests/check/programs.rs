//! Programs that a process or a PID 1 cannot run.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

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
  |          ^^^^^^^^^ a quote is never closed

error[NS113]: the script is empty
 --> <stdin>:6:17
  |
6 | proc.e = { sh = " " }
  |                 ^^^

error[NS113]: the command contains a NUL
 --> <stdin>:7:10
  |
7 | proc.f = "a\u0000b"
  |          ^^^^^^^^^^ the kernel ends an argument at a NUL


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
error[NS114]: process `b` has no program
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
  = help: the actors are idle, serve, tree, zombie, orphan, ignore-term, fork-storm, log, threads, exit

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
  = help: it has no options

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
  = help: the actors are idle, serve, tree, zombie, orphan, ignore-term, fork-storm, log, threads, exit

error[NS115]: the actor `exit` has no option `--banana`
 --> <stdin>:9:20
  |
9 | proc.i = { actor = "exit --banana 3" }
  |                    ^^^^^^^^^^^^^^^^^
  |
  = help: its options are --code, --after


"#]]
        .raw()
    );
}
