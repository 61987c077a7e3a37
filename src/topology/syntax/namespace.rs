//! A namespace as it is written, without its children.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::located::Located;
use super::program::ProgramSyntax;
use super::reader::{Entry, alternatives, entries};
use super::restart::RestartSyntax;
use super::stop::StopSyntax;
use super::suggest::did_you_mean;
use super::unknown::report_unknown;
use super::vocabulary::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::topology::labels::Labels;
use crate::topology::namespace::Isolation;
use crate::topology::toml_text::Table;

/// Who is PID 1.
#[derive(Debug, Clone)]
pub(in crate::topology) enum InitSyntax {
    Builtin,
    Pause,
    /// A program or an actor; one that was reported is still one.
    Program(ProgramSyntax),
    /// Something that was reported, so that nothing can be said about what depends on it.
    Broken,
}

/// What is said about a namespace, all layers merged.
#[derive(Debug, Clone, Default)]
pub(in crate::topology) struct NamespaceBody {
    pub(in crate::topology) description: Option<String>,
    pub(in crate::topology) labels: Labels,
    pub(in crate::topology) init: Option<Located<InitSyntax>>,
    pub(in crate::topology) unshare: Option<Located<Isolation>>,
    pub(in crate::topology) mount_proc: Option<Located<bool>>,
    pub(in crate::topology) hostname: Option<String>,
    pub(in crate::topology) domainname: Option<String>,
    pub(in crate::topology) env: BTreeMap<String, String>,
    pub(in crate::topology) cwd: Option<PathBuf>,
    pub(in crate::topology) tty: Option<Located<bool>>,
    pub(in crate::topology) stop: StopSyntax,
    pub(in crate::topology) restart: RestartSyntax,
}

impl NamespaceBody {
    /// Reads everything but what is inside it and how often it is there. `path` is that of one namespace that it is of.
    pub(in crate::topology) fn read(table: &Table, path: &str, out: &mut Diagnostics) -> Self {
        let mut body = Self::default();
        for key in entries(table) {
            match key.key {
                "proc" | "ns" | "use" | "include" | "count" | "depth" | "fanout" | "as" => {}
                "description" => body.description = key.string(out).map(|text| text.value),
                "labels" => body.labels = key.labels(out),
                "init" => body.init = Some(Located::new(init(&key, path, out), key.span)),
                "unshare" => body.unshare = unshare(&key, out),
                "mount_proc" => body.mount_proc = key.boolean(out),
                "hostname" | "domainname" => {
                    let name = host_name(&key, out);
                    *(if key.key == "hostname" { &mut body.hostname } else { &mut body.domainname }) = name;
                }
                "env" => body.env = key.environment(out),
                "cwd" => body.cwd = key.absolute_path(out).map(|path| path.value),
                "tty" => body.tty = key.boolean(out),
                "stop" => body.stop = StopSyntax::read(&key, path, out),
                restart if RestartSyntax::has(restart) => body.restart.read(&key, out),
                _ => report_unknown(Scope::Namespace, path, &key, out),
            }
        }
        body.restart.check(out);
        body
    }
}

fn init(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> InitSyntax {
    if entry.value.as_array().is_some() {
        return InitSyntax::Program(ProgramSyntax::arguments(entry, out));
    }
    if entry.value.as_table().is_some() {
        let mut program = ProgramSyntax::Absent;
        for key in entry.table(out).unwrap_or_default() {
            match key.key {
                "actor" => program = ProgramSyntax::actor(&key, out),
                _ => report_unknown(Scope::Init, path, &key, out),
            }
        }
        if matches!(program, ProgramSyntax::Absent) {
            out.push(
                Diagnostic::at(Code::NotOneProgram, entry.key_span, "`init` names no program")
                    .help("write init = { actor = \"idle\" } or init = [\"program\", \"argument\"]"),
            );
            program = ProgramSyntax::Broken;
        }
        return InitSyntax::Program(program);
    }
    match entry.value.as_str() {
        Some("builtin") => InitSyntax::Builtin,
        Some("pause") => InitSyntax::Pause,
        Some(text) => {
            let message = format!("`{text}` is not a value of `init`");
            let diagnostic = Diagnostic::at(Code::UnknownWord, entry.span, message)
                .label("expected \"builtin\", \"pause\", an array of arguments or { actor = \"…\" }");
            let help = did_you_mean(text, ["builtin", "pause"]).unwrap_or_else(|| {
                let words: Vec<_> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
                format!("to make a program PID 1 write init = [{}]", words.join(", "))
            });
            out.push(diagnostic.help(help));
            InitSyntax::Broken
        }
        None => {
            entry.wrong_type("\"builtin\", \"pause\", an array of arguments or a table", out);
            InitSyntax::Broken
        }
    }
}

fn unshare(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Isolation>> {
    const KINDS: [&str; 5] = ["mount", "uts", "ipc", "net", "cgroup"];
    let mut isolation = Isolation::default();
    for kind in entry.strings(out)? {
        match kind.value.as_str() {
            "mount" => isolation.mount = true,
            "uts" => isolation.uts = true,
            "ipc" => isolation.ipc = true,
            "net" => isolation.net = true,
            "cgroup" => isolation.cgroup = true,
            later @ ("user" | "time") => {
                let message =
                    format!("unshare = [\"{later}\"] is part of the language but not supported by this version");
                out.push(Diagnostic::at(Code::NotSupported, kind.span, message));
            }
            "pid" => out.push(
                Diagnostic::at(Code::UnknownWord, kind.span, "`pid` is not a value of `unshare`")
                    .label("every namespace of a topology is a PID namespace"),
            ),
            other => {
                let list: Vec<_> = KINDS.iter().map(|kind| format!("\"{kind}\"")).collect();
                let diagnostic =
                    Diagnostic::at(Code::UnknownWord, kind.span, format!("`{other}` is not a value of `unshare`"))
                        .label(format!("expected {}", alternatives(&list)));
                out.push(match did_you_mean(other, KINDS) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
            }
        }
    }
    Some(Located::new(isolation, entry.span))
}

/// What sethostname(2) and setdomainname(2) take: at most 64 bytes.
fn host_name(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<String> {
    let text = entry.string(out)?;
    let problem = if text.value.is_empty() {
        "the name is empty"
    } else if text.value.len() > 64 {
        "the kernel keeps at most 64 bytes"
    } else if text.value.contains(|c: char| c.is_control() || c.is_whitespace()) {
        "a host name has no blanks"
    } else {
        return Some(text.value);
    };
    let message = format!("`{}` cannot be set", entry.key);
    out.push(Diagnostic::at(Code::BadHostName, entry.span, message).label(problem));
    None
}
