//! `[template.*]` and `use`.

use snapbox::{IntoData, assert_data_eq, str};

use super::{expanded, human, tree};

#[test]
fn a_template_brings_everything_inside_it() {
    let text = r#"[template.pod]
init = "pause"
proc.app = "app"
[template."pod/side"]
proc.log = "log"
[template."pod/side/deep"]
[ns.node]
[ns."node/a"]
use = "pod"
[ns."node/b"]
use = "pod"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 7 namespaces, 4 processes, depth 4
└─ node/           ?/1
   ├─ a/           ?/2/1       pause
   │  ├─ app       ?/3/2       app
   │  └─ side/     ?/4/3/1
   │     ├─ log    ?/5/4/2     log
   │     └─ deep/  ?/6/5/3/1
   └─ b/           ?/7/1       pause
      ├─ app       ?/8/2       app
      └─ side/     ?/9/3/1
         ├─ log    ?/10/4/2    log
         └─ deep/  ?/11/5/3/1

"#]]
        .raw()
    );
}

#[test]
fn a_part_of_a_template_is_a_template() {
    let text = r#"[template.pod]
[template."pod/side"]
hostname = "side"
[template."pod/side/deep"]
[ns.a]
use = "pod/side"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "side"

[ns."a/deep"]

"#]]
        .raw()
    );
}

#[test]
fn children_are_merged_by_name_and_inherited_ones_come_first() {
    let text = r#"[template.t]
[template."t/one"]
hostname = "one"
proc.p = "p"
[template."t/two"]
[ns.a]
use = "t"
[ns."a/three"]
[ns."a/one"]
hostname = "own"
proc.q = "q"
[ns."a/one/inside"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]

[ns."a/one"]
hostname = "own"
proc.p = { cmd = ["p"] }
proc.q = { cmd = ["q"] }

[ns."a/one/inside"]

[ns."a/two"]

[ns."a/three"]

"#]]
        .raw()
    );
}

#[test]
fn a_child_of_a_template_can_use_another_one() {
    let text = r#"[template.leaf]
proc.work = "work"
[template.t]
[template."t/left"]
use = "leaf"
[template."t/right"]
use = "leaf"
[ns.a]
use = "t"
"#;
    assert_data_eq!(
        tree(text),
        str![[r#"
x: 3 namespaces, 2 processes, depth 2
└─ a/          ?/1
   ├─ left/    ?/2/1
   │  └─ work  ?/3/2  work
   └─ right/   ?/4/1
      └─ work  ?/5/2  work

"#]]
        .raw()
    );
}

#[test]
fn a_template_uses_a_template_with_children() {
    let text = r#"[template.inner]
[template."inner/c"]
hostname = "inner"
[template.outer]
use = "inner"
[template."outer/c"]
domainname = "outer"
[ns.a]
use = "outer"
[ns."a/c"]
cwd = "/"
proc.p = "x"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]

[ns."a/c"]
hostname = "inner"
domainname = "outer"
cwd = "/"
proc.p = { cmd = ["x"] }

"#]]
        .raw()
    );
}

#[test]
fn nested_tables_are_templates_too() {
    let text = r#"[template.t.ns.c]
hostname = "c"
[template."t/c/d"]
[template.t]
[ns.a]
use = "t"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]

[ns."a/c"]
hostname = "c"

[ns."a/c/d"]

"#]]
        .raw()
    );
}

#[test]
fn a_template_can_be_called_like_a_namespace() {
    let text = r#"[template.a]
hostname = "t"
[ns.a]
use = "a"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "t"

"#]]
        .raw()
    );
}

#[test]
fn an_empty_list_uses_nothing() {
    let text = r#"[template.t]
use = []
[ns.a]
use = []
[ns.b]
use = "t"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]

[ns.b]

"#]]
        .raw()
    );
}

#[test]
fn a_child_may_be_declared_where_only_its_template_has_a_parent() {
    let text = r#"[template.t]
[template."t/c"]
[ns.a]
use = "t"
[ns."a/c/d"]
hostname = "d"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]

[ns."a/c"]

[ns."a/c/d"]
hostname = "d"

"#]]
        .raw()
    );
}

#[test]
fn a_template_that_does_not_exist() {
    let text = r#"[template.web]
[template.db]
[ns.a]
use = "wep"
[ns.b]
use = ["db", "cache"]
[ns.c]
use = "web"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS212]: there is no template `wep`
 --> x.toml:4:7
  |
1 | [template.web]
  |           --- a template with a similar name is declared here
...
4 | use = "wep"
  |       ^^^^^ did you mean `web`?

error[NS212]: there is no template `cache`
 --> x.toml:6:14
  |
6 | use = ["db", "cache"]
  |              ^^^^^^^
  |
  = help: declare it: [template.cache], or use one of web, db


"#]]
        .raw()
    );
}

#[test]
fn there_are_no_templates() {
    let text = r#"[ns.a]
use = "pod/side"
[defaults.ns]
use = "nothing"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS212]: there is no template `pod/side`
 --> x.toml:2:7
  |
2 | use = "pod/side"
  |       ^^^^^^^^^^
  |
  = help: declare it: [template."pod/side"]

error[NS212]: there is no template `nothing`
 --> x.toml:4:7
  |
4 | use = "nothing"
  |       ^^^^^^^^^
  |
  = help: declare it: [template.nothing]


"#]]
        .raw()
    );
}

#[test]
fn templates_that_use_each_other() {
    let text = r#"[template.a]
use = "b"
[template.b]
use = ["c", "c"]
[template.c]
[template."c/d"]
use = "a"
[ns.x]
use = "a"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS213]: templates use each other: a → b → c/d → a
 --> x.toml:2:7
  |
2 | use = "b"
  |       ^^^ `a` uses `b`
3 | [template.b]
4 | use = ["c", "c"]
  |        --- `b` uses `c`, which has `c/d` inside
...
7 | use = "a"
  |       --- `c/d` uses `a`
  |
  = note: a namespace would contain itself, endlessly


"#]]
        .raw()
    );
}

#[test]
fn a_template_that_uses_itself() {
    let text = r#"[template.t]
use = "t"
[template.u]
[template."u/inside"]
use = "u"
[ns.a]
use = ["t", "u"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS213]: templates use each other: t → t
 --> x.toml:2:7
  |
2 | use = "t"
  |       ^^^ `t` uses `t`
  |
  = note: a namespace would contain itself, endlessly

error[NS213]: templates use each other: u/inside → u/inside
 --> x.toml:5:7
  |
5 | use = "u"
  |       ^^^ `u/inside` uses `u`, which has `u/inside` inside
  |
  = note: a namespace would contain itself, endlessly


"#]]
        .raw()
    );
}

#[test]
fn an_unused_template() {
    let text = r#"[template.used]
[template."used/inside"]
[template.unused]
[template."unused/inside"]
[template."only/inside"]
[template.inner]
use = "used"
[ns.a]
use = "used/inside"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
warning[NS305]: template `unused` is never used
 --> x.toml:3:11
  |
3 | [template.unused]
  |           ^^^^^^ no namespace uses it
  |
  = help: write use = "unused" in a namespace, or remove the template

warning[NS305]: template `only/inside` is never used
 --> x.toml:5:12
  |
5 | [template."only/inside"]
  |            ^^^^^^^^^^^ no namespace uses it
  |
  = help: write use = "only/inside" in a namespace, or remove the template

warning[NS305]: template `inner` is never used
 --> x.toml:6:11
  |
6 | [template.inner]
  |           ^^^^^ no namespace uses it
  |
  = help: write use = "inner" in a namespace, or remove the template


"#]]
        .raw()
    );
}

#[test]
fn names_of_templates() {
    let text = r#"[template.init]
[template.Web]
[template."a//b"]
[template."t{{i}}"]
[ns.a]
use = ["init", "Web"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS108]: a template cannot be named `init`
 --> x.toml:1:11
  |
1 | [template.init]
  |           ^^^^ this name is reserved
  |
  = note: `vm/ci/init` is the address of the PID 1 of `vm/ci`

error[NS107]: `Web` is not a name
 --> x.toml:2:11
  |
2 | [template.Web]
  |           ^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = help: write `web`

error[NS107]: `a//b` has an empty segment
 --> x.toml:3:12
  |
3 | [template."a//b"]
  |            ^^^^ a path consists of names separated by single `/`
  |
  = help: write "a/b"

error[NS107]: `t{{i}}` is not a name
 --> x.toml:4:12
  |
4 | [template."t{{i}}"]
  |            ^^^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: placeholders are replaced in values, not in keys and headers


"#]]
        .raw()
    );
}

#[test]
fn a_template_is_declared_twice() {
    let text = r#"[template.t.ns.c]
[template."t/c"]
[template.t]
[ns.a]
use = "t"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS202]: template `t/c` is declared twice
 --> x.toml:2:12
  |
1 | [template.t.ns.c]
  |                - declared here first
2 | [template."t/c"]
  |            ^^^ declared here again
  |
  = help: nested tables and paths are two ways to write the same tree: keep [template."t/c"]


"#]]
        .raw()
    );
}

#[test]
fn a_problem_is_shown_where_it_is_written_and_where_it_is_used() {
    let text = r#"[template.base]
hostname = "a b"
proc.p = { cmd = "x", cwd = "tmp" }
[template."base/c"]
stop = { grace = 5 }
[template.t]
use = "base"
[ns.a]
use = "t"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:2:12
  |
2 | hostname = "a b"
  |            ^^^^^ a host name has no spaces
...
7 | use = "base"
  |       ------ used by `t` here
8 | [ns.a]
9 | use = "t"
  |       --- used by `a` here

error[NS116]: `cwd` is not an absolute path
 --> x.toml:3:29
  |
3 | proc.p = { cmd = "x", cwd = "tmp" }
  |                             ^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace
...
7 | use = "base"
  |       ------ used by `t` here
8 | [ns.a]
9 | use = "t"
  |       --- used by `a` here

error[NS111]: `grace` needs a unit
 --> x.toml:5:18
  |
5 | stop = { grace = 5 }
  |                  ^ a duration is a string
6 | [template.t]
7 | use = "base"
  |       ------ used by `t` here
8 | [ns.a]
9 | use = "t"
  |       --- used by `a` here
  |
  = help: write "5s"


"#]]
        .raw()
    );
}

const A_PROBLEM_IN_A_TEMPLATE_IS_REPORTED_ONCE: &str = r#"[template.t]
hostname = "a b"
count = "x"
banana = 1
proc.a = 3
proc."B.0" = "x"
proc.c = { cmd = "x", after = { nobody = "ok" } }
[ns.a]
use = "t"
[ns.b]
use = "t"
[ns.c]
use = "t"
"#;

#[test]
fn a_problem_in_a_template_is_reported_once() {
    assert_data_eq!(
        human(A_PROBLEM_IN_A_TEMPLATE_IS_REPORTED_ONCE),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:2:12
  |
2 | hostname = "a b"
  |            ^^^^^ a host name has no spaces
...
9 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 2 more

error[NS101]: `count` must be a number
 --> x.toml:3:9
  |
3 | count = "x"
  |         ^^^ this is a string
...
9 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 2 more

error[NS102]: unknown key `banana` in a namespace
 --> x.toml:4:1
  |
4 | banana = 1
  | ^^^^^^
...
9 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 2 more
  = help: keys that begin with `x-` are ignored

error[NS101]: `a` must be a string of words, an array of arguments or a table
 --> x.toml:5:10
  |
5 | proc.a = 3
  |          ^ this is an integer
...
9 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 2 more

error[NS107]: `B.0` is not a name
 --> x.toml:6:7
  |
6 | proc."B.0" = "x"
  |       ^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
...
9 | use = "t"
  |       --- used by `a` here
  |
  = note: a dot marks a generated instance, as in `w.17`, and is never part of a declared name
  = note: the same is true of 2 more
  = help: write `b-0`

error[NS206]: `c` waits for `nobody`, which does not exist
 --> x.toml:7:33
  |
7 | proc.c = { cmd = "x", after = { nobody = "ok" } }
  |                                 ^^^^^^ nothing in `a` has this name
  |
  = note: a name alone is beside what waits; "../name" is one namespace further out, and a path of several names begins at the top
  = note: the same is true of 2 more


"#]]
        .raw()
    );
}

#[test]
fn problems_in_overridden_values_are_found() {
    let text = r#"[template.t]
hostname = "a b"
proc.p = { cmd = 3 }
[ns.a]
use = "t"
hostname = "right"
proc.p = { sh = "right" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:2:12
  |
2 | hostname = "a b"
  |            ^^^^^ a host name has no spaces

error[NS101]: `cmd` must be a string of words or an array of arguments
 --> x.toml:3:18
  |
3 | proc.p = { cmd = 3 }
  |                  ^ this is an integer


"#]]
        .raw()
    );
}

#[test]
fn a_process_and_a_namespace_that_come_from_two_templates() {
    let text = r#"[template.one]
proc.x = "x"
[template.two]
[template."two/x"]
[ns.a]
use = ["one", "two"]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS203]: `a/x` is both a process and a namespace
 --> x.toml:4:12
  |
2 | proc.x = "x"
  |      - it is first used here
3 | [template.two]
4 | [template."two/x"]
  |            ^^^^^ this name is taken
  |
  = note: the processes and namespaces in a namespace share one scope: an address names only one of them


"#]]
        .raw()
    );
}

#[test]
fn use_names_templates() {
    let text = r#"[template.t]
[ns.a]
use = 3
[ns.b]
use = ["t", 4]
[ns.c]
use = { t = true }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `use` must be the name of a template, or an array of names
 --> x.toml:3:7
  |
3 | use = 3
  |       ^ this is an integer

error[NS101]: `use` must be the name of a template, or an array of names
 --> x.toml:5:13
  |
5 | use = ["t", 4]
  |             ^ this is an integer

error[NS101]: `use` must be the name of a template, or an array of names
 --> x.toml:7:1
  |
7 | use = { t = true }
  | ^^^ this is a table


"#]]
        .raw()
    );
}
