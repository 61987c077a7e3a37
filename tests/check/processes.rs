//! `NS2xx`: processes that do not fit together.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn a_dependency_that_does_not_exist() {
    let text = r#"[ns.a]
proc.database = "x"
proc.web = { cmd = "x", after = { databse = "ready", "b/c" = "ready" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS206]: `web` waits for `databse`, which does not exist
 --> <stdin>:3:35
  |
3 | proc.web = { cmd = "x", after = { databse = "ready", "b/c" = "ready" } }
  |                                   ^^^^^^^ did you mean `database`?

error[NS206]: `web` waits for `b/c`, which does not exist
 --> <stdin>:3:55
  |
3 | proc.web = { cmd = "x", after = { databse = "ready", "b/c" = "ready" } }
  |                                                       ^^^ no namespace below the host has this name


"#]]
        .raw()
    );
}

#[test]
fn a_dependency_on_something_that_cannot_be_read() {
    let text = r#"[ns.a]
proc.b = { cmd = "x", after = { c = "started" }, stop = { grace = "1s" } }
proc.c = { cmd = 0 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `cmd` must be a string of words or an array of arguments
 --> <stdin>:3:18
  |
3 | proc.c = { cmd = 0 }
  |                  ^ this is an integer


"#]]
        .raw()
    );
}

#[test]
fn a_dependency_on_itself() {
    let text = r#"[ns.a]
proc.b = { cmd = "x", after = { b = "started" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS207]: `b` waits for itself
 --> <stdin>:2:33
  |
2 | proc.b = { cmd = "x", after = { b = "started" } }
  |                                 ^ it would never start


"#]]
        .raw()
    );
}

#[test]
fn what_a_program_is_stopped_by_is_of_no_init_of_nestns() {
    let text = r#"[ns.x]
stop = { exec = "drain" }
[ns.y]
init = "pause"
stop = { to = "all" }
[ns.z]
init = ["sleep", "1"]
stop = { exec = "drain", to = "group", signal = "KILL" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: `stop.exec` of a namespace needs a program as PID 1
 --> <stdin>:2:17
  |
2 | stop = { exec = "drain" }
  |                 ^^^^^^^ nestns itself is PID 1 here
  |
  = help: write stop = { exec = … } in the process that it is meant for

error[NS120]: `stop.to` of a namespace needs a program as PID 1
 --> <stdin>:5:15
  |
5 | stop = { to = "all" }
  |               ^^^^^ nestns itself is PID 1 here
  |
  = help: write stop = { to = … } in the process that it is meant for


"#]]
        .raw()
    );
}

#[test]
fn a_cycle() {
    let text = r#"[ns.x]
proc.a = { cmd = "x", after = { b = "started" } }
proc.b = { cmd = "x", after = { c = "started" } }
proc.c = { cmd = "x", after = { a = "started" } }
proc.d = { cmd = "x", after = { a = "started" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS208]: processes wait for each other: a → b → c → a
 --> <stdin>:2:33
  |
2 | proc.a = { cmd = "x", after = { b = "started" } }
  |                                 ^ `a` waits for `b`
3 | proc.b = { cmd = "x", after = { c = "started" } }
  |                                 - `b` waits for `c`
4 | proc.c = { cmd = "x", after = { a = "started" } }
  |                                 - `c` waits for `a`


"#]]
        .raw()
    );
}

#[test]
fn two_cycles() {
    let text = r#"[ns.x]
proc.a = { cmd = "x", after = { b = "started" } }
proc.b = { cmd = "x", after = { a = "started" } }
proc.c = { cmd = "x", after = { d = "started" } }
proc.d = { cmd = "x", after = { c = "started" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS208]: processes wait for each other: a → b → a
 --> <stdin>:2:33
  |
2 | proc.a = { cmd = "x", after = { b = "started" } }
  |                                 ^ `a` waits for `b`
3 | proc.b = { cmd = "x", after = { a = "started" } }
  |                                 - `b` waits for `a`

error[NS208]: processes wait for each other: c → d → c
 --> <stdin>:4:33
  |
4 | proc.c = { cmd = "x", after = { d = "started" } }
  |                                 ^ `c` waits for `d`
5 | proc.d = { cmd = "x", after = { c = "started" } }
  |                                 - `d` waits for `c`


"#]]
        .raw()
    );
}

#[test]
fn a_fork_by_a_program() {
    let text = r#"[ns.a]
init = ["bash"]
proc.b = { cmd = "x", enter = "fork" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS209]: `b` cannot be forked by the PID 1 of `a`
 --> <stdin>:3:31
  |
2 | init = ["bash"]
  |        -------- a program is PID 1 here
3 | proc.b = { cmd = "x", enter = "fork" }
  |                               ^^^^^^ only an init of nestns forks processes on request
  |
  = help: write enter = "join" or leave it out, or run the program as a process under the builtin init


"#]]
        .raw()
    );
}

#[test]
fn a_fork_by_an_actor() {
    let text = r#"[ns.a]
init = { actor = "idle" }
proc.b = { cmd = "x", enter = "fork" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS209]: `b` cannot be forked by the PID 1 of `a`
 --> <stdin>:3:31
  |
2 | init = { actor = "idle" }
  |        ------------------ a program is PID 1 here
3 | proc.b = { cmd = "x", enter = "fork" }
  |                               ^^^^^^ only an init of nestns forks processes on request
  |
  = help: write enter = "join" or leave it out, or run the program as a process under the builtin init


"#]]
        .raw()
    );
}

#[test]
fn two_terminals() {
    let text = r#"[ns.a]
init = ["bash"]
tty = true
[ns.b]
proc.c = { cmd = "bash", tty = true }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS211]: both `a/init` and `b/c` claim the terminal
 --> <stdin>:5:32
  |
3 | tty = true
  |       ---- it is already claimed here
4 | [ns.b]
5 | proc.c = { cmd = "bash", tty = true }
  |                                ^^^^ there is only one terminal, that of `nestns up`


"#]]
        .raw()
    );
}

#[test]
fn a_terminal_without_a_program() {
    let text = r#"[ns.a]
tty = true
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: `tty` of a namespace needs a program as PID 1
 --> <stdin>:2:7
  |
2 | tty = true
  |       ^^^^ nestns itself is PID 1 here and cannot use a terminal
  |
  = help: write tty = true in the process that owns the terminal, or init = ["program"]


"#]]
        .raw()
    );
}

#[test]
fn a_session_said_of_a_namespace_and_of_its_pid_1() {
    let text = "[ns.a]\ninit = { cmd = \"bash\", session = \"own\" }\nsession = \"inherit\"\n";
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: `session` is set for the namespace and for its PID 1
 --> <stdin>:2:34
  |
2 | init = { cmd = "bash", session = "own" }
  |                                  ^^^^^ a namespace begins and ends with its PID 1
3 | session = "inherit"
  |           --------- it is also set here
  |
  = help: remove one of the two


"#]]
        .raw()
    );
}

#[test]
fn a_pid_1_with_a_terminal_and_a_session_outside_wherever_they_are_said() {
    for keys in [
        "init = { cmd = \"bash\", tty = true, session = \"inherit\" }",
        "init = { cmd = \"bash\", tty = true }\nsession = \"inherit\"",
        "init = { cmd = \"bash\", session = \"inherit\" }\ntty = true",
        "init = [\"bash\"]\ntty = true\nsession = \"inherit\"",
    ] {
        let said = human(&format!("[ns.a]\n{keys}\n"));
        let found = said.matches("needs a session of its own").count();
        assert_eq!(found, 1, "{keys}\n{said}");
    }
    for keys in [
        "init = { cmd = \"bash\", tty = true, session = \"own\" }",
        "init = { cmd = \"bash\", tty = true }\nsession = \"own\"",
        "init = { cmd = \"bash\", session = \"inherit\" }\ntty = false",
    ] {
        let said = human(&format!("[ns.a]\n{keys}\n"));
        assert!(!said.contains("error"), "{keys}\n{said}");
    }
}

#[test]
fn a_terminal_without_a_session_of_its_own() {
    let text = r#"[ns.a]
init = ["bash"]
tty = true
session = "inherit"
proc.b = { cmd = "x", session = "inherit" }
[ns.b]
session = "own"
proc.b = { cmd = "bash", tty = true, session = "inherit" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: a process with a terminal needs a session of its own
 --> <stdin>:4:11
  |
3 | tty = true
  |       ---- this makes the terminal its controlling terminal
4 | session = "inherit"
  |           ^^^^^^^^^ a terminal controls one session, and its leader is outside
  |
  = help: leave `session` out, or leave `tty` out

error[NS120]: `session` of a namespace needs a program as PID 1
 --> <stdin>:7:11
  |
7 | session = "own"
  |           ^^^^^ nestns itself is PID 1 here
  |
  = help: write it in a process, or init = ["program"]

error[NS211]: both `a/init` and `b/b` claim the terminal
 --> <stdin>:8:32
  |
3 | tty = true
  |       ---- it is already claimed here
...
8 | proc.b = { cmd = "bash", tty = true, session = "inherit" }
  |                                ^^^^ there is only one terminal, that of `nestns up`

error[NS120]: a process with a terminal needs a session of its own
 --> <stdin>:8:48
  |
8 | proc.b = { cmd = "bash", tty = true, session = "inherit" }
  |                                ----            ^^^^^^^^^ a terminal controls one session, and its leader is outside
  |                                |
  |                                this makes the terminal its controlling terminal
  |
  = help: leave `session` out, or leave `tty` out


"#]]
        .raw()
    );
}

#[test]
fn a_terminal_and_other_streams() {
    let text = r#"[ns.a]
proc.b = { cmd = "bash", tty = true, stdout = "log" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: a process with a terminal cannot redirect its streams
 --> <stdin>:2:47
  |
2 | proc.b = { cmd = "bash", tty = true, stdout = "log" }
  |                                ----           ^^^^^ this would replace the terminal
  |                                |
  |                                the terminal is connected to descriptors 0, 1 and 2


"#]]
        .raw()
    );
}

#[test]
fn a_main_that_does_not_exist() {
    let text = r#"main = "a/b"
[ns.a]
main = "wroker"
proc.worker = "x"
[ns."a/b"]
init = ["x"]
main = "init"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS216]: `main` of `a` names `wroker`, which is not a process of it
 --> <stdin>:3:8
  |
3 | main = "wroker"
  |        ^^^^^^^^ did you mean `worker`?

error[NS216]: `main` of `a/b` names `init`, which is not a process of it
 --> <stdin>:7:8
  |
7 | main = "init"
  |        ^^^^^^ a namespace ends with its PID 1 anyway
  |
  = help: leave `main` out


"#]]
    );
}

#[test]
fn a_namespace_that_nothing_keeps_open() {
    let text = r#"[ns.a]
proc.one = { cmd = "x", keeps = false }
proc.two = { cmd = "x", keeps = false }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS120]: no process keeps `a` open
 --> <stdin>:2:33
  |
2 | proc.one = { cmd = "x", keeps = false }
  |                                 ^^^^^ with `keeps = false` for all of them, it would end as soon as it is there
  |
  = help: remove `keeps` from the process that the others serve


"#]]
    );
}
