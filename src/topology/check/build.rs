//! A document without errors → the tree, with every default filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dependencies::Dependencies;
use super::forest::Forest;
use crate::diagnostic::{Source, Span};
use crate::topology::namespace::{Init, Isolation, Namespace, Position};
use crate::topology::process::{After, Entry, Output, Process, Program, Stdin, Terminal, Weight};
use crate::topology::stop::{Signal, Stop};
use crate::topology::syntax::{Declaration, Document, InitSyntax, Located, NamespaceBody, ProcessEntry, ProgramSyntax};
use crate::topology::tree::{NamespaceId, Topology};

/// What the checks have found out.
pub(super) struct Builder<'a> {
    pub(super) document: Document,
    pub(super) forest: Forest,
    pub(super) dependencies: Vec<Dependencies>,
    pub(super) graces: Vec<Duration>,
    pub(super) source: &'a Source,
}

impl Builder<'_> {
    /// Plants every namespace after its parent.
    pub(super) fn build(mut self, stem: &str) -> Topology {
        let mut topology = Topology::new(self.document.name.take().unwrap_or_else(|| name_from(stem)));
        topology.description = self.document.description.take();
        topology.on_exit = self.document.on_exit;
        // Whatever can be is moved: a large file is in memory often enough while it is read.
        let mut declarations: Vec<_> = std::mem::take(&mut self.document.namespaces).into_iter().map(Some).collect();
        let mut parents: Vec<Option<NamespaceId>> = vec![None; declarations.len()];
        for &index in &self.forest.pre_order {
            let Some(declaration) = declarations[index].take() else { continue };
            let after = std::mem::take(&mut self.dependencies[index].after);
            let namespace = self.namespace(declaration, after, self.graces[index]);
            let id = topology.plant(parents[index], namespace);
            for &child in &self.forest.children[index] {
                parents[child] = Some(id);
            }
        }
        topology
    }

    fn namespace(&self, declaration: Declaration, after: Vec<Vec<After>>, grace: Duration) -> Namespace {
        let Declaration { path, mut body, .. } = declaration;
        let signal = body.stop.signal.as_ref().map_or(Signal::TERM, |signal| signal.value);
        let stop = Stop { signal, grace };
        let mut isolation =
            body.unshare.as_ref().map_or(Isolation { mount: true, ..Isolation::default() }, |unshare| unshare.value);
        isolation.uts |= body.hostname.is_some() || body.domainname.is_some();
        let init = self.init(&mut body, stop);
        let entry = if matches!(init, Init::Program(_)) { Entry::Join } else { Entry::Fork };
        let own = std::mem::take(&mut body.processes);
        let processes = own
            .into_iter()
            .zip(after)
            .filter_map(|(process, after)| Some(Process { after, ..self.process(process, &body, entry, stop)? }))
            .collect();
        Namespace {
            position: self.position(path.span),
            path: path.value,
            description: body.description,
            labels: body.labels,
            processes,
            init,
            isolation,
            mount_proc: body.mount_proc.as_ref().map_or(isolation.mount, |mount_proc| mount_proc.value),
            hostname: body.hostname,
            domainname: body.domainname,
            stop,
        }
    }

    fn init(&self, body: &mut NamespaceBody, stop: Stop) -> Init {
        let Some(Located { value, span }) = body.init.take() else { return Init::Builtin };
        match value {
            InitSyntax::Pause => Init::Pause,
            InitSyntax::Program(ProgramSyntax::Given(program)) => {
                let mut process = bare(program.value, stop, self.position(span));
                process.env.clone_from(&body.env);
                process.cwd.clone_from(&body.cwd);
                process.terminal = terminal(body.tty.as_ref());
                Init::Program(Box::new(process))
            }
            // What is broken has been reported, and a file with errors is not built.
            InitSyntax::Builtin | InitSyntax::Broken | InitSyntax::Program(_) => Init::Builtin,
        }
    }

    /// `None` for a process without a program, which has been reported.
    fn process(&self, entry: ProcessEntry, namespace: &NamespaceBody, way: Entry, stop: Stop) -> Option<Process> {
        let ProcessEntry { name, body } = entry;
        let ProgramSyntax::Given(program) = body.program else { return None };
        let stop = Stop {
            signal: body.stop.signal.as_ref().map_or(Signal::TERM, |signal| signal.value),
            grace: body.stop.grace.as_ref().map_or(stop.grace, |grace| grace.value),
        };
        let mut env = namespace.env.clone();
        env.extend(body.env);
        let plain = bare(program.value, stop, self.position(name.span));
        Some(Process {
            name: name.value,
            description: body.description,
            labels: body.labels,
            entry: body.enter.as_ref().map_or(way, |enter| enter.value),
            env,
            cwd: body.cwd.or_else(|| namespace.cwd.clone()),
            user: body.user,
            terminal: terminal(body.tty.as_ref()),
            stdin: body.stdin.map_or(plain.stdin, |stdin| stdin.value),
            stdout: body.stdout.map_or(plain.stdout, |stdout| stdout.value),
            stderr: body.stderr.map_or(plain.stderr, |stderr| stderr.value),
            ok: body.ok.unwrap_or(plain.ok),
            oneshot: body.oneshot.unwrap_or(false),
            weight: if body.essential == Some(false) { Weight::Expendable } else { Weight::Essential },
            program: plain.program,
            after: plain.after,
            stop: plain.stop,
            position: plain.position,
        })
    }

    fn position(&self, span: Span) -> Position {
        let place = self.source.position(span.start);
        // A file of four thousand million lines does not fit the memory in which it was read.
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: number(place.line), column: number(place.column) }
    }
}

/// A PID 1 about which nothing else is said.
fn bare(program: Program, stop: Stop, position: Position) -> Process {
    Process {
        name: "init".to_owned(),
        description: None,
        labels: BTreeMap::new(),
        program,
        entry: Entry::Init,
        env: BTreeMap::new(),
        cwd: None,
        user: None,
        terminal: Terminal::None,
        stdin: Stdin::Null,
        stdout: Output::Log,
        stderr: Output::Log,
        after: Vec::new(),
        ok: vec![0],
        oneshot: false,
        weight: Weight::Essential,
        stop,
        position,
    }
}

fn terminal(tty: Option<&Located<bool>>) -> Terminal {
    match tty {
        Some(Located { value: true, .. }) => Terminal::Own,
        _ => Terminal::None,
    }
}

/// A file may be called anything, a topology may not: its name becomes a directory and the first part of addresses.
fn name_from(stem: &str) -> String {
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
