//! Names that cannot be given.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn names_with_wrong_characters() {
    let text = r#"name = "Über"
[ns.VM]
[ns."w.17"]
[ns."VM//x"]
[ns.""]
[ns.a]
proc."-x" = "y"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: `Über` is not a name
 --> <stdin>:1:8
  |
1 | name = "Über"
  |        ^^^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit

error[NS107]: `VM` is not a name
 --> <stdin>:2:5
  |
2 | [ns.VM]
  |     ^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = help: write `vm`

error[NS107]: `w.17` is not a name
 --> <stdin>:3:6
  |
3 | [ns."w.17"]
  |      ^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: a dot marks a generated instance, as in `w.17`, and is never part of a declared name
  = help: write `w-17`

error[NS107]: `VM` is not a name
 --> <stdin>:4:6
  |
4 | [ns."VM//x"]
  |      ^^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = help: write `vm`

error[NS107]: a namespace needs a name
 --> <stdin>:5:6
  |
5 | [ns.""]
  |      ^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit

error[NS107]: `-x` is not a name
 --> <stdin>:7:7
  |
7 | proc."-x" = "y"
  |       ^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = help: write `x`


"#]]
        .raw()
    );
}

#[test]
fn a_name_that_is_too_long() {
    let text = r#"[ns.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: the name has 67 characters
 --> <stdin>:1:5
  |
1 | [ns.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a name has at most 64


"#]]
        .raw()
    );
}

#[test]
fn reserved_names() {
    let text = r#"[ns.host]
[ns.a]
proc.init = "x"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS108]: a namespace cannot be named `host`
 --> <stdin>:1:5
  |
1 | [ns.host]
  |     ^^^^ this name is reserved
  |
  = note: `host` is the address of the namespace outside the topology

error[NS108]: a process cannot be named `init`
 --> <stdin>:3:6
  |
3 | proc.init = "x"
  |      ^^^^ this name is reserved
  |
  = note: `vm/ci/init` is the address of the PID 1 of `vm/ci`


"#]]
        .raw()
    );
}
