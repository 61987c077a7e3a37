//! Threads: a number of one is what perf, strace -f and gdb hand out, and it means the same everywhere.

use std::fs;

use serde_json::{Value, json};

use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, nesting, require};

/// A process and the numbers of its threads besides the first, as the kernel has them.
struct Threads {
    path: String,
    namespace: String,
    process: Vec<i64>,
    others: Vec<Vec<i64>>,
}

fn numbers(status: &str) -> Vec<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .expect("it has the line");
    line.split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

/// Search by /proc alone.
fn threads(nest: &Detached, namespace: &str, name: &str, count: usize) -> Threads {
    let namespace = namespace.replace('@', &nest.nest.root);
    let path = format!("{namespace}/{name}");
    let found = nest.until("the threads have begun", |nest| {
        let document = nest.document(&["ps", "-r", "--format", "json"]);
        let pid = document["processes"]
            .as_array()?
            .iter()
            .find(|one| one["path"] == path.as_str())?["pids"][0]
            .as_i64()?;
        let mut tids: Vec<i64> = fs::read_dir(format!("/proc/{pid}/task"))
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|&tid| tid != pid)
            .collect();
        tids.sort_unstable();
        let of = |tid: i64| fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok();
        let all: Option<Vec<Vec<i64>>> = tids
            .into_iter()
            .map(|tid| Some(numbers(&of(tid)?)))
            .collect();
        let all = all.filter(|all| all.len() == count)?;
        Some((numbers(&of(pid)?), all))
    });
    Threads {
        path,
        namespace,
        process: found.0,
        others: found.1,
    }
}

fn own(chain: &[i64]) -> i64 {
    *chain.last().expect("it has one")
}

fn joined(chain: &[i64]) -> String {
    chain
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("/")
}

/// The cells of a row of `see`, by observer.
fn row(document: &Value, path: &str) -> Value {
    let rows = document["rows"].as_array().expect("a list");
    rows.iter()
        .find(|row| row["path"] == path)
        .unwrap_or_else(|| panic!("{path}: {document}"))["pids"]
        .clone()
}

/// Every verb that takes a number, asked about a thread.
fn compare(nest: &Detached, them: &Threads, identity: Identity) {
    for thread in &them.others {
        let address = format!("{}#{}", them.namespace, own(thread));
        for address in [address.clone(), format!("host#{}", thread[0])] {
            let document = nest.document(&["pid", &address, "--format", "json"]);
            assert_eq!(
                document["path"],
                them.path.as_str(),
                "{identity:?} {address}"
            );
            let pids: Vec<i64> = thread.clone();
            let told = document["pids"].as_object().expect("by namespace");
            assert_eq!(told.len(), pids.len(), "{document}");
            assert_eq!(
                (&told["host"], &told[&them.namespace]),
                (&json!(pids[0]), &json!(own(&pids))),
                "{document}"
            );
            assert_eq!(
                document["thread_of"][&them.namespace],
                own(&them.process),
                "{document}"
            );
            assert_eq!(
                nest.run(&["pid", "-q", &address]),
                format!("{}\n", joined(thread)),
                "{identity:?}"
            );
            assert!(
                nest.run(&["pid", &address])
                    .ends_with(&format!("  thread of {}\n", them.path)),
                "{identity:?}"
            );
            assert_eq!(
                nest.run(&["pid", &address, "--in", &them.namespace]),
                format!("{}\n", own(thread))
            );
        }
        let number = own(thread).to_string();
        let found = nest.document(&[
            "whois",
            &number,
            "--in",
            &them.namespace,
            "--format",
            "json",
        ]);
        let found = found["matches"].as_array().expect("a list");
        assert_eq!(found.len(), 1, "{identity:?}: {found:?}");
        assert_eq!(
            (&found[0]["path"], &found[0]["pids"]),
            (&json!(them.path), &json!(thread)),
            "{identity:?}"
        );
        assert_eq!(found[0]["thread_of"], json!(them.process), "{identity:?}");
        let table = nest.run(&["whois", &address]);
        assert!(
            table.contains(&format!("thread of {}", them.path)),
            "{table}"
        );
        let host = nest.document(&["whois", &format!("host#{}", thread[0]), "--format", "json"]);
        assert_eq!(host["matches"][0]["pids"], json!(thread), "{identity:?}");
        let captured = nest.run(&["capture", &thread[0].to_string()]);
        assert!(
            captured.contains(&format!("from process {} (", them.process[0])),
            "{captured}"
        );
        // What is done to a thread is done to its process.
        let document = nest.document(&["inspect", &address, "--format", "json"]);
        assert_eq!(
            document["process"]["path"],
            them.path.as_str(),
            "{identity:?}"
        );
        assert_eq!(
            document["process"]["thread_list"].as_array().map(Vec::len),
            Some(1),
            "{document}"
        );
        assert_eq!(
            document["process"]["thread_list"][0]["pids"],
            json!(thread),
            "{identity:?}"
        );
        assert_eq!(
            nest.run(&["ps", "-q", &address]),
            format!("{}\n", them.path),
            "{identity:?}"
        );
        for via in ["chain", "proc", "kill", "pidfd", "cred"] {
            let document =
                nest.document(&["see", "--of", &address, "--via", via, "--format", "json"]);
            assert_eq!(
                document["rows"].as_array().map(Vec::len),
                Some(1),
                "{document}"
            );
            assert_eq!(document["mismatches"], json!([]), "{identity:?} {via}");
            let row = row(&document, &address);
            let mut outer = vec!["host".to_owned()];
            let slashes = them
                .namespace
                .match_indices('/')
                .map(|(slash, _)| them.namespace[..slash].to_owned());
            outer.extend(slashes.chain([them.namespace.clone()]));
            for (observer, number) in row.as_object().expect("by observer") {
                let expected = outer
                    .iter()
                    .position(|one| one == observer)
                    .map(|level| thread[level]);
                assert_eq!(
                    number.as_i64(),
                    expected,
                    "{identity:?} {via} {observer}: {document}"
                );
            }
        }
    }
    // A namespace does not end for a number of a thread.
    let down = nest.nestns(&[
        "down",
        &format!(
            "{}:/{}#{}",
            nest.nest.root,
            them.namespace,
            own(&them.others[0])
        ),
    ]);
    assert!(
        down.code == 1 && down.stderr.contains("is a thread ("),
        "{identity:?}: {}",
        down.stderr
    );
    // A number of a process is that of a process.
    let number = own(&them.process).to_string();
    let found = nest.document(&[
        "whois",
        &number,
        "--in",
        &them.namespace,
        "--format",
        "json",
    ]);
    assert_eq!(
        (
            &found["matches"][0]["pids"],
            &found["matches"][0]["thread_of"]
        ),
        (&json!(them.process), &Value::Null)
    );
    let document = nest.document(&["inspect", &them.path, "--threads", "--format", "json"]);
    let listed = document["process"]["thread_list"]
        .as_array()
        .expect("they were asked for")
        .iter();
    assert_eq!(
        listed.map(|one| one["pids"].clone()).collect::<Vec<_>>(),
        them.others.iter().map(|one| json!(one)).collect::<Vec<_>>()
    );
}

#[test]
fn every_verb_that_takes_a_pid_takes_that_of_a_thread() {
    require!(nesting());
    let cases = [(1, Identity::Own), (31, Identity::Own)].into_iter();
    for (depth, identity) in cases.chain(identities().into_iter().map(|identity| (3, identity))) {
        // Another namespace has the same numbers for its processes.
        let topology = format!(
            "{}proc.t = {{ actor = \"threads --count 2\" }}\n[ns.\"@/other\"]\nproc.a = {{ actor = \"tree --children 4\" }}\n",
            chain(depth)
        );
        let nest = Detached::up(Nest::new(&topology).identity(identity));
        let them = threads(&nest, &path(depth), "t", 2);
        compare(&nest, &them, identity);
        for via in ["kill", "pidfd", "ptrace", "cred", "proc"] {
            let outcome = nest.nestns(&["see", &them.namespace, "@/other", "--via", via, "--diff"]);
            assert!(
                outcome.stdout.starts_with("no difference: "),
                "{identity:?} {via}: {}",
                outcome.stdout
            );
        }
        let outcome = nest.nestns(&[
            "kill",
            &format!("{}#{}", them.namespace, own(&them.others[1])),
        ]);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (0, format!("{}\n", them.path)),
            "{identity:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("is a thread") && outcome.stderr.contains("the whole process"),
            "{}",
            outcome.stderr
        );
        nest.until("all of it has ended", |_| {
            (!fs::exists(format!("/proc/{}", them.process[0])).ok()?).then_some(())
        });
    }
}

#[test]
fn a_thread_that_outlives_the_main_thread_is_found() {
    require!(installed("python3"));
    // The first thread alone ends: exit(2) without the C library.
    let script = "import ctypes, platform, threading, time\n\
                  [threading.Thread(target=time.sleep, args=(1000,)).start() for _ in range(2)]\n\
                  ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)\n";
    for_each_identity(|identity| {
        let topology = format!(
            "{}proc.t = {{ cmd = [\"python3\", \"-c\", {script:?}] }}\n",
            chain(3)
        );
        let nest = Detached::up(Nest::new(&topology).identity(identity));
        let them = threads(&nest, &path(3), "t", 2);
        let pid = them.process[0];
        nest.until("the first one has ended", |_| {
            fs::read_to_string(format!("/proc/{pid}/status"))
                .ok()?
                .contains("State:\tZ")
                .then_some(())
        });
        compare(&nest, &them, identity);
        assert_eq!(
            nest.run(&["pid", "-q", &them.path]),
            format!("{}\n", joined(&them.process)),
            "{identity:?}"
        );
        // Its place is taken by way of a thread that lives.
        for via in ["kill", "pidfd", "proc", "cred"] {
            let document = nest.document(&[
                "see", &them.path, "--of", &them.path, "--via", via, "--format", "json",
            ]);
            assert_eq!(
                row(&document, &them.path)[&them.path],
                own(&them.process),
                "{identity:?} {via}: {document}"
            );
        }
        // What is run beside it is in its namespaces.
        assert_eq!(
            nest.run(&["exec", &them.path, "--", "echo", "here"]),
            "here\n",
            "{identity:?}"
        );
        let outcome = nest.nestns(&[
            "kill",
            "-s",
            "KILL",
            &format!("{}#{}", them.namespace, own(&them.others[0])),
        ]);
        assert_eq!(outcome.code, 0, "{identity:?}: {}", outcome.stderr);
    });
}

#[test]
fn a_thousand_threads_are_in_the_truth() {
    let topology = format!(
        "{}proc.t = {{ actor = \"threads --count 1000\", ready = {{ exec = [\"sh\", \"-c\", \"test $(ls /proc/2/task | wc -l) = 1001\"] }} }}\n",
        chain(1)
    );
    for_each_identity(|identity| {
        let nest = Nest::new(&topology).identity(identity);
        let file = nest.file.display().to_string();
        let ended = nest
            .start_verb(&["test", &file, "--", "sh", "-c", "cat \"$NESTNS_TRUTH\""])
            .wait();
        assert_eq!(
            ended.code, 0,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        let begin = ended.stdout.find('{').expect("a document");
        let mut documents =
            serde_json::Deserializer::from_str(&ended.stdout[begin..]).into_iter::<Value>();
        let truth = documents.next().expect("one").expect("it is JSON");
        let processes = truth["processes"].as_array().expect("a list");
        let one = processes
            .iter()
            .find(|one| one["name"] == "t")
            .expect("it is declared");
        let threads = one["threads"].as_array().expect("it has several");
        assert_eq!(threads.len(), 1000, "{identity:?}");
        let level = one["pids"].as_array().map(Vec::len);
        assert!(
            threads
                .iter()
                .all(|thread| thread.as_array().map(Vec::len) == level)
        );
        assert!(
            processes
                .iter()
                .filter(|one| one["name"] != "t")
                .all(|one| one["threads"].is_null())
        );
    });
}
