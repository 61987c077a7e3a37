//! Declaration of one namespace or process, for `inspect`: the keys of its file as they were
//! understood, with everything filled in that the file left out.
//!
//! Not what is going on with it: that is in its document, and in the kernel.

use nestns_client::documents::{Description, ExitDocument, RestartDescription, StopDescription};

use super::roster::{Record, Roster};
use crate::controller::start_error::exec_error_sentence;
use crate::engine::plan::{NamespaceIndex, ProcessKey, ProcessPlan, Slot, part, target};
use nestns_client::journal::LOGS;
use nestns_topology::{
    After, Notifier, Output, Part, Position, Probe, RestartPolicy, RestartWhen, Signal, Stdin,
    Stop, Target, Terminal, Tries, Weight, format_duration,
};

/// Sources of a description.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The records.
    pub roster: &'a Roster,
    /// The names of the files that the topology was read from.
    pub files: &'a [String],
    /// The state directory.
    pub directory: &'a std::path::Path,
}

impl Sources<'_> {
    /// Describes a namespace, and its PID 1 with it where that is a program.
    pub fn namespace(self, index: NamespaceIndex) -> Description {
        let plan = self.roster.plan().namespace(index);
        let mut description = match plan.process(Slot::Init) {
            Some(program) => self.program(ProcessKey::init(index), program),
            None => Description::default(),
        };
        let own = plan.isolation;
        let own = [
            ("mount", own.mount),
            ("uts", own.uts),
            ("ipc", own.ipc),
            ("net", own.net),
            ("cgroup", own.cgroup),
        ];
        description.declared = self.place(plan.position);
        description.unshare = Some(
            own.into_iter()
                .filter(|(_, own)| *own)
                .map(|(kind, _)| kind.to_owned())
                .collect(),
        );
        description.mount_proc = Some(plan.mount_proc);
        description.hostname.clone_from(&plan.hostname);
        description.domainname.clone_from(&plan.domainname);
        (description.pid_max, description.last_pid) = (plan.pid_max, plan.last_pid);
        description.cwd = plan.cwd.as_ref().map(|cwd| cwd.display().to_string());
        description.env = plan.env.keys().cloned().collect();
        let waiter = Target {
            namespace: index,
            part: Part::Namespace,
        };
        let after = self.after(waiter, &plan.after);
        description.after.splice(..0, after);
        description.stop = Some(stop(plan.stop));
        description.restart = Some(restart(plan.restart.as_deref()));
        description.restarts = self
            .roster
            .get(ProcessKey::init(index))
            .map(|record| record.restarts);
        description.unmet = self.unmet(ProcessKey::init(index));
        description
    }

    /// Describes a process; `None` for what is not in the plan.
    pub fn process(self, subject: ProcessKey) -> Option<Description> {
        let plan = self.roster.plan().namespace(subject.namespace);
        if let Some(process) = plan.process(subject.slot) {
            return Some(self.program(subject, process));
        }
        subject.is_init().then(|| Description {
            declared: self.place(plan.position),
            stop: Some(stop(plan.stop)),
            restart: Some(restart(plan.restart.as_deref())),
            ..Description::default()
        })
    }

    /// Dependencies of a part of a namespace.
    fn after(self, waiter: Target, after: &[After]) -> Vec<String> {
        let describe =
            |after: &After| after.describe(waiter, &self.roster.path_of(part(after.target)));
        after.iter().map(describe).collect()
    }

    fn program(self, subject: ProcessKey, process: &ProcessPlan) -> Description {
        let record: Option<&Record> = self.roster.get(subject);
        let identity = process
            .identity
            .as_ref()
            .map(|identity| format!("{}:{}", identity.uid, identity.gid));
        let has_terminal = process.terminal == Terminal::Own;
        let stream = |stream: String| {
            Some(if has_terminal {
                "terminal".to_owned()
            } else {
                stream
            })
        };
        let is_kept =
            !has_terminal && (process.stdout == Output::Log || process.stderr == Output::Log);
        let log = super::journal::log_name(subject).filter(|_| is_kept);
        Description {
            declared: self.place(process.position),
            pid: process.pid.to_vec(),
            user: identity,
            cwd: process.cwd.as_ref().map(|cwd| cwd.display().to_string()),
            env: process.env.keys().cloned().collect(),
            after: self.after(target(subject), &process.after),
            ready: Some(process.ready.as_deref().map_or_else(
                || {
                    if process.oneshot {
                        "its successful exit"
                    } else {
                        "its start"
                    }
                    .to_owned()
                },
                probe,
            )),
            ok: process.ok.to_vec(),
            oneshot: Some(process.oneshot),
            essential: Some(process.weight == Weight::Essential),
            stdin: stream(match &process.stdin {
                Stdin::Null => "null".to_owned(),
                Stdin::Inherit => "inherit".to_owned(),
                Stdin::File(path) => path.display().to_string(),
            }),
            stdout: stream(output(&process.stdout)),
            stderr: stream(output(&process.stderr)),
            log: log.map(|log| {
                self.directory
                    .join(LOGS)
                    .join(log.to_string())
                    .display()
                    .to_string()
            }),
            lost_output: None,
            stop: Some(stop(process.stop)),
            restart: Some(restart(process.restart.as_deref())),
            restarts: record.map(|record| record.restarts),
            unready: record
                .filter(|record| record.ending.is_none())
                .and_then(|record| record.given_up),
            refusal: record
                .and_then(|record| record.refusal.as_ref())
                .map(exec_error_sentence),
            unmet: self.unmet(subject),
            ..Description::default()
        }
    }

    fn unmet(self, subject: ProcessKey) -> Option<String> {
        self.roster.get(subject)?.unmet.clone()
    }

    fn place(self, position: Position) -> Option<String> {
        let file = self
            .files
            .get(position.file as usize)
            .filter(|_| position.line > 0)?;
        Some(format!("{file}:{}:{}", position.line, position.column))
    }
}

fn stop(stop: Stop) -> StopDescription {
    StopDescription {
        signal: stop.signal.to_string(),
        grace: format_duration(stop.grace),
    }
}

fn restart(policy: Option<&RestartPolicy>) -> RestartDescription {
    let when = policy.map(|policy| policy.when);
    let word = match when {
        None => "never",
        Some(RestartWhen::OnFailure) => "on-failure",
        Some(RestartWhen::Always) => "always",
        Some(RestartWhen::On(_)) => "on",
    };
    let on = match when {
        Some(RestartWhen::On(endings)) => {
            let statuses = endings.statuses().map(ExitDocument::Code);
            let signals = endings
                .signals()
                .map(Signal::number)
                .map(ExitDocument::Signal);
            statuses.chain(signals).collect()
        }
        _ => Vec::new(),
    };
    RestartDescription {
        when: word.to_owned(),
        on,
        max: policy.and_then(|policy| policy.max),
        backoff: format_duration(policy.map_or(RestartPolicy::BACKOFF, |policy| policy.backoff)),
        backoff_max: Some(format_duration(
            policy.map_or(RestartPolicy::BACKOFF_MAX, |policy| policy.backoff_max),
        )),
    }
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Log(pattern) => format!("a line that matches {pattern}"),
        Probe::File(path) => format!("the file {}", path.display()),
        Probe::Exec { argv, tries } => format!("{} succeeds{}", argv.join(" "), tried(*tries)),
        Probe::Tcp { port, tries } => {
            format!("a connection to TCP port {port} succeeds{}", tried(*tries))
        }
        Probe::Descriptor(number) => format!("a line on descriptor {number}"),
        Probe::Notify(Notifier::Itself) => {
            "READY=1 by sd_notify, from the process itself".to_owned()
        }
        Probe::Notify(Notifier::All) => {
            "READY=1 by sd_notify, from any process of its namespace".to_owned()
        }
    }
}

/// Manner in which a probe is tried, behind a comma.
fn tried(tries: Tries) -> String {
    let retries = tries
        .retries
        .map(|retries| format!(", at most {retries} times in a row"))
        .unwrap_or_default();
    let start_period = if tries.start_period.is_zero() {
        String::new()
    } else {
        format!(", not counted for {}", format_duration(tries.start_period))
    };
    format!(
        ", tried every {} for at most {}{retries}{start_period}",
        format_duration(tries.every),
        format_duration(tries.timeout)
    )
}

fn output(output: &Output) -> String {
    match output {
        Output::Log => "log".to_owned(),
        Output::Inherit => "inherit".to_owned(),
        Output::Null => "null".to_owned(),
        Output::File(path) => path.display().to_string(),
    }
}
