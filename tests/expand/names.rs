//! `as`: other names for what is generated.

use snapbox::{IntoData, assert_data_eq, str};

use super::{human, tree};

#[test]
fn names_by_number_level_and_variable() {
    let text = r#"[vars]
color = "blue"
[ns.a]
depth = 3
as = "lvl{{level}}"
[ns.w]
count = 2
as = "{{color}}-{{i + 1}}"
[ns.t]
depth = 2
fanout = 2
as = "{{name}}-{{level}}-{{i}}"
[ns.n]
count = 1
as = "{{i}}"
[ns.d]
count = 2
as = "d.{{i}}.{{i * 2}}"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 11 namespaces, 0 processes, depth 3
├─ lvl1/        ?/1
│  └─ lvl2/     ?/2/1
│     └─ lvl3/  ?/3/2/1
├─ blue-1/      ?/1
├─ blue-2/      ?/1
├─ t-1-0/       ?/1
│  ├─ t-2-0/    ?/2/1
│  └─ t-2-1/    ?/3/1
├─ 0/           ?/1
├─ d.0.0/       ?/1
└─ d.1.2/       ?/1

"#]]
        .raw()
    );
}

#[test]
fn nested_instances_may_have_the_same_name() {
    let text = r#"[ns.a]
depth = 3
as = "same"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 3 namespaces, 0 processes, depth 3
└─ same/        ?/1
   └─ same/     ?/2/1
      └─ same/  ?/3/2/1

"#]]
        .raw()
    );
}

#[test]
fn names_of_a_template() {
    let text = r#"[template.t]
count = 2
as = "{{name}}-{{i}}"
[ns.a]
use = "t"
[ns.b]
use = "t"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 4 namespaces, 0 processes, depth 1
├─ a-0/  ?/1
├─ a-1/  ?/1
├─ b-0/  ?/1
└─ b-1/  ?/1

"#]]
        .raw()
    );
}

#[test]
fn one_name_for_several() {
    let text = r#"[ns.a]
count = 3
as = "b"
[ns.t]
depth = 2
fanout = 2
as = "t{{level}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS214]: `as` gives number 1 of `a` a name that cannot be used
 --> x.toml:3:6
  |
3 | as = "b"
  |      ^^^ `b` already exists
  |
  = note: the same is true of 1 more
  = help: use {{i}} in the name to make it unique, and in a tree {{level}} as well

error[NS214]: `as` gives number 1 of `t` a name that cannot be used
 --> x.toml:7:6
  |
7 | as = "t{{level}}"
  |      ^^^^^^^^^^^^ `t1/t2` already exists
  |
  = help: use {{i}} in the name to make it unique, and in a tree {{level}} as well


"#]]
        .raw()
    );
}

#[test]
fn names_that_are_taken() {
    let text = r#"[ns.a]
[ns.b]
count = 1
as = "a"
[ns.p]
proc.b0 = "x"
[ns."p/b"]
count = 2
as = "b{{i}}"
[ns."p/c"]
count = 2
[ns."p/d"]
count = 2
as = "c.{{i}}"
[ns."p/e"]
count = 1
as = "f"
[ns."p/f"]
[ns."p/g"]
count = 1
as = "f"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS214]: `as` gives number 0 of `b` a name that cannot be used
 --> x.toml:4:6
  |
1 | [ns.a]
  |     - it is declared here
...
4 | as = "a"
  |      ^^^ `a` already exists

error[NS214]: `as` gives number 0 of `b` a name that cannot be used
 --> x.toml:9:6
  |
6 | proc.b0 = "x"
  |      -- it is declared here
...
9 | as = "b{{i}}"
  |      ^^^^^^^^ `p/b0` already exists

error[NS214]: `as` gives number 0 of `d` a name that cannot be used
  --> x.toml:14:6
   |
10 | [ns."p/c"]
   |      --- it is declared here
...
14 | as = "c.{{i}}"
   |      ^^^^^^^^^ `p/c.0` already exists
   |
   = note: the same is true of 1 more

error[NS214]: `as` gives number 0 of `e` a name that cannot be used
  --> x.toml:17:6
   |
17 | as = "f"
   |      ^^^ `p/f` already exists
18 | [ns."p/f"]
   |      --- it is declared here

error[NS214]: `as` gives number 0 of `g` a name that cannot be used
  --> x.toml:21:6
   |
17 | as = "f"
   |      --- it is given here
...
21 | as = "f"
   |      ^^^ `p/f` already exists


"#]]
        .raw()
    );
}

const INVALID_NAMES: &str = r#"[ns.a]
count = 2
as = "A{{i}}"
[ns.b]
count = 1
as = "init"
[ns.c]
count = 1
as = "b.x"
[ns.d]
count = 1
as = "{{'0123456789012345678901234567890123456789'}}{{'0123456789012345678901234567890123456789'}}"
[ns.e]
count = 1
as = ""
[ns.f]
count = 1
as = "a/b"
[ns.g]
count = 1
as = "{{nothing}}"
[ns.h]
count = 1
as = 3
"#;

#[test]
fn invalid_names() {
    assert_data_eq!(human(INVALID_NAMES), str![[r#"
error[NS214]: `as` gives number 0 of `a` a name that cannot be used
 --> x.toml:3:6
  |
3 | as = "A{{i}}"
  |      ^^^^^^^^ `A0` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots
  |
  = note: the same is true of 1 more

error[NS214]: `as` gives number 0 of `b` a name that cannot be used
 --> x.toml:6:6
  |
6 | as = "init"
  |      ^^^^^^ `init` is reserved

error[NS214]: `as` gives number 0 of `c` a name that cannot be used
 --> x.toml:9:6
  |
9 | as = "b.x"
  |      ^^^^^ `b.x` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS214]: `as` gives number 0 of `d` a name that cannot be used
  --> x.toml:12:6
   |
12 | as = "{{'0123456789012345678901234567890123456789'}}{{'0123456789012345678901234567890123456789'}}"
   |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `01234567890123456789012345678901234567890123456789012345678901234567890123456789` has 80 characters, a name has at most 64

error[NS214]: `as` gives number 0 of `e` a name that cannot be used
  --> x.toml:15:6
   |
15 | as = ""
   |      ^^ `` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS214]: `as` gives number 0 of `f` a name that cannot be used
  --> x.toml:18:6
   |
18 | as = "a/b"
   |      ^^^^^ `a/b` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots

error[NS123]: there is no variable `nothing`
  --> x.toml:21:9
   |
21 | as = "{{nothing}}"
   |         ^^^^^^^
   |
   = help: declare it: [vars] followed by nothing = …

error[NS101]: `as` must be a string
  --> x.toml:24:6
   |
24 | as = 3
   |      ^ this is an integer


"#]].raw());
}

#[test]
fn nothing_to_name() {
    let text = r#"[ns.a]
as = "b"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS128]: `as` names generated instances, but none are generated
 --> x.toml:2:1
  |
2 | as = "b"
  | ^^
  |
  = help: add count or depth; a single namespace is named by its header


"#]]
        .raw()
    );
}
