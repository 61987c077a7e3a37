//! `NS0xx`: the text is not TOML.

use snapbox::{IntoData, assert_data_eq, str};

use super::human;

#[test]
fn several_mistakes_at_once() {
    let text = r#"[ns.a
init = 
[ns.b]
cwd = "/
[ns.c]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS003]: unclosed table
 --> <stdin>:1:6
  |
1 | [ns.a
  |      ^ expected `]`

error[NS003]: the value is missing
 --> <stdin>:2:8
  |
2 | init = 
  |        ^

error[NS003]: invalid basic string
 --> <stdin>:4:9
  |
4 | cwd = "/
  |         ^ expected `"`


"#]]
        .raw()
    );
}

#[test]
fn a_path_without_quotes() {
    let text = r#"[ns.vm/ci]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS003]: invalid unquoted key
 --> <stdin>:1:7
  |
1 | [ns.vm/ci]
  |       ^ expected letters, numbers, `-`, `_`
  |
  = help: a path with a slash is quoted: [ns."vm/ci"]


"#]]
        .raw()
    );
}

#[test]
fn the_same_header_twice() {
    let text = r#"[ns.a]
[ns.b]
[ns.a] # again
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS003]: duplicate key
 --> <stdin>:3:5
  |
1 | [ns.a]
  |     - declared here first
2 | [ns.b]
3 | [ns.a] # again
  |     ^ declared here again


"#]]
        .raw()
    );
}

#[test]
fn the_same_key_twice() {
    let text = r#"[ns.a]
cwd = "/"
cwd = "/tmp"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS003]: duplicate key
 --> <stdin>:3:1
  |
2 | cwd = "/"
  | --- declared here first
3 | cwd = "/tmp"
  | ^^^ declared here again


"#]]
        .raw()
    );
}

#[test]
fn an_empty_file() {
    let text = r#""#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS210]: the file declares no namespace
--> <stdin>
 = help: the smallest topology is [ns.hello] followed by init = ["bash"]


"#]]
        .raw()
    );
}

#[test]
fn a_file_without_namespaces() {
    let text = r#"name = "x"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS210]: the file declares no namespace
--> <stdin>
 = help: the smallest topology is [ns.hello] followed by init = ["bash"]


"#]]
        .raw()
    );
}
