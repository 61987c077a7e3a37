//! Deep and endless input: refused with a place, in bounded time and on a small stack, wherever something nests.

use crate::harness::Nestns;

/// A name of what is nested, and a file with it.
type Nested = (&'static str, String);

/// A declaration for each number, in which `@` is it and `#` the next.
fn links(deep: usize, declaration: &str) -> String {
    let links: Vec<String> = (0..deep)
        .map(|at| {
            declaration
                .replace('@', &at.to_string())
                .replace('#', &(at + 1).to_string())
        })
        .collect();
    links.concat()
}

/// Files of TOML with something nested so many times, whatever it means.
fn syntax(deep: usize) -> Vec<Nested> {
    vec![
        (
            "arrays",
            format!("x = {}{}\n", "[".repeat(deep), "]".repeat(deep)),
        ),
        (
            "inline tables",
            format!("x = {}1{}\n", "{ a = ".repeat(deep), " }".repeat(deep)),
        ),
        ("dotted keys", format!("x{} = 1\n", ".a".repeat(deep))),
        (
            "dotted keys in inline tables",
            format!("x = {{ y{} = 1 }}\n", ".a".repeat(deep)),
        ),
        ("headers", format!("[x{}]\n", ".a".repeat(deep))),
        ("arrays of tables", format!("[[x{}]]\n", ".a".repeat(deep))),
    ]
}

/// Files with a placeholder in which something is nested so many times.
fn placeholders(deep: usize) -> Vec<Nested> {
    let sh = |text: String| format!("[ns.a]\nproc.x = {{ sh = \"{text}\" }}\n");
    vec![
        (
            "defaults of the environment",
            sh(format!("{{{{{}1}}}}", "env.A ?? ".repeat(deep))),
        ),
        (
            "parentheses",
            sh(format!("{{{{{}1{}}}}}", "(".repeat(deep), ")".repeat(deep))),
        ),
        ("signs", sh(format!("{{{{{}1}}}}", "-".repeat(deep)))),
        ("sums", sh(format!("{{{{1{}}}}}", "+1".repeat(deep)))),
    ]
}

/// Files whose declarations lie in each other, or refer to each other, so many times.
fn declarations(deep: usize) -> Vec<Nested> {
    vec![
        (
            "namespaces in namespaces",
            format!("[ns.a{}]\n", ".ns.a".repeat(deep)),
        ),
        ("a long path", format!("[ns.\"a{}\"]\n", "/a".repeat(deep))),
        (
            "variables",
            format!(
                "[vars]\nv{deep} = 1\n{}[ns.a]\ncount = \"{{{{v0}}}}\"\n",
                links(deep, "v@ = \"{{v#}}\"\n")
            ),
        ),
        (
            "templates",
            format!(
                "[template.t{deep}]\n{}[ns.a]\nuse = \"t0\"\n",
                links(deep, "[template.t@]\nuse = \"t#\"\n")
            ),
        ),
        (
            "waiting",
            format!(
                "[ns.a]\nproc.p{deep} = {{ cmd = \"x\" }}\n{}",
                links(deep, "proc.p@ = { cmd = \"x\", after = [\"p#\"] }\n")
            ),
        ),
        ("depth of a generator", format!("[ns.a]\ndepth = {deep}\n")),
    ]
}

/// Files with a value that has a syntax of its own, in which something is nested so many times.
fn values(deep: usize) -> Vec<Nested> {
    vec![
        (
            "braces of addresses",
            format!(
                "[ns.a]\n[[expect]]\nfrom = \"{}a{}\"\nsees = \"a\"\n",
                "{a,".repeat(deep),
                "}".repeat(deep)
            ),
        ),
        (
            "stars of addresses",
            format!(
                "[ns.a]\n[[expect]]\nfrom = \"a\"\nsees = \"{}\"\n",
                "*a".repeat(deep)
            ),
        ),
        (
            "patterns",
            format!(
                "[ns.a]\nproc.x = {{ cmd = \"x\", ready = {{ log = '{}a{}' }} }}\n",
                "(".repeat(deep),
                ")".repeat(deep)
            ),
        ),
        (
            "durations",
            format!("[ns.a]\nstop.grace = \"{}\"\n", "1h".repeat(deep)),
        ),
        (
            "words of an actor",
            format!(
                "[ns.a]\nproc.x = {{ actor = \"{}\" }}\n",
                "idle ".repeat(deep)
            ),
        ),
    ]
}

#[test]
fn deeply_nested_input_does_not_overflow_the_stack() {
    for deep in [100, 3_000, 30_000] {
        let files = [syntax, placeholders, declarations, values].map(|files| files(deep));
        for (what, file) in files.into_iter().flatten() {
            // Chains of declarations cost more than a character each.
            if file.len() > 1 << 20 && deep > 3_000 {
                continue;
            }
            let outcome = Nestns::new(&["check", "-"]).input(file.as_str()).run();
            assert!(
                matches!(outcome.code, 0 | 3),
                "{deep} {what}: {} {}",
                outcome.code,
                outcome.stderr
            );
            let tree = Nestns::new(&["config", "-"]).input(file).run();
            assert!(
                matches!(tree.code, 0 | 3),
                "{deep} {what}: {} {}",
                tree.code,
                tree.stderr
            );
        }
    }
}

#[test]
fn deeply_nested_arguments_do_not_overflow_the_stack() {
    for deep in [100, 10_000] {
        for word in [
            "{a,".repeat(deep),
            "*".repeat(deep),
            "a/".repeat(deep),
            "w.0..9".repeat(deep),
            "(".repeat(deep),
        ] {
            for words in [
                &["pid", &word][..],
                &["ps", &word],
                &["see", &word],
                &["wait", "--timeout", &word],
            ] {
                let outcome = Nestns::new(words).run();
                assert!(
                    matches!(outcome.code, 1..=3),
                    "{deep} {words:?}: {}",
                    outcome.code
                );
            }
        }
    }
}
