//! The examples that are commands: run by a shell in a directory of their own, as root and as an ordinary user. What a wrong one
//! prints names the code; a right one ends well. Neither leaves anything behind.

use std::path::Path;

use nestns_topology::diagnostic::{Code, Example};

use crate::harness::identity::{Identity, identities};
use crate::harness::nest::{Ended, Nest, program};
use crate::harness::requirement::{nesting, require};

/// Runs the commands with `nestns` in the PATH; `timeout` ends what a minute does not.
fn run(identity: Identity, example: Example) -> Ended {
    let directory = program()
        .parent()
        .expect("it lies in a directory")
        .display();
    let nest = Nest::new("").identity(identity).env(
        "PATH",
        &format!("{directory}:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    let command = nest.other_command(
        Path::new("timeout"),
        &["--kill-after=5", "50", "sh", "-c", example.text],
    );
    nest.start(command).wait()
}

/// The identities that run an example: all, unless its words name one.
fn callers(example: Example) -> impl Iterator<Item = Identity> {
    let is_root = nix::unistd::geteuid().is_root();
    identities().into_iter().filter(move |&identity| {
        let is_ordinary = identity == Identity::Ordinary || !is_root;
        !(example.is("root") && is_ordinary || example.is("user") && !is_ordinary)
    })
}

fn try_all(word: &str, judge: impl Fn(Code, &Ended, &str)) {
    require!(nesting());
    for &code in Code::ALL {
        for example in code
            .explanation()
            .examples()
            .filter(|example| example.is("sh") && example.is(word))
        {
            for identity in callers(example) {
                let ended = run(identity, example);
                let context = format!(
                    "{code}, {identity:?}:\n{}ended with {}\n{}{}",
                    example.text, ended.code, ended.stdout, ended.stderr
                );
                judge(code, &ended, &context);
            }
        }
    }
}

#[test]
fn wrong_commands_lead_to_their_code_and_to_no_other() {
    try_all("wrong", |code, ended, context| {
        assert!(![0, 124, 137].contains(&ended.code), "{context}");
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(text.contains(&format!("error[{code}]: ")), "{context}");
        for &other in Code::ALL.iter().filter(|&&other| other != code) {
            assert!(!text.contains(&format!("[{other}]")), "{context}");
        }
    });
}

#[test]
fn right_commands_succeed() {
    try_all("right", |_, ended, context| {
        assert_eq!(ended.code, 0, "{context}");
        assert!(
            !format!("{}{}", ended.stdout, ended.stderr).contains("[NS"),
            "{context}"
        );
    });
}
