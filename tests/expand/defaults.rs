//! `[defaults.ns]` and `[defaults.proc]`.

use snapbox::{IntoData, assert_data_eq, str};

use super::{expanded, human};

#[test]
fn defaults_apply_to_every_namespace_and_process() {
    let text = r#"[defaults.ns]
unshare = ["mount", "ipc"]
proc.helper = "helper"
[defaults.proc]
user = "1"
[template.t]
[template."t/c"]
[ns.a]
proc.p = "x"
[ns."a/b"]
use = "t"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
unshare = ["mount", "ipc"]
proc.helper = { cmd = ["helper"], user = "1" }
proc.p = { cmd = ["x"], user = "1" }

[ns."a/b"]
unshare = ["mount", "ipc"]
proc.helper = { cmd = ["helper"], user = "1" }

[ns."a/b/c"]
unshare = ["mount", "ipc"]
proc.helper = { cmd = ["helper"], user = "1" }

"#]]
        .raw()
    );
}

#[test]
fn a_default_uses_a_template() {
    let text = r#"[template.base]
hostname = "base"
domainname = "base"
cwd = "/base"
[defaults.ns]
use = "base"
domainname = "default"
[template.t]
hostname = "t"
[ns.a]
proc.p = "x"
[ns.b]
use = "t"
hostname = "own"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "base"
domainname = "default"
cwd = "/base"
proc.p = { cmd = ["x"] }

[ns.b]
hostname = "own"
domainname = "default"
cwd = "/base"

"#]]
        .raw()
    );
}

#[test]
fn a_default_can_be_computed() {
    let text = r#"[defaults.ns]
hostname = "h-{{name}}"
[defaults.proc]
cwd = "/{{path}}"
[ns.a]
proc.p = "x"
[ns."a/b"]
count = 2
proc.q = "x"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "h-a"
proc.p = { cmd = ["x"], cwd = "/a/p" }

[ns."a/b.0"]
hostname = "h-b.0"
proc.q = { cmd = ["x"], cwd = "/a/b.0/q" }

[ns."a/b.1"]
hostname = "h-b.1"
proc.q = { cmd = ["x"], cwd = "/a/b.1/q" }

"#]]
        .raw()
    );
}

#[test]
fn a_default_with_a_namespace_inside() {
    let text = r#"[defaults.ns]
use = ["t", "u"]
[template.t]
[template."t/a"]
[template."t/b"]
[template.u]
use = "t"
[ns.x]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: template `t` cannot be a default because it has a namespace inside
 --> x.toml:2:8
  |
2 | use = ["t", "u"]
  |        ^^^ every namespace would contain this one, endlessly
3 | [template.t]
4 | [template."t/a"]
  |            --- it is declared here

error[NS103]: template `u` cannot be a default because it has a namespace inside
 --> x.toml:2:13
  |
2 | use = ["t", "u"]
  |             ^^^ every namespace would contain this one, endlessly
3 | [template.t]
4 | [template."t/a"]
  |            --- it is declared here


"#]]
        .raw()
    );
}

#[test]
fn a_default_that_is_wrong_is_shown_where_it_applies() {
    let text = r#"[defaults.ns]
hostname = "a b"
[defaults.proc]
cwd = "tmp"
cmd = 3
[ns.a]
proc.x = {}
proc.y = {}
[ns.b]
proc.x = "right"
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
6 | [ns.a]
  |     - it applies here
  |
  = note: the same is true of 1 more

error[NS116]: `cwd` is not an absolute path
 --> x.toml:4:7
  |
4 | cwd = "tmp"
  |       ^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace
5 | cmd = 3
6 | [ns.a]
  |     - it applies here
  |
  = note: the same is true of 2 more

error[NS101]: `cmd` must be a string of words or an array of arguments
 --> x.toml:5:7
  |
5 | cmd = 3
  |       ^ this is an integer
6 | [ns.a]
  |     - it applies here
  |
  = note: the same is true of 1 more


"#]]
        .raw()
    );
}

#[test]
fn a_file_below_a_namespace_in_every_namespace() {
    let text = r#"[defaults.ns]
include = "x.toml"
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS103]: `include` does not belong in `[defaults.ns]`
 --> x.toml:2:1
  |
2 | include = "x.toml"
  | ^^^^^^^ every namespace would contain this one, endlessly


"#]]
        .raw()
    );
}

#[test]
fn defaults_are_tables() {
    let text = r#"[defaults]
ns = "x"
proc = 3
pod = {}
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `ns` must be a table
 --> x.toml:2:6
  |
2 | ns = "x"
  |      ^^^ this is a string

error[NS101]: `proc` must be a table
 --> x.toml:3:8
  |
3 | proc = 3
  |        ^ this is an integer

error[NS102]: unknown key `pod` in `[defaults]`
 --> x.toml:4:1
  |
4 | pod = {}
  | ^^^
  |
  = help: the keys are ns, proc


"#]]
        .raw()
    );
}
