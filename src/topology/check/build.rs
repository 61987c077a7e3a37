//! A namespace as it is read → one behind the door, with every default filled in.

use std::collections::BTreeMap;

use super::dependencies::Dependencies;
use super::instance::{Instance, ProcessInstance};
use crate::diagnostic::{Sources, Span};
use crate::topology::actor::Actor;
use crate::topology::labels::Labels;
use crate::topology::namespace::{Init, Isolation, Namespace, NamespaceSpec};
use crate::topology::position::Position;
use crate::topology::process::{Entry, Output, Process, ProcessSpec, Program, Stdin, Terminal, Weight};
use crate::topology::restart::RestartPolicy;
use crate::topology::stop::{Signal, Stop};
use crate::topology::syntax::{InitSyntax, Located, NamespaceBody, ProgramSyntax};

/// Where the graces of a namespace and of its processes were written, for those that were.
type Graces = Vec<(Option<usize>, Span)>;

/// Knows where things stand.
#[derive(Debug)]
pub(super) struct Builder<'s> {
    pub(super) sources: &'s Sources,
}

impl Builder<'_> {
    /// Builds one. What derives from other namespaces, its grace, is left open.
    pub(super) fn namespace(&self, instance: &Instance, dependencies: Dependencies) -> (Namespace, Graces) {
        let body = &*instance.body;
        let mut graces = Graces::new();
        let own_grace = body.stop.grace.as_ref().map(|grace| {
            graces.push((None, grace.span));
            grace.value
        });
        let signal = body.stop.signal.as_ref().map_or(Signal::TERM, |signal| signal.value);
        let stop = Stop { signal, grace: own_grace.unwrap_or_default() };
        let mut isolation =
            body.unshare.as_ref().map_or(Isolation { mount: true, ..Isolation::default() }, |unshare| unshare.value);
        isolation.uts |= body.hostname.is_some() || body.domainname.is_some();
        let init = self.init(body, stop);
        let entry = if matches!(init, Init::Program(_)) { Entry::Join } else { Entry::Fork };
        let mut processes = Vec::with_capacity(instance.processes.len());
        for (process, after) in instance.processes.iter().zip(dependencies.after) {
            let built = self.process(process, body, entry);
            if let Some(grace) = &process.body.stop.grace {
                graces.push((Some(processes.len()), grace.span));
            }
            let spec = ProcessSpec { after, ..built.spec };
            processes.push(Process { spec, ..built });
        }
        let spec = NamespaceSpec {
            position: self.position(instance.path.span),
            path: instance.path.value.clone(),
            labels: body.labels.clone(),
            isolation,
            mount_proc: body.mount_proc.as_ref().map_or(isolation.mount, |mount_proc| mount_proc.value),
            hostname: body.hostname.clone(),
            domainname: body.domainname.clone(),
            env: body.env.clone(),
            cwd: body.cwd.clone(),
            restart: body.restart.policy(),
            stop,
        };
        let description = body.description.clone();
        let namespace = Namespace { spec, description, init, processes, own_grace };
        (namespace, graces)
    }

    fn init(&self, body: &NamespaceBody, stop: Stop) -> Init {
        let Some(Located { value, span }) = &body.init else { return Init::Builtin };
        match value {
            InitSyntax::Pause => Init::Pause,
            InitSyntax::Program(ProgramSyntax::Given(program)) => {
                let mut process = bare("init".to_owned(), program.value.clone(), stop, self.position(*span));
                process.env.clone_from(&body.env);
                process.cwd.clone_from(&body.cwd);
                process.terminal = terminal(body.tty.as_ref());
                process.restart = body.restart.policy();
                Init::Program(Box::new(process.into()))
            }
            // What is broken has been reported, and a file with errors is not built.
            InitSyntax::Builtin | InitSyntax::Broken | InitSyntax::Program(_) => Init::Builtin,
        }
    }

    fn process(&self, instance: &ProcessInstance, namespace: &NamespaceBody, way: Entry) -> Process {
        let body = &*instance.body;
        let program = match &body.program {
            ProgramSyntax::Given(program) => program.value.clone(),
            // It has been reported, and others may wait for it by its place in the list.
            ProgramSyntax::Absent | ProgramSyntax::Broken => Program::Actor(Actor::Idle),
        };
        let signal = body.stop.signal.as_ref().map_or(Signal::TERM, |signal| signal.value);
        let own_grace = body.stop.grace.as_ref().map(|grace| grace.value);
        let stop = Stop { signal, grace: own_grace.unwrap_or_default() };
        let mut env = namespace.env.clone();
        env.extend(body.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let plain = bare(instance.name.value.clone(), program, stop, self.position(instance.name.span));
        let spec = ProcessSpec {
            name: plain.name,
            labels: body.labels.clone(),
            entry: body.enter.as_ref().map_or(way, |enter| enter.value),
            env,
            cwd: body.cwd.as_ref().or(namespace.cwd.as_ref()).cloned(),
            terminal: terminal(body.tty.as_ref()),
            stdin: body.stdin.as_ref().map_or(plain.stdin, |stdin| stdin.value.clone()),
            stdout: body.stdout.as_ref().map_or(plain.stdout, |stdout| stdout.value.clone()),
            stderr: body.stderr.as_ref().map_or(plain.stderr, |stderr| stderr.value.clone()),
            ok: body.ok.as_ref().map_or(plain.ok, |ok| distinct(ok)),
            oneshot: body.oneshot.as_ref().is_some_and(|oneshot| oneshot.value),
            weight: if body.essential == Some(false) { Weight::Expendable } else { Weight::Essential },
            program: plain.program,
            after: plain.after,
            ready: body.ready.as_ref().map(|ready| ready.value.clone()),
            restart: body.restart.policy(),
            stop: plain.stop,
            position: plain.position,
        };
        Process { spec, description: body.description.clone(), user: body.user.clone(), own_grace }
    }

    fn position(&self, span: Span) -> Position {
        position(self.sources, span)
    }
}

/// Where something was written, as people count.
pub(in crate::topology) fn position(sources: &Sources, span: Span) -> Position {
    let place = sources.get(span.file).position(span.start());
    // A file of four thousand million lines does not fit the memory in which it was read.
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { file: number(span.file.index()), line: number(place.line), column: number(place.column) }
}

/// A PID 1 about which nothing is said but what it runs.
fn bare(name: String, program: Program, stop: Stop, position: Position) -> ProcessSpec {
    ProcessSpec {
        name,
        labels: Labels::default(),
        program,
        entry: Entry::Init,
        env: BTreeMap::new(),
        cwd: None,
        terminal: Terminal::None,
        stdin: Stdin::Null,
        stdout: Output::Log,
        stderr: Output::Log,
        after: Vec::new(),
        ready: None,
        ok: vec![0],
        oneshot: false,
        weight: Weight::Essential,
        restart: RestartPolicy::NEVER,
        stop,
        position,
    }
}

/// The codes of a set, which has no order.
fn distinct(codes: &[u8]) -> Vec<u8> {
    let mut codes = codes.to_vec();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn terminal(tty: Option<&Located<bool>>) -> Terminal {
    match tty {
        Some(Located { value: true, .. }) => Terminal::Own,
        _ => Terminal::None,
    }
}

/// A file may be called anything, a topology may not: its name becomes a directory and the first part of addresses.
pub(in crate::topology) fn name_from(stem: &str) -> String {
    let lower = stem.to_ascii_lowercase();
    let name: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' })
        .take(64)
        .collect();
    match name.trim_matches(['-', '_']) {
        "" => "topology".to_owned(),
        name => name.to_owned(),
    }
}
