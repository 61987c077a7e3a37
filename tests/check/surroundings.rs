//! Values that the kernel would refuse: paths, variables, users, host names.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn paths_that_are_not_absolute() {
    let text = r#"[ns.a]
cwd = "tmp"
proc.b = { cmd = "x", cwd = "", stdout = "./log" }
"#;
    assert_data_eq!(human(text), str![[r#"
error[NS116]: `cwd` is not an absolute path
 --> <stdin>:2:7
  |
2 | cwd = "tmp"
  |       ^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace

error[NS116]: `cwd` is not an absolute path
 --> <stdin>:3:29
  |
3 | proc.b = { cmd = "x", cwd = "", stdout = "./log" }
  |                             ^^ the path is empty

error[NS116]: `stdout` is not an absolute path
 --> <stdin>:3:42
  |
3 | proc.b = { cmd = "x", cwd = "", stdout = "./log" }
  |                                          ^^^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace


"#]].raw());
}

#[test]
fn variables_that_cannot_be_passed() {
    let text = r#"[ns.a]
env = { "A=B" = "x", "" = "y", C = "a\u0000" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS117]: `A=B` cannot be the name of an environment variable
 --> <stdin>:2:10
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |          ^^^ a name ends at the first `=`, so it cannot contain one

error[NS117]: `` cannot be the name of an environment variable
 --> <stdin>:2:23
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |                       ^ a variable needs a name

error[NS117]: the value of `C` contains a NUL
 --> <stdin>:2:36
  |
2 | env = { "A=B" = "x", "" = "y", C = "a\u0000" }
  |                                    ^^^^^^^^^ the kernel ends the text at a NUL


"#]]
        .raw()
    );
}

#[test]
fn users_that_cannot_be_read() {
    let text = r#"[ns.a]
proc.b = { cmd = "x", user = "a:b:c" }
proc.c = { cmd = "x", user = "4294967295" }
proc.d = { cmd = "x", user = "" }
proc.e = { cmd = "x", user = "me:you" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS118]: `a:b:c` is not a user
 --> <stdin>:2:30
  |
2 | proc.b = { cmd = "x", user = "a:b:c" }
  |                              ^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`

error[NS118]: `4294967295` is not a user
 --> <stdin>:3:30
  |
3 | proc.c = { cmd = "x", user = "4294967295" }
  |                              ^^^^^^^^^^^^ expected `name`, `uid`, `name:group` or `uid:gid`

error[NS118]: `` is not a user
 --> <stdin>:4:30
  |
4 | proc.d = { cmd = "x", user = "" }
  |                              ^^ expected `name`, `uid`, `name:group` or `uid:gid`


"#]]
        .raw()
    );
}

#[test]
fn host_names_that_cannot_be_set() {
    let text = r#"[ns.a]
hostname = ""
domainname = "a b"
[ns.b]
hostname = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> <stdin>:2:12
  |
2 | hostname = ""
  |            ^^ the name is empty

error[NS119]: `domainname` cannot be set
 --> <stdin>:3:14
  |
3 | domainname = "a b"
  |              ^^^^^ a host name has no spaces

error[NS119]: `hostname` cannot be set
 --> <stdin>:5:12
  |
5 | hostname = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the kernel keeps at most 64 bytes


"#]]
        .raw()
    );
}
