//! The size of a tree, which is known before it is expanded.

use snapbox::{IntoData, assert_data_eq, str};

use super::{Files, human, joined};

/// Bounds of the address space and the time of every answer here.
fn bounded(text: &str) -> String {
    let files = Files::new(&[("x.toml", text)]);
    let script = "ulimit -v 300000; exec timeout 20 \"$0\" check --format=short x.toml";
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_nestns")])
        .current_dir(files.directory.path())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `[template.t0]` has two of `t1` inside, that has two of `t2`, and so on.
fn doubling(templates: usize, further: &str) -> String {
    let template = |level: usize| match level + 1 {
        next if next < templates => format!(
            "[template.t{level}]\n[template.\"t{level}/a\"]\nuse = \"t{next}\"\n[template.\"t{level}/b\"]\nuse = \"t{next}\"\n"
        ),
        _ => format!("[template.t{level}]\n{further}"),
    };
    (0..templates).map(template).collect()
}

#[test]
fn templates_that_double() {
    let text = doubling(25, "") + "[ns.a]\nuse = \"t0\"\n";
    assert_data_eq!(
        bounded(&text),
        str![[r#"
x.toml:122:5: error[NS205]: the topology has 33554431 namespaces, its limit is 1024

"#]]
        .raw()
    );
}

#[test]
fn templates_that_double_deeper_than_the_kernel_allows() {
    let text = doubling(60, "") + "[ns.a]\nuse = \"t0\"\n";
    assert_data_eq!(bounded(&text), str![[r#"
x.toml:157:12: error[NS204]: `a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a` is 33 levels deep, but the kernel allows 32
x.toml:159:12: error[NS204]: `a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b` is 33 levels deep, but the kernel allows 32
x.toml:297:5: error[NS205]: the topology has 4294967295 namespaces, its limit is 1024

"#]].raw());
}

#[test]
fn templates_that_double_with_numbers_in_them() {
    let text = doubling(30, "proc.p = { cmd = \"p\", count = \"{{i}}\" }\n")
        + "[ns.a]\nuse = \"t0\"\ncount = 1000000000000000000\n";
    assert_data_eq!(
        bounded(&text),
        str![[r#"
x.toml:148:5: error[NS205]: the topology has at least 1073741823 namespaces, its limit is 1024

"#]]
        .raw()
    );
}

#[test]
fn templates_in_a_row() {
    let row = joined(0..10_000, |link| {
        format!("[template.t{link}]\nuse = \"t{}\"\n", link + 1)
    });
    let text = row + "[template.t10000]\n[ns.a]\nuse = \"t9900\"\n";
    let problems = bounded(&text);
    assert_data_eq!(
        problems.lines().next().unwrap_or_default().to_owned() + "\n",
        str![[r#"
x.toml:514:7: error[NS213]: more than 256 templates use one another in a row

"#]]
        .raw()
    );
    assert_eq!(problems.lines().count(), 38);
}

#[test]
fn many_templates_that_many_use() {
    let templates = joined(0..3000, |template| {
        format!("[template.t{template}]\nhostname = \"h\"\n")
    });
    let names: Vec<_> = (0..3000)
        .map(|template| format!("\"t{template}\""))
        .collect();
    let users = joined(0..1000, |user| format!("[ns.n{user}]\nuse = \"all\"\n"));
    let text = format!(
        "{templates}[template.all]\nuse = [{}]\n{users}",
        names.join(", ")
    );
    assert_eq!(bounded(&text), "");
}

/// Comparing each with each would take minutes.
#[test]
fn many_mistakes_among_many_names() {
    let variables = joined(0..10_000, |name| format!("v{name} = 1\n"));
    let templates = joined(0..10_000, |name| format!("[template.t{name}]\n"));
    let users = joined(0..1000, |name| {
        format!("[ns.n{name}]\nuse = \"u{name}\"\nhostname = \"{{{{w{name}}}}}\"\n")
    });
    let processes = joined(0..4000, |name| {
        format!("proc.p{name} = {{ cmd = \"x\", after = {{ q{name} = \"ok\" }} }}\n")
    });
    let problems = bounded(&format!(
        "[vars]\n{variables}{templates}{users}[ns.a]\n{processes}"
    ));
    assert_eq!(problems.lines().count(), 6000);
}

#[test]
fn the_longest_names_and_texts() {
    let long = "a".repeat(2_000_000);
    let text = format!("[ns.a]\nenv.A = \"{{{{{long}}}}}\"\nenv.B = \"{long}{{{{nothing}}}}\"\n");
    let problems = bounded(&text);
    assert!(
        problems.lines().all(|line| line.len() < 5000),
        "{}",
        problems.len()
    );
    assert_eq!(problems.lines().count(), 2);
}

#[test]
fn more_than_the_limits() {
    let text = r#"[ns.a]
[ns.w]
count = 2000
proc.p = { cmd = "p", count = 3 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has 2001 namespaces, its limit is 1024
 --> x.toml:2:5
  |
2 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write namespaces = 2001 in [limits]

error[NS205]: the topology has 6000 processes, its limit is 4096
 --> x.toml:2:5
  |
2 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write processes = 6000 in [limits]


"#]]
        .raw()
    );
}

#[test]
fn the_largest_numbers() {
    let text = r#"[ns.a]
count = 1000000000000000000
[ns."a/b"]
count = 1000000000000000000
proc.p = { cmd = "p", count = 1000000000000000000 }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has 1000000000000000001000000000000000000 namespaces, its limit is 1024
 --> x.toml:3:6
  |
3 | [ns."a/b"]
  |      ^^^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: no machine has that many PIDs: Linux allows at most 4194304

error[NS205]: the topology has more than 10^38 processes, its limit is 4096
 --> x.toml:3:6
  |
3 | [ns."a/b"]
  |      ^^^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: no machine has that many PIDs: Linux allows at most 4194304


"#]]
        .raw()
    );
}

#[test]
fn numbers_that_overflow() {
    let text = r#"[ns.a]
depth = 30
fanout = 9223372036854775807
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has more than 10^38 namespaces, its limit is 1024
 --> x.toml:1:5
  |
1 | [ns.a]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: no machine has that many PIDs: Linux allows at most 4194304


"#]]
        .raw()
    );
}

#[test]
fn a_chain_that_is_too_deep() {
    let text = r#"[ns.a]
depth = 1000000000000000000
[ns.b]
depth = 20
[ns."b/c"]
depth = 13
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS204]: the chain `a` is 1000000000000000000 levels deep, but the kernel allows 32
 --> x.toml:2:9
  |
2 | depth = 1000000000000000000
  |         ^^^^^^^^^^^^^^^^^^^
  |
  = note: PID namespaces nest at most 32 below the initial one (pid_namespaces(7))

error[NS204]: the chain `b/c` is 33 levels deep, but the kernel allows 32
 --> x.toml:6:9
  |
6 | depth = 13
  |         ^^
  |
  = note: PID namespaces nest at most 32 below the initial one (pid_namespaces(7))


"#]]
        .raw()
    );
}

#[test]
fn a_tree_that_is_too_deep() {
    let text = r#"[ns.a]
depth = 33
fanout = 9223372036854775807
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS204]: the chain `a` is 33 levels deep, but the kernel allows 32
 --> x.toml:2:9
  |
2 | depth = 33
  |         ^^
  |
  = note: PID namespaces nest at most 32 below the initial one (pid_namespaces(7))


"#]]
        .raw()
    );
}

#[test]
fn as_deep_as_the_kernel_allows() {
    let text = r#"[ns.a]
depth = 32
proc.p = "p"
"#;
    assert_data_eq!(human(text), str![[""]].raw());
}

#[test]
fn a_limit_of_the_file() {
    let text = r#"[limits]
namespaces = 5
processes = 3
depth = 2
[ns.w]
count = 5
proc.p = "p"
[ns.deep]
depth = 3
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has 5 processes, its limit is 3
 --> x.toml:5:5
  |
5 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write processes = 5 in [limits]

error[NS204]: the chain `deep` is 3 levels deep, but [limits] allows 2
 --> x.toml:9:9
  |
9 | depth = 3
  |         ^
  |
  = help: if this is intended, raise depth in [limits], to at most 32


"#]]
        .raw()
    );
}

#[test]
fn invalid_limits() {
    let text = r#"[limits]
namespaces = 0
processes = "many"
depth = 33
bogus = 1
[ns.a]
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS112]: `namespaces` is out of range
 --> x.toml:2:14
  |
2 | namespaces = 0
  |              ^ a number from 1 to 4294967295 is expected

error[NS101]: `processes` must be a number
 --> x.toml:3:13
  |
3 | processes = "many"
  |             ^^^^^^ this is a string

error[NS112]: `depth` is out of range
 --> x.toml:4:9
  |
4 | depth = 33
  |         ^^ a number from 1 to 32 is expected

error[NS102]: unknown key `bogus` in `[limits]`
 --> x.toml:5:1
  |
5 | bogus = 1
  | ^^^^^
  |
  = help: the keys are namespaces, processes, depth, log_bytes


"#]]
        .raw()
    );
}

#[test]
fn limits_from_the_command_line() {
    let text = r#"[vars]
most = 5
[limits]
namespaces = "{{most}}"
[ns.w]
count = 6
"#;
    let files = Files::new(&[("x.toml", text)]);
    assert_eq!(files.run("check", &["--set", "most=6"]).code, 0);
    assert_data_eq!(
        files.human(&[]),
        str![[r#"
error[NS205]: the topology has 6 namespaces, its limit is 5
 --> x.toml:5:5
  |
5 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, write namespaces = 6 in [limits]


"#]]
        .raw()
    );
}

#[test]
fn numbers_that_add_up_only_one_by_one() {
    let text = r#"[ns.w]
count = 1000000000000000000
[ns."w/x"]
count = "{{i}}"
proc.p = { cmd = "p", count = "{{i * i}}" }
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS205]: the topology has at least 4200 processes, its limit is 4096
 --> x.toml:1:5
  |
1 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: if this is intended, raise processes in [limits]


"#]]
        .raw()
    );
}

#[test]
fn nothing_at_all() {
    let text = r#"[ns.a]
count = 0
[ns."a/b"]
count = 3
"#;
    assert_data_eq!(
        human(text),
        str![[r#"
error[NS210]: the topology has no namespace
--> x.toml
 = note: every count at its top level is 0


"#]]
        .raw()
    );
}

#[test]
fn a_large_tree_is_checked() {
    let text = r#"[template.t]
hostname = "a b"
[ns.w]
count = 1000000000000000000
use = "t"
proc.p = { cmd = 3, count = 1000000 }
[ns."w/x"]
banana = 1
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
5 | use = "t"
  |       --- used by `w` here
  |
  = note: the same is true of 1 more

error[NS205]: the topology has 1000000000000000000000000 processes, its limit is 4096
 --> x.toml:3:5
  |
3 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: no machine has that many PIDs: Linux allows at most 4194304

error[NS205]: the topology has 2000000000000000000 namespaces, its limit is 1024
 --> x.toml:3:5
  |
3 | [ns.w]
  |     ^ the limit is exceeded here
  |
  = note: the limit prevents a typo from exhausting the machine
  = help: no machine has that many PIDs: Linux allows at most 4194304

error[NS101]: `cmd` must be a string of words or an array of arguments
 --> x.toml:6:18
  |
6 | proc.p = { cmd = 3, count = 1000000 }
  |                  ^ this is an integer

error[NS102]: unknown key `banana` in a namespace
 --> x.toml:8:1
  |
8 | banana = 1
  | ^^^^^^
  |
  = help: keys that begin with `x-` are ignored


"#]]
        .raw()
    );
}
