//! PIDs that cannot be given.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn pids_that_do_not_exist() {
    let text = r#"[ns.a]
pid_max = 400
last_pid = 400
proc.high = { actor = "idle", pid = 400 }
proc.far = { actor = "idle", pid = [2, 3] }
proc.none = { actor = "idle", pid = [] }
proc.zero = { actor = "idle", pid = 0 }
[ns."a/b"]
proc.high = { actor = "idle", pid = [400, 401] }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS139]: `last_pid` of `a` is not below its `pid_max`
 --> <stdin>:3:12
  |
2 | pid_max = 400
  |           --- the limit is here
3 | last_pid = 400
  |            ^^^ the highest PID is 399

error[NS139]: PID 400 does not exist in `a`
 --> <stdin>:4:37
  |
4 | proc.high = { actor = "idle", pid = 400 }
  |                                     ^^^ the highest PID there is 399

error[NS139]: `pid` of `a/far` has 2 PIDs, but it is in 1 PID namespace of the tree
 --> <stdin>:5:36
  |
5 | proc.far = { actor = "idle", pid = [2, 3] }
  |                                    ^^^^^^ the first is that in its own namespace, the others are those around it
  |
  = note: PIDs on the host cannot be chosen

error[NS112]: `pid` is empty
 --> <stdin>:6:37
  |
6 | proc.none = { actor = "idle", pid = [] }
  |                                     ^^
  |
  = help: leave `pid` out, or write pid = 7

error[NS112]: `pid` is out of range
 --> <stdin>:7:37
  |
7 | proc.zero = { actor = "idle", pid = 0 }
  |                                     ^ a number from 1 to 4194303 is expected

error[NS139]: PID 401 does not exist in `a`
 --> <stdin>:9:37
  |
9 | proc.high = { actor = "idle", pid = [400, 401] }
  |                                     ^^^^^^^^^^ the highest PID there is 399


"#]]
        .raw()
    );
}

#[test]
fn pids_that_are_taken() {
    let text = r#"[ns.a]
proc.first = { actor = "idle", pid = 1 }
proc.same = { actor = "idle", count = 2, pid = 7 }
[ns."a/b"]
init = { actor = "idle", pid = [2, 9] }
proc.out = { actor = "idle", pid = [3, 7] }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS139]: PID 1 of `a` cannot be chosen for `a/first`
 --> <stdin>:2:38
  |
2 | proc.first = { actor = "idle", pid = 1 }
  |                                      ^ PID 1 is the first process of a namespace

error[NS219]: `a/same.0` and `a/same.1` are both to have PID 7 in `a`
 --> <stdin>:3:48
  |
3 | proc.same = { actor = "idle", count = 2, pid = 7 }
  |                                                ^
  |                                                |
  |                                                the second is here
  |                                                `a/same.0` has it
  |
  = help: choose another, or compute it: pid = "{{i + 7}}"

error[NS139]: `a/b/init` is PID 1 of `a/b` and cannot have PID 2 there
 --> <stdin>:5:32
  |
5 | init = { actor = "idle", pid = [2, 9] }
  |                                ^^^^^^ the first PID has to be 1

error[NS219]: `a/same.1` and `a/b/out` are both to have PID 7 in `a`
 --> <stdin>:6:36
  |
3 | proc.same = { actor = "idle", count = 2, pid = 7 }
  |                                                - `a/same.1` has it
...
6 | proc.out = { actor = "idle", pid = [3, 7] }
  |                                    ^^^^^^ the second is here
  |
  = help: choose another, or compute it: pid = "{{i + 7}}"


"#]]
        .raw()
    );
}

#[test]
fn fewer_pids_than_processes() {
    let text = r#"[ns.a]
pid_max = 301
proc.p = { actor = "idle", count = 150 }
[ns."a/b"]
proc.p = { actor = "idle", count = 150 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS220]: `a` has 300 PIDs, but 302 processes are declared in it
 --> <stdin>:2:11
  |
2 | pid_max = 301
  |           ^^^ every process in it and inside it, each PID 1 included, takes a PID
  |
  = help: write pid_max = 303 or more


"#]]
        .raw()
    );
}

#[test]
fn pids_of_instances_are_computed() {
    let text = r#"[ns.a]
proc.p = { actor = "idle", count = 2, pid = "{{i + 7}}" }
[ns."a/w"]
count = 2
init = { actor = "idle", pid = [1, "{{i + 20}}"] }
"#;
    assert_data_eq!(human(text), str![""].raw());
}
