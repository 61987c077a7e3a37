//! `expanded = true`: a file that says what is, as `nestns config` prints it.

use snapbox::{IntoData, assert_data_eq, file, str};

use super::{Files, expanded, human};

#[test]
fn names_have_numbers_and_braces_are_braces() {
    let text = r#"expanded = true
[ns."w.0"]
proc."p.0" = ["echo", "{{i}} {{", "}}"]
proc.q = { cmd = ["x"], after = { "p.0" = "started" } }
[ns."w.0/t.1.0"]
hostname = "{{name}}"
[ns."w.1".ns."x.0"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns."w.0"]
proc."p.0" = { cmd = ["echo", "{{i}} {{", "}}"] }
proc.q = { cmd = ["x"], after = { "p.0" = "started" } }

[ns."w.0/t.1.0"]
hostname = "{{name}}"

[ns."w.1"]

[ns."w.1/x.0"]

"#]]
        .raw()
    );
}

#[test]
fn an_expanded_file_below_a_namespace() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
name_of_it = "x"
[ns.node]
include = "flat.toml"
proc.p = "{{name_of_it}}"
"#,
        ),
        (
            "flat.toml",
            r#"expanded = true
[ns."w.0"]
proc."p.0" = ["echo", "{{name_of_it}}"]
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.node]
proc.p = { cmd = ["x"] }

[ns."node/w.0"]
proc."p.0" = { cmd = ["echo", "{{name_of_it}}"] }

"#]]
        .raw()
    );
}

#[test]
fn expand_without_anything_to_expand() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"expanded = true
include = "y.toml"
[vars]
a = 1
[template.t]
[defaults.ns]
[ns.a]
use = "t"
count = 2
[ns.b]
depth = 2
fanout = 2
as = "x"
proc.p = { cmd = "x", count = 2, at = "leaf" }
[ns.b.ns.c]
include = "y.toml"
"#,
        ),
        ("y.toml", r#""#),
    ]);
    assert_data_eq!(files.human(&[]), file!["snapshots/expanded.txt"].raw());
}

#[test]
fn names_are_still_names() {
    let text = r#"expanded = true
[ns."W.0"]
[ns."w.x"]
[ns."w."]
[ns."init.0"]
[ns.a]
proc."P.0" = ["x"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: a namespace cannot be named `W.0`
 --> x.toml:2:6
  |
2 | [ns."W.0"]
  |      ^^^ `W.0` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS107]: a namespace cannot be named `w.x`
 --> x.toml:3:6
  |
3 | [ns."w.x"]
  |      ^^^ `w.x` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS107]: a namespace cannot be named `w.`
 --> x.toml:4:6
  |
4 | [ns."w."]
  |      ^^ `w.` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS107]: a namespace cannot be named `init.0`
 --> x.toml:5:6
  |
5 | [ns."init.0"]
  |      ^^^^^^ `init.0` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS107]: a process cannot be named `P.0`
 --> x.toml:7:7
  |
7 | proc."P.0" = ["x"]
  |       ^^^ `P.0` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots


"#]]
        .raw()
    );
}

#[test]
fn expand_is_a_boolean() {
    let text = r#"expanded = "yes"
[ns."w.0"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `expanded` must be true or false
 --> x.toml:1:12
  |
1 | expanded = "yes"
  |            ^^^^^ this is a string

error[NS107]: `w.0` is not a name
 --> x.toml:2:6
  |
2 | [ns."w.0"]
  |      ^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: a dot marks a generated instance, as in `w.17`, and is never part of a declared name
  = help: write `w-0`


"#]]
        .raw()
    );
}

#[test]
fn expand_is_false() {
    let text = r#"expanded = false
[ns."w.0"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: `w.0` is not a name
 --> x.toml:2:6
  |
2 | [ns."w.0"]
  |      ^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: a dot marks a generated instance, as in `w.17`, and is never part of a declared name
  = help: write `w-0`


"#]]
        .raw()
    );
}
