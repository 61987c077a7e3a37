//! A namespace as it is written, without its children.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::after::{self, AfterSyntax};
use super::lifetime::LifetimeSyntax;
use super::located::Located;
use super::process::{self, Place};
use super::process_body::ProcessBody;
use super::program::ProgramSyntax;
use super::reader::{Entry, alternatives, entries};
use super::restart::{self, RestartSyntax};
use super::stop::{self, StopSyntax};
use super::suggest::did_you_mean;
use super::unknown::known;
use super::writer::{non_empty, words, write_ranked};
use crate::dependency::{Part, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::NamespaceKey;
use crate::labels::Labels;
use crate::namespace::{HIGHEST_PID, Init, Isolation, LEAST_PID_MAX, PID_MAX};
use crate::process::{Process, Program, Session};
use crate::toml_text::Table;
use crate::tree::{NamespaceId, Topology};

/// The PID 1.
#[derive(Debug, Clone)]
pub(crate) enum InitSyntax {
    Builtin,
    Pause,
    /// A program or an actor with its values; one that was reported is still one.
    Program(Box<ProcessBody>),
    /// Something that was reported, so that nothing can be said about what depends on it.
    Broken,
}

/// The values of a namespace, all layers merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamespaceBody {
    pub(crate) description: Option<String>,
    pub(crate) labels: Labels,
    pub(crate) init: Option<Located<InitSyntax>>,
    pub(crate) after: AfterSyntax,
    pub(crate) main: Option<Located<String>>,
    pub(crate) unshare: Option<Located<Isolation>>,
    pub(crate) mount_proc: Option<Located<bool>>,
    pub(crate) hostname: Option<String>,
    pub(crate) domainname: Option<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) tty: Option<Located<bool>>,
    pub(crate) session: Option<Located<Session>>,
    pub(crate) pid_max: Option<Located<i32>>,
    pub(crate) last_pid: Option<Located<i32>>,
    /// The stop and restart keys.
    pub(crate) lifetime: LifetimeSyntax,
}

impl NamespaceBody {
    /// Reads everything but what is inside it and how often it is there. `path` is that of one namespace that it is of.
    pub(crate) fn read(table: &Table, path: &str, out: &mut Diagnostics) -> Self {
        let mut body = Self::default();
        let (mut stop, mut restart) = (StopSyntax::default(), RestartSyntax::default());
        for entry in entries(table) {
            let Some(key) = known::<NamespaceKey>(&entry, path, out) else {
                continue;
            };
            match key {
                NamespaceKey::Proc
                | NamespaceKey::Ns
                | NamespaceKey::Use
                | NamespaceKey::Include
                | NamespaceKey::Count
                | NamespaceKey::Depth
                | NamespaceKey::Fanout
                | NamespaceKey::As => {}
                NamespaceKey::Description => {
                    body.description = entry.string(out).map(|text| text.value);
                }
                NamespaceKey::Labels => body.labels = entry.labels(out),
                NamespaceKey::Init => {
                    body.init = Some(Located::new(init(&entry, path, out), entry.span));
                }
                NamespaceKey::After => body.after = after::read(&entry, out),
                NamespaceKey::Main => body.main = entry.string(out),
                NamespaceKey::Unshare => body.unshare = unshare(&entry, out),
                NamespaceKey::MountProc => body.mount_proc = entry.boolean(out),
                NamespaceKey::Hostname => body.hostname = host_name(&entry, out),
                NamespaceKey::Domainname => body.domainname = host_name(&entry, out),
                NamespaceKey::Env => body.env = entry.environment(out),
                NamespaceKey::Cwd => body.cwd = entry.absolute_path(out).map(|path| path.value),
                NamespaceKey::Tty => body.tty = entry.boolean(out),
                NamespaceKey::Session => body.session = entry.word(process::SESSION, out),
                NamespaceKey::PidMax => body.pid_max = number(&entry, LEAST_PID_MAX, PID_MAX, out),
                NamespaceKey::LastPid => body.last_pid = number(&entry, 0, HIGHEST_PID, out),
                NamespaceKey::Stop => stop = StopSyntax::read(&entry, path, out),
                NamespaceKey::Restart => restart.read_when(&entry, path, out),
                NamespaceKey::Max => restart.read_max(&entry, out),
                NamespaceKey::Backoff => restart.read_backoff(&entry, out),
                NamespaceKey::BackoffMax => restart.read_backoff_max(&entry, out),
            }
        }
        restart.check(out);
        body.lifetime = LifetimeSyntax::new(stop, restart);
        body
    }

    /// The table of a program that is PID 1.
    pub(crate) fn program(&self) -> Option<&ProcessBody> {
        match &self.init.as_ref()?.value {
            InitSyntax::Program(program) => Some(program),
            InitSyntax::Builtin | InitSyntax::Pause | InitSyntax::Broken => None,
        }
    }

    /// The stop and restart keys: those of the namespace, and for each that it does not have that of its PID 1.
    pub(crate) fn of_init(&self) -> (StopSyntax, RestartSyntax) {
        let (mut stop, mut restart) = (self.lifetime.stop(), self.lifetime.restart());
        if let Some(program) = self.program() {
            stop = stop.or(&program.lifetime.stop());
            if restart.when.is_none() {
                restart = program.lifetime.restart();
            }
        }
        (stop, restart)
    }
}

/// A whole number of a range of PIDs.
fn number(
    entry: &Entry<'_>,
    lowest: u64,
    highest: u64,
    out: &mut Diagnostics,
) -> Option<Located<i32>> {
    let Located { value, span } = entry.integer(lowest, highest, out)?;
    Some(Located::new(i32::try_from(value).ok()?, span))
}

/// A namespace as a table, without what is inside it.
pub(crate) fn write(topology: &Topology, id: NamespaceId) -> toml::Table {
    let place = Place {
        topology,
        id,
        namespace: topology.namespace(id),
    };
    // What it is comes before what it says for what is in it, and that before the processes.
    let rank = |key| match key {
        NamespaceKey::Description | NamespaceKey::Labels => 0,
        NamespaceKey::Hostname | NamespaceKey::Domainname => 1,
        NamespaceKey::Unshare | NamespaceKey::MountProc => 2,
        NamespaceKey::Proc => 4,
        _ => 3,
    };
    write_ranked(rank, |key| value(key, &place))
}

fn value(key: NamespaceKey, place: &Place<'_>) -> Option<toml::Value> {
    let namespace = place.namespace;
    let isolation = namespace.isolation;
    match key {
        NamespaceKey::Use
        | NamespaceKey::Include
        | NamespaceKey::Count
        | NamespaceKey::Depth
        | NamespaceKey::Fanout
        | NamespaceKey::As
        | NamespaceKey::Ns
        // The table of PID 1 has them.
        | NamespaceKey::Tty
        | NamespaceKey::Session => None,
        NamespaceKey::Description => namespace.description.clone().map(Into::into),
        NamespaceKey::Labels => words(namespace.labels.iter()),
        NamespaceKey::Init => write_init(place),
        NamespaceKey::Proc => {
            let entry = |(part, own): (u32, &Process)| {
                let table = process::write(own, Part::Process(part), place);
                (own.name.clone(), table.into())
            };
            non_empty((0..).zip(&namespace.processes).map(entry).collect())
        }
        NamespaceKey::Main => {
            let main = namespace.main.map(|place| &namespace.processes[place as usize]);
            main.map(|process| process.name.clone().into())
        }
        NamespaceKey::Unshare => write_unshare(
            isolation,
            namespace.hostname.is_some() || namespace.domainname.is_some(),
        ),
        NamespaceKey::MountProc => {
            (namespace.mount_proc != isolation.mount).then(|| namespace.mount_proc.into())
        }
        NamespaceKey::Hostname => namespace.hostname.clone().map(Into::into),
        NamespaceKey::Domainname => namespace.domainname.clone().map(Into::into),
        NamespaceKey::Env => words(
            namespace
                .env
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        ),
        NamespaceKey::Cwd => namespace
            .cwd
            .as_ref()
            .map(|cwd| cwd.to_string_lossy().into_owned().into()),
        NamespaceKey::After => {
            let waiter = Target {
                namespace: place.id.place(),
                part: Part::Namespace,
            };
            after::write(waiter, &namespace.after, place.topology)
        }
        NamespaceKey::PidMax => namespace.pid_max.map(|number| i64::from(number).into()),
        NamespaceKey::LastPid => namespace.last_pid.map(|number| i64::from(number).into()),
        NamespaceKey::Stop => {
            let program = namespace.init.program().map(|program| &program.spec);
            stop::write(namespace.stop, namespace.own_grace(), program)
        }
        NamespaceKey::Restart => restart::write_when(namespace.restart.as_deref()),
        NamespaceKey::Max => restart::write_max(namespace.restart.as_deref()),
        NamespaceKey::Backoff => restart::write_backoff(namespace.restart.as_deref()),
        NamespaceKey::BackoffMax => restart::write_backoff_max(namespace.restart.as_deref()),
    }
}

fn write_init(place: &Place<'_>) -> Option<toml::Value> {
    let program = match &place.namespace.init {
        Init::Builtin => return None,
        Init::Pause => return Some("pause".into()),
        Init::Program(program) => program,
    };
    let table = process::write(program, Part::Init, place);
    // The short form of nothing but a program.
    Some(match &program.program {
        Program::Command(words) if table.len() == 1 => words.clone().into(),
        _ => table.into(),
    })
}

fn write_unshare(isolation: Isolation, is_named: bool) -> Option<toml::Value> {
    let default = Isolation {
        mount: true,
        uts: is_named,
        ..Isolation::default()
    };
    let own = isolation
        .kinds()
        .into_iter()
        .filter(|(_, own)| *own)
        .map(|(kind, _)| kind.to_owned());
    (isolation != default).then(|| own.collect::<Vec<_>>().into())
}

fn init(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> InitSyntax {
    if entry.value.as_array().is_some() {
        let program = ProgramSyntax::arguments(entry, out);
        return InitSyntax::Program(Box::new(ProcessBody::of(program)));
    }
    if entry.value.as_table().is_some() {
        return InitSyntax::Program(Box::new(ProcessBody::read_init(entry, path, out)));
    }
    match entry.value.as_str() {
        Some("builtin") => InitSyntax::Builtin,
        Some("pause") => InitSyntax::Pause,
        Some(text) => {
            let message = format!("`{text}` is not a value of `init`");
            let diagnostic = Diagnostic::at(Code::UnknownWord, entry.span, message).label(
                "expected \"builtin\", \"pause\", an array of arguments or a table of a process",
            );
            let help = did_you_mean(text, ["builtin", "pause"]).unwrap_or_else(|| {
                let words: Vec<_> = text
                    .split_whitespace()
                    .map(|word| format!("\"{word}\""))
                    .collect();
                format!(
                    "to make a program PID 1 write init = [{}]",
                    words.join(", ")
                )
            });
            out.push(diagnostic.help(help));
            InitSyntax::Broken
        }
        None => {
            entry.wrong_type(
                "\"builtin\", \"pause\", an array of arguments or a table",
                out,
            );
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
                let message = format!(
                    "unshare = [\"{later}\"] is part of the language but not supported by this version"
                );
                out.push(Diagnostic::at(Code::NotSupported, kind.span, message));
            }
            "pid" => out.push(
                Diagnostic::at(
                    Code::UnknownWord,
                    kind.span,
                    "`pid` is not a value of `unshare`",
                )
                .label("every namespace of a topology is a PID namespace"),
            ),
            other => {
                let list: Vec<_> = KINDS.iter().map(|kind| format!("\"{kind}\"")).collect();
                let diagnostic = Diagnostic::at(
                    Code::UnknownWord,
                    kind.span,
                    format!("`{other}` is not a value of `unshare`"),
                )
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

/// A name that sethostname(2) and setdomainname(2) take: at most 64 bytes.
fn host_name(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<String> {
    let text = entry.string(out)?;
    let problem = if text.value.is_empty() {
        "the name is empty"
    } else if text.value.len() > 64 {
        "the kernel keeps at most 64 bytes"
    } else if text
        .value
        .contains(|c: char| c.is_control() || c.is_whitespace())
    {
        "a host name has no spaces"
    } else {
        return Some(text.value);
    };
    let message = format!("`{}` cannot be set", entry.key);
    out.push(Diagnostic::at(Code::BadHostName, entry.span, message).label(problem));
    None
}
