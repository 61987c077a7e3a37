//! `[[expect]]`: entries that expect nothing, and selectors that match nothing.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

const ENTRIES_WITHOUT_AN_EXPECTATION: &str = r#"[ns.vm]
proc.job = { actor = "idle" }
[ns."vm/ci"]
[[expect]]
from = "vm"
[[expect]]
sees = ["vm/job", "vm/ci#3"]
[[expect]]
from = "vm"
hides = "vm/ci"
sess = "vm"
[[expect]]
proc = "vm/job"
pid = { "vm/*" = 2, vm = 0 }
state = "ruining"
[[expect]]
count = 3
[[expect]]
signal = { from = "vm" }
via = "gaze"
"#;

#[test]
fn entries_without_an_expectation() {
    assert_data_eq!(human(ENTRIES_WITHOUT_AN_EXPECTATION), str![[r#"
error[NS133]: an expectation has nothing to compare
 --> <stdin>:5:1
  |
5 | from = "vm"
  | ^^^^ this would compare nothing
  |
  = help: state what is visible from there: sees = ["…"], hides = ["…"] or count = 1

error[NS133]: `sees` does not name the observer
 --> <stdin>:7:1
  |
7 | sees = ["vm/job", "vm/ci#3"]
  | ^^^^ `from` is missing
  |
  = help: write from = "…" in the same [[expect]]

error[NS133]: `vm/ci#3` cannot be used in an expectation
 --> <stdin>:7:19
  |
7 | sees = ["vm/job", "vm/ci#3"]
  |                   ^^^^^^^^^ which process has a PID is what is to be determined: write the path of a process

error[NS102]: unknown key `sess` in `[[expect]]`
  --> <stdin>:11:1
   |
11 | sess = "vm"
   | ^^^^ did you mean `sees`?

error[NS133]: `vm/*` is not the path of a namespace
  --> <stdin>:14:10
   |
14 | pid = { "vm/*" = 2, vm = 0 }
   |          ^^^^ PIDs belong to one namespace, which is named here

error[NS112]: `vm` is out of range
  --> <stdin>:14:26
   |
14 | pid = { "vm/*" = 2, vm = 0 }
   |                          ^ a number from 1 to 4194304 is expected

error[NS109]: `ruining` is not a value of `state`
  --> <stdin>:15:9
   |
15 | state = "ruining"
   |         ^^^^^^^^^ expected "creating", "created", "running", "ready", "paused", "stopping", "killing", "exited", "failed" or "killed"
   |
   = help: did you mean `running`?

error[NS133]: `count` does not state what is counted
  --> <stdin>:17:1
   |
17 | count = 3
   | ^^^^^ both `from` and `proc` are missing
   |
   = help: add `from` to count what it sees, or a pattern as `proc` to count the live processes that match

error[NS133]: `signal` needs a sender, a target and whether it is allowed
  --> <stdin>:19:1
   |
19 | signal = { from = "vm" }
   | ^^^^^^
   |
   = help: write signal = { from = "…", to = "…", allowed = false }

error[NS109]: `gaze` is not a value of `via`
  --> <stdin>:20:7
   |
20 | via = "gaze"
   |       ^^^^^^ expected "chain", "proc", "kill", "pidfd", "ptrace" or "cred"


"#]].raw());
}

#[test]
fn an_empty_chain_has_no_diagnostics() {
    let told = human("[ns.vm]\n[[expect]]\nproc = \"vm/init\"\nchain = []\n");
    assert!(
        told.starts_with("error[NS133]: an expectation has nothing to compare\n"),
        "{told}"
    );
}

#[test]
fn selectors_without_a_match() {
    let text = r#"[ns.vm]
proc.job = { actor = "idle" }
[ns."vm/ci"]
[[expect]]
from = "vm/cj"
hides = ["vm/jbo", "vm/x*", "host"]
[[expect]]
proc = "vm/ci"
pid = { vn = 1, host = 7 }
[[expect]]
from = "host"
sees = ["vm/**", "vm/init", "."]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS215]: an expectation names `vm/cj`
 --> <stdin>:5:8
  |
5 | from = "vm/cj"
  |        ^^^^^^^ no namespace or process has this path
  |
  = help: there is `vm/ci`

error[NS215]: an expectation names `vm/jbo`
 --> <stdin>:6:10
  |
6 | hides = ["vm/jbo", "vm/x*", "host"]
  |          ^^^^^^^^ no namespace or process has this path
  |
  = help: there is `vm/job`

error[NS215]: an expectation names `vm/x*`
 --> <stdin>:6:20
  |
6 | hides = ["vm/jbo", "vm/x*", "host"]
  |                    ^^^^^^^ no namespace or process has this name
  |
  = help: there is `vm/ci`

error[NS215]: the host is not part of the topology
 --> <stdin>:6:29
  |
6 | hides = ["vm/jbo", "vm/x*", "host"]
  |                             ^^^^^^ a namespace or process of the topology is expected here

error[NS215]: an expectation names `vm/ci`
 --> <stdin>:8:8
  |
8 | proc = "vm/ci"
  |        ^^^^^^^ no process has this path
  |
  = help: that is a namespace; its PID 1 is "vm/ci/init"

error[NS215]: an expectation names `vn`
 --> <stdin>:9:9
  |
9 | pid = { vn = 1, host = 7 }
  |         ^^ no namespace has this path
  |
  = help: there is `vm`


"#]]
        .raw()
    );
}
