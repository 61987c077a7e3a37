//! `after`: names → indices, and the order in which the processes of a namespace can start.

use std::collections::HashMap;

use super::instance::{Instance, ProcessInstance};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::topology::process::After;
use crate::topology::syntax::{SUGGESTIONS, nearest};

/// What the processes of one namespace wait for.
#[derive(Debug)]
pub(super) struct Dependencies {
    /// For each process.
    pub(super) after: Vec<Vec<After>>,
}

impl Dependencies {
    /// Finds the processes that are waited for; reports unknown ones and cycles.
    pub(super) fn resolve(instance: &Instance, out: &mut Diagnostics) -> Self {
        let processes = &instance.processes;
        if processes.iter().all(|process| process.body.after.is_empty()) {
            return Self { after: vec![Vec::new(); processes.len()] };
        }
        // A name stands for one process or, if it was generated, for all of its instances.
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, process) in processes.iter().enumerate() {
            by_name.entry(&process.name.value).or_default().push(index);
            if process.group != process.name.value {
                by_name.entry(&process.group).or_default().push(index);
            }
        }
        // One that is not on this level, or of which there is none, is waited for in vain by nobody.
        for name in &instance.absent {
            by_name.entry(name).or_default();
        }
        let mut after = Vec::with_capacity(processes.len());
        let mut unknown = 0;
        for (index, process) in processes.iter().enumerate() {
            let mut conditions = Vec::with_capacity(process.body.after.len());
            for (name, condition) in &process.body.after {
                match by_name.get(name.value.as_str()) {
                    Some(found) if found.contains(&index) => out.push(
                        Diagnostic::at(Code::OwnDependency, name.span, format!("`{}` waits for itself", name.value))
                            .label("it would never start"),
                    ),
                    Some(found) => {
                        conditions.extend(found.iter().map(|&process| After { process, condition: *condition }));
                    }
                    None => {
                        let message = format!("`{}` waits for `{}`, which does not exist", process.group, name.value);
                        let diagnostic = Diagnostic::at(Code::UnknownDependency, name.span, message);
                        unknown += 1;
                        let compared = if unknown <= SUGGESTIONS { processes.as_slice() } else { &[] };
                        out.push(
                            match nearest(&name.value, compared.iter().map(|process| process.name.value.as_str())) {
                                Some(known) => diagnostic.label(format!("did you mean `{known}`?")),
                                None => diagnostic
                                    .label(format!("no process of `{}` has this name", instance.path.value))
                                    .note("a process waits for processes of its own namespace only"),
                            },
                        );
                    }
                }
            }
            // The order of a table says nothing.
            conditions.sort_by_key(|after| after.process);
            after.push(conditions);
        }
        let order = order(&after);
        if order.len() < processes.len() {
            report_cycles(processes, &after, &order, out);
        }
        Self { after }
    }
}

/// The processes in an order in which each comes after what it waits for; those of a cycle are missing.
///
/// Kahn's algorithm: whatever waits for nothing that is left comes next.
pub(super) fn order<A: AsRef<[After]>>(after: &[A]) -> Vec<usize> {
    let mut waiting: Vec<_> = after.iter().map(|after| after.as_ref().len()).collect();
    let mut dependents = vec![Vec::new(); after.len()];
    for (index, conditions) in after.iter().enumerate() {
        for condition in conditions.as_ref() {
            dependents[condition.process].push(index);
        }
    }
    let mut order: Vec<_> = (0..after.len()).filter(|&index| waiting[index] == 0).collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        for &dependent in &dependents[index] {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                order.push(dependent);
            }
        }
    }
    order
}

/// Everything that cannot be ordered waits for something else that cannot be: following that leads into a cycle.
fn report_cycles(processes: &[ProcessInstance], after: &[Vec<After>], order: &[usize], out: &mut Diagnostics) {
    let mut ordered = vec![false; after.len()];
    for &index in order {
        ordered[index] = true;
    }
    let mut walk_of = vec![None; after.len()];
    for start in (0..after.len()).filter(|&index| !ordered[index]) {
        let mut walk = Vec::new();
        let mut here = start;
        while walk_of[here].is_none() {
            walk_of[here] = Some(start);
            walk.push(here);
            let next = after[here].iter().map(|condition| condition.process).find(|&process| !ordered[process]);
            let Some(next) = next else { break };
            here = next;
        }
        // Ending in an earlier walk means that this cycle has been reported.
        if walk_of[here] == Some(start)
            && let Some(position) = walk.iter().position(|&index| index == here)
        {
            out.push(cycle(&walk[position..], processes));
        }
    }
}

fn cycle(members: &[usize], processes: &[ProcessInstance]) -> Diagnostic {
    // It begins with the process that the file declares first, wherever the walk came in.
    let first = (0..members.len()).min_by_key(|&position| members[position]).unwrap_or_default();
    let members: Vec<_> = members[first..].iter().chain(&members[..first]).map(|&index| &processes[index]).collect();
    let mut names: Vec<_> = members.iter().map(|process| process.name.value.as_str()).collect();
    names.push(names[0]);
    let diagnostic = Diagnostic::at(
        Code::DependencyCycle,
        members[0].name.span,
        format!("processes wait for each other: {}", names.join(" → ")),
    )
    .label(format!("`{}` waits for `{}`", names[0], names[1]));
    // More places than these would not make it clearer.
    members.iter().enumerate().skip(1).take(3).fold(diagnostic, |diagnostic, (position, process)| {
        diagnostic.also(process.name.span, format!("`{}` waits for `{}`", names[position], names[position + 1]))
    })
}
