//! The output of the verb, its streams, and its status.

use nestns_topology::diagnostic::Code;
use snapbox::{IntoData, assert_data_eq, str};

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
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
CODE   LEVEL    TITLE
NS001  error    the file cannot be read
NS002  error    the file is not UTF-8 text
NS003  error    the text is not TOML
NS004  error    a directory does not have exactly one topology file
NS005  error    an included file cannot be used
NS006  error    files include each other
NS101  error    a value has the wrong type
NS102  error    a key is unknown
NS103  error    a key belongs in another table
NS104  error    a key or value is not supported by this version
NS105  error    a key belongs to another program
NS106  error    a parent is given as a key instead of in the path
NS107  error    a name contains characters that are not allowed
NS108  error    a name is reserved
NS109  error    a value is not one of the allowed words
NS110  error    a signal does not exist
NS111  error    a duration is invalid
NS112  error    a number is out of range
NS113  error    a command cannot be run as written
NS114  error    a process does not have exactly one program
NS115  error    an actor or one of its options does not exist
NS116  error    a path cannot be used
NS117  error    an environment variable cannot be set
NS118  error    a user is invalid
NS119  error    a host name cannot be set
NS120  error    two keys contradict each other
NS121  error    the file is for another version of the language
NS122  error    a placeholder is invalid
NS123  error    a placeholder names something that does not exist
NS124  error    a computation has no result
NS125  error    a variable cannot be set to this value
NS126  error    a variable declaration is invalid
NS127  error    variables depend on each other
NS128  error    generators conflict, or have nothing to generate
NS129  error    `at` is outside the chain
NS130  error    a size is invalid
NS131  error    a regular expression is invalid
NS132  error    `ready` does not have exactly one condition
NS133  error    an expectation has nothing to compare
NS201  error    a namespace has no parent
NS202  error    a namespace is declared twice
NS203  error    a process and a namespace have the same name
NS204  error    namespaces are nested too deeply
NS205  error    the tree is larger than its limits
NS206  error    `after` names something that does not exist
NS207  error    a process or namespace waits for itself
NS208  error    processes or namespaces wait for each other
NS209  error    a process cannot be forked by a program that is PID 1
NS210  error    the file declares no namespace
NS211  error    several processes claim the terminal
NS212  error    a namespace uses a template that does not exist
NS213  error    templates use each other
NS214  error    `as` gives a name that cannot be used
NS215  error    an expectation names something that is not in the tree
NS216  error    `main` names something that does not exist
NS301  warning  a namespace has less time to stop than something inside it
NS302  warning  a command uses shell syntax but is not run by a shell
NS304  warning  PID 1 does not handle its stop signal, so the kernel drops it
NS305  warning  a template of the file is never used
NS401  error    the state directory cannot be created or trusted
NS402  error    a user or group is not available on this machine
NS403  error    the limit on descriptors is too low for the tree
NS404  error    this machine does not permit what a tree needs
NS501  error    a topology of this name is already running
NS502  error    the start could not be completed
NS503  error    the kernel does not agree with the plan
NS504  error    a system call of the controller failed

"#]]
        .raw()
    );
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
