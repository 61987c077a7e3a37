//! The command line itself, and the verbs that only talk about the program.

use crate::harness::Nestns;

#[test]
fn the_version_is_that_of_the_package() {
    let expected = concat!("nestns ", env!("CARGO_PKG_VERSION"), "\n");
    for arguments in ["version", "--version"] {
        let outcome = Nestns::new(&[arguments]).run();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, expected));
    }
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for arguments in [
        &[][..],
        &["banana"],
        &["check", "--banana"],
        &["check", "--stri"],
        &["check", "--format", "xml"],
    ] {
        let outcome = Nestns::new(arguments).run();
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_flag_can_be_set_by_the_environment() {
    let outcome = Nestns::new(&["check", "-"])
        .input("[ns.a]\ninit = [\"cat\"]\n")
        .env("NESTNS_STRICT", "1")
        .run();
    assert_eq!(outcome.code, 1);
}

#[test]
fn the_manual_page_is_roff() {
    let outcome = Nestns::new(&["man"]).run();
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stdout.contains(".TH nestns 1"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("check"), "{}", outcome.stdout);
}

#[test]
fn every_verb_has_a_manual_page_of_its_own() {
    for verb in [
        "up",
        "run",
        "check",
        "tree",
        "graph",
        "explain",
        "schema",
        "new",
        "actor",
        "completions",
        "man",
        "version",
    ] {
        let outcome = Nestns::new(&["man", verb]).run();
        assert_eq!(outcome.code, 0, "{verb}");
        assert!(
            outcome
                .stdout
                .contains(&format!(".SH NAME\nnestns\\-{verb} \\-")),
            "{}",
            outcome.stdout
        );
    }
    assert_eq!(Nestns::new(&["man", "nothing"]).run().code, 2);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = Nestns::new(&["completions", shell]).run();
        assert_eq!(outcome.code, 0);
        assert!(outcome.stdout.contains("nestns"), "{shell}");
    }
}
