//! The formats for programs and CI, colours, and the limit of the human format.

use std::fmt::Write as _;

use snapbox::{IntoData, assert_data_eq, str};

use crate::harness::Nestns;

const FILE: &str =
    "[ns.vm]\nhostnme = \"é\"\ncwd = \"x\"\n[ns.\"vm/ci\"]\ninit = [\"sleep\", \"5\"]\n";

fn output(arguments: &[&str]) -> String {
    let arguments: Vec<_> = ["check", "-"].iter().chain(arguments).copied().collect();
    Nestns::new(&arguments).input(FILE).run().stdout
}

#[test]
fn short() {
    assert_data_eq!(
        output(&["--format", "short"]),
        str![[r#"
<stdin>:2:1: error[NS102]: unknown key `hostnme` in a namespace
<stdin>:3:7: error[NS116]: `cwd` is not an absolute path
<stdin>:5:8: warning[NS304]: PID 1 of `vm/ci` (sleep) has no handler for TERM, so the kernel will drop it

"#]]
        .raw()
    );
}

#[test]
fn json() {
    assert_data_eq!(
        output(&["--format", "json"]),
        str![[r#"
{
  "schema": "nestns.check/1",
  "diagnostics": [
    {
      "code": "NS102",
      "level": "error",
      "message": "unknown key `hostnme` in a namespace",
      "file": "<stdin>",
      "line": 2,
      "column": 1,
      "end_line": 2,
      "end_column": 8,
      "help": null,
      "notes": [
        "did you mean `hostname`?"
      ],
      "related": []
    },
    {
      "code": "NS116",
      "level": "error",
      "message": "`cwd` is not an absolute path",
      "file": "<stdin>",
      "line": 3,
      "column": 7,
      "end_line": 3,
      "end_column": 10,
      "help": null,
      "notes": [
        "a path begins with `/`: the directory of nestns means nothing inside a namespace"
      ],
      "related": []
    },
    {
      "code": "NS304",
      "level": "warning",
      "message": "PID 1 of `vm/ci` (sleep) has no handler for TERM, so the kernel will drop it",
      "file": "<stdin>",
      "line": 5,
      "column": 8,
      "end_line": 5,
      "end_column": 22,
      "help": "make it a process under init = \"builtin\", or write stop = { signal = \"KILL\" }",
      "notes": [
        "it keeps running until its grace period is over and is then killed",
        "a PID 1 receives only signals that it handles, except KILL from outside"
      ],
      "related": []
    }
  ]
}

"#]]
        .raw()
    );
}

#[test]
fn github() {
    assert_data_eq!(output(&["--format", "github"]), str![[r#"
::error file=<stdin>,line=2,col=1,endLine=2,endColumn=8,title=NS102::unknown key `hostnme` in a namespace
::error file=<stdin>,line=3,col=7,endLine=3,endColumn=10,title=NS116::`cwd` is not an absolute path
::warning file=<stdin>,line=5,col=8,endLine=5,endColumn=22,title=NS304::PID 1 of `vm/ci` (sleep) has no handler for TERM, so the kernel will drop it%0Ahelp: make it a process under init = "builtin", or write stop = { signal = "KILL" }

"#]].raw());
}

#[test]
fn json_of_a_good_file() {
    let outcome = Nestns::new(&["check", "-", "--format=json"])
        .input("[ns.a]\n")
        .run();
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
{
  "schema": "nestns.check/1",
  "diagnostics": []
}

"#]]
        .raw()
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn the_whole_human_output_in_order() {
    assert_data_eq!(
        output(&[]),
        str![[r#"
error[NS102]: unknown key `hostnme` in a namespace
 --> <stdin>:2:1
  |
2 | hostnme = "é"
  | ^^^^^^^ did you mean `hostname`?

error[NS116]: `cwd` is not an absolute path
 --> <stdin>:3:7
  |
3 | cwd = "x"
  |       ^^^ a path begins with `/`: the directory of nestns means nothing inside a namespace

warning[NS304]: PID 1 of `vm/ci` (sleep) has no handler for TERM, so the kernel will drop it
 --> <stdin>:5:8
  |
5 | init = ["sleep", "5"]
  |        ^^^^^^^^^^^^^^ it keeps running until its grace period is over and is then killed
  |
  = note: a PID 1 receives only signals that it handles, except KILL from outside
  = help: make it a process under init = "builtin", or write stop = { signal = "KILL" }


"#]]
        .raw()
    );
}

#[test]
fn colours_are_used_only_when_asked_for() {
    assert!(!output(&[]).contains('\x1b'));
    assert!(output(&["--color", "always"]).contains("\x1b["));
    let with = |name: &str, value: &str, arguments: &[&str]| {
        Nestns::new(arguments)
            .input(FILE)
            .env(name, value)
            .run()
            .stdout
            .contains('\x1b')
    };
    assert!(with("CLICOLOR_FORCE", "1", &["check", "-"]));
    assert!(!with("CLICOLOR_FORCE", "0", &["check", "-"]));
    assert!(!with(
        "CLICOLOR_FORCE",
        "1",
        &["check", "-", "--color", "never"]
    ));
    assert!(with("NO_COLOR", "1", &["check", "-", "--color", "always"]));
    assert!(with("NESTNS_COLOR", "always", &["check", "-"]));
}

#[test]
fn human_output_is_limited_to_twenty_problems_and_json_is_not() {
    let mut file = String::new();
    for number in 0..33 {
        writeln!(file, "[ns.n{number}]\ncwd = 1").unwrap();
    }
    let human = Nestns::new(&["check", "-"]).input(file.as_str()).run();
    assert_eq!(human.stdout.matches("error[NS101]").count(), 20);
    assert!(
        human.stdout.ends_with("… and 13 more in <stdin>\n\n"),
        "{}",
        human.stdout
    );
    assert_eq!(
        human.stderr,
        "checked 1 file: 33 errors\nsee `nestns explain NS101`\n"
    );
    let short = Nestns::new(&["check", "-", "--format=short"])
        .input(file.as_str())
        .run();
    assert_eq!(short.stdout.lines().count(), 33);
}

#[test]
fn quoted_control_characters_are_escaped() {
    let outcome = Nestns::new(&["check", "-"])
        .input("[ns.a]\n\"\\u001b[31m\" = 1\n")
        .run();
    assert!(!outcome.stdout.contains('\x1b'), "{}", outcome.stdout);
}

#[test]
fn json_tells_where_a_value_from_elsewhere_is_used() {
    let text = "[template.box]\nhostnme = \"x\"\n[ns.a]\nuse = \"box\"\n";
    let outcome = Nestns::new(&["check", "-", "--format", "json"])
        .input(text)
        .run();
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
{
  "schema": "nestns.check/1",
  "diagnostics": [
    {
      "code": "NS102",
      "level": "error",
      "message": "unknown key `hostnme` in a namespace",
      "file": "<stdin>",
      "line": 2,
      "column": 1,
      "end_line": 2,
      "end_column": 8,
      "help": null,
      "notes": [
        "did you mean `hostname`?"
      ],
      "related": [
        {
          "message": "used by `a` here",
          "file": "<stdin>",
          "line": 4,
          "column": 7,
          "end_line": 4,
          "end_column": 12
        }
      ]
    }
  ]
}

"#]]
        .raw()
    );
}
