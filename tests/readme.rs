//! The README is true: its topologies are good, its commands do what it shows, its transcript is one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::Nestns;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left, program};
use crate::harness::requirement::{nesting, require};
use nix::sys::signal::Signal;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
        .expect("it is there")
}

/// The fenced blocks of a language.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if found == language {
                blocks.push(block.join("\n") + "\n");
            }
        }
    }
    blocks
}

/// The steps of the tour: the file, and what the README shows of it.
fn tour() -> Vec<(String, String)> {
    let text = readme();
    let steps = text.split("<!-- examples/tour/").skip(1).map(|step| {
        let (name, rest) = step.split_once(" -->\n```toml\n").expect("a block follows");
        (
            format!("examples/tour/{name}"),
            rest.split("```").next().expect("it ends").to_owned(),
        )
    });
    steps.collect()
}

#[test]
fn the_tour_is_five_files_of_growing_size() {
    let steps = tour();
    assert_eq!(steps.len(), 5);
    for (path, shown) in &steps {
        let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
            .expect("it is there");
        assert_eq!(&file, shown, "{path}");
    }
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].1.len() < pair[1].1.len())
    );
}

#[test]
fn the_topologies_are_valid() {
    for (path, _) in tour() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let outcome = Nestns::new(&["check", "--strict", path.to_str().expect("text")]).run();
        assert_eq!(outcome.code, 0, "{}{}", outcome.stdout, outcome.stderr);
    }
    assert_eq!(
        blocks("toml").len(),
        tour().len(),
        "every topology of the README is a step of the tour"
    );
}

#[test]
fn the_picture_is_the_output_of_graph() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let outcome = Nestns::new(&[
        "graph",
        "--format",
        "svg",
        examples.join("dind.toml").to_str().expect("text"),
    ])
    .run();
    snapbox::assert_data_eq!(
        outcome.stdout,
        snapbox::Data::read_from(&examples.join("dind.svg"), None).raw()
    );
}

#[test]
fn the_script_is_that_of_the_examples_and_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pod.sh");
    assert_eq!(
        blocks("shell"),
        [fs::read_to_string(&path).expect("it is there")]
    );
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        // A place that every user may read.
        for name in ["pod.toml", "pod.sh"] {
            let example = path.with_file_name(name);
            fs::copy(example, nest.directory.path().join(name)).expect("the directory is writable");
        }
        let directory = program()
            .parent()
            .expect("a directory")
            .display()
            .to_string();
        let search = format!("{directory}:{}", std::env::var("PATH").unwrap_or_default());
        let output = nest
            .other_command(Path::new("/bin/sh"), &["-eu", "pod.sh"])
            .env("PATH", search)
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{stdout}{stderr}");
        for said in [
            "I am 5 on web-7d4b9, my parent is 0: outside\n",
            "node/batch-main     │ my PID 1 is init\n",
            "node/batch-sidecar  │ my PID 1 is init\n",
            "node/web/envoy",
            "kube stopped in",
        ] {
            assert!(stdout.contains(said), "{said:?} is in\n{stdout}{stderr}");
        }
        assert_nothing_left(&nest);
    });
}

#[test]
fn the_build_and_test_commands_are_those_of_ci() {
    assert_eq!(
        blocks("sh"),
        [
            "cargo run --profile quick --locked -- up examples/dind.toml\n",
            "cargo test --locked\n"
        ]
    );
    assert!(readme().contains("<!-- test-command -->\n```sh\ncargo test"));
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run"))
        .expect("it is there");
    assert!(
        script.contains("test-command"),
        "CI takes the command from the README"
    );
}

#[test]
fn the_readme_lists_every_verb() {
    let help = Nestns::new(&["--help"]).run().stdout;
    let list = help
        .split("Commands:\n")
        .nth(1)
        .expect("there are verbs")
        .split("\n\n")
        .next()
        .expect("a list");
    let verbs: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty())
        .collect();
    assert!(verbs.len() > 30, "{verbs:?}");
    let text = readme();
    for verb in verbs
        .iter()
        .filter(|verb| !matches!(**verb, "help" | "version"))
    {
        let is_told = ["nestns ", "`", "· `"]
            .iter()
            .any(|before| text.contains(&format!("{before}{verb}")));
        assert!(is_told, "the README does not tell of `{verb}`");
    }
}

#[test]
fn short_commands_print_what_is_shown() {
    require!(nesting());
    let nest = Nest::new("");
    let path = format!(
        "{}:{}",
        program().parent().expect("a directory").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for block in blocks("console")
        .iter()
        .filter(|block| !block.contains("^C"))
    {
        let mut lines = block.lines().peekable();
        while let Some(command) = lines.next().and_then(|line| line.strip_prefix("$ ")) {
            let mut expected = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                expected.push_str(line);
                expected.push('\n');
            }
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env("PATH", &path)
                .env("NESTNS_STATE_ROOT", nest.state())
                .stdin(Stdio::null())
                .output()
                .expect("there is a shell");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                expected,
                "{command}"
            );
        }
    }
}

/// A transcript with what differs from run to run taken out: numbers on the host, times, the padding between.
fn redact(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let mut numbers = word.splitn(2, '/');
        match (numbers.next(), numbers.next()) {
            (Some(host), Some(rest)) if host.parse::<u32>().is_ok() => format!("[pid]/{rest}"),
            (Some(number), None) if number.parse::<f64>().is_ok() && line.contains("ed") => {
                "[n]".to_owned()
            }
            _ if matches!(word, "µs" | "ms" | "s") => "[unit]".to_owned(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_transcript_is_real() {
    require!(nesting());
    let transcript = blocks("console")
        .into_iter()
        .find(|block| block.contains("^C"))
        .expect("it has one");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/dind.toml");
    let nest = Nest::new("");
    let mut running = nest.start_verb(&["up", example.to_str().expect("our own path")]);
    running.until_stdout_has("runner: step 1\n");
    running.signal(Signal::SIGINT);
    let ended = running.wait();
    assert_eq!(ended.code, 130);
    let found = format!("{}{}", ended.stderr, ended.stdout);
    let found: Vec<String> = found.lines().map(redact).collect();
    // What runs at the same time is seen in any order, and how many steps fit in before the end is the machine's.
    for line in transcript
        .lines()
        .filter(|line| !line.starts_with("$ ") && *line != "^C")
    {
        let line = redact(line);
        assert!(
            found.contains(&line),
            "the README shows {line:?}, a run {found:#?}"
        );
    }
    let mut shown = transcript.lines().map(redact);
    assert!(
        found
            .iter()
            .all(|line| line.contains("step") || shown.clone().any(|shown| &shown == line)),
        "{found:#?}"
    );
    assert!(
        shown
            .next()
            .is_some_and(|line| line == "$ nestns up examples/dind.toml")
    );
}
