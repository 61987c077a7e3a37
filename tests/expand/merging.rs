//! Several tables → one: which says more, and what becomes of what the other says.

use snapbox::{IntoData, assert_data_eq, str};

use super::expanded;

#[test]
fn defaults_are_weaker_than_templates_and_those_than_the_table_itself() {
    let text = r#"[defaults.ns]
hostname = "default"
domainname = "default"
cwd = "/default"
[template.t]
hostname = "template"
domainname = "template"
[ns.a]
use = "t"
hostname = "own"
proc.p = "x"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "own"
domainname = "template"
cwd = "/default"
proc.p = { cmd = ["x"] }

"#]]
        .raw()
    );
}

#[test]
fn templates_count_from_left_to_right() {
    let text = r#"[template.left]
hostname = "left"
domainname = "left"
[template.right]
hostname = "right"
[ns.a]
use = ["left", "right"]
[ns.b]
use = ["right", "left"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "right"
domainname = "left"

[ns.b]
hostname = "left"
domainname = "left"

"#]]
        .raw()
    );
}

#[test]
fn what_a_template_uses_is_weaker_than_the_template() {
    let text = r#"[template.low]
hostname = "low"
cwd = "/low"
proc.p = "low"
[template.middle]
use = "low"
hostname = "middle"
[template.high]
use = "middle"
[ns.a]
use = "high"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "middle"
cwd = "/low"
proc.p = { cmd = ["low"] }

"#]]
        .raw()
    );
}

#[test]
fn a_template_that_is_used_twice_has_its_highest_precedence() {
    let text = r#"[template.base]
hostname = "base"
[template.t]
use = "base"
hostname = "t"
[ns.a]
use = ["t", "base"]
[ns.b]
use = ["base", "t", "t"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "base"

[ns.b]
hostname = "t"

"#]]
        .raw()
    );
}

#[test]
fn scalars_and_arrays_replace() {
    let text = r#"[template.t]
unshare = ["mount", "ipc", "net"]
init = ["first", "argument"]
mount_proc = true
[ns.a]
use = "t"
unshare = ["mount", "uts"]
init = "pause"
mount_proc = false
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
unshare = ["mount", "uts"]
mount_proc = false
init = "pause"

"#]]
        .raw()
    );
}

#[test]
fn tables_merge_by_key() {
    let text = r#"[defaults.ns]
labels = { from = "default", default = "yes" }
[template.t]
labels = { from = "template", template = "yes" }
env = { A = "template", B = "template" }
stop = { signal = "INT", grace = "3s" }
[ns.a]
use = "t"
labels = { from = "own" }
env = { B = "own", C = "own" }
stop = { grace = "9s" }
proc.p = "x"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
labels = { default = "yes", from = "own", template = "yes" }
env = { A = "template", B = "own", C = "own" }
stop = { signal = "INT", grace = "9s" }
proc.p = { cmd = ["x"] }

"#]]
        .raw()
    );
}

#[test]
fn processes_merge_by_name_and_those_of_the_template_come_first() {
    let text = r#"[template.t]
proc.one = { cmd = "one", env = { A = "1" }, oneshot = true }
proc.two = "two"
[ns.a]
proc.three = "three"
proc.one = { env = { B = "2" } }
use = "t"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.one = { cmd = ["one"], env = { A = "1", B = "2" }, oneshot = true }
proc.two = { cmd = ["two"] }
proc.three = { cmd = ["three"] }

"#]]
        .raw()
    );
}

#[test]
fn what_a_process_runs_is_one_choice() {
    let text = r#"[template.t]
proc.a = { cmd = "a", cwd = "/" }
proc.b = { sh = "b", cwd = "/" }
proc.c = { actor = "idle", cwd = "/" }
proc.d = { cmd = "d", cwd = "/" }
[ns.a]
use = "t"
proc.a = { sh = "own" }
proc.b = { actor = "serve" }
proc.c = { cmd = ["own"] }
proc.d = { user = "0" }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.a = { sh = "own", cwd = "/" }
proc.b = { actor = "serve", cwd = "/" }
proc.c = { cmd = ["own"], cwd = "/" }
proc.d = { cmd = ["d"], cwd = "/", user = "0" }

"#]]
        .raw()
    );
}

#[test]
fn a_bare_program_is_short_for_a_table() {
    let text = r#"[template.t]
proc.a = { sh = "t", cwd = "/" }
proc.b = "t one"
proc.c = ["t", "two"]
[ns.a]
use = "t"
proc.a = "own words"
proc.b = { user = "0" }
proc.c = { sh = "own" }
[ns.b]
use = "t"
proc.a = ["own", "words"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.a = { cmd = ["own", "words"], cwd = "/" }
proc.b = { cmd = ["t", "one"], user = "0" }
proc.c = { sh = "own" }

[ns.b]
proc.a = { cmd = ["own", "words"], cwd = "/" }
proc.b = { cmd = ["t", "one"] }
proc.c = { cmd = ["t", "two"] }

"#]]
        .raw()
    );
}

#[test]
fn dependencies_merge_by_key() {
    let text = r#"[template.t]
proc.a = "a"
proc.b = "b"
proc.c = { cmd = "c", after = { a = "started", b = "started" } }
[ns.x]
use = "t"
proc.c = { after = { b = "created" } }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.x]
proc.a = { cmd = ["a"] }
proc.b = { cmd = ["b"] }
proc.c = { cmd = ["c"], after = { a = "started", b = "created" } }

"#]]
        .raw()
    );
}

#[test]
fn defaults_of_processes_are_weaker_than_a_template() {
    let text = r#"[defaults.proc]
actor = "idle"
user = "1"
env = { A = "default", B = "default" }
[template.t]
proc.p = { user = "2", env = { B = "template" } }
[ns.a]
use = "t"
proc.q = {}
proc.r = "own"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { actor = "idle", env = { A = "default", B = "template" }, user = "2" }
proc.q = { actor = "idle", env = { A = "default", B = "default" }, user = "1" }
proc.r = { cmd = ["own"], env = { A = "default", B = "default" }, user = "1" }

"#]]
        .raw()
    );
}

#[test]
fn private_keys_are_ignored() {
    let text = r#"x-top = "{{ no"
[template.t]
x-note = { a = "{{" }
[ns.a]
use = "t"
x-note = 3
proc.p = { cmd = "x", x-note = "{{" }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["x"] }

"#]]
        .raw()
    );
}
