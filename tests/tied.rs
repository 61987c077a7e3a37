//! `--tie-to-parent`: what ends with the process that has started the command.

use std::process::{Child, Stdio};

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left, processes_of};
use crate::harness::wait::until;

const IDLE: &str = "[ns.@]\nproc.idle = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\n";

/// Starts `nestns ARGUMENTS` as the child of a process that goes on, and that can be killed.
fn start_below(nest: &Nest, arguments: &[&str]) -> Child {
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.replace('@', &nest.root))
        .collect();
    let program = crate::harness::nest::program();
    // Standard input is kept from `/dev/null`, which a shell gives to what is in the background.
    let script = "exec 3<&0; \"$0\" \"$@\" <&3 & exec sleep 1000";
    let program = program.to_str().expect("our own path");
    let mut command = nest.other_command(std::path::Path::new("/bin/sh"), &["-c", script, program]);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("sh(1) is everywhere")
}

fn end(mut parent: Child) {
    parent.kill().expect("it is our child");
    parent.wait().expect("it was killed");
}

/// The programs of exec that run.
fn programs(tree: &Detached) -> usize {
    let listed = tree.run(&["ps", "-n", "@", "-q"]);
    listed
        .lines()
        .filter(|path| path.contains("/exec."))
        .count()
}

#[test]
fn an_exec_process_ends_with_the_parent_of_the_command() {
    for_each_identity(|identity| {
        for (options, count) in [
            (&["exec", "--tie-to-parent", "@"][..], 1),
            // By a pattern, which is looked up first.
            (&["exec", "--tie-to-parent", "@/?n"], 1),
            (&["exec", "--tie-to-parent", "-t", "@"], 1),
            (&["exec", "--tie-to-parent", "--all", "-r", "@"], 2),
        ] {
            let tree = Detached::up(Nest::new(IDLE).identity(identity));
            let words: Vec<&str> = options
                .iter()
                .copied()
                .chain(["--", "sleep", "1000"])
                .collect();
            let parent = start_below(&tree.nest, &words);
            tree.until("the programs run", |tree| {
                (programs(tree) == count).then_some(())
            });
            end(parent);
            until("they have ended", || programs(&tree) == 0);
            assert!(tree.is_running());
        }
    });
}

#[test]
fn an_exec_process_that_is_not_tied_goes_on() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(IDLE).identity(identity));
        let parent = start_below(&tree.nest, &["exec", "@", "--", "sleep", "1000"]);
        tree.until("it runs", |tree| (programs(tree) == 1).then_some(()));
        end(parent);
        tree.sync();
        assert_eq!(programs(&tree), 1);
        let both = tree.nestns(&["exec", "--tie-to-parent", "-d", "@", "--", "true"]);
        assert_eq!(both.code, 2, "{}", both.stderr);
    });
}

#[test]
fn a_command_of_run_ends_with_the_parent() {
    for_each_identity(|identity| {
        let file = "DIRECTORY/@.toml";
        for options in [
            &["run", "--tie-to-parent"][..],
            &["run", "--tie-to-parent", "--as-init", "--depth", "2"],
            &["run", "--tie-to-parent", file],
            &["run", "--tie-to-parent", file, "--in", "@/in"],
        ] {
            let nest = Nest::new(IDLE).identity(identity);
            let directory = nest.directory_name().to_owned();
            let ready = nest.directory.path().join("ready");
            // It takes no notice of a request.
            let script = format!("trap '' TERM HUP INT; : > {}; sleep 1000", ready.display());
            let words: Vec<String> = options
                .iter()
                .copied()
                .chain(["--", "sh", "-c", &script])
                .map(|word| word.replace("DIRECTORY", &directory))
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let parent = start_below(&nest, &words);
            until("the command runs", || ready.exists());
            end(parent);
            until("it has ended", || processes_of(&nest).is_empty());
            let left = std::fs::read_dir(nest.state()).map_or(0, Iterator::count);
            assert_eq!(left, 0, "{options:?}");
            assert_nothing_left(&nest);
        }
    });
}
