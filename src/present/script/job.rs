//! The command line of a program: environment, directory, user, words and redirections.
//!
//! env(1) and setpriv(1) execute their arguments, so that a program keeps the number that its fork got.

use super::flags::Flag;
use super::namespace_script::Job;
use super::page::Page;
use super::series::MARK;
use super::words::{Place, word};
use nestns_topology::{Output, Stdin, Terminal};

/// Words that a shell interprets itself at the beginning of a command: the keywords and builtins of dash and bash.
const OF_THE_SHELL: &[&str] = &[
    "!",
    ".",
    ":",
    "[",
    "[[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
    "{",
    "}",
];

/// Runner of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    /// A shell, as a command of its own.
    Shell,
    /// `exec`, unshare or nsenter, which execute a file in any case.
    Other,
}

/// The command without its redirections.
pub(super) fn command(
    job: &Job,
    owner: &str,
    place: Place,
    runner: Runner,
    page: &mut Page,
) -> String {
    let mut parts: Vec<String> = Vec::new();
    let program = job.words.first().map_or("", String::as_str);
    let needs_env =
        runner == Runner::Shell && job.user.is_none() && OF_THE_SHELL.contains(&program);
    if job.cwd.is_some() || !job.env.is_empty() || needs_env {
        parts.push("env".to_owned());
        if let Some(cwd) = &job.cwd {
            parts.push(word(
                &format!("--chdir={}", cwd.display()),
                place,
                owner,
                page,
            ));
        }
        for (name, value) in &job.env {
            parts.push(word(&format!("{name}={value}"), place, owner, page));
        }
    }
    if let Some(user) = job.user.as_deref().filter(|user| !is_root(user)) {
        page.flags.insert(Flag::Setpriv);
        parts.push(become_user(user, place, owner, page));
    }
    if program.starts_with('-') && (runner == Runner::Other || !parts.is_empty()) {
        parts.push("--".to_owned());
    }
    let mut words = job.words.iter().map(|text| word(text, place, owner, page));
    // Unquoted it would be an assignment.
    parts.extend(words.next().map(|first| {
        if first == program && first.contains('=') {
            format!("\"{first}\"")
        } else {
            first
        }
    }));
    parts.extend(words);
    parts.join(" ")
}

/// The redirections, with a space before each. A background command reads /dev/null anyway.
pub(super) fn redirections(job: &Job, owner: &str, place: Place, page: &mut Page) -> String {
    let mut text = String::new();
    match (&job.stdin, job.terminal) {
        (_, Terminal::Own) => {
            page.flags.insert(Flag::Terminal);
            text.push_str(" </dev/tty");
        }
        (Stdin::Null, Terminal::None) => {}
        (Stdin::Inherit, Terminal::None) => text.push_str(" <&3"),
        (Stdin::File(path), Terminal::None) => {
            text.push_str(" <");
            text.push_str(&word(&path.to_string_lossy(), place, owner, page));
        }
    }
    for (number, output) in [("", &job.stdout), ("2", &job.stderr)] {
        match output {
            Output::Log | Output::Inherit => {}
            Output::Null => text.extend([" ", number, ">/dev/null"]),
            Output::File(path) => {
                text.extend([
                    " ",
                    number,
                    ">>",
                    &word(&path.to_string_lossy(), place, owner, page),
                ]);
            }
        }
    }
    text
}

/// Returns true if the user is root, which the script runs as in any case.
fn is_root(user: &str) -> bool {
    matches!(
        user,
        "0" | "root" | "0:0" | "root:root" | "0:root" | "root:0"
    )
}

/// setpriv(1) and its options. A user that the database knows has its groups; a number or a group that is given, no others.
fn become_user(user: &str, place: Place, owner: &str, page: &mut Page) -> String {
    let (uid, group) = user
        .split_once(':')
        .map_or((user, None), |(user, group)| (user, Some(group)));
    // A number that differs from replica to replica cannot be looked up.
    if let Some(group) = group.or_else(|| user.contains(MARK).then_some(user)) {
        let options = [("reuid", uid), ("regid", group), ("groups", group)];
        let options =
            options.map(|(name, value)| word(&format!("--{name}={value}"), place, owner, page));
        return format!("setpriv {}", options.join(" "));
    }
    let is_number = user.bytes().all(|byte| byte.is_ascii_digit());
    let user = user.replace('$', "\\$");
    let name = page.user(&user, |name| {
        let known =
            format!("export {name}=\"--reuid={user} --regid=$(id -g {user}) --init-groups\"");
        let unknown = format!("export {name}=\"--reuid={user} --regid={user} --groups={user}\"");
        if is_number {
            format!("if id {user} >/dev/null 2>&1; then {known}; else {unknown}; fi")
        } else {
            known
        }
    });
    format!("setpriv ${name}")
}
