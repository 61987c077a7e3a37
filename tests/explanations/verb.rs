//! The output of the verb, its streams, and its status.

use nestns_topology::diagnostic::Code;
use snapbox::{IntoData, assert_data_eq, file, str};

use crate::harness::{Nestns, Outcome};

fn explain(arguments: &[&str]) -> Outcome {
    let arguments: Vec<_> = ["explain"].iter().chain(arguments).copied().collect();
    Nestns::new(&arguments).run()
}

#[test]
fn an_explanation_is_plain_text_for_a_terminal() {
    let outcome = explain(&["NS301"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
warning[NS301]: a namespace has less time to stop than something inside it

A namespace has less time to stop than something inside it requires. When its
grace period is over, its PID 1 is killed, and the kernel then kills
everything in the namespace and in all namespaces inside it with SIGKILL
(pid_namespaces(7)): the inner processes never get the time that the file
promises them.

Wrong:

    [ns.vm]
    stop = { grace = "2s" }
    [ns."vm/db"]
    stop = { grace = "10s" }

Right: without a value of its own, the grace period is derived from what is
inside, one second more than the longest there.

    [ns.vm]
    [ns."vm/db"]
    stop = { grace = "10s" }

"#]]
        .raw()
    );
}

#[test]
fn a_code_is_understood_in_any_case() {
    assert_eq!(explain(&["ns301"]), explain(&["NS301"]));
    assert_eq!(explain(&["Ns301"]), explain(&["NS301"]));
}

#[test]
fn every_code_has_an_explanation() {
    for code in Code::ALL {
        let outcome = explain(&[code.text()]);
        let title = format!("{}[{code}]: {}\n\n", code.level(), code.title());
        assert!(
            outcome.code == 0 && outcome.stdout.starts_with(&title),
            "{outcome:?}"
        );
        assert!(!outcome.stdout.contains("```"), "{outcome:?}");
    }
}

#[test]
fn a_code_that_does_not_exist_is_answered_with_the_nearest() {
    let outcome = explain(&["ns999"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_data_eq!(
        outcome.stderr,
        str![[r#"
error: there is no code NS999
  = help: the nearest are NS504, NS503, NS502; `nestns explain --list` shows all

"#]]
        .raw()
    );
}

#[test]
fn all_codes_are_listed() {
    let outcome = explain(&["--list"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_data_eq!(outcome.stdout, file!["codes.txt"].raw());
}

#[test]
fn list_takes_no_code() {
    assert_eq!(explain(&["--list", "NS301"]).code, 2);
}

#[test]
fn colours_are_used_only_when_asked_for() {
    assert!(!explain(&["NS301"]).stdout.contains('\x1b'));
    let coloured = explain(&["NS301", "--color", "always"]).stdout;
    let (title, text) = coloured.split_once('\n').unwrap();
    assert!(
        title.contains("\x1b[") && !text.contains('\x1b'),
        "{coloured}"
    );
}

#[test]
fn up_refers_to_explain_after_a_failure() {
    let outcome = Nestns::new(&["up", "-"])
        .input("[ns.a]\nhostnme = \"a\"\n[ns.\"a/b/c\"]\n")
        .run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (3, ""));
    assert_data_eq!(
        outcome.stderr,
        str![[r#"
error[NS102]: unknown key `hostnme` in a namespace
 --> <stdin>:2:1
  |
2 | hostnme = "a"
  | ^^^^^^^ did you mean `hostname`?

error[NS201]: namespace `a/b/c` has no parent
 --> <stdin>:3:6
  |
3 | [ns."a/b/c"]
  |      ^^^ no namespace `a/b` is declared
  |
  = help: also declare [ns."a/b"]

see `nestns explain NS102`; likewise NS201

"#]]
        .raw()
    );
}

#[test]
fn up_does_not_refer_to_explain_after_a_warning() {
    let outcome = Nestns::new(&["up", "--dry-run", "-"])
        .input("[ns.a]\ninit = [\"sleep\", \"1\"]\n")
        .run();
    assert!(
        outcome.code == 0 && outcome.stderr.contains("NS304"),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("nestns explain"), "{outcome:?}");
}
