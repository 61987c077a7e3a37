//! The PIDs that a file chooses: each exists on its level, is there once, and there are enough of them.

use std::collections::HashMap;

use super::instance::Instance;
use super::repetition::Repetition;
use crate::dependency::{Part, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::keys::ProcessKey;
use crate::namespace::PID_MAX;
use crate::tree::{NamespaceId, Topology};

/// The places of `pid`, `pid_max` and `last_pid`.
#[derive(Debug, Default)]
pub(super) struct Places {
    pids: Vec<(NamespaceId, Part, Span)>,
    /// Of namespaces that limit their PIDs, or say where they continue.
    namespaces: Vec<(NamespaceId, Option<Span>, Option<Span>)>,
}

impl Places {
    /// Notes the places of a namespace.
    pub(super) fn add(&mut self, id: NamespaceId, instance: &Instance) {
        let body = &*instance.body;
        let init = body.program().map(|program| (Part::Init, program));
        let processes = instance.processes.iter().map(|process| &*process.body);
        let processes = (0..).map(Part::Process).zip(processes);
        for (part, body) in init.into_iter().chain(processes) {
            if let Some(span) = body.place(ProcessKey::Pid) {
                self.pids.push((id, part, span));
            }
        }
        let pid_max = body.pid_max.as_ref().map(|number| number.span);
        let last_pid = body.last_pid.as_ref().map(|number| number.span);
        if pid_max.is_some() || last_pid.is_some() {
            self.namespaces.push((id, pid_max, last_pid));
        }
    }

    /// Reports PIDs that cannot be given.
    pub(super) fn check(
        &self,
        topology: &Topology,
        repetition: &mut Repetition,
        out: &mut Diagnostics,
    ) {
        let mut taken = HashMap::new();
        for chosen in &self.pids {
            let mut found = Diagnostics::new();
            check_pids(topology, chosen, &mut taken, &mut found);
            repetition.absorb(found, out);
        }
        if self.namespaces.is_empty() {
            return;
        }
        let processes = processes(topology);
        for &(id, pid_max, last_pid) in &self.namespaces {
            let mut found = Diagnostics::new();
            let limit = limit(topology, id);
            let namespace = topology.namespace(id);
            if let (Some(last), Some(span)) = (namespace.last_pid, last_pid)
                && i64::from(last) >= limit
            {
                let message = format!(
                    "`last_pid` of `{}` is not below its `pid_max`",
                    namespace.path
                );
                let diagnostic = Diagnostic::at(Code::BadPid, span, message)
                    .label(format!("the highest PID is {}", limit - 1));
                found.push(match pid_max {
                    Some(span) => diagnostic.also(span, "the limit is here"),
                    None => diagnostic,
                });
            }
            let needed = processes[id.place() as usize];
            if let Some(span) = pid_max
                && needed >= limit
            {
                let message = format!(
                    "`{}` has {} PIDs, but {needed} processes are declared in it",
                    namespace.path,
                    limit - 1
                );
                found.push(
                    Diagnostic::at(Code::TooFewPids, span, message)
                        .label(
                            "every process in it and inside it, each PID 1 included, takes a PID",
                        )
                        .help(format!("write pid_max = {} or more", needed + 1)),
                );
            }
            repetition.absorb(found, out);
        }
    }
}

/// The number below which the PIDs of a namespace are.
fn limit(topology: &Topology, id: NamespaceId) -> i64 {
    let own = topology.namespace(id).pid_max.map(i64::from);
    own.unwrap_or(PID_MAX.cast_signed())
}

/// The number of processes in each namespace and inside it, by place.
fn processes(topology: &Topology) -> Vec<i64> {
    let mut numbers = vec![0; topology.len()];
    for id in topology.pre_order().into_iter().rev() {
        let own = topology.namespace(id).processes.len();
        let number = &mut numbers[id.place() as usize];
        *number += 1 + i64::try_from(own).unwrap_or(i64::MAX / 2);
        let number = *number;
        if let Some(around) = topology.parent(id) {
            numbers[around.place() as usize] += number;
        }
    }
    numbers
}

/// A PID that a process is to have.
#[derive(Debug, Clone, Copy)]
struct Wish<'t> {
    topology: &'t Topology,
    /// The namespace that it is a number of.
    namespace: NamespaceId,
    number: i32,
    /// True if the process is PID 1 of that namespace.
    is_first: bool,
    span: Span,
}

impl Wish<'_> {
    /// Reports that a process cannot have it.
    fn check(self, path: &str, out: &mut Diagnostics) {
        let (number, of) = (self.number, &self.topology.namespace(self.namespace).path);
        let limit = limit(self.topology, self.namespace);
        let report = |message: String, label: String| {
            Diagnostic::at(Code::BadPid, self.span, message).label(label)
        };
        if self.is_first && number != 1 {
            out.push(report(
                format!("`{path}` is PID 1 of `{of}` and cannot have PID {number} there"),
                "the first PID has to be 1".to_owned(),
            ));
        } else if !self.is_first && number == 1 {
            out.push(report(
                format!("PID 1 of `{of}` cannot be chosen for `{path}`"),
                "PID 1 is the first process of a namespace".to_owned(),
            ));
        } else if i64::from(number) >= limit {
            out.push(report(
                format!("PID {number} does not exist in `{of}`"),
                format!("the highest PID there is {}", limit - 1),
            ));
        }
    }
}

/// Reports PIDs of a process that cannot be given to it; `taken` has those of the processes before.
fn check_pids(
    topology: &Topology,
    chosen: &(NamespaceId, Part, Span),
    taken: &mut HashMap<(NamespaceId, i32), (String, Span)>,
    out: &mut Diagnostics,
) {
    let &(id, part, span) = chosen;
    let namespace = topology.namespace(id);
    let target = Target {
        namespace: id.place(),
        part,
    };
    let Some(process) = topology.process(target) else {
        return;
    };
    let path = format!("{}/{}", namespace.path, process.name);
    if process.pid.len() > namespace.level() {
        out.push(too_many(&path, namespace.level(), process.pid.len(), span));
        return;
    }
    let around = std::iter::successors(Some(id), |&id| topology.parent(id));
    for (place, (namespace, &number)) in around.zip(&process.pid).enumerate() {
        let before = out.len();
        let wish = Wish {
            topology,
            namespace,
            number,
            is_first: part == Part::Init && place == 0,
            span,
        };
        wish.check(&path, out);
        if wish.is_first || out.len() > before {
            continue;
        }
        let known = taken.insert((namespace, number), (path.clone(), span));
        if let Some((other, other_span)) = known {
            let of = &topology.namespace(namespace).path;
            let message = format!("`{other}` and `{path}` are both to have PID {number} in `{of}`");
            out.push(
                Diagnostic::at(Code::SharedPid, span, message)
                    .label("the second is here")
                    .also(other_span, format!("`{other}` has it"))
                    .help("choose another, or compute it: pid = \"{{i + 7}}\""),
            );
        }
    }
}

/// More PIDs than namespaces.
fn too_many(path: &str, level: usize, entries: usize, span: Span) -> Diagnostic {
    let message = format!(
        "`pid` of `{path}` has {entries} PIDs, but it is in {level} PID namespace{} of the tree",
        if level == 1 { "" } else { "s" }
    );
    Diagnostic::at(Code::BadPid, span, message)
        .label("the first is that in its own namespace, the others are those around it")
        .note("PIDs on the host cannot be chosen")
}
