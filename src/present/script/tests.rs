//! Tests of generated instances: series, and the loops that they become.

use std::time::Duration;

use super::{Scope, script};
use nestns_topology::{Actor, Entry, Init, Namespace, Process, Program, Signal, Stop, Topology};

const STOP: Stop = Stop {
    signal: Signal::TERM,
    grace: Duration::from_secs(5),
};

fn process(name: &str, program: Program, entry: Entry) -> Process {
    let mut process = Process::new(program);
    (process.name, process.entry, process.stop) = (name.to_owned(), entry, STOP);
    process
}

fn idle(name: &str) -> Process {
    process(name, Program::Actor(Actor::Idle), Entry::Fork)
}

fn command(name: &str, words: &[&str]) -> Process {
    process(
        name,
        Program::Command(words.iter().map(|&word| word.to_owned()).collect()),
        Entry::Fork,
    )
}

fn namespace(path: &str, init: Init, processes: Vec<Process>) -> Namespace {
    let mut namespace = Namespace::new(path.to_owned(), init);
    (namespace.processes, namespace.stop) = (processes, STOP);
    namespace
}

/// The script without its header.
fn lines(namespaces: Vec<Namespace>) -> String {
    let topology = Topology::with_namespaces("x", namespaces);
    let text = script(&topology, &["x.toml".to_owned()], Scope::Whole);
    let (_, rest) = text
        .split_once("\n\n")
        .expect("the header ends with an empty line");
    rest.replace(
        "# Only root may do this. An ordinary user first becomes root of a new user namespace.\nas_root=; [ \"$(id \
         -u)\" = 0 ] || as_root=\"unshare --user --map-root-user\"\n\n",
        "",
    )
}

#[test]
fn a_thousand_replicas_are_one_loop() {
    let mut namespaces = vec![namespace("wide", Init::Builtin, vec![idle("hub")])];
    namespaces.extend((0..1000).map(|i| {
        let mut worker = namespace(
            &format!("wide/w.{i}"),
            Init::Pause,
            vec![command("p", &["work", &i.to_string()])],
        );
        worker.hostname = Some(format!("w-{i}x"));
        worker
    }));
    assert_eq!(
        lines(namespaces),
        r#"# wide: the shell that is its PID 1
export ns_wide='
nestns actor idle &   # hub: 2
export i=0
while [ $i -lt 1000 ]; do
    # wide/w.0/init … wide/w.999/init: 3 … 2001 in nestns, 1 inside
    unshare --fork --pid --mount-proc sh -c "$ns_wide_w" &
    i=$((i + 1))
done
wait                  # until all of them have ended; then PID 1 ends
'

# wide/w.0 … wide/w.999: the shell that is their PID 1
export ns_wide_w='
echo "w-${i}x" 2>/dev/null >/proc/sys/kernel/hostname || hostname "w-${i}x"
work "$i" &           # p: 2
exec sleep infinity   # holds the namespace
'

# wide/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --kill-child sh -c "$ns_wide" &
wait
"#
    );
}

#[test]
fn what_differs_by_more_than_a_number_is_written_out() {
    let words = [
        ("0", "a"),
        ("1", "a"),
        ("2", "a"),
        ("3", "b"),
        ("5", "a"),
        ("6", "a"),
    ];
    let members = words
        .iter()
        .map(|(i, word)| command(&format!("p.{i}"), &["work", word]))
        .collect();
    assert_eq!(
        lines(vec![namespace("n", Init::Builtin, members)]),
        r#"# n: the shell that is its PID 1
export ns_n='
for i in 0 1 2; do
    work a &   # p.0 … p.2: 2 … 4
done
work b &       # p.3: 5
for i in 5 6; do
    work a &   # p.5 … p.6: 6 … 7
done
wait           # until all of them have ended; then PID 1 ends
'

# n/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --kill-child sh -c "$ns_n" &
wait
"#
    );
}

#[test]
fn a_complete_tree_has_a_block_a_level() {
    let mut namespaces = vec![namespace("t.0.0", Init::Builtin, vec![])];
    for a in 0..2 {
        namespaces.push(namespace(&format!("t.0.0/t.1.{a}"), Init::Builtin, vec![]));
        for b in 0..2 {
            let leaf = command("p", &["work", &(2 * a + b).to_string(), "at $HOME"]);
            let path = format!("t.0.0/t.1.{a}/t.2.{}", 2 * a + b);
            namespaces.push(namespace(&path, Init::Builtin, vec![leaf]));
        }
    }
    // The leaves of the two halves differ by more than the number of the half: each half has its loop.
    let text = lines(namespaces);
    assert!(text.contains("for i in 0 1; do\n    export i\n"), "{text}");
    assert!(text.contains("for i in 2 3; do\n    export i\n"), "{text}");
    assert!(
        text.contains("work \"$i\" \"$text_t_0_0_t_1_0_t_2_0_p\" &"),
        "{text}"
    );
    assert!(
        !text.contains("exec unshare --fork --pid --mount-proc sh -c \"$ns_t_0_0_t_1\""),
        "{text}"
    );
}

#[test]
fn loops_in_loops_have_different_variables() {
    let mut namespaces = vec![namespace("a", Init::Builtin, vec![])];
    for i in 0..2 {
        let members = (0..3)
            .map(|j| command(&format!("p.{j}"), &["work", &format!("{i}-{j}")]))
            .collect();
        namespaces.push(namespace(&format!("a/w.{i}"), Init::Builtin, members));
    }
    assert_eq!(
        lines(namespaces),
        r#"# a: the shell that is its PID 1
export ns_a='
for i in 0 1; do
    export i
    unshare --fork --pid --mount-proc sh -c "$ns_a_w" &   # a/w.0/init … a/w.1/init: 2 … 6 in nestns, 1 inside
done
wait                                                      # until all of them have ended; then PID 1 ends
'

# a/w.0 … a/w.1: the shell that is their PID 1
export ns_a_w='
for i2 in 0 1 2; do
    work "$i-$i2" &   # p.0 … p.2: 2 … 4
done
wait                  # until all of them have ended; then PID 1 ends
'

# a/init: 1 inside
setpriv --pdeathsig KILL $as_root unshare --fork --pid --mount-proc --kill-child sh -c "$ns_a" &
wait
"#
    );
}

#[test]
fn paths_that_look_alike_have_different_variables() {
    let one = |path: &str| namespace(path, Init::Builtin, vec![idle("p")]);
    let text = lines(vec![one("a-b"), one("a_b"), one("a"), one("a/b")]);
    for name in [
        "ns_a_b='",
        "ns_a_b_2='",
        "ns_a='",
        "ns_a_b_3='",
        "ns_host='",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[test]
fn what_is_too_large_for_the_kernel_is_said() {
    let large = command("p", &["sh", "-c", &"# \n".repeat(50_000)]);
    let topology = Topology::with_namespaces("x", vec![namespace("n", Init::Builtin, vec![large])]);
    let text = script(&topology, &["x.toml".to_owned()], Scope::Whole);
    assert!(
        text.contains("# Beware   this is more than"),
        "{}",
        &text[..2000]
    );
}
