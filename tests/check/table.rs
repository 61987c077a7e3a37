//! The table of codes against the tests: a code that no test shows is untested.

use nestns_topology::diagnostic::Code;

/// True for a code of the controller, which is shown by the commands of its explanation.
fn is_of_a_run(code: Code) -> bool {
    code.text().starts_with("NS4") || code.text().starts_with("NS5")
}

#[test]
fn every_code_is_shown_by_a_test() {
    let tests = [
        include_str!("expectations.rs"),
        include_str!("files.rs"),
        include_str!("keys.rs"),
        include_str!("lints.rs"),
        include_str!("names.rs"),
        include_str!("numbers.rs"),
        include_str!("processes.rs"),
        include_str!("programs.rs"),
        include_str!("ready.rs"),
        include_str!("surroundings.rs"),
        include_str!("syntax.rs"),
        include_str!("tree.rs"),
        include_str!("values.rs"),
        include_str!("../expand/generators.rs"),
        include_str!("../expand/includes.rs"),
        include_str!("../expand/names.rs"),
        include_str!("../expand/placeholders.rs"),
        include_str!("../expand/templates.rs"),
        include_str!("../expand/variables.rs"),
    ]
    .concat();
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !is_of_a_run(**code))
        .filter(|code| !tests.contains(&format!("[{code}]")))
        .map(ToString::to_string)
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
