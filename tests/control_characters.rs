//! Control characters in the output of programs: shown, not obeyed.

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};
use crate::harness::terminal::Terminal;

const FORGER: &str = "name = '@'\n[ns.@]\n\
    proc.evil = { sh = 'printf \"hello\\rb/bank  | approved\\n\\302\\2332Jx\\n\\342\\200\\256abc\\n\\033[2J\\033[31mred\\033[0m\\nwin\\r\\n\"; \
    echo done; sleep 1000', ready = { log = 'done' } }\n";

#[test]
fn a_program_cannot_overwrite_the_line_of_another() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(FORGER).identity(identity));
        let text = detached.run(&["logs"]);
        for line in [
            "hello\\rb/bank  | approved\n",
            "\\u{9b}2Jx\n",
            "\\u{202e}abc\n",
            "│ red\n",
            "│ win\n",
        ] {
            assert!(text.contains(line), "{identity:?} {line:?}: {text:?}");
        }
        let coloured = detached.run(&["logs", "--color", "always"]);
        for line in [
            "hello\\rb/bank",
            "\\u{1b}[2J\x1b[31mred\x1b[0m\n",
            "\\u{202e}abc\n",
        ] {
            assert!(
                coloured.contains(line),
                "{identity:?} {line:?}: {coloured:?}"
            );
        }
        let raw = detached.run(&["logs", "--raw"]);
        assert!(
            raw.contains("hello\rb/bank") && raw.contains("\x1b[2J") && raw.contains('\u{202e}'),
            "{raw:?}"
        );
    });
}

#[test]
fn a_program_cannot_overwrite_the_line_of_another_on_a_terminal() {
    require!(nesting());
    let nest = Nest::new(FORGER);
    let file = nest.file.display().to_string();
    let mut terminal = Terminal::foreground(nest, &["up", &file]);
    terminal.expect("hello\\rb/bank  | approved");
    terminal.expect("\\u{1b}[2J");
    terminal.expect("done");
    terminal.send("\x03");
    terminal.close();
}

#[test]
fn control_characters_of_arguments_and_files_are_escaped_in_errors() {
    for words in [
        &["explain", "a\x1b[2Jb"][..],
        &["check", "no\rsuch\u{202e}.toml"],
        &["up", "no\x1b[2Jsuch.toml"],
    ] {
        let outcome = crate::harness::Nestns::new(words).run();
        assert_ne!(outcome.code, 0, "{words:?}");
        let has_power = |c: char| matches!(c, '\r' | '\x1b' | '\u{202e}');
        assert!(
            !outcome.stderr.contains(has_power),
            "{words:?}: {:?}",
            outcome.stderr
        );
        assert!(
            !outcome.stdout.contains(has_power),
            "{words:?}: {:?}",
            outcome.stdout
        );
    }
}
