//! Valid files: the checked tree, with every default filled in.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nestns_topology::diagnostic::Source;
use nestns_topology::{
    Actor, After, Condition, Entry, Init, Isolation, OnExit, Output, Part, Position, Process,
    Program, Request, Session, Signal, Stdin, StopOrder, Target, Terminal, Topology, Weight, parse,
};

fn topology(text: &str) -> Topology {
    let source = Source::new("x.toml", text);
    let parsed = parse(Request::new(source, "x"));
    let problems: Vec<_> = parsed
        .diagnostics
        .iter()
        .map(|problem| &problem.message)
        .collect();
    parsed.topology.unwrap_or_else(|| panic!("{problems:?}"))
}

fn paths(topology: &Topology) -> Vec<&str> {
    topology
        .pre_order()
        .into_iter()
        .map(|id| topology.namespace(id).path.as_str())
        .collect()
}

fn process<'a>(topology: &'a Topology, path: &str, name: &str) -> &'a Process {
    let namespace = topology.namespace(topology.find(path).expect("it is declared"));
    match &namespace.init {
        Init::Program(program) if name == "init" => program,
        _ => namespace
            .processes
            .iter()
            .find(|process| process.name == name)
            .expect("it is declared"),
    }
}

fn grace(topology: &Topology, path: &str) -> Duration {
    topology
        .namespace(topology.find(path).expect("it is declared"))
        .stop
        .grace
}

#[test]
fn the_smallest_file_has_all_defaults() {
    let topology = topology("[ns.hello]\ninit = [\"bash\"]\n");
    assert_eq!(
        (topology.name.as_str(), topology.on_exit, topology.len()),
        ("x", OnExit::Fail, 1)
    );
    let namespace = topology.namespace(topology.roots()[0]);
    assert_eq!(
        (namespace.path.as_str(), namespace.name(), namespace.level()),
        ("hello", "hello", 1)
    );
    assert_eq!(
        namespace.isolation,
        Isolation {
            mount: true,
            ..Isolation::default()
        }
    );
    assert!(namespace.mount_proc);
    assert_eq!(
        (namespace.stop.signal, namespace.stop.grace),
        (Signal::TERM, Duration::from_secs(5))
    );
    assert_eq!(
        namespace.position,
        Position {
            file: 0,
            line: 1,
            column: 5
        }
    );
    let init = process(&topology, "hello", "init");
    assert_eq!(init.program, Program::Command(vec!["bash".to_owned()]));
    assert_eq!(
        (init.entry, init.terminal, &init.stdin),
        (Entry::Init, Terminal::None, &Stdin::Null)
    );
    assert_eq!(
        (&init.stdout, &init.stderr, init.weight),
        (&Output::Log, &Output::Log, Weight::Essential)
    );
    assert_eq!((init.stop, init.ok.as_ref()), (namespace.stop, &[0][..]));
    assert_eq!(
        init.position,
        Position {
            file: 0,
            line: 2,
            column: 8
        }
    );
}

#[test]
fn file_order_is_creation_order_in_both_spellings() {
    let topology = topology(
        "[ns.\"b/y\"]\n[ns.b]\n[ns.a.ns.z]\n[ns.\"b/x\"]\n[ns.a]\n[ns.a.ns.c.ns.d]\n[ns.\"a/c/e\"]\n",
    );
    assert_eq!(
        paths(&topology),
        ["b", "b/y", "b/x", "a", "a/z", "a/c", "a/c/d", "a/c/e"]
    );
    let parent = topology.parent(topology.find("a/c/e").unwrap()).unwrap();
    assert_eq!(topology.namespace(parent).path, "a/c");
}

#[test]
fn processes_are_created_in_file_order() {
    let topology = topology("[ns.a]\nproc.z = \"x\"\nproc.a = \"x\"\nproc.m = \"x\"\n");
    let names: Vec<_> = topology
        .namespace(topology.roots()[0])
        .processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn a_process_is_written_in_five_ways() {
    let topology = topology(
        "[ns.a]\nproc.b = \"echo 'a b' c\"\nproc.c = [\"echo\", \"a b\"]\nproc.d = { cmd = \"x y\" }\n\
         proc.e = { sh = \"echo $$ | cat\" }\nproc.f = { actor = \"tree --children 3\" }\n",
    );
    let words = |name| match &process(&topology, "a", name).program {
        Program::Command(words) => words.clone(),
        Program::Actor(actor) => vec![actor.to_string()],
    };
    assert_eq!(words("b"), ["echo", "a b", "c"]);
    assert_eq!(words("c"), ["echo", "a b"]);
    assert_eq!(words("d"), ["x", "y"]);
    assert_eq!(words("e"), ["/bin/sh", "-c", "echo $$ | cat"]);
    assert_eq!(
        process(&topology, "a", "f").program,
        Program::Actor(Actor::Tree { children: 3 })
    );
}

#[test]
fn every_key_of_a_process_arrives() {
    let topology = topology(
        "[ns.a]\nenv = { A = \"1\", B = \"1\" }\ncwd = \"/ns\"\nproc.first = \"x\"\n\
         proc.b = { cmd = \"x\", enter = \"join\", env = { B = \"2\" }, cwd = \"/\", user = \"0:0\", labels = { l = \"m\" }, \
         description = \"d\", stdin = \"/dev/zero\", stdout = \"null\", stderr = \"inherit\", \
         after = { first = \"ready\" }, ok = [0, 3], oneshot = true, essential = false, \
         stop = { signal = \"SIGUSR1\", grace = \"1.5s\" } }\n",
    );
    let b = process(&topology, "a", "b");
    assert_eq!(b.entry, Entry::Join);
    assert_eq!(
        b.env
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>(),
        ["A=1", "B=2"]
    );
    assert_eq!(
        (b.cwd.as_deref(), b.user.as_deref()),
        (Some(Path::new("/")), Some("0:0"))
    );
    assert_eq!(
        (b.labels.get("l"), b.description.as_deref()),
        (Some("m"), Some("d"))
    );
    assert_eq!(b.stdin, Stdin::File("/dev/zero".into()));
    assert_eq!((&b.stdout, &b.stderr), (&Output::Null, &Output::Inherit));
    assert_eq!(
        b.after,
        [After {
            target: Target {
                namespace: 0,
                part: Part::Process(0),
            },
            condition: Condition::Ready,
            stop_order: StopOrder::Reverse,
        }]
    );
    assert_eq!(
        (b.ok.as_ref(), b.oneshot, b.weight),
        (&[0, 3][..], true, Weight::Expendable)
    );
    assert_eq!(b.stop.signal.to_string(), "USR1");
    assert_eq!(b.stop.grace, Duration::from_millis(1500));
    let first = process(&topology, "a", "first");
    assert_eq!(
        (first.entry, first.cwd.as_deref()),
        (Entry::Fork, Some(Path::new("/ns")))
    );
}

#[test]
fn under_a_program_processes_join_and_it_has_the_settings_of_the_namespace() {
    let topology = topology(
        "[ns.a]\ninit = { actor = \"idle\" }\nenv = { A = \"1\" }\ncwd = \"/x\"\nsession = \"inherit\"\n\
         stop = { signal = \"INT\", grace = \"2s\" }\nproc.b = \"x\"\n",
    );
    let init = process(&topology, "a", "init");
    assert_eq!(
        (&init.program, init.entry, init.session),
        (&Program::Actor(Actor::Idle), Entry::Init, Session::Inherit)
    );
    assert_eq!(
        (init.env["A"].as_str(), init.cwd.as_deref()),
        ("1", Some(Path::new("/x")))
    );
    assert_eq!(
        (init.stop.signal.to_string().as_str(), init.stop.grace),
        ("INT", Duration::from_secs(2))
    );
    let b = process(&topology, "a", "b");
    // The signal of the namespace is for its PID 1; its time is for everything inside.
    assert_eq!(
        (b.entry, b.stop.signal, b.stop.grace),
        (Entry::Join, Signal::TERM, Duration::from_secs(2))
    );
}

#[test]
fn the_table_of_pid_1_has_its_session_as_well() {
    for (keys, expected) in [
        (
            "init = { actor = \"idle\", session = \"inherit\" }",
            Session::Inherit,
        ),
        (
            "init = { actor = \"idle\", session = \"own\" }",
            Session::Own,
        ),
        ("init = { actor = \"idle\" }", Session::Own),
    ] {
        let topology = topology(&format!("[ns.a]\n{keys}\n"));
        assert_eq!(process(&topology, "a", "init").session, expected, "{keys}");
    }
}

#[test]
fn defaults_fill_what_is_missing() {
    let topology = topology(
        "[defaults.ns]\nunshare = [\"mount\", \"ipc\"]\nlabels = { a = \"1\", b = \"1\" }\n\
         stop = { signal = \"INT\", grace = \"4s\" }\nproc.log = { actor = \"log\" }\n\
         [defaults.proc]\ncmd = \"x y\"\nenv = { A = \"1\" }\nok = [0, 1]\n\
         [ns.a]\nlabels = { b = \"2\" }\nstop = { grace = \"6s\" }\nproc.own = { ok = [2] }\nproc.other = { sh = \"z\" }\n\
         [ns.b]\nunshare = []\nproc.log = \"z\"\n",
    );
    let a = topology.namespace(topology.find("a").unwrap());
    assert_eq!(
        a.isolation,
        Isolation {
            mount: true,
            ipc: true,
            ..Isolation::default()
        }
    );
    assert_eq!(
        a.labels
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(
        (a.stop.signal.to_string().as_str(), a.stop.grace),
        ("INT", Duration::from_secs(6))
    );
    assert_eq!(
        a.processes
            .iter()
            .map(|process| process.name.as_str())
            .collect::<Vec<_>>(),
        ["log", "own", "other"]
    );
    let own = process(&topology, "a", "own");
    assert_eq!(
        own.program,
        Program::Command(vec!["x".to_owned(), "y".to_owned()])
    );
    assert_eq!((own.env["A"].as_str(), own.ok.as_ref()), ("1", &[2][..]));
    assert_eq!(
        process(&topology, "a", "other").program,
        Program::Command(["/bin/sh", "-c", "z"].map(str::to_owned).into())
    );
    let b = topology.namespace(topology.find("b").unwrap());
    assert_eq!((b.isolation, b.mount_proc), (Isolation::default(), false));
    assert_eq!(
        process(&topology, "b", "log").program,
        Program::Command(vec!["z".to_owned()])
    );
}

#[test]
fn a_host_name_needs_a_uts_namespace_of_its_own() {
    let topology =
        topology("[ns.a]\nhostname = \"h\"\n[ns.b]\ndomainname = \"d\"\nunshare = [\"net\"]\n");
    let isolation = |path| topology.namespace(topology.find(path).unwrap()).isolation;
    assert_eq!(
        isolation("a"),
        Isolation {
            mount: true,
            uts: true,
            ..Isolation::default()
        }
    );
    assert_eq!(
        isolation("b"),
        Isolation {
            uts: true,
            net: true,
            ..Isolation::default()
        }
    );
}

#[test]
fn grace_is_derived_from_the_inside_out() {
    let topology = topology(
        "[ns.a]\n[ns.\"a/b\"]\n[ns.\"a/b/c\"]\n[ns.\"a/d\"]\nstop = { grace = \"20s\" }\n\
         [ns.short]\n[ns.\"short/x\"]\nstop = { grace = \"1s\" }\n\
         [ns.chain]\nproc.db = { cmd = \"x\", stop = { grace = \"4s\" } }\nproc.mid = { cmd = \"x\", after = { db = \"ok\" } }\n\
         proc.web = { cmd = \"x\", stop = { grace = \"3s\" }, after = { mid = \"ready\" } }\n\
         proc.solo = { cmd = \"x\", stop = { grace = \"6s\" } }\n",
    );
    for (path, seconds) in [
        ("a/b/c", 5),
        ("a/b", 6),
        ("a/d", 20),
        ("a", 21),
        ("short/x", 1),
        ("short", 5),
        ("chain", 9),
    ] {
        assert_eq!(
            grace(&topology, path),
            Duration::from_secs(seconds),
            "{path}"
        );
    }
    assert_eq!(
        process(&topology, "chain", "mid").stop.grace,
        Duration::from_secs(5)
    );
}

#[test]
fn a_topology_has_the_name_of_its_file_unless_it_has_one() {
    let name = |text: &str, stem: &str| {
        parse(Request::new(Source::new("f", text), stem))
            .topology
            .unwrap()
            .name
    };
    assert_eq!(name("name = \"dind\"\n[ns.a]\n", "x"), "dind");
    assert_eq!(name("[ns.a]\n", "My Tree"), "my-tree");
    assert_eq!(name("[ns.a]\n", "…"), "topology");
}

#[test]
fn private_keys_are_ignored() {
    topology(
        "\"$schema\" = \"x\"\nx-a = 1\nnestns = 1\n[x-b]\n[ns.a]\nx-c = []\nproc.d = { cmd = \"x\", x-e = {} }\n",
    );
}

#[test]
fn ten_thousand_namespaces_are_checked_at_once() {
    let mut text = "[limits]\nnamespaces = 20000\nprocesses = 50000\n[ns.r]\n".to_owned();
    for number in 0..10_000 {
        writeln!(text, "[ns.\"r/w{number}\"]\nproc.a = \"x\"").unwrap();
    }
    let start = Instant::now();
    assert_eq!(topology(&text).len(), 10_001);
    // Generous, for a program that is not optimized on a machine that is busy; anything quadratic takes minutes.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}
