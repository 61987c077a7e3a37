//! Random files: the parser answers every text, and the answer can be shown.

use nestns_topology::diagnostic::{Color, Format, Source, render};
use nestns_topology::{Request, parse};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::harness::random;
use crate::schema::agrees;

const EXAMPLES: [&str; 5] = [
    "name = \"dind\"\n[defaults.ns]\nunshare = [\"mount\", \"uts\"]\nstop = { signal = \"TERM\", grace = \"4s\" }\n\
     [ns.vm]\nhostname = \"vm\"\nproc.dockerd = \"x idle\"\n[ns.\"vm/ci\"]\nlabels = { image = \"é\" }\n\
     proc.runner = { sh = 'echo $$', after = { dockerd = \"started\" } }\nproc.dockerd = [\"a\"]\n\
     [ns.\"vm/ci/job\"]\ninit = { actor = \"tree --children=3\" }\n[[expect]]\nfrom = \"vm\"\n",
    "[ns.node.ns.web.proc]\napp = { cmd = [\"serve\"], enter = \"join\", tty = true }\n\
     log = { actor = \"log --rate 3 --for 2s\", after = { app = \"ready\", log = \"ok\" }, ready = { log = \"x$\" }, ok = [0, 3], stdout = \"/x\" }\n\
     [ns.node.ns.web]\ninit = \"pause\"\nenv = { A = \"b\" }\n[ns.\"node/web\"]\ncwd = \"/\"\n[limits]\ndepth = 3\n",
    "x = [1, 2, {a = 1.5}]\n[ns.a]\nstop = { grace = 5 }\nproc.a = { after = { b = \"ok\" }, cmd = \"x | y\" }\n\
     proc.b = { after = { a = \"ok\" }, cmd = \"'\", ready = { log = \"(x\", fd = 2 }, restart = \"always\" }\nparent = \"q\"\n",
    "[vars]\nn = 2\nm = \"{{n * 2 - 1}}\"\nw = \"{{env.X ?? 'w'}}-{{topology}}\"\n[defaults.ns]\nuse = \"base\"\n\
     hostname = \"h{{level}}\"\n[template.base]\nenv = { A = \"{{path}} {{i}}\" }\n[template.t]\ncount = \"{{m}}\"\n\
     proc.p = { cmd = \"x {{name}}\", count = \"{{i + 1}}\" }\n[template.\"t/c\"]\ndepth = 3\nfanout = 2\n\
     proc.q = { sh = \"{{w}}\", at = \"1..2\" }\n[template.\"t/c/d\"]\n[ns.a]\nuse = [\"t\"]\n[ns.\"a/c\"]\n\
     as = \"{{name}}-{{level}}-{{i}}\"\n[ns.b.ns.c]\nuse = \"t\"\n[ns.b]\ndepth = 2\n",
    "expanded = true\n[ns.\"w.0\"]\nproc.\"p.0\" = [\"{{x}}\"]\n[ns.\"w.0/t.1.0\"]\ninclude = \"x\"\n\
     [template.x]\nuse = \"x\"\n[template.\"x/y\"]\nuse = [\"x\", \"x/y\"]\n[limits]\nnamespaces = 3\n",
];

/// A piece of a file that is cut out, and what is put in its place.
type Mutation = (prop::sample::Index, prop::sample::Index, String);

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (start, length, replacement) in mutations {
        let start = start.index(characters.len() + 1);
        let end = (start + length.index(8)).min(characters.len());
        characters.splice(start..end, replacement.chars());
    }
    characters.into_iter().collect()
}

/// Parses and renders in every format; the tree and the errors must agree with each other.
fn digest(text: String) {
    let source = Source::new("x.toml", text);
    let parsed = parse(Request::new(source, "x"));
    if parsed.topology.is_some() {
        agrees(parsed.sources.main().text());
    }
    assert_eq!(parsed.topology.is_some(), !parsed.diagnostics.has_errors());
    for format in [
        Format::Human,
        Format::Short,
        Format::Json,
        Format::Github,
        Format::Sarif,
    ] {
        render(
            format,
            Color::Plain,
            &[(&parsed.sources, &parsed.diagnostics)],
        );
    }
}

fn runner() -> TestRunner {
    random::runner(1000, u32::MAX)
}

#[test]
fn mutated_examples_never_panic() {
    let pieces = prop_oneof![
        "[\\[\\]{}=.,\"'#\n a-z0-9/-]{0,4}",
        any::<char>().prop_map(String::from),
        Just("ns.".to_owned())
    ];
    let mutation = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        pieces,
    );
    let strategy = (0..EXAMPLES.len(), prop::collection::vec(mutation, 1..5));
    runner()
        .run(&strategy, |(example, mutations)| {
            digest(mutate(EXAMPLES[example], &mutations));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_text_is_answered() {
    runner()
        .run(&any::<String>(), |text| {
            digest(text);
            Ok(())
        })
        .unwrap();
}

#[test]
fn deep_and_long_files_are_answered() {
    digest(format!("[ns.{}]", vec!["a"; 10_000].join(".")));
    digest(format!("[ns.\"{}\"]", vec!["a"; 10_000].join("/")));
    digest(format!("a = {}", "[".repeat(100_000)));
    digest(format!("ns = {}", "{a={ns=".repeat(10_000)));
    digest(format!("ns{} = 1", ".a.ns".repeat(39)));
    digest("\u{feff}[ns.a]\r\ninit = 1\r\n".to_owned());
    digest(format!(
        "[ns.a]\nstop = {{ grace = \"{}s\" }}",
        "9".repeat(10_000)
    ));
}
