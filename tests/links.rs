//! Links and paths in the Markdown documents, compared with the tree of files.

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// The Markdown documents that people read, with their directories.
fn documents(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in ["", "docs", "examples", "tests", "benches", "fuzz"] {
        let Ok(entries) = fs::read_dir(root.join(directory)) else {
            continue;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(
            paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
    found
}

/// Returns whether one word of a label such as `` `engine::stop_plan` `` names the file; a type, or the program, need not.
fn names(label: &str, target: &Path) -> bool {
    let module = label.trim_matches('`');
    if !module
        .chars()
        .all(|c| c.is_ascii_lowercase() || c == '_' || c == ':')
    {
        return true;
    }
    let file = match target.file_stem().and_then(|stem| stem.to_str()) {
        Some("main") => return true,
        Some("mod" | "lib") => return module_directory(target, module),
        Some(stem) => stem,
        None => return false,
    };
    module.split("::").any(|word| word == file)
}

/// Names of a directory: that of a module, or that of a crate with its `src`.
fn module_directory(target: &Path, module: &str) -> bool {
    let directories = target.iter().filter_map(|part| part.to_str()).rev().skip(1);
    directories
        .take(2)
        .any(|directory| module.split("::").any(|word| word == directory))
}

#[test]
fn every_link_and_path_in_a_document_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let link = Regex::new(r"\[([^\]]*)\]\(([^)#\s]+)(?:#[^)]*)?\)").unwrap();
    let path =
        Regex::new(r"`((?:src|crates|tests|benches|docs|fuzz|examples)/[a-z0-9_./-]+)`").unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents(root) {
        let text = fs::read_to_string(&document).unwrap();
        let name = document.strip_prefix(root).unwrap().display();
        let directory = document.parent().unwrap();
        for found in link.captures_iter(&text) {
            let (label, target) = (&found[1], &found[2]);
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let target = Path::new(target);
            if !directory.join(target).exists() {
                wrong.push(format!("{name}: no file {}", target.display()));
            } else if label.starts_with('`')
                && target.extension().is_some_and(|e| e == "rs")
                && !names(label, target)
            {
                wrong.push(format!("{name}: {label} is not {}", target.display()));
            }
        }
        for found in path.captures_iter(&text) {
            seen += 1;
            if !root.join(&found[1]).exists() {
                wrong.push(format!("{name}: no file {}", &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 40, "only {seen} links and paths were found");
}
