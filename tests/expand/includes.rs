//! `include`: beside a file, and below a namespace.

use snapbox::{IntoData, assert_data_eq, str};

use super::Files;

#[test]
fn a_link_to_the_file_itself() {
    let files = Files::new(&[("x.toml", "include = \"link.toml\"\n[ns.x]\n")]);
    std::os::unix::fs::symlink("x.toml", files.directory.path().join("link.toml")).unwrap();
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS006]: files include each other: x.toml → x.toml
 --> x.toml:1:11
  |
1 | include = "link.toml"
  |           ^^^^^^^^^^^ this is `x.toml` again, so including would never end


"#]]
        .raw()
    );
}

#[test]
fn bytes_that_are_not_text() {
    let files = Files::new(&[("x.toml", "include = \"bytes.toml\"\n[ns.x]\n")]);
    std::fs::write(files.directory.path().join("bytes.toml"), b"\xff\xfe").unwrap();
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS005]: `bytes.toml` cannot be included
 --> x.toml:1:11
  |
1 | include = "bytes.toml"
  |           ^^^^^^^^^^^^ it is not UTF-8 text
  |
  = note: a relative path is relative to the including file


"#]]
        .raw()
    );
}

/// Each file is below two namespaces of two files that are below one namespace each: a file for every way would be more
/// than there are bytes.
#[test]
fn files_that_would_be_read_without_end() {
    let mut texts = Vec::new();
    for level in 0..30 {
        texts.push((
            format!("f{level}.toml"),
            format!("[ns.a]\ninclude = \"g{level}.toml\"\n[ns.b]\ninclude = \"h{level}.toml\"\n"),
        ));
        for letter in ["g", "h"] {
            texts.push((
                format!("{letter}{level}.toml"),
                format!("[ns.a]\ninclude = \"f{}.toml\"\n", level + 1),
            ));
        }
    }
    let files = Files::new(&[("f0.toml", "")]);
    for (name, text) in texts {
        std::fs::write(files.directory.path().join(name), text).unwrap();
    }
    std::fs::write(files.directory.path().join("f30.toml"), "[ns.a]\n").unwrap();
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS005]: `f29.toml` cannot be included
 --> g28.toml:2:11
  |
2 | include = "f29.toml"
  |           ^^^^^^^^^^ more than 1024 files are included
  |
 ::: f28.toml:2:11
  |
2 | include = "g28.toml"
  |           ---------- included here


"#]]
        .raw()
    );
}

#[test]
fn files_in_a_row() {
    let files = Files::new(&[("f0.toml", "include = \"f1.toml\"\n")]);
    for level in 1..100 {
        let text = format!("include = \"f{}.toml\"\n", level + 1);
        std::fs::write(files.directory.path().join(format!("f{level}.toml")), text).unwrap();
    }
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS005]: `f64.toml` cannot be included
 --> f63.toml:1:11
  |
1 | include = "f64.toml"
  |           ^^^^^^^^^^ more than 64 files include one another in a row
  |
 ::: f62.toml:1:11
  |
1 | include = "f63.toml"
  |           ---------- included here


"#]]
        .raw()
    );
}

#[test]
fn an_included_file_is_part_of_the_same_scope() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = ["lib/web.toml", "lib/more.toml"]
[vars]
port = 8080
[ns.own]
use = "web"
"#,
        ),
        (
            "lib/web.toml",
            r#"[vars]
port = 80
host = "web"
[defaults.ns]
cwd = "/"
[template.web]
hostname = "{{host}}"
proc.serve = "serve {{port}}"
"#,
        ),
        (
            "lib/more.toml",
            r#"[ns.more]
use = "web"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.more]
hostname = "web"
cwd = "/"
proc.serve = { cmd = ["serve", "8080"] }

[ns.own]
hostname = "web"
cwd = "/"
proc.serve = { cmd = ["serve", "8080"] }

"#]]
        .raw()
    );
}

#[test]
fn paths_begin_where_the_file_lies() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib/a.toml"
[ns.x]
"#,
        ),
        (
            "lib/a.toml",
            r#"include = "../other/b.toml"
[ns.a]
"#,
        ),
        (
            "other/b.toml",
            r#"[ns.b]
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.b]

[ns.a]

[ns.x]

"#]]
        .raw()
    );
}

#[test]
fn a_file_that_is_included_twice_is_there_once() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = ["left.toml", "right.toml", "./left.toml"]
[ns.x]
"#,
        ),
        (
            "left.toml",
            r#"include = "base.toml"
[ns.left]
use = "t"
"#,
        ),
        (
            "right.toml",
            r#"include = "base.toml"
[ns.right]
use = "t"
"#,
        ),
        (
            "base.toml",
            r#"[template.t]
hostname = "t"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.left]
hostname = "t"

[ns.right]
hostname = "t"

[ns.x]

"#]]
        .raw()
    );
}

#[test]
fn the_limits_and_defaults_of_the_including_file_count() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib.toml"
[limits]
namespaces = 3
[defaults.ns]
hostname = "outer"
[ns.a]
count = 3
"#,
        ),
        (
            "lib.toml",
            r#"[limits]
namespaces = 1
[defaults.ns]
hostname = "inner"
domainname = "inner"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns."a.0"]
hostname = "outer"
domainname = "inner"

[ns."a.1"]
hostname = "outer"
domainname = "inner"

[ns."a.2"]
hostname = "outer"
domainname = "inner"

"#]]
        .raw()
    );
}

#[test]
fn settings_of_the_whole_topology_belong_to_the_main_file() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib.toml"
[ns.a]
"#,
        ),
        (
            "lib.toml",
            r#"name = "lib"
description = "of the library"
on_exit = "any"
"#,
        ),
    ]);
    assert_data_eq!(
        files.run("config", &[]).stdout,
        str![[r#"
nestns = 1
expanded = true
name = "x"

[ns.a]

"#]]
        .raw()
    );
}

#[test]
fn a_file_below_a_namespace() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
shared = "outer"
[defaults.ns]
hostname = "outer"
[ns.node]
include = "node.toml"
[ns."node/web"]
cwd = "/own"
[ns."node/own"]
"#,
        ),
        (
            "node.toml",
            r#"[vars]
shared = "inner"
private = "inner"
[defaults.ns]
domainname = "inner"
[template.t]
proc.p = "p {{shared}} {{private}} {{path}} {{level}}"
[ns.web]
use = "t"
[ns."web/deep"]
use = "t"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.node]
hostname = "outer"

[ns."node/web"]
domainname = "inner"
cwd = "/own"
proc.p = { cmd = ["p", "outer", "inner", "node/web/p", "2"] }

[ns."node/web/deep"]
domainname = "inner"
proc.p = { cmd = ["p", "outer", "inner", "node/web/deep/p", "3"] }

[ns."node/own"]
hostname = "outer"

"#]]
        .raw()
    );
}

#[test]
fn a_file_below_a_template() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[template.t]
include = "node.toml"
[ns.a]
use = "t"
count = 2
[ns.b]
use = "t"
[ns."b/web"]
hostname = "own"
"#,
        ),
        (
            "node.toml",
            r#"[ns.web]
proc.p = "p {{path}}"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns."a.0"]

[ns."a.0/web"]
proc.p = { cmd = ["p", "a.0/web/p"] }

[ns."a.1"]

[ns."a.1/web"]
proc.p = { cmd = ["p", "a.1/web/p"] }

[ns.b]

[ns."b/web"]
hostname = "own"
proc.p = { cmd = ["p", "b/web/p"] }

"#]]
        .raw()
    );
}

#[test]
fn a_file_below_two_namespaces() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[ns.a]
include = "node.toml"
[ns.b]
include = "node.toml"
"#,
        ),
        (
            "node.toml",
            r#"[ns.web]
[ns."web/deep"]
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.a]

[ns."a/web"]

[ns."a/web/deep"]

[ns.b]

[ns."b/web"]

[ns."b/web/deep"]

"#]]
        .raw()
    );
}

#[test]
fn a_path_may_be_computed_from_the_environment() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "{{env.COLOR}}.toml"
[ns.x]
"#,
        ),
        (
            "blue.toml",
            r#"[ns.blue]
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.blue]

[ns.x]

"#]]
        .raw()
    );
}

#[test]
fn a_file_that_does_not_exist() {
    let files = Files::new(&[(
        "x.toml",
        r#"include = ["missing.toml", "/nowhere/missing.toml", ""]
[ns.a]
use = "may-be-in-the-missing-file"
"#,
    )]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS005]: `missing.toml` cannot be included
 --> x.toml:1:12
  |
1 | include = ["missing.toml", "/nowhere/missing.toml", ""]
  |            ^^^^^^^^^^^^^^ it does not exist
  |
  = note: a relative path is relative to the including file

error[NS005]: `/nowhere/missing.toml` cannot be included
 --> x.toml:1:28
  |
1 | include = ["missing.toml", "/nowhere/missing.toml", ""]
  |                            ^^^^^^^^^^^^^^^^^^^^^^^ it does not exist

error[NS005]: `` cannot be included
 --> x.toml:1:53
  |
1 | include = ["missing.toml", "/nowhere/missing.toml", ""]
  |                                                     ^^ the path is empty


"#]]
        .raw()
    );
}

#[test]
fn what_is_not_a_regular_file() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = ["lib", "/dev/null", "lib/a.toml/b.toml"]
[ns.a]
"#,
        ),
        ("lib/a.toml", r#""#),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS005]: `lib` cannot be included
 --> x.toml:1:12
  |
1 | include = ["lib", "/dev/null", "lib/a.toml/b.toml"]
  |            ^^^^^ it is a directory
  |
  = note: a relative path is relative to the including file

error[NS005]: `/dev/null` cannot be included
 --> x.toml:1:19
  |
1 | include = ["lib", "/dev/null", "lib/a.toml/b.toml"]
  |                   ^^^^^^^^^^^ it is not a regular file

error[NS005]: `lib/a.toml/b.toml` cannot be included
 --> x.toml:1:32
  |
1 | include = ["lib", "/dev/null", "lib/a.toml/b.toml"]
  |                                ^^^^^^^^^^^^^^^^^^^ a parent of it is not a directory
  |
  = note: a relative path is relative to the including file


"#]]
        .raw()
    );
}

#[test]
fn a_file_that_is_not_toml() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib.toml"
[ns.a]
use = "t"
hostname = "a b"
"#,
        ),
        (
            "lib.toml",
            r#"[template.t
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS003]: unclosed table
 --> lib.toml:1:12
  |
1 | [template.t
  |            ^ expected `]`
  |
 ::: x.toml:1:11
  |
1 | include = "lib.toml"
  |           ---------- included here


"#]]
        .raw()
    );
}

#[test]
fn a_problem_in_an_included_file() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib.toml"
[ns.a]
use = "t"
"#,
        ),
        (
            "lib.toml",
            r#"banana = 1
[template.t]
hostname = "a b"
[ns.b]
init = 3
[limits]
bogus = 1
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS102]: unknown key `banana` at the top level of the file
 --> lib.toml:1:1
  |
1 | banana = 1
  | ^^^^^^
  |
 ::: x.toml:1:11
  |
1 | include = "lib.toml"
  |           ---------- included here
  |
  = help: keys that begin with `x-` are ignored

error[NS119]: `hostname` cannot be set
 --> lib.toml:3:12
  |
3 | hostname = "a b"
  |            ^^^^^ a host name has no spaces
  |
 ::: x.toml:3:7
  |
3 | use = "t"
  |       --- used by `a` here

error[NS101]: `init` must be "builtin", "pause", an array of arguments or a table
 --> lib.toml:5:8
  |
5 | init = 3
  |        ^ this is an integer
  |
 ::: x.toml:1:11
  |
1 | include = "lib.toml"
  |           ---------- included here

error[NS102]: unknown key `bogus` in `[limits]`
 --> lib.toml:7:1
  |
7 | bogus = 1
  | ^^^^^
  |
 ::: x.toml:1:11
  |
1 | include = "lib.toml"
  |           ---------- included here
  |
  = help: the keys are namespaces, processes, depth, log_bytes


"#]]
        .raw()
    );
}

#[test]
fn a_problem_in_a_file_below_a_template() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[template.t]
include = "node.toml"
[ns.a]
use = "t"
[ns.b]
use = "t"
"#,
        ),
        (
            "node.toml",
            r#"[template.k]
cwd = "tmp"
[ns.web]
use = "k"
hostname = "a b"
[limits]
namespaces = 0
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS116]: `cwd` is not an absolute path
 --> node.toml:2:7
  |
2 | cwd = "tmp"
  |       ^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace
3 | [ns.web]
4 | use = "k"
  |       --- used by `web` here
  |
 ::: x.toml:2:11
  |
2 | include = "node.toml"
  |           ----------- included in `a` here
3 | [ns.a]
4 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 1 more

error[NS119]: `hostname` cannot be set
 --> node.toml:5:12
  |
5 | hostname = "a b"
  |            ^^^^^ a host name has no spaces
  |
 ::: x.toml:2:11
  |
2 | include = "node.toml"
  |           ----------- included in `a` here
3 | [ns.a]
4 | use = "t"
  |       --- used by `a` here
  |
  = note: the same is true of 1 more

error[NS112]: `namespaces` is out of range
 --> node.toml:7:14
  |
7 | namespaces = 0
  |              ^ a number from 1 to 4294967295 is expected
  |
 ::: x.toml:2:11
  |
2 | include = "node.toml"
  |           ----------- included here


"#]]
        .raw()
    );
}

#[test]
fn files_that_include_each_other() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "a.toml"
[ns.x]
"#,
        ),
        (
            "a.toml",
            r#"include = "lib/b.toml"
"#,
        ),
        (
            "lib/b.toml",
            r#"[ns.b]
include = "../x.toml"
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS006]: files include each other: x.toml → a.toml → lib/b.toml → x.toml
 --> lib/b.toml:2:11
  |
2 | include = "../x.toml"
  |           ^^^^^^^^^^^ this is `x.toml` again, so including would never end
  |
 ::: a.toml:1:11
  |
1 | include = "lib/b.toml"
  |           ------------ included here


"#]]
        .raw()
    );
}

#[test]
fn a_file_that_includes_itself() {
    let files = Files::new(&[(
        "x.toml",
        r#"include = ["./x.toml"]
[ns.x]
"#,
    )]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS006]: files include each other: x.toml → x.toml
 --> x.toml:1:12
  |
1 | include = ["./x.toml"]
  |            ^^^^^^^^^^ this is `x.toml` again, so including would never end


"#]]
        .raw()
    );
}

#[test]
fn a_namespace_in_two_files() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"include = "lib.toml"
[ns.a]
[template.t]
"#,
        ),
        (
            "lib.toml",
            r#"[ns.a]
[template.t]
[ns.b]
use = "t"
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS202]: namespace `a` is declared twice
 --> x.toml:2:5
  |
2 | [ns.a]
  |     ^ declared here again
  |
 ::: lib.toml:1:5
  |
1 | [ns.a]
  |     - declared here first

error[NS202]: template `t` is declared twice
 --> x.toml:3:11
  |
3 | [template.t]
  |           ^ declared here again
  |
 ::: lib.toml:2:11
  |
2 | [template.t]
  |           - declared here first


"#]]
        .raw()
    );
}

#[test]
fn a_template_of_another_scope() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[template.outer]
[ns.a]
use = ["outer", "inner"]
include = "node.toml"
"#,
        ),
        (
            "node.toml",
            r#"[template.inner]
[ns.b]
use = "outer"
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS212]: there is no template `inner`
 --> x.toml:3:17
  |
3 | use = ["outer", "inner"]
  |                 ^^^^^^^
  |
 ::: node.toml:1:11
  |
1 | [template.inner]
  |           ----- this one belongs to another file
  |
  = note: a file included in a namespace uses only its own templates, and no other file uses them

error[NS212]: there is no template `outer`
 --> node.toml:3:7
  |
3 | use = "outer"
  |       ^^^^^^^
  |
 ::: x.toml:1:11
  |
1 | [template.outer]
  |           ----- this one belongs to another file
  |
  = note: a file included in a namespace uses only its own templates, and no other file uses them


"#]]
        .raw()
    );
}

#[test]
fn include_is_a_path() {
    let files = Files::new(&[(
        "x.toml",
        r#"include = { a = "b" }
[ns.a]
include = ["a.toml"]
[ns.b]
include = 3
"#,
    )]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS101]: `include` must be the path of a file
 --> x.toml:1:1
  |
1 | include = { a = "b" }
  | ^^^^^^^ this is a table

error[NS101]: `include` must be a string: a namespace includes one file
 --> x.toml:3:11
  |
3 | include = ["a.toml"]
  |           ^^^^^^^^^^ this is an array

error[NS101]: `include` must be the path of a file
 --> x.toml:5:11
  |
5 | include = 3
  |           ^ this is an integer


"#]]
        .raw()
    );
}

#[test]
fn include_elements_are_paths() {
    let files = Files::new(&[(
        "x.toml",
        r#"include = [3, true]
[ns.a]
"#,
    )]);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS101]: `include` must be the path of a file
 --> x.toml:1:12
  |
1 | include = [3, true]
  |            ^ this is an integer

error[NS101]: `include` must be the path of a file
 --> x.toml:1:15
  |
1 | include = [3, true]
  |               ^^^^ this is a boolean


"#]]
        .raw()
    );
}
