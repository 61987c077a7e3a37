//! The hierarchy of the whole machine: against what the kernel says without any of the program's code, against lsns(8), and
//! with empty namespaces.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nestns_observe::host_snapshot::{Evidence, HostSnapshot, Search};
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left, program};
use crate::harness::requirement::{Missing, nesting, require, root};

const TREE: &str = r#"
[ns.@]
proc.a = { actor = "idle" }
proc.b = { actor = "idle", enter = "join" }
[ns."@/left"]
init = "pause"
[ns."@/left/deep"]
init = { actor = "idle" }
[ns."@/right"]
count = 3
proc.c = { actor = "idle", count = 2 }
"#;

/// The namespaces of a document whose paths begin so, by path.
fn namespaces(document: &Value, root: &str) -> BTreeMap<String, Value> {
    let all = document["namespaces"].as_array().expect("a list").iter();
    let ours = all.filter(|namespace| {
        namespace["path"]
            .as_str()
            .is_some_and(|path| path.split('/').next() == Some(root))
    });
    ours.map(|namespace| {
        (
            namespace["path"].as_str().expect("a path").to_owned(),
            namespace.clone(),
        )
    })
    .collect()
}

#[test]
fn the_snapshot_has_the_tree_as_the_kernel_has_it() {
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(TREE).identity(identity));
        let truth = nest.truth();
        let document = nest.document(&["tree", "--host", "--format", "json"]);
        assert_eq!(
            (&document["schema"], &document["topology"]),
            (&"nestns.tree/1".into(), &Value::Null)
        );
        let found = namespaces(&document, &nest.nest.root);
        let declared = truth.0["namespaces"].as_array().expect("a list");
        assert_eq!(found.len(), declared.len(), "{identity:?}");
        for namespace in declared {
            let path = namespace["path"].as_str().expect("a path");
            let found = &found[path];
            for key in ["level", "pidns", "pidns_id", "init", "labels"] {
                assert_eq!(found[key], namespace[key], "{identity:?} {path} {key}");
            }
            let parent = namespace["parent"].as_str().unwrap_or("host");
            assert_eq!(
                (&found["parent"], &found["topology"]),
                (&parent.into(), &nest.nest.root.as_str().into()),
                "{path}"
            );
            let inside = truth.0["processes"]
                .as_array()
                .expect("a list")
                .iter()
                .filter(|process| process["ns"] == path);
            assert_eq!(found["members"], inside.count(), "{identity:?} {path}");
        }
        let processes = document["processes"].as_array().expect("a list").iter();
        let ours = |process: &&Value| process["topology"] == nest.nest.root;
        let numbers: BTreeMap<&str, &Value> = processes
            .filter(ours)
            .map(|process| (process["path"].as_str().expect("a path"), process))
            .collect();
        assert_eq!(numbers.len(), truth.paths().len(), "{identity:?}");
        for path in truth.paths() {
            for key in ["pids", "ns", "name", "start_time"] {
                assert_eq!(
                    numbers[path.as_str()][key],
                    truth.process(&path)[key],
                    "{identity:?} {path} {key}"
                );
            }
            let entered = truth.process(&path)["enter"].as_str();
            assert_eq!(
                numbers[path.as_str()]["enter"].as_str(),
                entered,
                "{identity:?} {path}"
            );
        }
        let drawn = nest.run(&["tree", "--host"]);
        let expected = format!("{}/", nest.nest.root);
        assert!(
            drawn.starts_with("host: ") && drawn.contains(&expected),
            "{drawn}"
        );
        if identity == crate::harness::identity::Identity::Ordinary {
            assert!(
                document["closed"].as_u64().is_some_and(|closed| closed > 0),
                "root's files are not for everybody"
            );
            assert!(drawn.contains("cannot be read"), "{drawn}");
        }
    });
}

/// A PID namespace as both programs tell it: how many are in it, the lowest number among them, and what is around it.
type Listed = (u64, u64, u64);

fn number(value: &Value) -> u64 {
    // Old versions of lsns write numbers as text.
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or(0)
}

/// The rows of lsns(8), by inode.
fn listed_by_lsns(document: &Value) -> BTreeMap<u64, Listed> {
    let rows = document["namespaces"].as_array().expect("a list").iter();
    rows.map(|row| {
        (
            number(&row["ns"]),
            (
                number(&row["nprocs"]),
                number(&row["pid"]),
                number(&row["pns"]),
            ),
        )
    })
    .collect()
}

/// The rows of `tree --host`, by inode, without those that lsns(8) does not look for.
fn listed_by_us(document: &Value) -> BTreeMap<u64, Listed> {
    let namespaces = document["namespaces"].as_array().expect("a list");
    let processes = document["processes"].as_array().expect("a list");
    let inodes: HashMap<&Value, u64> = namespaces
        .iter()
        .map(|namespace| (&namespace["path"], number(&namespace["pidns"])))
        .collect();
    let mut lowest: HashMap<&Value, u64> = HashMap::new();
    for process in processes {
        let pid = number(&process["pids"][0]);
        lowest
            .entry(&process["ns"])
            .and_modify(|known| *known = pid.min(*known))
            .or_insert(pid);
    }
    let inhabited = namespaces
        .iter()
        .filter(|namespace| namespace["kept_by"] == "members");
    let row = |namespace: &Value| {
        let around = inodes.get(&namespace["parent"]).copied().unwrap_or(0);
        (
            number(&namespace["members"]),
            lowest.get(&namespace["path"]).copied().unwrap_or(0),
            around,
        )
    };
    inhabited
        .map(|namespace| (number(&namespace["pidns"]), row(namespace)))
        .collect()
}

const LSNS: [&str; 5] = ["-t", "pid", "-J", "-o", "NS,NPROCS,PID,PNS"];

/// lsns(8) is installed and prints the parents of namespaces.
fn lsns_with_parents() -> Result<(), Missing> {
    let can = Command::new("lsns")
        .args(LSNS)
        .output()
        .is_ok_and(|output| output.status.success());
    if can {
        Ok(())
    } else {
        Err(Missing::Given(
            "lsns does not print the parents of namespaces".to_owned(),
        ))
    }
}

/// The tree, and a chain in it.
fn tree_and_chain() -> String {
    let mut topology = TREE.to_owned();
    let mut path = "@/right".to_owned();
    for level in 0..12 {
        path = format!("{path}/l{level}");
        writeln!(
            topology,
            "[ns.\"{path}\"]\nproc.q = {{ actor = \"idle\", enter = \"join\" }}"
        )
        .expect("memory");
    }
    topology
}

#[test]
fn lsns_finds_the_same_namespaces_with_the_same_counts() {
    require!(lsns_with_parents());
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(&tree_and_chain()).identity(identity));
        let namespaces = nest.truth().0["namespaces"]
            .as_array()
            .expect("a list")
            .clone();
        let mine: BTreeSet<u64> = namespaces
            .iter()
            .map(|namespace| number(&namespace["pidns"]))
            .collect();
        // Of the machine nothing but the tree stands still.
        let part = |mut all: BTreeMap<u64, Listed>| {
            all.retain(|inode, (_, _, around)| mine.contains(inode) || mine.contains(around));
            all
        };
        let ours = part(listed_by_us(
            &nest.document(&["tree", "--host", "--format", "json"]),
        ));
        let output = nest
            .nest
            .outside(Path::new("lsns"), &LSNS)
            .output()
            .expect("it has run before");
        let theirs = part(listed_by_lsns(
            &serde_json::from_slice(&output.stdout).expect("it is one document"),
        ));
        assert_eq!(ours, theirs, "{identity:?}");
        assert_eq!(ours.len(), 6 + 3 * 12, "{identity:?}");
    });
}

/// Runs in an empty PID namespace, so that all of it can be compared, the outermost with the rest.
#[test]
fn lsns_counts_the_same_in_the_outermost_namespace() {
    require!(lsns_with_parents());
    // The tools are one process each, and one after the other. What `up` has left to end by itself may do so between two:
    // where the readings before and after differ, the next ones are compared.
    let script = "\"$1\" up \"$2\" -d -q >&2 && for _ in 1 2 3 4 5; do \"$1\" tree --host --format json && \
                  lsns -t pid -J -o NS,NPROCS,PID,PNS && \"$1\" tree --host --format json; done; \"$1\" down --now -q >&2";
    for_each_identity(|identity| {
        let nest = Nest::new(&tree_and_chain()).identity(identity);
        let user = ["--user", "--map-root-user"];
        let user = if identity == Identity::Own && nix::unistd::geteuid().is_root() {
            &[][..]
        } else {
            &user[..]
        };
        let program = program().to_str().expect("our own path");
        let file = nest.file_name();
        let words = [
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            script,
            "sh",
            program,
            file,
        ];
        let words: Vec<&str> = user.iter().copied().chain(words).collect();
        let output = nest
            .outside(Path::new("unshare"), &words)
            .output()
            .expect("unshare(1) is everywhere");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let documents: Vec<Value> = serde_json::Deserializer::from_slice(&output.stdout)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error}: {told}"));
        let counts = |tree: &Value| {
            listed_by_us(tree)
                .into_values()
                .map(|(members, ..)| members)
                .collect::<Vec<_>>()
        };
        let still = documents
            .chunks(3)
            .find(|three| three.len() == 3 && counts(&three[0]) == counts(&three[2]));
        let Some([before, lsns, _]) = still else {
            panic!("{identity:?}: nothing stands still: {told}")
        };
        let (ours, theirs) = (listed_by_us(before), listed_by_lsns(lsns));
        assert_eq!(ours, theirs, "{identity:?}");
        assert_eq!(ours.len(), 1 + 6 + 3 * 12, "{identity:?}");
        assert_eq!(
            ours.values()
                .filter(|&&(_, lowest, around)| (lowest, around) == (1, 0))
                .count(),
            1
        );
        assert_nothing_left(&nest);
    });
}

#[test]
fn namespaces_kept_alive_by_a_descriptor_or_a_child_are_found() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\n[ns.\"@/in\"]\nproc.idle = { actor = \"idle\" }\n");
    let nest = Detached::up(nest);
    let root = nest.nest.root.clone();
    let truth = nest.truth();
    let inode = |path: &str| truth.namespace(path)["pidns"].as_u64().expect("it stands");
    let (outer, inner) = (inode(&root), inode(&format!("{root}/in")));
    let pid = truth.host_pid(&format!("{root}/in/init"));
    let kept = File::open(format!("/proc/{pid}/ns/pid")).expect("it is ours");
    nest.run(&["down", "@"]);
    // A snapshot in another test holds both for a moment.
    let end = std::time::Instant::now() + crate::harness::wait::TIMEOUT;
    let machine = loop {
        let machine = HostSnapshot::read(Search::Everything).expect("/proc is mounted");
        let outer = machine
            .by_inode(outer)
            .expect("a namespace inside keeps it alive");
        if machine.space(outer).evidence == Evidence::Child || std::time::Instant::now() > end {
            break machine;
        }
    };
    let namespace = |inode| {
        machine.space(
            machine
                .by_inode(inode)
                .unwrap_or_else(|| panic!("{inode} is gone")),
        )
    };
    // Another test may hold a copy of the descriptor for a moment, between its fork and its exec.
    let Evidence::Descriptor { holder, number } = namespace(inner).evidence else {
        panic!("{:?}", namespace(inner))
    };
    if holder == std::process::id().cast_signed() {
        assert_eq!(number, kept.as_raw_fd());
    }
    assert_eq!(namespace(outer).evidence, Evidence::Child);
    assert_eq!(namespace(inner).parent, machine.by_inode(outer));
    assert_eq!(
        (namespace(inner).level, namespace(outer).parent),
        (2, Some(machine.own()))
    );
    // A search for members does not find them, and when they are released, no search does.
    let find = |search| {
        HostSnapshot::read(search)
            .expect("/proc is mounted")
            .by_inode(inner)
    };
    assert_eq!(find(Search::Members), None);
    drop((machine, kept));
    let end = std::time::Instant::now() + crate::harness::wait::TIMEOUT;
    while find(Search::Everything).is_some() {
        assert!(std::time::Instant::now() < end, "nobody keeps it any more");
    }
}

#[test]
fn namespaces_kept_alive_by_a_mount_are_found_in_any_mount_namespace() {
    require!(nesting(), root());
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let file = directory.path().join("a name");
    File::create(&file).expect("the directory is our own");
    // Mounted where only this shell sees it; `cat` ends with the test.
    let script = "mount -t tmpfs none \"$1\" && touch \"$1/kept\" && unshare --pid=\"$1/kept\" --fork true && stat -L -c %i \"$1/kept\" && exec cat";
    let mut shell = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            directory.path().to_str().expect("our own path"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare(1) is everywhere");
    let mut line = Vec::new();
    let stdout = shell.stdout.as_mut().expect("it is piped");
    let mut byte = [0];
    while stdout.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    let inode: u64 = String::from_utf8(line)
        .expect("text")
        .parse()
        .expect("an inode");
    let machine = HostSnapshot::read(Search::Everything).expect("/proc is mounted");
    let namespace = machine.by_inode(inode).map(|id| machine.space(id));
    let evidence = namespace.map(|namespace| namespace.evidence.clone());
    drop(shell.stdin.take());
    shell.wait().expect("it is our child");
    let Some(Evidence::Mount { seen_by, path }) = evidence else {
        panic!("{evidence:?}")
    };
    assert_eq!(
        (seen_by, path),
        (shell.id().cast_signed(), directory.path().join("kept"))
    );
    assert_eq!(
        namespace.and_then(|namespace| namespace.parent),
        Some(machine.own())
    );
}

#[test]
fn a_process_with_a_name_that_is_not_text_is_listed() {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let program = directory.path().join(OsStr::from_bytes(b"c\xfft"));
    std::os::unix::fs::symlink("/bin/cat", &program).expect("the directory is our own");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .spawn()
        .expect("it is a program");
    // `spawn` returns a moment before the kernel gives the process its name.
    let end = std::time::Instant::now() + crate::harness::wait::TIMEOUT;
    let name = loop {
        let machine = HostSnapshot::read(Search::Members).expect("/proc is mounted");
        let name = machine
            .process(child.id().cast_signed())
            .map(|process| process.name.clone());
        if name.as_ref().is_some_and(|name| name.starts_with('c'))
            || std::time::Instant::now() > end
        {
            break name;
        }
    };
    drop(child.stdin.take());
    child.wait().expect("it is our child");
    assert_eq!(name.as_deref(), Some("c\u{fffd}t"));
}

#[test]
fn the_snapshot_of_the_host_is_consistent() {
    let machine = HostSnapshot::read(Search::Members).expect("/proc is mounted");
    let own = std::fs::metadata("/proc/self/ns/pid")
        .expect("/proc is mounted")
        .ino();
    assert_eq!(machine.space(machine.own()).inode, own);
    let mut compared = 0;
    for process in machine.processes() {
        // Processes that have ended are left out.
        let Some(inode) = kernel::namespace(process.pid(), "pid") else {
            continue;
        };
        let Some(now) = kernel::process(process.pid()).filter(|now| now.numbers == process.numbers)
        else {
            continue;
        };
        assert_eq!(
            process
                .space
                .map(|namespace| machine.space(namespace).inode),
            Some(inode),
            "{now:?}"
        );
        compared += 1;
    }
    assert!(compared > 1);
}
