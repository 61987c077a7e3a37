//! The text between `{{` and `}}`.

use snapbox::{IntoData, assert_data_eq, str};

use super::{expanded, human};

#[test]
fn arithmetic() {
    let text = r#"[vars]
n = 7
[ns.a]
proc.p = ["{{n + 2 * 3}}", "{{(n + 2) * 3}}", "{{n / 2}}", "{{n % 4}}", "{{-n}}", "{{- 7 / 2}}", "{{-7 % 4}}", "{{n-1}}", "{{1 - - 1}}", "{{9223372036854775807}}"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["13", "27", "3", "3", "-7", "-3", "-3", "6", "2", "9223372036854775807"] }

"#]]
        .raw()
    );
}

#[test]
fn strings_in_placeholders() {
    let text = r#"[ns.a]
proc.p = ['{{"{{"}}', '{{"}}"}} {{"{{x}}"}}', "{{'a'}}{{ 'b' }}", "{{'$'}}", '''{{"it's"}}''']
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["{{", "}} {{x}}", "ab", "$", "it's"] }

"#]]
        .raw()
    );
}

#[test]
fn the_environment() {
    let text = r#"[ns.a]
proc.p = ["{{env.COLOR}}", "{{env.COLOR ?? 'red'}}", "{{env.NOTHING ?? 'red'}}", "{{ env.NOTHING ?? 3 }}", "{{env.NOTHING??true}}", "{{env.NOTHING ?? env.COLOR}}", "{{env.NOTHING ?? (2 + 3)}}"]
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { cmd = ["blue", "blue", "red", "3", "true", "blue", "5"] }

"#]]
        .raw()
    );
}

#[test]
fn a_placeholder_alone_keeps_its_type() {
    let text = r#"[vars]
n = 2
flag = false
[ns.a]
count = "{{n}}"
mount_proc = "{{ flag }}"
proc.p = { cmd = "x", count = "{{n - 1}}", ok = ["{{n}}", 3], oneshot = "{{true}}" }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns."a.0"]
mount_proc = false
proc."p.0" = { cmd = ["x"], ok = [2, 3], oneshot = true }

[ns."a.1"]
mount_proc = false
proc."p.0" = { cmd = ["x"], ok = [2, 3], oneshot = true }

"#]]
        .raw()
    );
}

#[test]
fn dollars_and_single_braces_are_left_alone() {
    let text = r#"[ns.a]
proc.p = { sh = 'echo $$ $PPID ${X} {a,b} }} { { $((1+1))' }
proc.q = { sh = """
cat <<EOF
{{name}}
EOF
""" }
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
proc.p = { sh = "echo $$ $PPID ${X} {a,b} }} { { $((1+1))" }
proc.q = { sh = """
cat <<EOF
q
EOF
""" }

"#]]
        .raw()
    );
}

#[test]
fn the_place_of_a_value() {
    let text = r#"[ns.a]
hostname = "{{name}}-{{level}}-{{i}}"
proc.p = "{{path}} {{name}} {{level}} {{i}} {{topology}}"
init = ["{{path}} {{name}} {{level}} {{i}}"]
[ns."a/b"]
labels = { where = "{{path}}" }
proc.q = "{{path}} {{name}} {{level}} {{i}}"
"#;
    assert_data_eq!(
        expanded(text),
        str![[r#"

[ns.a]
hostname = "a-1-0"
init = ["a a 1 0"]
proc.p = { cmd = ["a/p", "p", "1", "0", "x"] }

[ns."a/b"]
labels = { where = "a/b" }
proc.q = { cmd = ["a/b/q", "q", "2", "0"] }

"#]]
        .raw()
    );
}

const PLACEHOLDERS_THAT_END_EARLY: &str = r#"[ns.a]
env.A = "{{"
env.C = "{{}}"
env.D = "{{(1 + 2}}"
env.E = "{{1 +}}"
env.F = '{{"open}}'
env.H = "{{env}}"
env.I = "{{env.}}"
env.J = "{{env.X ?? }}"
"#;

#[test]
fn placeholders_that_end_early() {
    assert_data_eq!(
        human(PLACEHOLDERS_THAT_END_EARLY),
        str![[r#"
error[NS122]: a placeholder is invalid
 --> x.toml:2:10
  |
2 | env.A = "{{"
  |          ^^ the placeholder is never closed
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:3:10
  |
3 | env.C = "{{}}"
  |          ^^^^ a name, a number or a string is missing
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:4:10
  |
4 | env.D = "{{(1 + 2}}"
  |          ^^^^^^^^^^ `)` is missing
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:5:10
  |
5 | env.E = "{{1 +}}"
  |          ^^^^^^^ a name, a number or a string is missing
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:6:12
  |
6 | env.F = '{{"open}}'
  |            ^ the string is never closed
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:7:10
  |
7 | env.H = "{{env}}"
  |          ^^^^^^^ `.` and the name of an environment variable is missing
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:8:10
  |
8 | env.I = "{{env.}}"
  |          ^^^^^^^^ the name of an environment variable is missing
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:9:10
  |
9 | env.J = "{{env.X ?? }}"
  |          ^^^^^^^^^^^^^ a name, a number or a string is missing
  |
  = help: literal double braces are written {{"{{"}}


"#]]
        .raw()
    );
}

#[test]
fn placeholders_that_cannot_be_read() {
    let text = r#"[ns.a]
env.B = "x {{ a b }}"
env.G = "{{99999999999999999999}}"
env.K = "{{1.5}}"
env.L = "{{é}}"
env.M = "{{a }"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS122]: a placeholder is invalid
 --> x.toml:2:17
  |
2 | env.B = "x {{ a b }}"
  |                 ^ expected `}}` or an operator, found `b`
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:3:12
  |
3 | env.G = "{{99999999999999999999}}"
  |            ^^^^^^^^^^^^^^^^^^^^ `99999999999999999999` is not a number that fits in 64 bits
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:4:13
  |
4 | env.K = "{{1.5}}"
  |             ^ expected `}}` or an operator, found `.`
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:5:12
  |
5 | env.L = "{{é}}"
  |            ^ expected a name, a number or a string, found `é`
  |
  = help: literal double braces are written {{"{{"}}

error[NS122]: a placeholder is invalid
 --> x.toml:6:14
  |
6 | env.M = "{{a }"
  |              ^ expected `}}` or an operator, found `}`
  |
  = help: literal double braces are written {{"{{"}}


"#]]
        .raw()
    );
}

#[test]
fn unknown_names() {
    let text = r#"[vars]
workers = 1
[ns.a]
env.A = "{{worker}} {{banana}}"
env.B = "{{env.NESTNS_TEST_NOT_THERE}}"
env.C = "{{pth}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `worker`
 --> x.toml:4:12
  |
4 | env.A = "{{worker}} {{banana}}"
  |            ^^^^^^ did you mean `workers`?

error[NS123]: there is no variable `banana`
 --> x.toml:4:23
  |
4 | env.A = "{{worker}} {{banana}}"
  |                       ^^^^^^
  |
  = help: declare it: [vars] followed by banana = …

error[NS123]: the environment variable `NESTNS_TEST_NOT_THERE` is not set
 --> x.toml:5:12
  |
5 | env.B = "{{env.NESTNS_TEST_NOT_THERE}}"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^ there is no default
  |
  = help: write {{env.NESTNS_TEST_NOT_THERE ?? "…"}}

error[NS123]: there is no variable `pth`
 --> x.toml:6:12
  |
6 | env.C = "{{pth}}"
  |            ^^^ did you mean `path`?


"#]]
        .raw()
    );
}

const COMPUTATIONS_WITHOUT_A_RESULT: &str = r#"[vars]
zero = 0
word = "three"
flag = true
big = 9223372036854775807
[ns.a]
env.A = "{{1 / zero}}"
env.B = "{{1 % (zero * 2)}}"
env.C = "{{big + 1}}"
env.D = "{{-big - 2}}"
env.E = "{{big * big}}"
env.F = "{{word + 1}}"
env.G = "{{1 + flag}}"
env.H = "{{-word}}"
env.I = "{{(-big - 1) / -1}}"
env.J = "{{name * 2}}"
"#;

#[test]
fn computations_without_a_result() {
    assert_data_eq!(
        human(COMPUTATIONS_WITHOUT_A_RESULT),
        str![[r#"
error[NS124]: the computation has no result
 --> x.toml:7:12
  |
7 | env.A = "{{1 / zero}}"
  |            ^^^^^^^^ 1 / 0: division by 0

error[NS124]: the computation has no result
 --> x.toml:8:12
  |
8 | env.B = "{{1 % (zero * 2)}}"
  |            ^^^^^^^^^^^^^^ 1 % 0: division by 0

error[NS124]: the computation has no result
 --> x.toml:9:12
  |
9 | env.C = "{{big + 1}}"
  |            ^^^^^^^ 9223372036854775807 + 1: the result does not fit in 64 bits

error[NS124]: the computation has no result
  --> x.toml:10:12
   |
10 | env.D = "{{-big - 2}}"
   |            ^^^^^^^^ -9223372036854775807 - 2: the result does not fit in 64 bits

error[NS124]: the computation has no result
  --> x.toml:11:12
   |
11 | env.E = "{{big * big}}"
   |            ^^^^^^^^^ 9223372036854775807 * 9223372036854775807: the result does not fit in 64 bits

error[NS124]: arithmetic needs integers
  --> x.toml:12:12
   |
12 | env.F = "{{word + 1}}"
   |            ^^^^^^^^ `three` is a string

error[NS124]: arithmetic needs integers
  --> x.toml:13:12
   |
13 | env.G = "{{1 + flag}}"
   |            ^^^^^^^^ `true` is a boolean

error[NS124]: arithmetic needs integers
  --> x.toml:14:12
   |
14 | env.H = "{{-word}}"
   |            ^^^^^ `three` is a string

error[NS124]: the computation has no result
  --> x.toml:15:12
   |
15 | env.I = "{{(-big - 1) / -1}}"
   |            ^^^^^^^^^^^^^^^ -9223372036854775808 / -1: the result does not fit in 64 bits

error[NS124]: arithmetic needs integers
  --> x.toml:16:12
   |
16 | env.J = "{{name * 2}}"
   |            ^^^^^^^^ `a` is a string


"#]]
        .raw()
    );
}

#[test]
fn both_operands_of_a_computation_are_checked() {
    let text = r#"[ns.a]
hostname = "{{one + two}} {{three}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `one`
 --> x.toml:2:15
  |
2 | hostname = "{{one + two}} {{three}}"
  |               ^^^
  |
  = help: declare it: [vars] followed by one = …

error[NS123]: there is no variable `two`
 --> x.toml:2:21
  |
2 | hostname = "{{one + two}} {{three}}"
  |                     ^^^
  |
  = help: declare it: [vars] followed by two = …

error[NS123]: there is no variable `three`
 --> x.toml:2:29
  |
2 | hostname = "{{one + two}} {{three}}"
  |                             ^^^^^
  |
  = help: declare it: [vars] followed by three = …


"#]]
        .raw()
    );
}

#[test]
fn the_environment_has_the_type_of_its_default() {
    let text = r#"[ns.a]
count = "{{env.COLOR ?? 3}}"
mount_proc = "{{env.COLOR ?? true}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS125]: the environment variable `COLOR` is not an integer
 --> x.toml:2:12
  |
2 | count = "{{env.COLOR ?? 3}}"
  |            ^^^^^^^^^^^^^^ it is "blue"
  |
  = note: an environment variable has the type of its default

error[NS125]: the environment variable `COLOR` is not a boolean
 --> x.toml:3:17
  |
3 | mount_proc = "{{env.COLOR ?? true}}"
  |                 ^^^^^^^^^^^^^^^^^ it is "blue"
  |
  = note: an environment variable has the type of its default


"#]]
        .raw()
    );
}

#[test]
fn a_number_that_is_out_of_range_is_shown() {
    let text = r#"[vars]
n = 2
[ns.a]
count = "{{n - 3}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS112]: `count` is out of range
 --> x.toml:4:9
  |
2 | n = 2
  |     - `n` is 2 here
3 | [ns.a]
4 | count = "{{n - 3}}"
  |         ^^^^^^^^^^^ the result is -1, but a number of at least 0 is expected


"#]]
        .raw()
    );
}

#[test]
fn places_in_strings_of_many_lines() {
    let text = r#"[ns.a]
proc.p = { sh = """
first {{name}}
  second {{nothing}}
""", env = { A = "Ünï {{nothing}}", B = "tab\t {{nothing}}", C = "\u00e9 {{nothing}} {{nothing}}" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `nothing`
 --> x.toml:4:12
  |
4 |   second {{nothing}}
  |            ^^^^^^^
  |
  = help: declare it: [vars] followed by nothing = …

error[NS123]: there is no variable `nothing`
 --> x.toml:5:25
  |
5 | """, env = { A = "Ünï {{nothing}}", B = "tab\t {{nothing}}", C = "\u00e9 {{nothing}} {{nothing}}" } }
  |                         ^^^^^^^
  |
  = help: declare it: [vars] followed by nothing = …

error[NS123]: there is no variable `nothing`
 --> x.toml:5:50
  |
5 | """, env = { A = "Ünï {{nothing}}", B = "tab\t {{nothing}}", C = "\u00e9 {{nothing}} {{nothing}}" } }
  |                                                  ^^^^^^^
  |
  = help: declare it: [vars] followed by nothing = …

error[NS123]: there is no variable `nothing`
 --> x.toml:5:66
  |
5 | """, env = { A = "Ünï {{nothing}}", B = "tab\t {{nothing}}", C = "\u00e9 {{nothing}} {{nothing}}" } }
  |                                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = note: the same is true of 1 more
  = help: declare it: [vars] followed by nothing = …


"#]]
        .raw()
    );
}

#[test]
fn keys_have_no_placeholders() {
    let text = r#"[ns."a{{i}}"]
[ns.b]
"{{x}}" = 3
env = { "{{k}}" = "v" }
labels = { "{{k}}" = "v" }
proc."p{{i}}" = "x"
proc.q = { cmd = "x", "{{k}}" = 1, after = { "{{p}}" = "started" } }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS107]: `a{{i}}` is not a name
 --> x.toml:1:6
  |
1 | [ns."a{{i}}"]
  |      ^^^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: placeholders are replaced in values, not in keys and headers

error[NS102]: unknown key `{{x}}` in a namespace
 --> x.toml:3:2
  |
3 | "{{x}}" = 3
  |  ^^^^^
  |
  = note: placeholders are replaced in values, not in keys and headers

error[NS117]: `{{k}}` cannot be the name of an environment variable
 --> x.toml:4:10
  |
4 | env = { "{{k}}" = "v" }
  |          ^^^^^ placeholders are replaced in values, not in keys and headers

error[NS122]: `{{k}}` cannot be a key of `labels`
 --> x.toml:5:13
  |
5 | labels = { "{{k}}" = "v" }
  |             ^^^^^ placeholders are replaced in values, not in keys and headers

error[NS107]: `p{{i}}` is not a name
 --> x.toml:6:7
  |
6 | proc."p{{i}}" = "x"
  |       ^^^^^^ a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit
  |
  = note: placeholders are replaced in values, not in keys and headers

error[NS102]: unknown key `{{k}}` in a process
 --> x.toml:7:24
  |
7 | proc.q = { cmd = "x", "{{k}}" = 1, after = { "{{p}}" = "started" } }
  |                        ^^^^^
  |
  = note: placeholders are replaced in values, not in keys and headers

error[NS123]: there is no variable `p`
 --> x.toml:7:49
  |
7 | proc.q = { cmd = "x", "{{k}}" = 1, after = { "{{p}}" = "started" } }
  |                                                 ^
  |
  = help: declare it: [vars] followed by p = …


"#]]
        .raw()
    );
}

#[test]
fn what_is_read_before_there_is_a_namespace() {
    let text = r#"name = "{{path}}"
description = "{{topology}} {{level}}"
[vars]
here = "{{path}}"
[limits]
namespaces = "{{i}}"
[ns.a]
use = "{{name}}"
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: `path` is not available here
 --> x.toml:1:11
  |
1 | name = "{{path}}"
  |           ^^^^ this is evaluated before there is a namespace to refer to

error[NS123]: `level` is not available here
 --> x.toml:2:31
  |
2 | description = "{{topology}} {{level}}"
  |                               ^^^^^ this is evaluated before there is a namespace to refer to

error[NS123]: `path` is not available here
 --> x.toml:4:11
  |
4 | here = "{{path}}"
  |           ^^^^ this is evaluated before there is a namespace to refer to

error[NS123]: `i` is not available here
 --> x.toml:6:17
  |
6 | namespaces = "{{i}}"
  |                 ^ this is evaluated before there is a namespace to refer to

error[NS123]: `name` is not available here
 --> x.toml:8:10
  |
8 | use = "{{name}}"
  |          ^^^^ this is evaluated before there is a namespace to refer to


"#]]
        .raw()
    );
}

#[test]
fn carriage_returns() {
    let text = "\u{feff}[ns.a]\r\nproc.p = \"\"\"\r\nx {{nothing}}\"\"\"\r\n";
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS123]: there is no variable `nothing`
 --> x.toml:3:5
  |
3 | x {{nothing}}"""
  |     ^^^^^^^
  |
  = help: declare it: [vars] followed by nothing = …


"#]]
        .raw()
    );
}
