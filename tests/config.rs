//! `nestns config`: the expanded topology, and that it is the same topology when it is read again.

use std::fmt::Write as _;

use nestns_topology::config::{Arrangement, hash, toml};
use nestns_topology::diagnostic::Source;
use nestns_topology::expectation::{Assertion, Expectation};
use nestns_topology::{Init, Namespace, Position, Request, Topology, parse};
use proptest::prelude::*;
use snapbox::{IntoData, assert_data_eq, str};

use crate::harness::Nestns;
use crate::harness::random;

/// A file with all keys, whose outcome is shown whole.
const EVERYTHING: &str = r#"
name = "lab"
description = "one of everything"
on_exit = "any"

[limits]
log_bytes = "{{workers}}M"

[vars]
workers = 2
who = "{{env.NOBODY_SETS_THIS ?? \"us\"}}"

[defaults.ns]
unshare = ["mount", "ipc"]
labels = { owner = "{{who}}" }

[defaults.proc]
stop = { signal = "INT" }

[template.box]
hostname = "{{name}}"
proc.app = { actor = "serve", stdout = "null" }
proc.side = { cmd = ["sleep", "{{i}}"], after = { app = "ready" }, ok = [0, 143] }

[template."box/inner"]
init = ["systemd"]
env = { DEPTH = "{{level}}" }
cwd = "/tmp"
session = "inherit"
proc.member = { sh = "echo $$ \"{{path}}\"", env = { EXTRA = "1" }, session = "inherit" }

[ns.a]
use = "box"
count = "{{workers}}"
stop = { grace = "90s" }

[ns.b]
depth = 2
mount_proc = false
proc.probe = { actor = "tree --children 2", at = "leaf", count = 2, essential = false }

[[expect]]
from = "a.{{workers - 1}}"
sees = ["a.{{workers - 1}}/**"]
count = "{{workers}}"

[ns."b/holder"]
init = "pause"
env = { HELD = "yes" }
restart = "always"
max = 2
proc.log = { cmd = "x", ready = { log = '^on "port" \d+' }, env = { HELD = "yes", OWN = "1" }, restart = "on-failure" }
proc.file = { cmd = "x", ready = { file = "/run/x" } }
proc.exec = { cmd = "x", ready = { exec = "redis-cli ping", every = "50ms" }, restart = "always", backoff = "1m" }
proc.again = { cmd = "x", ready = { exec = ["a b"] } }
proc.tcp = { cmd = "x", ready = { tcp = 80, timeout = "2s", retries = 3, start_period = "1m" }, restart = { on = [88, "SIGKILL", 7], max = 2, backoff_max = "1m" } }
proc.fd = { cmd = "x", ready = { fd = 3 }, restart = "never" }
proc.notify = { cmd = "x", ready = { notify = true } }
description = "quotes \" and \\ and\nlines"
"#;

fn config(text: &str, arguments: &[&str]) -> String {
    let arguments: Vec<&str> = ["config", "-"].iter().chain(arguments).copied().collect();
    let outcome = Nestns::new(&arguments).input(text).run();
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    outcome.stdout
}

#[test]
fn the_expanded_topology_is_a_file() {
    assert_data_eq!(
        config(EVERYTHING, &[]),
        snapbox::file!["config/expanded.toml"].raw()
    );
}

#[test]
fn nested_tables_are_the_same_tree() {
    assert_data_eq!(
        config(EVERYTHING, &["--as", "nested", "--set", "workers=1"]),
        str![[r#"
nestns = 1
expanded = true
name = "lab"
description = "one of everything"
on_exit = "any"

[limits]
log_bytes = "1M"

[ns."a.0"]
labels = { owner = "us" }
hostname = "a.0"
unshare = ["mount", "uts", "ipc"]
stop = { grace = "90s" }
proc.app = { actor = "serve", stdout = "null", stop = { signal = "INT" } }
proc.side = { cmd = ["sleep", "0"], ok = [0, 143], stop = { signal = "INT" }, after = { app = "ready" } }

[ns."a.0".ns.inner]
labels = { owner = "us" }
unshare = ["mount", "ipc"]
init = { cmd = ["systemd"], session = "inherit" }
env = { DEPTH = "2" }
cwd = "/tmp"
proc.member = { sh = 'echo $$ "a.0/inner/member"', env = { EXTRA = "1" }, session = "inherit", stop = { signal = "INT" } }

[ns."b.0"]
labels = { owner = "us" }
unshare = ["mount", "ipc"]
mount_proc = false

[ns."b.0".ns."b.1"]
labels = { owner = "us" }
unshare = ["mount", "ipc"]
mount_proc = false
proc."probe.0" = { actor = "tree --children 2", essential = false, stop = { signal = "INT" } }
proc."probe.1" = { actor = "tree --children 2", essential = false, stop = { signal = "INT" } }

[ns."b.0".ns."b.1".ns.holder]
description = '''
quotes " and \ and
lines'''
labels = { owner = "us" }
unshare = ["mount", "ipc"]
init = "pause"
env = { HELD = "yes" }
restart = "always"
max = 2
proc.log = { cmd = ["x"], env = { OWN = "1" }, ready = { log = '^on "port" \d+' }, restart = "on-failure", stop = { signal = "INT" } }
proc.file = { cmd = ["x"], ready = { file = "/run/x" }, stop = { signal = "INT" } }
proc.exec = { cmd = ["x"], ready = { exec = ["redis-cli", "ping"], every = "50ms" }, restart = "always", backoff = "60s", stop = { signal = "INT" } }
proc.again = { cmd = ["x"], ready = { exec = ["a b"] }, stop = { signal = "INT" } }
proc.tcp = { cmd = ["x"], ready = { tcp = 80, timeout = "2s", retries = 3, start_period = "60s" }, restart = { on = [7, 88, "KILL"] }, max = 2, backoff_max = "60s", stop = { signal = "INT" } }
proc.fd = { cmd = ["x"], ready = { fd = 3 }, stop = { signal = "INT" } }
proc.notify = { cmd = ["x"], ready = { notify = true }, stop = { signal = "INT" } }

[[expect]]
from = "a.0"
sees = ["a.0/**"]
count = 1

"#]]
        .raw()
    );
}

#[test]
fn json_has_the_keys_of_the_file() {
    assert_data_eq!(
        config(
            "[ns.a]\nproc.x = 'true \"a b\"'\n[ns.'a/b']\n",
            &["--as", "json"]
        ),
        str![[r#"
{
  "schema": "nestns.config/1",
  "nestns": 1,
  "expanded": true,
  "name": "stdin",
  "ns": {
    "a": {
      "proc": {
        "x": {
          "cmd": [
            "true",
            "a b"
          ]
        }
      }
    },
    "a/b": {}
  }
}

"#]]
        .raw()
    );
}

#[test]
fn paths_are_addresses_in_the_order_of_creation() {
    assert_data_eq!(
        config(EVERYTHING, &["--paths"]),
        str![[r#"
a.0
a.0/app
a.0/side
a.0/inner
a.0/inner/member
a.1
a.1/app
a.1/side
a.1/inner
a.1/inner/member
b.0
b.0/b.1
b.0/b.1/probe.0
b.0/b.1/probe.1
b.0/b.1/holder
b.0/b.1/holder/log
b.0/b.1/holder/file
b.0/b.1/holder/exec
b.0/b.1/holder/again
b.0/b.1/holder/tcp
b.0/b.1/holder/fd
b.0/b.1/holder/notify

"#]]
        .raw()
    );
}

#[test]
fn printed_variables_can_be_read_again() {
    let text = "[vars]\nn = 3\nname-less = 1\n";
    let outcome = Nestns::new(&["config", "-", "--vars"]).input(text).run();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let text =
        "[vars]\nn = 3\ndouble = \"{{n * 2}}\"\nyes = true\nword = \"a \\\"b\\\"\"\n[ns.a]\n";
    assert_data_eq!(
        config(text, &["--vars", "--set", "n=4"]),
        str![[r#"
n = 4           # <--set n>
double = 8      # <stdin>
yes = true      # <stdin>
word = 'a "b"'  # <stdin>

"#]]
        .raw()
    );
    assert_data_eq!(
        config(text, &["--vars", "--as", "json"]),
        str![[r#"
{
  "schema": "nestns.config/1",
  "vars": [
    {
      "name": "n",
      "value": 3,
      "from": "<stdin>"
    },
    {
      "name": "double",
      "value": 6,
      "from": "<stdin>"
    },
    {
      "name": "yes",
      "value": true,
      "from": "<stdin>"
    },
    {
      "name": "word",
      "value": "a \"b\"",
      "from": "<stdin>"
    }
  ]
}

"#]]
        .raw()
    );
}

#[test]
fn the_hash_is_that_of_the_content() {
    let hash = |text: &str| config(text, &["--hash"]);
    let one = hash("[ns.a]\nhostname = 'x'\nlabels = { a = '1', b = '2' }\nproc.p = 'sleep 1'\n");
    assert_eq!(one.trim().len(), 64, "{one}");
    for same in [
        "# another way to say it\nname = \"other\"\n[ns.a]\nproc.p.cmd = [\"sleep\", \"1\"]\nlabels.b = \"2\"\nlabels.a = \"1\"\nhostname = \"x\"\n",
        "[vars]\nh = 'x'\n[template.t]\nhostname = '{{h}}'\n[defaults.proc]\ncmd = 'sleep 1'\n[ns.a]\nuse = 't'\nlabels = { a = '1', b = '2' }\nproc.p = {}\n",
    ] {
        assert_eq!(hash(same), one, "{same}");
    }
    for other in [
        "[ns.a]\nhostname = 'y'\nlabels = { a = '1', b = '2' }\nproc.p = 'sleep 1'\n",
        "[ns.a]\nhostname = 'x'\nlabels = { a = '1', b = '2' }\nproc.p = 'sleep 1'\n[ns.b]\n",
        "[ns.a]\nhostname = 'x'\nlabels = { a = '1', b = '2' }\nproc.p = 'sleep 1'\nstop.grace = '9s'\n",
    ] {
        assert_ne!(hash(other), one, "{other}");
    }
    // Order is that of creation, and so it is content.
    assert_ne!(hash("[ns.a]\n[ns.b]\n"), hash("[ns.b]\n[ns.a]\n"));
}

#[test]
fn output_options_exclude_each_other() {
    for pair in [
        ["--paths", "--vars"],
        ["--hash", "--paths"],
        ["--vars", "--hash"],
    ] {
        let outcome = Nestns::new(&["config", "-", pair[0], pair[1]])
            .input("[ns.a]\n")
            .run();
        assert_eq!(outcome.code, 2, "{pair:?}");
    }
}

/// The namespaces without the places where they were written, which differ from text to text.
fn placeless(topology: &Topology) -> Vec<Namespace> {
    let namespaces = topology.pre_order().into_iter().map(|id| {
        let mut namespace = topology.namespace(id).clone();
        namespace.position = Position::default();
        namespace
            .processes
            .iter_mut()
            .for_each(|process| process.position = Position::default());
        if let Init::Program(program) = &mut namespace.init {
            program.position = Position::default();
        }
        namespace
    });
    namespaces.collect()
}

fn read(text: String) -> Result<Topology, String> {
    let parsed = parse(Request::new(Source::new("x.toml", text), "x"));
    let problems: Vec<_> = parsed
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.message.clone())
        .collect();
    parsed.topology.ok_or_else(|| problems.join("\n"))
}

/// The expectations of a file, without their places.
fn expected(topology: &Topology) -> Vec<(toml::Table, Vec<Assertion>)> {
    let claims = |one: &Expectation| {
        one.claims
            .iter()
            .map(|claim| claim.assertion.clone())
            .collect()
    };
    topology
        .expectations
        .iter()
        .map(|one| (one.written.clone(), claims(one)))
        .collect()
}

/// Prints and reads until nothing changes: that must be at once.
fn assert_round(text: &str) -> Result<(), TestCaseError> {
    let Ok(first) = read(text.to_owned()) else {
        return Err(TestCaseError::reject("not a topology"));
    };
    for arrangement in [Arrangement::Paths, Arrangement::Nested] {
        let printed = toml(&first, arrangement);
        let second = read(printed.clone())
            .map_err(|problem| TestCaseError::fail(format!("{problem}\n{printed}")))?;
        prop_assert_eq!(placeless(&first), placeless(&second), "{}", printed);
        prop_assert_eq!(toml(&second, arrangement), printed);
        prop_assert_eq!(
            (
                &first.name,
                &first.description,
                first.on_exit,
                expected(&first),
                hash(&first)
            ),
            (
                &second.name,
                &second.description,
                second.on_exit,
                expected(&second),
                hash(&second)
            )
        );
    }
    Ok(())
}

/// Words that are awkward somewhere: in TOML, in a shell, in a placeholder.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 ]{0,8}",
        Just("a \"b\" 'c' \\ $$ ${HOME} }} #".to_owned()),
        Just("line\nline\n\ttab\r\n".to_owned()),
        Just("é\u{7f}\u{200b}😀".to_owned()),
        Just("{{\"{{\"}}i}}".to_owned()),
        Just("{{level}}-{{i}} {{path}} {{name}} {{topology}}".to_owned()),
    ]
}

fn quoted(text: &str) -> String {
    ::toml::Value::from(text).to_string()
}

/// Lines of a process table.
fn process() -> impl Strategy<Value = String> {
    let program = prop_oneof![
        prop_oneof![
            Just("idle"),
            Just("tree --children 3"),
            Just("exit --code 3 --after 1.5s"),
            Just("log --for 2s")
        ]
        .prop_map(|actor| format!("actor = {}", quoted(actor))),
        word().prop_map(|word| format!("cmd = [\"prog\", {}]", quoted(&word))),
        word().prop_map(|word| format!("sh = {}", quoted(&format!("x{word}")))),
        word().prop_map(|word| format!("cmd = [\"/bin/sh\", \"-c\", {}]", quoted(&word))),
    ];
    let extras = prop::collection::vec(
        prop_oneof![
            word().prop_map(|word| format!("description = {}", quoted(&word))),
            word().prop_map(|word| format!(
                "env = {{ A = {}, \"b c\" = \"{{{{i}}}}\" }}",
                quoted(&word)
            )),
            word().prop_map(|word| format!("labels = {{ \"\" = {} }}", quoted(&word))),
            Just("ok = [0, 143]".to_owned()),
            Just("oneshot = true".to_owned()),
            Just("restart = { on = [88, \"RTMIN+3\"], backoff_max = \"2m\" }".to_owned()),
            Just("essential = false".to_owned()),
            Just("user = \"0:0\"".to_owned()),
            Just("cwd = \"/tmp\"".to_owned()),
            Just("stdin = \"inherit\"".to_owned()),
            Just("stdout = \"/tmp/x y\"".to_owned()),
            Just("stderr = \"null\"".to_owned()),
            Just("stop = { signal = \"RTMIN+3\", grace = \"0.25ms\" }".to_owned()),
            (0..3_u8).prop_map(|count| format!("count = {count}")),
        ],
        0..4,
    );
    (program, extras).prop_map(|(program, mut extras)| {
        extras.sort();
        extras.dedup_by_key(|extra| extra.split(' ').next().map(str::to_owned));
        std::iter::once(program)
            .chain(extras)
            .collect::<Vec<_>>()
            .join(", ")
    })
}

/// Lines of a namespace.
fn body() -> impl Strategy<Value = String> {
    let init = prop_oneof![
        4 => Just(String::new()),
        1 => Just("init = \"pause\"\n".to_owned()),
        1 => Just("init = { actor = \"serve\" }\nenv = { X = \"{{level}}\" }\ncwd = \"/\"\n".to_owned()),
        1 => word().prop_map(|word| format!("init = [\"prog\", {}]\n", quoted(&word))),
    ];
    let keys = prop::collection::vec(
        prop_oneof![
            word().prop_map(|word| format!("description = {}\n", quoted(&word))),
            word().prop_map(|word| format!(
                "labels = {{ a = {}, z = \"{{{{i}}}}\" }}\n",
                quoted(&word)
            )),
            Just("hostname = \"h-{{i}}\"\n".to_owned()),
            Just("unshare = [\"uts\", \"net\"]\n".to_owned()),
            Just("unshare = []\n".to_owned()),
            Just("mount_proc = false\n".to_owned()),
            Just("stop = { grace = \"100s\" }\n".to_owned()),
            (0..3_u8).prop_map(|count| format!("count = {count}\n")),
            (1..4_u8).prop_map(|depth| format!("depth = {depth}\n")),
            Just("use = \"t\"\n".to_owned()),
        ],
        0..4,
    );
    let processes = prop::collection::vec(process(), 0..3);
    (init, keys, processes).prop_map(|(init, mut keys, processes)| {
        keys.sort();
        keys.dedup_by_key(|key| key.split(' ').next().map(str::to_owned));
        let mut text = init + &keys.concat();
        for (place, process) in processes.iter().enumerate() {
            let after = if place > 0 {
                ", after = { p0 = \"started\" }"
            } else {
                ""
            };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "proc.p{place} = {{ {process}{after} }}");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: random::cases(300, 20_000), max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn the_printed_topology_is_the_same_when_read(
        template in body(), inner in body(), bodies in prop::collection::vec((body(), 0..4_usize), 1..5)
    ) {
        let template: String = template.split_inclusive('\n').filter(|line| !line.starts_with("use")).collect();
        let inner: String = inner.split_inclusive('\n').filter(|line| !line.starts_with("use")).collect();
        let mut text = format!("name = \"round\"\n[[expect]]\nfrom = \"n0\"\ncount = 1\nvia = \"kill\"\nx-note = {{ \"a b\" = 1 }}\n[template.t]\n{template}[template.\"t/in\"]\n{inner}");
        let mut paths: Vec<String> = Vec::new();
        for (place, (body, parent)) in bodies.iter().enumerate() {
            let path = match paths.get(*parent) {
                Some(parent) => format!("{parent}/n{place}"),
                None => format!("n{place}"),
            };
            let _ = write!(text, "[ns.\"{path}\"]\n{body}");
            paths.push(path);
        }
        assert_round(&text)?;
    }
}

#[test]
fn every_example_is_the_same_when_it_is_read_again() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for path in std::fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.extension().is_some_and(|end| end == "toml") {
            assert_round(&std::fs::read_to_string(&path).unwrap()).unwrap();
        }
    }
}
