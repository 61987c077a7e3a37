//! Effect of the exit of a process on the tree: `ok`, `oneshot`, `essential`, `on_exit` and the options that override it.

use crate::harness::chain::{DEPTHS, chain, path};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

fn up(identity: Identity, topology: &str, arguments: &[&str]) -> Ended {
    let nest = Nest::new(topology).identity(identity);
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.replace('@', &nest.root))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    nest.arguments(&arguments).up().wait()
}

/// A topology, options, and what comes of it: the status, what is said, and what is not.
type Case<'a> = (&'a str, &'a [&'a str], i32, &'a [&'a str], &'a [&'a str]);

/// Runs each topology with its options as each identity, and compares its status and output.
fn compare(cases: &[Case<'_>]) {
    for_each_identity(|identity| {
        for &(topology, arguments, code, said, unsaid) in cases {
            let ended = up(identity, topology, arguments);
            let all = format!("{}{}", ended.stdout, ended.stderr);
            let context = format!("{identity:?}, {arguments:?}:\n{topology}\n{all}");
            assert_eq!(ended.code, code, "{context}");
            for text in said {
                assert!(
                    all.contains(&text.replace('@', &ended.nest.root)),
                    "missing {text:?}; {context}"
                );
            }
            for text in unsaid {
                assert!(
                    !all.contains(&text.replace('@', &ended.nest.root)),
                    "has {text:?}; {context}"
                );
            }
        }
    });
}

#[test]
fn an_essential_process_that_fails_ends_the_tree_with_its_status_at_every_depth() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            for (script, code) in [("exit 7", 7), ("kill -9 $$", 137), ("kill -34 $$", 162)] {
                let topology = format!(
                    "{}proc.bad = {{ sh = \"{script}\" }}\nproc.idle = {{ actor = \"idle\" }}\n[ns.\"@/beside\"]\ninit = \"pause\"\n",
                    chain(depth)
                );
                let ended = up(identity, &topology, &[]);
                let context = format!("{identity:?}, depth {depth}, {script}: {}", ended.stderr);
                assert_eq!(ended.code, code, "{context}");
                let bad = format!("{}/bad", path(depth).replace('@', &ended.nest.root));
                assert!(
                    ended.stderr.contains(&format!("error: `{bad}` ")),
                    "{context}"
                );
                assert!(
                    ended
                        .stderr
                        .contains(&format!("stopping: `{bad}` has ended")),
                    "{context}"
                );
            }
        }
    });
}

#[test]
fn successful_exits_are_0() {
    compare(&[
        (
            "[ns.@]\nproc.a = \"true\"\nproc.b = { sh = \"echo well\" }\n",
            &[],
            0,
            &["well"],
            &["error", "stopping"],
        ),
        (
            "[ns.@]\nproc.a = \"true\"\n[ns.\"@/in\"]\nproc.b = \"true\"\n",
            &[],
            0,
            &[],
            &["error"],
        ),
        ("[ns.@]\ninit = [\"true\"]\n", &[], 0, &[], &["error"]),
        (
            "[ns.@]\nproc.a = { actor = \"exit\", enter = \"join\" }\n",
            &[],
            0,
            &[],
            &["error"],
        ),
    ]);
}

#[test]
fn an_expendable_process_that_fails_makes_the_final_status_1_and_ends_nothing() {
    let minor = "[ns.@]\nproc.minor = { sh = \"exit 7\", essential = false }\n";
    let other = "proc.other = { sh = \"echo went on\", after = { minor = \"exited\" } }\n";
    compare(&[
        (
            &format!("{minor}{other}"),
            &[],
            1,
            &["went on", "`@/minor` exited with 7"],
            &["stopping"],
        ),
        // The status of an essential one is worth more than the 1.
        (
            &format!("{minor}{}", other.replace("echo went on", "exit 9")),
            &[],
            9,
            &["`@/minor` exited with 7"],
            &[],
        ),
    ]);
}

#[test]
fn ok_names_the_codes_that_are_success() {
    compare(&[
        (
            "[ns.@]\nproc.a = { sh = \"exit 3\", ok = [3] }\n",
            &[],
            0,
            &[],
            &["error"],
        ),
        (
            "[ns.@]\nproc.a = { sh = \"exit 4\", ok = [0, 4] }\n",
            &[],
            0,
            &[],
            &["error"],
        ),
        (
            "[ns.@]\nproc.a = { sh = \"exit 4\", ok = [3] }\n",
            &[],
            4,
            &["`@/a` exited with 4"],
            &[],
        ),
        // 0 is none of them: a failure, although its status says otherwise.
        (
            "[ns.@]\nproc.a = { sh = \"exit 0\", ok = [3] }\n",
            &[],
            1,
            &["`@/a` exited with 0"],
            &[],
        ),
    ]);
}

#[test]
fn with_any_the_first_exit_stops_the_tree_unless_it_is_a_oneshot() {
    let any = "on_exit = \"any\"\n[ns.@]\nproc.idle = { actor = \"idle\" }\n";
    compare(&[
        (
            &format!("{any}proc.a = \"true\"\n"),
            &[],
            0,
            &["stopping: `@/a` has ended"],
            &["error"],
        ),
        (
            &format!("{any}proc.a = {{ sh = \"exit 8\" }}\n"),
            &[],
            8,
            &["stopping: `@/a` has ended"],
            &[],
        ),
        (
            &format!("{any}proc.a = {{ sh = \"exit 8\", essential = false }}\n"),
            &[],
            8,
            &["stopping: `@/a` has ended"],
            &[],
        ),
        (
            &format!(
                "{any}proc.once = {{ cmd = \"true\", oneshot = true }}\nproc.a = {{ sh = \"exit 8\", after = {{ once = \"ok\" }} }}\n"
            ),
            &[],
            8,
            &["stopping: `@/a` has ended"],
            &["stopping: `@/once`"],
        ),
    ]);
}

#[test]
fn with_ignore_only_the_last_exit_ends_the_tree() {
    let text = "on_exit = \"ignore\"\n[ns.@]\nproc.a = { sh = \"exit 8\" }\n\
                proc.b = { sh = \"echo went on\", after = { a = \"exited\" } }\n";
    compare(&[
        (
            text,
            &[],
            1,
            &["went on", "`@/a` exited with 8"],
            &["stopping"],
        ),
        (
            &text.replace("exit 8", "exit 0"),
            &[],
            0,
            &["went on"],
            &["error", "stopping"],
        ),
    ]);
}

#[test]
fn the_option_overrides_on_exit_of_the_file() {
    let text = "on_exit = \"ignore\"\n[ns.@]\nproc.a = { sh = \"exit 8\" }\n\
                proc.idle = { actor = \"idle\", after = { a = \"exited\" } }\n";
    let well = text.replace("exit 8", "exit 0");
    compare(&[
        (
            text,
            &["--on-exit", "fail"],
            8,
            &["stopping: `@/a` has ended"],
            &[],
        ),
        (
            &well,
            &["--on-exit", "any"],
            0,
            &["stopping: `@/a` has ended"],
            &[],
        ),
        (
            &well,
            &["--on-exit=fail", "--timeout=300ms"],
            124,
            &["stopping: the timeout has expired"],
            &["error"],
        ),
        (
            &text.replace("ignore", "any"),
            &["--on-exit=ignore", "--timeout=300ms"],
            124,
            &["exited with 8"],
            &[],
        ),
    ]);
}

#[test]
fn exit_code_from_selects_the_process() {
    let text = "[ns.@]\nproc.idle = { actor = \"idle\" }\n[ns.\"@/in\"]\nproc.a = { sh = \"exit CODE\", ok = [0, 5] }\n\
                [ns.\"@/one\"]\ninit = [\"sh\", \"-c\", \"exit 6\"]\nproc.idle = { actor = \"idle\" }\n";
    let text = |code: &str| text.replace("CODE", code);
    let apart = text("5").replace("[\"sh\", \"-c\", \"exit 6\"]", "\"pause\"");
    let only = text("0; kill -15 $$")
        .replace("exit 0; ", "")
        .replace("[\"sh\", \"-c\", \"exit 6\"]", "\"pause\"");
    let of_init = text("0").replace("sh = \"exit 0\"", "actor = \"idle\"");
    compare(&[
        (
            &apart,
            &["--exit-code-from", "@/in/a"],
            5,
            &["stopping: `@/in/a` has ended"],
            &[],
        ),
        (
            &apart.replace("exit 5", "exit 0"),
            &["--exit-code-from", "@/in/a"],
            0,
            &["stopping: `@/in/a` has ended"],
            &[],
        ),
        (&only, &["--exit-code-from", "@/in/a"], 143, &[], &[]),
        (
            &of_init,
            &["--exit-code-from", "@/one/init"],
            6,
            &["stopping: `@/one/init` has ended"],
            &[],
        ),
        (
            &apart,
            &["--exit-code-from", "@/in/nobody"],
            2,
            &["there is no process `@/in/nobody`"],
            &[],
        ),
    ]);
}

#[test]
fn a_timeout_is_124() {
    compare(&[
        (
            "[ns.@]\nproc.idle = { actor = \"idle\" }\n",
            &["--timeout", "200ms"],
            124,
            &["the timeout has expired"],
            &["error"],
        ),
        (
            "[ns.@]\nproc.a = \"true\"\n",
            &["--timeout", "50s"],
            0,
            &[],
            &["the timeout has expired"],
        ),
    ]);
}

#[test]
fn a_program_that_is_pid_1_is_treated_like_any_process() {
    let rest =
        "proc.idle = { actor = \"idle\" }\n[ns.\"@/in\"]\nproc.idle = { actor = \"idle\" }\n";
    compare(&[
        (
            &format!("[ns.@]\ninit = [\"sh\", \"-c\", \"exit 9\"]\n{rest}"),
            &[],
            9,
            &["`@/init` exited with 9"],
            &["`@/idle`"],
        ),
        (
            &format!(
                "[ns.@]\nproc.idle = {{ actor = \"idle\" }}\n[ns.\"@/mid\"]\ninit = [\"sh\", \"-c\", \"exit 9\"]\n{}",
                rest.replace("@/in", "@/mid/in")
            ),
            &[],
            9,
            &["error: `@/mid/init` exited with 9"],
            &["error: `@/mid/in/", "error: `@/mid/in`", "error: PID 1"],
        ),
    ]);
}

#[test]
fn a_pause_namespace_holds_the_tree_and_a_builtin_one_does_not() {
    let text = "[ns.@]\ninit = \"pause\"\nproc.a = { sh = \"echo done\", enter = \"join\" }\n";
    compare(&[
        (text, &["--timeout=500ms"], 124, &["done"], &["error"]),
        (
            &text.replace("pause", "builtin"),
            &["--timeout=50s"],
            0,
            &["done"],
            &["error", "stopping"],
        ),
    ]);
}
