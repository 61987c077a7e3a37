//! `[vars]`, `--set` and `--vars-file`.

use snapbox::{IntoData, assert_data_eq, str};

use super::{Files, expanded, human, joined};

/// A chain as long as the file, walked without recursion.
#[test]
fn a_long_chain_of_variables() {
    let links = joined(0..20_000, |link| {
        format!("v{link} = \"{{{{v{}}}}}\"\n", link + 1)
    });
    let text = format!("[vars]\n{links}v20000 = 7\n[ns.a]\nproc.p = [\"{{{{v0}}}}\"]\n");
    assert_data_eq!(
        expanded(&text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["7"] }

"#]]
        .raw()
    );
}

#[test]
fn variables_have_three_types() {
    let text = r#"[vars]
number = 3
flag = true
word = "text"
[ns.a]
count = "{{number}}"
mount_proc = "{{flag}}"
hostname = "{{word}}"
proc.p = ["{{number}}", "{{flag}}", "{{word}}", "all {{number}} {{flag}} {{word}}"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns."a.0"]
hostname = "text"
proc.p = { cmd = ["3", "true", "text", "all 3 true text"] }

[ns."a.1"]
hostname = "text"
proc.p = { cmd = ["3", "true", "text", "all 3 true text"] }

[ns."a.2"]
hostname = "text"
proc.p = { cmd = ["3", "true", "text", "all 3 true text"] }

"#]]
        .raw()
    );
}

#[test]
fn variables_are_made_of_variables_in_any_order() {
    let text = r#"[vars]
all = "{{greeting}}, {{who}}: {{twice}}"
twice = "{{once * 2}}"
once = "{{env.NESTS ?? 4}}"
who = "{{topology}}"
greeting = "hello"
[ns.a]
proc.p = ["{{all}}"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["hello, x: 8"] }

"#]]
        .raw()
    );
}

#[test]
fn the_command_line_overrides_files_of_values_and_those_the_file() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
a = 1
b = 1
c = 1
d = 1
[ns.x]
proc.p = "{{a}} {{b}} {{c}} {{d}}"
"#,
        ),
        (
            "one.toml",
            r#"b = 2
c = 2
d = 2
"#,
        ),
        (
            "two.toml",
            r#"c = "{{a + 2}}"
d = 3
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[
            "--vars-file",
            "one.toml",
            "--set",
            "d=5",
            "--set",
            "d=4",
            "--vars-file",
            "two.toml"
        ]),
        str![[r#"

[ns.x]
proc.p = { cmd = ["1", "2", "3", "4"] }

"#]]
        .raw()
    );
}

#[test]
fn a_value_of_the_command_line_has_the_type_of_the_variable() {
    let text = r#"[vars]
number = 1
flag = false
word = "x"
[ns.a]
count = "{{number}}"
mount_proc = "{{flag}}"
proc.p = ["{{word}}"]
"#;
    assert_data_eq!(
        Files::new(&[("x.toml", text)]).expanded(&[
            "--set",
            "number= -1+0",
            "--set",
            "number=2",
            "--set",
            "flag=true",
            "--set",
            "word=3 = {{number}} $HOME"
        ]),
        str![[r#"

[ns."a.0"]
proc.p = { cmd = ["3 = {{number}} $HOME"] }

[ns."a.1"]
proc.p = { cmd = ["3 = {{number}} $HOME"] }

"#]]
        .raw()
    );
}

#[test]
fn the_outer_definition_takes_precedence() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
a = "{{b}}"
b = "outer"
[ns.g]
include = "one.toml"
[ns.h]
include = "two.toml"
"#,
        ),
        (
            "one.toml",
            r#"[vars]
b = "{{a}}"
p = "{{q}}"
q = "one"
[ns.x]
proc.p = "{{a}} {{b}} {{p}} {{q}}"
"#,
        ),
        (
            "two.toml",
            r#"[vars]
q = "{{p}}"
p = "two"
[ns.x]
proc.p = "{{a}} {{b}} {{p}} {{q}}"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&[]),
        str![[r#"

[ns.g]

[ns."g/x"]
proc.p = { cmd = ["outer", "outer", "one", "one"] }

[ns.h]

[ns."h/x"]
proc.p = { cmd = ["outer", "outer", "two", "two"] }

"#]]
        .raw()
    );
}

#[test]
fn the_command_line_reaches_files_below() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[ns.g]
include = "one.toml"
"#,
        ),
        (
            "one.toml",
            r#"[vars]
n = 1
[ns.x]
count = "{{n}}"
"#,
        ),
    ]);
    assert_data_eq!(
        files.expanded(&["--set", "n=2"]),
        str![[r#"

[ns.g]

[ns."g/x.0"]

[ns."g/x.1"]

"#]]
        .raw()
    );
}

#[test]
fn a_variable_of_the_environment_that_has_to_be_given() {
    let text = r#"[vars]
image = "{{env.NESTNS_TEST_NOT_THERE}}"
[ns.a]
proc.p = ["{{image}}"]
"#;
    assert_data_eq!(
        Files::new(&[("x.toml", text)]).expanded(&["--set", "image=given"]),
        str![[r#"

[ns.a]
proc.p = { cmd = ["given"] }

"#]]
        .raw()
    );
}

#[test]
fn invalid_values() {
    let text = r#"[vars]
a = 1.5
b = [1]
c = { d = 1 }
d = 1979-05-27
x-note = [1]
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS126]: `a` must be an integer, a string or a boolean
 --> x.toml:2:5
  |
2 | a = 1.5
  |     ^^^ this is a float

error[NS126]: `b` must be an integer, a string or a boolean
 --> x.toml:3:5
  |
3 | b = [1]
  |     ^^^ this is an array

error[NS126]: `c` must be an integer, a string or a boolean
 --> x.toml:4:5
  |
4 | c = { d = 1 }
  |     ^^^^^^^^^ this is a table

error[NS126]: `d` must be an integer, a string or a boolean
 --> x.toml:5:5
  |
5 | d = 1979-05-27
  |     ^^^^^^^^^^ this is a datetime


"#]]
        .raw()
    );
}

#[test]
fn invalid_names() {
    let text = r#"[vars]
"9x" = 1
"a-b" = 1
path = "x"
env = "x"
true = 3
"{{a}}" = 1
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS126]: `9x` cannot be the name of a variable
 --> x.toml:2:2
  |
2 | "9x" = 1
  |  ^^ a name consists of letters, digits and `_`, and does not begin with a digit

error[NS126]: `a-b` cannot be the name of a variable
 --> x.toml:3:2
  |
3 | "a-b" = 1
  |  ^^^ a name consists of letters, digits and `_`, and does not begin with a digit

error[NS126]: `path` cannot be the name of a variable
 --> x.toml:4:1
  |
4 | path = "x"
  | ^^^^ this name has another meaning in placeholders

error[NS126]: `env` cannot be the name of a variable
 --> x.toml:5:1
  |
5 | env = "x"
  | ^^^ this name has another meaning in placeholders

error[NS126]: `true` cannot be the name of a variable
 --> x.toml:6:1
  |
6 | true = 3
  | ^^^^ this name has another meaning in placeholders

error[NS126]: `{{a}}` cannot be the name of a variable
 --> x.toml:7:2
  |
7 | "{{a}}" = 1
  |  ^^^^^ a name consists of letters, digits and `_`, and does not begin with a digit


"#]]
        .raw()
    );
}

#[test]
fn vars_is_a_table() {
    let text = r#"vars = 3
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `vars` must be a table
 --> x.toml:1:8
  |
1 | vars = 3
  |        ^ this is an integer


"#]]
        .raw()
    );
}

#[test]
fn variables_that_are_defined_by_each_other() {
    let text = r#"[vars]
own = "{{own}}"
a = "{{b}} {{b}}"
b = "{{c + 1}}"
c = "{{env.NOTHING ?? a}}"
uses = "{{a}}"
wrong = "{{nothing}}"
[ns.a]
hostname = "{{uses}} {{own}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS127]: variables depend on each other: own → own
 --> x.toml:2:7
  |
2 | own = "{{own}}"
  |       ^^^^^^^^^ `own` needs `own`

error[NS127]: variables depend on each other: a → b → c → a
 --> x.toml:3:5
  |
3 | a = "{{b}} {{b}}"
  |     ^^^^^^^^^^^^^ `a` needs `b`
4 | b = "{{c + 1}}"
  |     ----------- `b` needs `c`
5 | c = "{{env.NOTHING ?? a}}"
  |     ---------------------- `c` needs `a`

error[NS123]: there is no variable `nothing`
 --> x.toml:7:12
  |
7 | wrong = "{{nothing}}"
  |            ^^^^^^^
  |
  = help: declare it: [vars] followed by nothing = …


"#]]
        .raw()
    );
}

#[test]
fn a_variable_that_is_wrong_is_shown_where_it_is_used() {
    let text = r#"[vars]
word = "three"
half = "{{word}}"
[ns.a]
count = "{{half}}"
cwd = "{{word}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS101]: `count` must be a number
 --> x.toml:5:9
  |
3 | half = "{{word}}"
  |        ---------- `half` is "three" here
4 | [ns.a]
5 | count = "{{half}}"
  |         ^^^^^^^^^^ this is a string

error[NS116]: `cwd` is not an absolute path
 --> x.toml:6:7
  |
2 | word = "three"
  |        ------- `word` is "three" here
...
6 | cwd = "{{word}}"
  |       ^^^^^^^^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace


"#]]
        .raw()
    );
}

#[test]
fn a_variable_that_does_not_exist() {
    let text = r#"[vars]
workers = 1
[ns.a]
count = "{{wokers}}"
hostname = "{{banana}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `wokers`
 --> x.toml:4:12
  |
4 | count = "{{wokers}}"
  |            ^^^^^^ did you mean `workers`?

error[NS123]: there is no variable `banana`
 --> x.toml:5:15
  |
5 | hostname = "{{banana}}"
  |               ^^^^^^
  |
  = help: declare it: [vars] followed by banana = …


"#]]
        .raw()
    );
}

/// A file with variables of each kind.
const VARIABLES: &str = r#"[vars]
n = 1
flag = true
big = 1
word = "w"
[ns.a]
"#;

#[test]
fn values_of_the_command_line_that_are_wrong() {
    let text = format!("{VARIABLES}count = \"{{{{word}}}}\"\n");
    let settings = ["n=x", "flag=1", "big=99999999999999999999", "word=3"];
    let arguments = settings.map(|setting| ["--set", setting]).concat();
    assert_data_eq!(
        Files::new(&[("x.toml", &text)]).human(&arguments),
        str![[r#"
error[NS101]: `count` must be a number
 --> x.toml:7:9
  |
7 | count = "{{word}}"
  |         ^^^^^^^^^^ this is a string
  |
 ::: <--set word>:1:1
  |
1 | 3
  | - `word` is "3" here

error[NS125]: `n` must be an integer
 --> <--set n>:1:1
  |
1 | x
  | ^ expected an integer that fits in 64 bits
  |
 ::: x.toml:2:5
  |
2 | n = 1
  |     - it is an integer here

error[NS125]: `flag` must be a boolean
 --> <--set flag>:1:1
  |
1 | 1
  | ^ expected true or false
  |
 ::: x.toml:3:8
  |
3 | flag = true
  |        ---- it is a boolean here

error[NS125]: `big` must be an integer
 --> <--set big>:1:1
  |
1 | 99999999999999999999
  | ^^^^^^^^^^^^^^^^^^^^ expected an integer that fits in 64 bits
  |
 ::: x.toml:4:7
  |
4 | big = 1
  |       - it is an integer here


"#]]
        .raw()
    );
}

#[test]
fn values_of_the_command_line_for_variables_that_there_are_not() {
    let arguments = ["--set", "m=1", "--set", "banana=2"];
    assert_data_eq!(
        Files::new(&[("x.toml", VARIABLES)]).human(&arguments),
        str![[r#"
error[NS123]: there is no variable `m` to set
 --> <--set m>:1:1
  |
1 | 1
  | ^
  |
  = help: the variables are n, flag, big, word

error[NS123]: there is no variable `banana` to set
 --> <--set banana>:1:1
  |
1 | 2
  | ^
  |
  = help: the variables are n, flag, big, word


"#]]
        .raw()
    );
}

#[test]
fn values_for_a_file_without_variables() {
    let text = r#"[ns.a]
"#;
    assert_data_eq!(
        Files::new(&[("x.toml", text)]).human(&["--set", "n=1"]),
        str![[r#"
error[NS123]: there is no variable `n` to set
 --> <--set n>:1:1
  |
1 | 1
  | ^
  |
  = help: the file declares none: write [vars]


"#]]
        .raw()
    );
}

#[test]
fn a_file_of_values_that_is_wrong() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
n = 1
word = "w"
flag = true
[ns.a]
hostname = "{{word}}"
"#,
        ),
        (
            "values.toml",
            r#"n = "three"
word = 3
flag = "{{n + 1}}"
other = 1
[table]
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&["--vars-file", "values.toml"]),
        str![[r#"
error[NS125]: `n` must be an integer
 --> values.toml:1:5
  |
1 | n = "three"
  |     ^^^^^^^ this is a string
  |
 ::: x.toml:2:5
  |
2 | n = 1
  |     - it is an integer here

error[NS125]: `word` must be a string
 --> values.toml:2:8
  |
2 | word = 3
  |        ^ this is an integer
  |
 ::: x.toml:3:8
  |
3 | word = "w"
  |        --- it is a string here

error[NS123]: there is no variable `other` to set
 --> values.toml:4:9
  |
4 | other = 1
  |         ^
  |
  = help: the variables are n, word, flag

error[NS123]: there is no variable `table` to set
 --> values.toml:5:2
  |
5 | [table]
  |  ^^^^^
  |
  = help: the variables are n, word, flag


"#]]
        .raw()
    );
}

#[test]
fn a_file_of_values_that_is_not_toml() {
    let files = Files::new(&[
        (
            "x.toml",
            r#"[vars]
n = 1
[ns.a]
"#,
        ),
        (
            "values.toml",
            r#"n = = 2
"#,
        ),
    ]);
    assert_data_eq!(
        files.human(&["--vars-file", "values.toml"]),
        str![[r#"
error[NS003]: extra `=`
 --> values.toml:1:5
  |
1 | n = = 2
  |     ^ expected nothing


"#]]
        .raw()
    );
}

#[test]
fn a_value_that_moves_the_cursor() {
    let text = r#"[vars]
red = "a\u001b[31m"
[ns.a]
hostname = "{{red}} b"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS119]: `hostname` cannot be set
 --> x.toml:4:12
  |
2 | red = "a\u001b[31m"
  |       ------------- `red` is "a\u{1b}[31m" here
3 | [ns.a]
4 | hostname = "{{red}} b"
  |            ^^^^^^^^^^^ a host name has no spaces


"#]]
        .raw()
    );
}

#[test]
fn texts_of_texts_of_texts() {
    let text = r#"[vars]
a = "0123456789012345678901234567890123456789"
b = "{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}{{a}}"
c = "{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}{{b}}"
d = "{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}"
e = "{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}{{d}}"
[ns.a]
env = { A = "{{e}}" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS124]: the text is longer than 128 KiB
 --> x.toml:5:68
  |
5 | d = "{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}{{c}}"
  |                                                                    ^ it exceeds that here
  |
  = note: the kernel passes no longer argument or variable to a program (MAX_ARG_STRLEN, execve(2))


"#]]
        .raw()
    );
}
