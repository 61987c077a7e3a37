//! A real dockerd with real containers inside a namespace: everything of it is shown, seen from and entered, and goes with the
//! tree.
//!
//! It gets a cgroup of the test's own as the parent of its containers, directories of the test's own, and empty ones where it
//! insists on /run and /etc: it shares nothing with an engine of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::document::{list, text};
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, nesting, require, root};
use crate::harness::visibility::assert_no_difference;

const CONTAINERS: usize = 3;

const TOPOLOGY: &str = r#"
[ns.@]
unshare = ["mount", "uts", "ipc", "net"]
[ns.@.proc.dockerd]
sh = """
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/docker &&
exec dockerd --data-root DIRECTORY/data --exec-root DIRECTORY/exec -H unix://DIRECTORY/socket --pidfile DIRECTORY/pid \
  --bridge none --iptables=false --ip6tables=false --storage-driver vfs --exec-opt native.cgroupdriver=cgroupfs \
  --cgroup-parent /@
"""
ready = { exec = ["docker", "-H", "unix://DIRECTORY/socket", "version"] }
stop.grace = "50s"
"#;

/// Makes the directory on which the topology mounts, where there is none, and removes it again.
struct EtcDocker(bool);

impl EtcDocker {
    fn make() -> Self {
        Self(fs::create_dir("/etc/docker").is_ok())
    }
}

impl Drop for EtcDocker {
    fn drop(&mut self) {
        if self.0 {
            // It is kept where another process uses it by now.
            let _ = fs::remove_dir("/etc/docker");
        }
    }
}

/// The cgroups that docker has made for its containers, one in each hierarchy: it leaves them behind, empty.
fn groups(name: &str) -> Vec<PathBuf> {
    let all = fs::read_dir("/sys/fs/cgroup")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut places: Vec<PathBuf> = all.unwrap_or_default();
    places.push("/sys/fs/cgroup".into());
    places
        .into_iter()
        .map(|place| place.join(name))
        .filter(|group| group.is_dir())
        .collect()
}

fn docker(nest: &Detached, words: &[&str], input: Option<&Path>) -> String {
    let socket = format!(
        "unix://{}",
        nest.nest.directory.path().join("socket").display()
    );
    let mut command = Command::new("docker");
    command
        .args(["-H", &socket])
        .args(words)
        .env("DOCKER_CONFIG", nest.nest.directory.path().join("config"));
    command.stdin(input.map_or_else(Stdio::null, |path| {
        fs::File::open(path).expect("it was made").into()
    }));
    let output = command.output().expect("it is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "docker {words:?}: {told}{}",
        nest.nestns(&["logs"]).stdout
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image of nothing but busybox.
fn import(nest: &Detached) {
    let directory = nest.nest.directory.path();
    fs::create_dir_all(directory.join("image/bin")).expect("the directory is writable");
    let script = "cp \"$(command -v busybox)\" image/bin/busybox && ln -s busybox image/bin/sh && ln -s busybox image/bin/sleep && \
                  tar -C image -cf image.tar .";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    docker(
        nest,
        &["import", "-", "box"],
        Some(&directory.join("image.tar")),
    );
}

#[test]
fn containers_of_a_nested_dockerd_are_observed() {
    require!(
        nesting(),
        root(),
        installed("dockerd"),
        installed("docker"),
        installed("busybox")
    );
    let _etc = EtcDocker::make();
    let nest = Detached::up(Nest::new(TOPOLOGY));
    let root = nest.nest.root.clone();
    import(&nest);
    let ids: Vec<String> = (1..=CONTAINERS)
        .map(|number| {
            let name = format!("web-{number}");
            let words = [
                "run",
                "-d",
                "--network",
                "none",
                "--stop-timeout",
                "1",
                "--hostname",
                &name,
                "box",
                "sh",
                "-c",
            ];
            docker(
                &nest,
                &[&words[..], &["sleep 1010 & sleep 1010; :"]].concat(),
                None,
            )
        })
        .collect();
    are_shown(&nest, &ids);
    are_looked_from(&nest);
    // They go with the tree, and nothing stays: processes, mounts, cgroups.
    let down = nest.nestns(&["down"]);
    assert_eq!(down.code, 0, "{}{}", down.stdout, down.stderr);
    assert!(!down.stdout.contains("killed"), "{}", down.stdout);
    let directory = nest.nest.directory.path().display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    assert!(!mounts.contains(&directory), "{mounts}");
    let groups = groups(&root);
    assert!(
        !groups.is_empty(),
        "no container was in a cgroup of its own"
    );
    for group in groups {
        assert!(
            fs::remove_dir(&group).is_ok(),
            "{} is not empty",
            group.display()
        );
    }
}

/// Checks `ps`, `tree`, the truth and `tree --host`, by host names and cgroups.
fn are_shown(nest: &Detached, ids: &[String]) {
    let root = &nest.nest.root;
    let tree = nest.until("all of them run", |nest| {
        let tree = nest.document(&["tree", "--format", "json"]);
        let sleepers = list(&tree, "processes")
            .iter()
            .filter(|process| process["argv"][1] == "1010")
            .count();
        (sleepers == 2 * CONTAINERS).then_some(tree)
    });
    let namespaces = list(&tree, "namespaces")
        .iter()
        .filter(|namespace| namespace["declared"] == false);
    let mut found: Vec<(String, String)> = namespaces
        .map(|namespace| {
            assert_eq!(
                (text(namespace, "parent"), &namespace["level"]),
                (root.as_str(), &2.into()),
                "{namespace}"
            );
            (
                text(namespace, "hostname").to_owned(),
                text(namespace, "cgroup").to_owned(),
            )
        })
        .collect();
    found.sort_unstable();
    let expected: Vec<(String, String)> = (1..)
        .zip(ids)
        .map(|(number, id)| (format!("web-{number}"), id.clone()))
        .collect();
    assert_eq!(found, expected);
    // A process of the engine may come or go between the two.
    nest.until("both list as many processes", |nest| {
        let count = |verb| list(&nest.document(&[verb, "--format", "json"]), "processes").len();
        (count("ps") == count("tree")).then_some(())
    });
    let names: Vec<&str> = list(&tree, "processes")
        .iter()
        .filter(|one| one["declared"] == false)
        .map(|one| text(one, "name"))
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| name.starts_with("containerd-shim"))
            .count(),
        CONTAINERS,
        "{names:?}"
    );
    let drawn = nest.run(&["tree"]);
    assert!(
        drawn.contains(&format!(" and {CONTAINERS} namespaces undeclared)"))
            && drawn.contains("web-2, PID 1: "),
        "{drawn}"
    );
    nest.until("the truth has them", |nest| {
        let truth = nest.truth().0;
        (list(&truth["undeclared"], "namespaces").len() == CONTAINERS).then_some(())
    });
}

/// Checks the containers as observers, which see only what is in them; and by `exec`.
fn are_looked_from(nest: &Detached) {
    let root = &nest.nest.root;
    for via in ["chain", "kill", "pidfd"] {
        let seen = nest.document(&["see", "--via", via, "--format", "json"]);
        let made: Vec<&str> = list(&seen, "observers")
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| name.starts_with("pid:["))
            .collect();
        assert_eq!(made.len(), CONTAINERS, "{via}: {seen}");
        for observer in made {
            let known = list(&seen, "rows")
                .iter()
                .filter(|row| row["pids"][observer].is_i64());
            let paths: Vec<&str> = known.map(|row| text(row, "path")).collect();
            assert!(
                paths.len() >= 2
                    && paths
                        .iter()
                        .all(|path| path.starts_with(&format!("{root}#"))),
                "{via}: {paths:?}"
            );
            assert!(
                paths.len() < list(&seen, "rows").len() / 2,
                "{via}: {paths:?}"
            );
        }
        assert_no_difference(nest, &[], via);
    }
    let document = nest.document(&["ps", "--format", "json"]);
    let inits = list(&document, "processes")
        .iter()
        .filter(|process| process["declared"] == false && process["enter"] == "init");
    let mut names: Vec<String> = inits
        .map(|init| {
            nest.run(&["exec", text(init, "path"), "--", "/bin/busybox", "hostname"])
                .trim()
                .to_owned()
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["web-1", "web-2", "web-3"]);
}
