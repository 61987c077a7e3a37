//! Threads: a number of one is what perf, strace -f and gdb hand out, and it means the same everywhere.

use std::fs;

use serde_json::{Value, json};

use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::document::list;
use crate::harness::identity::{for_each_depth, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, require};
use crate::harness::visibility::{MECHANISMS, assert_no_difference};

/// A running process and the numbers of its threads besides the first, as the kernel has them.
struct Threads<'a> {
    nest: &'a Detached,
    path: String,
    namespace: String,
    process: Vec<i32>,
    others: Vec<Vec<i32>>,
}

/// Search by /proc alone.
fn threads<'a>(nest: &'a Detached, namespace: &str, name: &str, count: usize) -> Threads<'a> {
    let namespace = namespace.replace('@', &nest.nest.root);
    let path = format!("{namespace}/{name}");
    let (process, others) = nest.until("the threads have begun", |nest| {
        let document = nest.document(&["ps", "-r", "--format", "json"]);
        let pid = document["processes"]
            .as_array()?
            .iter()
            .find(|one| one["path"] == path.as_str())?["pids"][0]
            .as_i64()?;
        let pid = i32::try_from(pid).ok()?;
        let mut tids: Vec<i32> = fs::read_dir(format!("/proc/{pid}/task"))
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|&tid| tid != pid)
            .collect();
        tids.sort_unstable();
        // A thread has a directory in /proc as well, which is only not listed.
        let numbers = |tid: i32| kernel::process(tid).map(|found| found.numbers);
        let all: Option<Vec<Vec<i32>>> = tids.into_iter().map(numbers).collect();
        let all = all.filter(|all| all.len() == count)?;
        Some((numbers(pid)?, all))
    });
    Threads {
        nest,
        path,
        namespace,
        process,
        others,
    }
}

fn own(chain: &[i32]) -> i32 {
    *chain.last().expect("it has one")
}

fn joined(chain: &[i32]) -> String {
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

impl Threads<'_> {
    /// The address of a process or thread by its number in the namespace.
    fn address(&self, numbers: &[i32]) -> String {
        format!("{}#{}", self.namespace, own(numbers))
    }

    /// The observers for whom a thread has a number, outermost first.
    fn observers(&self) -> Vec<&str> {
        let namespace = self.namespace.as_str();
        let around = namespace
            .match_indices('/')
            .map(|(slash, _)| &namespace[..slash]);
        ["host"]
            .into_iter()
            .chain(around)
            .chain([namespace])
            .collect()
    }

    /// Makes sure that every verb that takes a number knows the threads.
    fn assert_every_verb_knows(&self) {
        for thread in &self.others {
            for address in [self.address(thread), format!("host#{}", thread[0])] {
                self.assert_pid(thread, &address);
            }
            self.assert_whois(thread);
            self.assert_capture(thread);
            self.assert_is_its_process(thread);
            for via in MECHANISMS {
                self.assert_seen(thread, via);
            }
        }
        self.assert_refused_as_namespace(&self.others[0]);
        self.assert_process_is_no_thread();
        self.assert_listed();
    }

    fn assert_pid(&self, thread: &[i32], address: &str) {
        let document = self.nest.document(&["pid", address, "--format", "json"]);
        assert_eq!(document["path"], self.path.as_str(), "{address}");
        let told = document["pids"].as_object().expect("by namespace");
        assert_eq!(told.len(), thread.len(), "{document}");
        assert_eq!(
            (&told["host"], &told[&self.namespace]),
            (&json!(thread[0]), &json!(own(thread))),
            "{document}"
        );
        assert_eq!(
            document["thread_of"][&self.namespace],
            own(&self.process),
            "{document}"
        );
        let quiet = self.nest.run(&["pid", "-q", address]);
        assert_eq!(quiet, format!("{}\n", joined(thread)));
        let told = self.nest.run(&["pid", address]);
        assert!(
            told.ends_with(&format!("  thread of {}\n", self.path)),
            "{told}"
        );
        let inside = self.nest.run(&["pid", address, "--in", &self.namespace]);
        assert_eq!(inside, format!("{}\n", own(thread)));
    }

    /// The processes that have a number in the namespace.
    fn whois(&self, numbers: &[i32]) -> Vec<Value> {
        let number = own(numbers).to_string();
        let words = [
            "whois",
            &number,
            "--in",
            &self.namespace,
            "--format",
            "json",
        ];
        list(&self.nest.document(&words), "matches").to_vec()
    }

    fn assert_whois(&self, thread: &[i32]) {
        let found = self.whois(thread);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (&found[0]["path"], &found[0]["pids"]),
            (&json!(self.path), &json!(thread))
        );
        assert_eq!(found[0]["thread_of"], json!(self.process));
        let table = self.nest.run(&["whois", &self.address(thread)]);
        assert!(
            table.contains(&format!("thread of {}", self.path)),
            "{table}"
        );
        let outside = format!("host#{}", thread[0]);
        let host = self.nest.document(&["whois", &outside, "--format", "json"]);
        assert_eq!(host["matches"][0]["pids"], json!(thread));
    }

    fn assert_capture(&self, thread: &[i32]) {
        let captured = self.nest.run(&["capture", &thread[0].to_string()]);
        assert!(
            captured.contains(&format!("from process {} (", self.process[0])),
            "{captured}"
        );
    }

    /// Makes sure that what is done to a thread is done to its process.
    fn assert_is_its_process(&self, thread: &[i32]) {
        let address = self.address(thread);
        let sheet = self
            .nest
            .document(&["inspect", &address, "--format", "json"]);
        let process = &sheet["process"];
        assert_eq!(process["path"], self.path.as_str());
        assert_eq!(list(process, "thread_list").len(), 1, "{sheet}");
        assert_eq!(process["thread_list"][0]["pids"], json!(thread));
        let listed = self.nest.run(&["ps", "-q", &address]);
        assert_eq!(listed, format!("{}\n", self.path));
    }

    /// Makes sure that a thread is seen by a mechanism from its namespace and from those around it.
    fn assert_seen(&self, thread: &[i32], via: &str) {
        let address = self.address(thread);
        let words = ["see", "--of", &address, "--via", via, "--format", "json"];
        let document = self.nest.document(&words);
        assert_eq!(list(&document, "rows").len(), 1, "{document}");
        assert_eq!(document["mismatches"], json!([]), "{via}");
        let outer = self.observers();
        let row = row(&document, &address);
        for (observer, number) in row.as_object().expect("by observer") {
            let level = outer.iter().position(|one| one == observer);
            let expected = level.map(|level| i64::from(thread[level]));
            assert_eq!(number.as_i64(), expected, "{via} {observer}: {document}");
        }
    }

    /// Makes sure that a namespace does not end for a number of a thread.
    fn assert_refused_as_namespace(&self, thread: &[i32]) {
        let address = format!("{}:/{}", self.nest.nest.root, self.address(thread));
        let down = self.nest.nestns(&["down", &address]);
        assert!(
            down.code == 1 && down.stderr.contains("is a thread ("),
            "{}",
            down.stderr
        );
    }

    /// Makes sure that a number of a process is that of a process.
    fn assert_process_is_no_thread(&self) {
        let found = self.whois(&self.process);
        assert_eq!(
            (&found[0]["pids"], &found[0]["thread_of"]),
            (&json!(self.process), &Value::Null)
        );
    }

    fn assert_listed(&self) {
        let words = ["inspect", &self.path, "--threads", "--format", "json"];
        let sheet = self.nest.document(&words);
        let listed = list(&sheet["process"], "thread_list").iter();
        assert_eq!(
            listed.map(|one| one["pids"].clone()).collect::<Vec<_>>(),
            self.others.iter().map(|one| json!(one)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn every_verb_that_takes_a_pid_takes_that_of_a_thread() {
    for_each_depth(3, &[1, 31], |depth, identity| {
        // Another namespace has the same numbers for its processes.
        let topology = format!(
            "{}proc.t = {{ actor = \"threads --count 2\" }}\n[ns.\"@/other\"]\nproc.a = {{ actor = \"tree --children 4\" }}\n",
            chain(depth)
        );
        let nest = Detached::up(Nest::new(&topology).identity(identity));
        let them = threads(&nest, &path(depth), "t", 2);
        them.assert_every_verb_knows();
        for via in ["kill", "pidfd", "ptrace", "cred", "proc"] {
            assert_no_difference(&nest, &[&them.namespace, "@/other"], via);
        }
        let outcome = nest.nestns(&["kill", &them.address(&them.others[1])]);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (0, format!("{}\n", them.path)),
            "{}",
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
    });
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
        nest.until("the first one has ended", |_| {
            kernel::process(them.process[0]).filter(|found| found.state == 'Z')
        });
        them.assert_every_verb_knows();
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
        let outcome = nest.nestns(&["kill", "-s", "KILL", &them.address(&them.others[0])]);
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
