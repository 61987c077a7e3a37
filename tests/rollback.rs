//! A tree that cannot be finished: nothing of the user's has run, nothing is left, and the error names the path and the
//! stage, wherever in the tree the failing thing is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};
use crate::harness::requirement::{nesting, require, root};

/// Three roots with three branches each, some with a program as PID 1: twelve namespaces. Every program leaves a marker.
fn tree(failing: &str, place: usize) -> String {
    let mut text = String::new();
    for root in 0..3 {
        for branch in 0..4 {
            let number = root * 4 + branch;
            let path = match branch {
                0 => format!("@-{root}"),
                1 => format!("@-{root}/a"),
                2 => format!("@-{root}/a/b"),
                _ => format!("@-{root}/c"),
            };
            writeln!(text, "[ns.\"{path}\"]").unwrap();
            if branch == 1 {
                writeln!(
                    text,
                    "init = [\"sh\", \"-c\", \"touch DIRECTORY/ran-init-{number}; sleep 1000\"]"
                )
                .unwrap();
            }
            let extra = if number == place {
                format!(", {failing}")
            } else {
                String::new()
            };
            writeln!(
                text,
                "proc.p{number} = {{ sh = \"touch DIRECTORY/ran-{number}; sleep 1000\"{extra} }}"
            )
            .unwrap();
        }
    }
    text
}

/// The path of the process with this number.
fn path_of(ended: &Ended, number: usize) -> String {
    let inside = ["", "/a", "/a/b", "/c"][number % 4];
    format!("{}-{}{inside}/p{number}", ended.nest.root, number / 4)
}

/// The places of the first, a middle (below a program that is PID 1) and the last process.
const PLACES: [usize; 3] = [0, 6, 11];

fn proc_mounts() -> usize {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    mounts
        .lines()
        .filter(|line| line.split(' ').nth(4) == Some("/proc"))
        .count()
}

/// Beyond what the harness looks at: markers of programs, and mounts in the namespace of the tests.
fn assert_nothing_happened(ended: &Ended, mounts: usize) {
    let directory = ended.nest.directory.path();
    let names = fs::read_dir(directory)
        .expect("it is ours")
        .flatten()
        .map(|entry| entry.file_name());
    let ran: Vec<_> = names
        .filter(|name| name.to_string_lossy().starts_with("ran"))
        .collect();
    assert!(ran.is_empty(), "{ran:?}: {}", ended.stderr);
    assert_eq!(proc_mounts(), mounts, "{}", ended.stderr);
    let text = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    assert!(
        !text.contains(directory.to_str().expect("our own path")),
        "{text}"
    );
    assert_eq!(ended.stdout, "");
}

fn up(nest: Nest) -> Ended {
    let mounts = proc_mounts();
    let ended = nest.up().wait();
    assert_nothing_happened(&ended, mounts);
    ended
}

#[test]
fn a_missing_working_directory_rolls_the_tree_back_with_a_complete_message() {
    for_each_identity(|identity| {
        for place in PLACES {
            let ended =
                up(Nest::new(&tree("cwd = \"/nonexistent/directory\"", place)).identity(identity));
            assert_eq!(ended.code, 5, "{identity:?}, {place}: {}", ended.stderr);
            let text = fs::read_to_string(&ended.nest.file).expect("it is ours");
            let line = 1 + text
                .lines()
                .position(|line| line.starts_with(&format!("proc.p{place} ")))
                .expect("it is there");
            let expected = format!(
                "error[NS502]: `{}`: cannot enter its working directory (chdir) `/nonexistent/directory`: No such file \
                 or directory (ENOENT)\n  --> {}:{line}:6\n  = help: the path is looked up inside the namespace, with \
                 its mounts\nsee `nestns explain NS502`\n",
                path_of(&ended, place),
                ended.nest.file.display()
            );
            assert_eq!(ended.stderr, expected, "{identity:?}, {place}");
        }
    });
}

#[test]
fn a_missing_directory_of_an_output_file_rolls_the_tree_back() {
    for_each_identity(|identity| {
        for place in PLACES {
            for (key, stage) in [
                ("stdout", "open its standard output (open)"),
                ("stderr", "open its standard error (open)"),
            ] {
                let ended = up(
                    Nest::new(&tree(&format!("{key} = \"/nonexistent/file\""), place))
                        .identity(identity),
                );
                assert_eq!(ended.code, 5, "{identity:?}, {place}: {}", ended.stderr);
                let expected = format!(
                    "error[NS502]: `{}`: cannot {stage} `/nonexistent/file`: No such file or directory (ENOENT)\n",
                    path_of(&ended, place)
                );
                assert!(
                    ended.stderr.starts_with(&expected),
                    "{identity:?}, {place}: {}",
                    ended.stderr
                );
            }
        }
    });
}

#[test]
fn a_user_that_does_not_exist_is_found_before_anything_is_built() {
    for_each_identity(|identity| {
        for place in PLACES {
            for (user, what) in [("no-such-user", "user"), ("0:no-such-group", "group")] {
                let ended =
                    up(Nest::new(&tree(&format!("user = \"{user}\""), place)).identity(identity));
                assert_eq!(ended.code, 4, "{identity:?}, {place}: {}", ended.stderr);
                assert!(
                    ended.stderr.starts_with("error[NS402]: "),
                    "{identity:?}, {place}: {}",
                    ended.stderr
                );
                for word in [path_of(&ended, place), format!("{what} `no-such-{what}`")] {
                    assert!(
                        ended.stderr.contains(&word),
                        "{identity:?}, {place}, {word}: {}",
                        ended.stderr
                    );
                }
            }
        }
    });
}

#[test]
fn an_ordinary_user_cannot_declare_other_users() {
    require!(nesting(), root());
    for place in PLACES {
        let ended = up(Nest::new(&tree("user = \"12345\"", place)).identity(Identity::Ordinary));
        assert_eq!(ended.code, 4, "{place}: {}", ended.stderr);
        let text = fs::read_to_string(&ended.nest.file).expect("it is ours");
        let line = 1 + text
            .lines()
            .position(|line| line.starts_with(&format!("proc.p{place} ")))
            .expect("it is there");
        let expected = format!(
            "error[NS402]: `{}` needs user 12345, but without root a tree has only ID 0, which is mapped to the \
             caller\n  --> {}:{line}:6\n  = help: leave `user` out, or run as root\nsee `nestns explain \
             NS402`\n`nestns doctor` checks this as file-users\n",
            path_of(&ended, place),
            ended.nest.file.display()
        );
        assert_eq!(ended.stderr, expected, "{place}");
    }
}

#[test]
fn a_masked_proc_is_refused_to_an_ordinary_user_and_the_mask_is_named() {
    require!(nesting(), root());
    // Masked as container engines do it, in a mount namespace of its own. Then the ordinary user.
    let script = "mount --bind /dev/null /proc/version && exec setpriv --reuid 61234 --regid 61234 --clear-groups \"$@\"";
    let nest = Nest::new(&tree("oneshot = true", 0));
    for path in [
        nest.directory.path().to_owned(),
        nest.directory.path().join("run"),
    ] {
        std::os::unix::fs::chown(&path, Some(61_234), Some(61_234)).expect("root may give it away");
    }
    let ended = up(nest.wrapped(&[
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
    ]));
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let root = &ended.nest.root;
    let text = format!(
        "error[NS404]: `{root}-0`: cannot mount its /proc (mount): Operation not permitted (EPERM)\n"
    );
    assert!(ended.stderr.starts_with(&text), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("  = help: the visible /proc is masked (/proc/version)"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_limit_reached_during_the_build_is_named_and_nothing_is_left() {
    for_each_identity(|identity| {
        // In a user namespace of its own the limits are ours to set: so many, and the next one is refused.
        for (limit, most) in [
            ("pid", 1),
            ("pid", 6),
            ("pid", 11),
            ("mnt", 1),
            ("mnt", 6),
            ("mnt", 11),
        ] {
            let name = format!("user.max_{limit}_namespaces");
            let file = format!("/proc/sys/user/max_{limit}_namespaces");
            assert!(Path::new(&file).exists(), "{file}");
            let script = format!("echo {most} > {file} && exec \"$@\"");
            let nest = Nest::new(&tree("oneshot = true", 0)).identity(identity);
            let ended = up(nest.wrapped(&[
                "unshare",
                "--user",
                "--map-root-user",
                "sh",
                "-c",
                &script,
                "sh",
            ]));
            let context = format!("{identity:?}, {name} = {most}: {}", ended.stderr);
            assert_eq!(ended.code, 4, "{context}");
            assert!(ended.stderr.starts_with("error[NS404]: `"), "{context}");
            assert!(
                ended
                    .stderr
                    .contains(&format!("the limit {name} ({most}) is reached")),
                "{context}"
            );
        }
    });
}
