//! Files that `up` cannot use, and machines that refuse: nothing is built, and the status tells which of the two it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::nest::{Ended, Nest};

fn up(nest: Nest, word: &str) -> Ended {
    nest.start_verb(&["up", word]).wait()
}

#[test]
fn files_that_are_not_topologies_are_refused_with_3() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "namespace"),
        (b"name = \"x\"\n", "namespace"),
        (b"[ns.a]\nproc.x = \"\xff\xfe\"\n", "UTF-8"),
        (b"[ns.a\n", "error["),
    ];
    for identity in identities() {
        for (content, reason) in cases {
            let nest = Nest::new("").identity(identity);
            fs::write(&nest.file, content).expect("the directory is ours");
            let file = nest.file_name().to_owned();
            let ended = up(nest, &file);
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (3, ""),
                "{identity:?}, {content:?}: {}",
                ended.stderr
            );
            assert!(
                ended.stderr.contains(reason),
                "{identity:?}, {content:?}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn unreadable_files_are_refused_with_3() {
    for identity in identities() {
        // Root reads everything; an ordinary user does not.
        let unreadable = [
            ("/nonexistent/topology.toml", true),
            ("closed.toml", identity == Identity::Ordinary),
            ("empty", true),
        ];
        for (word, refused) in unreadable {
            let nest = Nest::new("").identity(identity);
            let directory = nest.directory.path();
            fs::create_dir(directory.join("empty")).expect("the directory is ours");
            fs::write(
                directory.join("closed.toml"),
                "[ns.closed]\nproc.x = \"true\"\n",
            )
            .expect("the directory is ours");
            fs::set_permissions(
                directory.join("closed.toml"),
                fs::Permissions::from_mode(0o0),
            )
            .expect("it is ours");
            if !refused {
                continue;
            }
            let ended = up(nest, word);
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (3, ""),
                "{identity:?}, {word}: {}",
                ended.stderr
            );
            assert!(
                ended.stderr.contains(word),
                "{identity:?}, {word}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn without_user_namespaces_up_exits_with_4_and_names_the_sysctl() {
    for_each_identity(|identity| {
        // An unmapped user in a user namespace that allows no further one.
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
                      exec setpriv --inh-caps=-all --ambient-caps=-all \"$@\"";
        let wrapper = [
            "unshare",
            "--user",
            "--map-user=1000",
            "--map-group=1000",
            "--keep-caps",
            "sh",
            "-c",
            script,
            "sh",
        ];
        let nest = Nest::new("[ns.@]\nproc.x = { sh = \"touch DIRECTORY/ran\" }\n")
            .identity(identity)
            .wrapped(&wrapper);
        let ended = nest.up().wait();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (4, ""),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.starts_with("error[NS404]: "),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("user.max_user_namespaces"),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            !ended.nest.directory.path().join("ran").exists(),
            "{identity:?}"
        );
    });
}
