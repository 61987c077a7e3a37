//! Header of the script: its purpose, how to run and stop it, and the meaning of each option.

use super::Scope;
use super::caveats;
use super::flags::Flag;
use super::namespace_script::Forest;
use super::page::Page;
use super::quoting::quoted;
use crate::present::escape::escape;
use nestns_topology::{Entry, Numbering, Topology};

/// Greatest width of a comment.
const WIDTH: usize = 120;

/// Comment being written.
#[derive(Debug, Default)]
struct Comment(String);

impl Comment {
    fn say(&mut self, line: &str) {
        let line = format!("# {}", escape(line));
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Appends a paragraph behind a word, folded into lines.
    fn tell(&mut self, word: &str, indent: usize, text: &str) {
        let mut line = format!("{word:indent$}");
        for (place, piece) in text.split(' ').enumerate() {
            if place > 0 && line.chars().count() + 1 + piece.chars().count() > WIDTH - 2 {
                self.say(&line);
                line = " ".repeat(indent);
            } else if place > 0 {
                line.push(' ');
            }
            line.push_str(piece);
        }
        self.say(&line);
    }
}

/// Above the script of everything, or of a namespace with all inside.
pub(super) fn whole(
    topology: &Topology,
    arguments: &[String],
    part: Scope,
    forest: &Forest,
    page: &Page,
) -> String {
    let mut comment = Comment::default();
    comment.describe(topology);
    comment.say("");
    let path = match part {
        Scope::Subtree(id) => Some(topology.namespace(id).path.as_str()),
        _ => None,
    };
    comment.explain_use(arguments, path, page);
    if forest
        .jobs()
        .iter()
        .any(|job| job.words.first().is_some_and(|word| word == "nestns"))
    {
        comment.tell("Needs", 9, "nestns in the PATH, for the actors.");
    }
    if !forest.is_one_program() {
        comment.tell_differences(forest, page);
    }
    if page.is_too_large() {
        comment.tell(
            "Beware",
            9,
            "this is more than the kernel accepts in variables: sh will fail with \"Argument list too long\".",
        );
    }
    comment.say("");
    let column = page
        .flags
        .iter()
        .map(|flag| flag.spelling().chars().count())
        .max()
        .unwrap_or(0)
        + 2;
    page.flags
        .iter()
        .for_each(|flag| comment.tell(flag.spelling(), column, flag.meaning()));
    format!("#!/bin/sh\n{}\n", comment.0)
}

impl Comment {
    /// Name and description of the topology.
    fn describe(&mut self, topology: &Topology) {
        let description = topology.description.as_deref().unwrap_or_default();
        let mut lines = description.lines();
        self.say(&lines.next().map_or(topology.name.clone(), |first| {
            format!("{}: {first}", topology.name)
        }));
        lines.for_each(|line| self.say(line));
    }

    /// Purpose of the script, and how it is run and stopped; `path` is the namespace that it is about.
    fn explain_use(&mut self, arguments: &[String], path: Option<&str>, page: &Page) {
        let what = path.map_or_else(|| "What".to_owned(), |path| format!("{path} of what"));
        let path = path.map(|path| format!(" {path}")).unwrap_or_default();
        let tools = if page.flags.contains(&Flag::Nsenter) {
            "unshare(1) and nsenter(1)"
        } else {
            "unshare(1)"
        };
        let words: Vec<_> = arguments.iter().map(|word| quoted(word)).collect();
        let file = words.join(" ");
        self.say(&format!(
            "{what} `nestns up {file}` builds, with {tools} of util-linux."
        ));
        self.say("");
        self.tell("Run it", 9, &format!("nestns explain {file}{path} | sh"));
        self.tell(
            "Stop it",
            9,
            if page.flags.contains(&Flag::KillChild) {
                "Ctrl-C. Whenever this shell ends, everything inside ends with it."
            } else {
                "End the program: when PID 1 ends, everything inside ends."
            },
        );
    }

    /// Abilities of nestns that the script lacks, and reasons why its numbers may be others.
    fn tell_differences(&mut self, forest: &Forest, page: &Page) {
        self.tell(
            "Lacks",
            9,
            "what nestns does in addition: hold every program until the whole tree is built, wait for `after`, reap, \
             stop in order, verify.",
        );
        let reasons = caveats::of_all(forest, page);
        let numbers = "The PIDs in the comments are those of nestns, on every run.";
        if reasons.is_empty() {
            self.tell(
                "Numbers",
                9,
                &format!("{numbers} This script yields the same."),
            );
            return;
        }
        self.tell("Numbers", 9, &format!("{numbers} Here they may differ:"));
        for reason in reasons {
            self.tell("         -", 11, reason);
        }
    }
}

/// Above a single line: in which shell it is typed.
pub(super) fn single(topology: &Topology, part: Scope, parent: Option<&str>) -> String {
    let shell = |path: Option<&str>| match path {
        Some(path) => format!("run by the shell that is {path}/init"),
        None => "run by a shell on the host, as root".to_owned(),
    };
    let (Scope::Init(id) | Scope::Process(id, _) | Scope::Subtree(id)) = part else {
        return String::new();
    };
    let numbering = Numbering::predict(topology);
    let namespace = topology.namespace(id);
    let process = match part {
        Scope::Process(_, place) => namespace
            .processes
            .get(place)
            .map(|process| (place, process)),
        _ => None,
    };
    let (name, numbers, shell) = match process {
        None => ("init", numbering.init(id).to_vec(), shell(parent)),
        Some((place, process)) => {
            let shell = match process.entry {
                Entry::Fork | Entry::Init => shell(Some(&namespace.path)),
                Entry::Join => {
                    format!("{}, which has found {}/init", shell(parent), namespace.path)
                }
            };
            (process.name.as_str(), numbering.process(id, place), shell)
        }
    };
    let mut comment = Comment::default();
    let number = numbers.last().copied().unwrap_or_default();
    comment.say(&format!(
        "{}/{name}: {number} in {}, {shell}",
        namespace.path, namespace.path
    ));
    comment.0
}
