//! A namespace as it is read → one behind the door, with every default filled in.

use std::time::Duration;

use super::instance::{Instance, ProcessInstance};
use crate::diagnostic::{Sources, Span};
use crate::keys::ProcessKey;
use crate::namespace::{Init, Isolation, Namespace, NamespaceSpec};
use crate::position::Position;
use crate::process::{Entry, Process, Terminal};
use crate::restart::RestartPolicy;
use crate::syntax::{InitSyntax, Located, NamespaceBody, ProcessBody, ProgramSyntax, StopSyntax};

/// The places of the graces of a namespace and of its processes, for those that have one.
type Graces = Vec<(Option<usize>, Span)>;

/// Knows where things stand.
#[derive(Debug)]
pub(super) struct Builder<'s> {
    pub(super) sources: &'s Sources,
}

impl Builder<'_> {
    /// Builds one. What derives from other namespaces, its grace, is left open.
    pub(super) fn namespace(&self, instance: &Instance) -> (Namespace, Graces) {
        let body = &*instance.body;
        let mut graces = Graces::new();
        // What the table of PID 1 says is said of the namespace.
        let (stop, restart) = body.of_init();
        if let Some(grace) = &stop.grace {
            graces.push((None, grace.span));
        }
        let restart = restart.policy();
        let mut isolation = body.unshare.as_ref().map_or(
            Isolation {
                mount: true,
                ..Isolation::default()
            },
            |unshare| unshare.value,
        );
        isolation.uts |= body.hostname.is_some() || body.domainname.is_some();
        let init = self.init(body, &stop, restart.clone());
        let entry = if matches!(init, Init::Program(_)) {
            Entry::Join
        } else {
            Entry::Fork
        };
        let mut processes = Vec::with_capacity(instance.processes.len());
        for process in &instance.processes {
            if let Some(grace) = process.body.lifetime.stop().grace {
                graces.push((Some(processes.len()), grace.span));
            }
            let name = &process.name;
            processes.push(self.process(name, &process.body, body, entry));
        }
        let spec = NamespaceSpec {
            position: self.position(instance.path.span),
            path: instance.path.value.clone(),
            labels: body.labels.clone(),
            isolation,
            mount_proc: body
                .mount_proc
                .as_ref()
                .map_or(isolation.mount, |mount_proc| mount_proc.value),
            hostname: body.hostname.clone(),
            domainname: body.domainname.clone(),
            env: body.env.clone(),
            cwd: body.cwd.clone(),
            restart,
            after: Vec::new(),
            main: main(instance),
            pid_max: body.pid_max.as_ref().map(|number| number.value),
            last_pid: body.last_pid.as_ref().map(|number| number.value),
            stop: stop.stop(),
            asked_after: Duration::ZERO,
            stop_time: Duration::ZERO,
        };
        let description = body.description.clone();
        let namespace = Namespace {
            spec,
            description,
            init,
            processes,
            has_own_grace: stop.grace.is_some(),
        };
        (namespace, graces)
    }

    fn init(
        &self,
        body: &NamespaceBody,
        stop: &StopSyntax,
        restart: Option<Box<RestartPolicy>>,
    ) -> Init {
        let Some(Located { value, span }) = &body.init else {
            return Init::Builtin;
        };
        match value {
            InitSyntax::Pause => Init::Pause,
            InitSyntax::Program(init) if matches!(init.program, ProgramSyntax::Given(_)) => {
                let name = Located::new("init".to_owned(), *span);
                let mut program = self.process(&name, init, body, Entry::Init);
                (program.stop, program.restart) = (stop.stop(), restart);
                stop.set(&mut program);
                program.has_own_grace = false;
                if body.tty.as_ref().is_some_and(|tty| tty.value) {
                    program.terminal = Terminal::Own;
                }
                if let Some(session) = &body.session {
                    program.session = session.value;
                }
                Init::Program(Box::new(program))
            }
            // What is broken has been reported, and a file with errors is not built.
            InitSyntax::Builtin | InitSyntax::Broken | InitSyntax::Program(_) => Init::Builtin,
        }
    }

    fn process(
        &self,
        name: &Located<String>,
        body: &ProcessBody,
        namespace: &NamespaceBody,
        way: Entry,
    ) -> Process {
        let mut process = body.values.clone();
        process.name.clone_from(&name.value);
        process.position = self.position(name.span);
        if let ProgramSyntax::Given(program) = &body.program {
            process.program = program.value.clone();
        }
        if body.place(ProcessKey::Enter).is_none() {
            process.entry = way;
        }
        let own = std::mem::replace(&mut process.env, namespace.env.clone());
        process.env.extend(own);
        if process.cwd.is_none() {
            process.cwd.clone_from(&namespace.cwd);
        }
        process
    }

    fn position(&self, span: Span) -> Position {
        position(self.sources, span)
    }
}

/// The place of the process that is `main`, if there is one.
fn main(instance: &Instance) -> Option<u32> {
    let main = instance.body.main.as_ref()?;
    let is_main = |process: &ProcessInstance| process.name.value == main.value;
    let place = instance.processes.iter().position(is_main)?;
    u32::try_from(place).ok()
}

/// The position of a span, counted from 1.
pub(crate) fn position(sources: &Sources, span: Span) -> Position {
    let place = sources.get(span.file).position(span.start());
    // A file of four thousand million lines does not fit the memory in which it was read.
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        file: number(span.file.index()),
        line: number(place.line),
        column: number(place.column),
    }
}

/// A file may be called anything, a topology may not: its name becomes a directory and the first part of addresses.
pub(crate) fn name_from(stem: &str) -> String {
    let lower = stem.to_ascii_lowercase();
    let name: String = lower
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    match name.trim_matches(['-', '_']) {
        "" => "topology".to_owned(),
        name => name.to_owned(),
    }
}
