//! Addresses on command lines about a running topology: which process is meant, and what is said where none is.

use std::path::Path;

use crate::harness::STATE_ROOT;
use crate::harness::detached::{Detached, ended};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, program};
use crate::harness::requirement::{nesting, require};
use crate::harness::terminal::Terminal;

const TREE: &str = r#"
[ns.@]
proc.idle = { actor = "idle" }
[ns."@/w"]
count = 3
proc.job = { actor = "idle" }
"#;

#[test]
fn a_detached_topology_runs_until_down() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        assert!(
            detached.up.stdout.contains(&detached.nest.root),
            "{}",
            detached.up.stdout
        );
        assert_eq!(
            detached
                .truth()
                .pids(&format!("{}/w.2/job", detached.nest.root))
                .len(),
            3
        );
        assert!(detached.is_running() && detached.controller().as_raw() > 1);
        let down = ended(detached.start(&["down", "@"]));
        assert_eq!(down.code, 0, "{}", down.stderr);
        assert!(!detached.is_running());
    });
}

#[test]
fn an_unknown_address_is_reported_with_similar_names() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TREE));
    let root = &detached.nest.root;
    let table = [
        ("@/w.1/jbo", format!("did you mean `{root}/w.1/job`")),
        ("@/idle/", format!("`{root}/idle` is a process")),
        ("host", "`host` is outside the topology".to_owned()),
        (
            "@/w.0#99",
            "no process of the topology has the number 99".to_owned(),
        ),
        (
            "nothing-like-it-at-all-anywhere-here",
            "`nestns tree` shows all namespaces and processes".to_owned(),
        ),
    ];
    for (address, said) in table {
        let outcome = detached.nestns(&["kill", address]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (1, ""),
            "{address}"
        );
        assert!(
            outcome.stderr.contains(&said),
            "{address}: {}",
            outcome.stderr
        );
    }
    for (address, said) in [
        ("@//idle", "an empty segment"),
        ("/@", "begins with a name"),
        ("other:/@ x", ""),
    ] {
        let outcome = detached.nestns(&["kill", address]);
        assert_eq!(outcome.code, 2, "{address}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(said),
            "{address}: {}",
            outcome.stderr
        );
    }
    let outcome = detached.nestns(&["kill", "@:/@/idle", "other:/x"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert_eq!(detached.nestns(&["kill", "other:/@/idle"]).code, 1);
    assert_eq!(detached.nestns(&["down", "@", "@/w.7"]).code, 1);
    assert_eq!(
        detached.run(&["kill", "-s", "CONT", "@:/@/idle"]),
        format!("{root}/idle\n")
    );
}

/// Completions of bash for a line that ends at the cursor.
fn proposed(detached: &Detached, line: &str) -> Vec<String> {
    let program = program().display().to_string();
    // As bash itself splits it: a colon and an equals sign are words of their own.
    let script = r#"
        source <(COMPLETE=bash "$1")
        COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
        COMP_WORDS=("${@:3}"); COMP_CWORD=$(($# - 3)); COMP_TYPE=9
        current=${COMP_WORDS[COMP_CWORD]}
        if [[ $current == [:=] ]]; then current=""; fi
        _clap_complete_nestns nestns "$current" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let line = line.replace('@', &detached.nest.root);
    let mut words: Vec<String> = vec![
        "-c".to_owned(),
        script.to_owned(),
        "bash".to_owned(),
        program,
        line.clone(),
    ];
    for word in line.split(' ') {
        let mut rest = word;
        if rest.is_empty() {
            words.push(String::new());
        }
        while let Some(place) = rest.find([':', '=']) {
            words.extend(
                [&rest[..place], &rest[place..=place]]
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            );
            rest = &rest[place + 1..];
        }
        if !rest.is_empty() {
            words.push(rest.to_owned());
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = detached
        .nest
        .other_command(Path::new("bash"), &words)
        .output()
        .expect("bash is here");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.is_empty(),
        "{line}: {stderr}"
    );
    let text = String::from_utf8(output.stdout).expect("it is text");
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.replace(&detached.nest.root, "@"))
        .collect()
}

#[test]
fn bash_completes_running_paths() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TREE).identity(identity));
        let table: &[(&str, &[&str])] = &[
            ("nestns kil", &["kill"]),
            ("nestns kill @", &["@/"]),
            (
                "nestns kill @/",
                &["@/w.0/", "@/w.1/", "@/w.2/", "@/init", "@/idle"],
            ),
            ("nestns kill -s TERM @/w.1/", &["@/w.1/init", "@/w.1/job"]),
            ("nestns wait @/idle @/w.2/j", &["@/w.2/job"]),
            ("nestns kill @/nothing", &[]),
            ("nestns down ", &["@"]),
            ("nestns down @ @/id", &["@/idle"]),
            ("nestns wait -n @", &["@"]),
            ("nestns wait -n @ @/id", &["@/idle"]),
            ("nestns wait @:/@/w.0/", &["/@/w.0/init", "/@/w.0/job"]),
            ("nestns wait @:", &["/@/"]),
            ("nestns wait --for re", &["ready"]),
            ("nestns wait --for=re", &["ready"]),
            ("nestns exec @/w.0/j", &["@/w.0/job"]),
        ];
        for (line, expected) in table {
            let mut found = proposed(&detached, line);
            // Flags may stand everywhere.
            found.retain(|word| !word.starts_with('-'));
            assert_eq!(found, *expected, "{line}");
        }
    });
}

#[test]
fn tab_completes_the_path_of_a_running_process() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TREE));
    let state = detached.nest.state();
    let nest = Nest::new("").env(STATE_ROOT, state.to_str().expect("our own path"));
    let mut terminal = Terminal::foreground_of(nest, &["bash", "--norc", "-i"]);
    terminal.expect("$ ");
    let path = program()
        .parent()
        .expect("it is in a directory")
        .display()
        .to_string();
    terminal.send(format!(
        "PATH={path}:$PATH; source <(nestns completions bash)\r"
    ));
    terminal.expect("$ ");
    let root = &detached.nest.root;
    let start = &root[..root.len() - 1];
    terminal.send(format!("nestns kill -s CONT {start}\tw.1/j\t\r"));
    terminal.expect(&format!("\n{root}/w.1/job"));
    terminal.send("exit\r");
    terminal.close();
}
