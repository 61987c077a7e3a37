//! `after`: names → indices, and the order in which the processes of a namespace can start.

use std::collections::HashMap;

use super::instance::{Instance, ProcessInstance};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::order::order;
use crate::process::After;
use crate::syntax::{SUGGESTIONS, nearest};

/// The dependencies of the processes of one namespace.
#[derive(Debug)]
pub(super) struct Dependencies {
    /// For each process.
    pub(super) after: Vec<Vec<After>>,
}

impl Dependencies {
    /// Finds the processes that are waited for; reports unknown ones and cycles.
    pub(super) fn resolve(instance: &Instance, out: &mut Diagnostics) -> Self {
        let processes = &instance.processes;
        if processes
            .iter()
            .all(|process| process.body.after.is_empty())
        {
            return Self {
                after: vec![Vec::new(); processes.len()],
            };
        }
        // A name stands for one process or, if it was generated, for all of its instances.
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, process) in processes.iter().enumerate() {
            by_name.entry(&process.name.value).or_default().push(index);
            if process.group != process.name.value {
                by_name.entry(&process.group).or_default().push(index);
            }
        }
        // One that is not on this level, or of which there is none, is waited for by nothing in vain.
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
                        Diagnostic::at(
                            Code::OwnDependency,
                            name.span,
                            format!("`{}` waits for itself", name.value),
                        )
                        .label("it would never start"),
                    ),
                    Some(found) => {
                        conditions.extend(found.iter().map(|&process| After {
                            process,
                            condition: *condition,
                        }));
                    }
                    None => {
                        let message = format!(
                            "`{}` waits for `{}`, which does not exist",
                            process.group, name.value
                        );
                        let diagnostic =
                            Diagnostic::at(Code::UnknownDependency, name.span, message);
                        unknown += 1;
                        let compared = if unknown <= SUGGESTIONS {
                            processes.as_slice()
                        } else {
                            &[]
                        };
                        out.push(
                            match nearest(&name.value, compared.iter().map(|process| process.name.value.as_str())) {
                                Some(known) => diagnostic.label(format!("did you mean `{known}`?")),
                                None => diagnostic
                                    .label(format!("no process of `{}` has this name", instance.path.value))
                                    .note("a process can wait only for processes of its own namespace"),
                            },
                        );
                    }
                }
            }
            // The order of a table says nothing.
            conditions.sort_by_key(|after| after.process);
            after.push(conditions);
        }
        for cycle in order(&needs(after.iter())).cycles {
            let members: Vec<_> = cycle.into_iter().map(|index| &processes[index]).collect();
            out.push(report_cycle(&members));
        }
        Self { after }
    }
}

/// The processes that each of some waits for.
pub(super) fn needs<'a>(after: impl Iterator<Item = &'a Vec<After>>) -> Vec<Vec<usize>> {
    after
        .map(|conditions| conditions.iter().map(|after| after.process).collect())
        .collect()
}

fn report_cycle(members: &[&ProcessInstance]) -> Diagnostic {
    let mut names: Vec<_> = members
        .iter()
        .map(|process| process.name.value.as_str())
        .collect();
    names.push(names[0]);
    let diagnostic = Diagnostic::at(
        Code::DependencyCycle,
        members[0].name.span,
        format!("processes wait for each other: {}", names.join(" → ")),
    )
    .label(format!("`{}` waits for `{}`", names[0], names[1]));
    // More places than these would not make it clearer.
    members.iter().enumerate().skip(1).take(3).fold(
        diagnostic,
        |diagnostic, (position, process)| {
            diagnostic.also(
                process.name.span,
                format!("`{}` waits for `{}`", names[position], names[position + 1]),
            )
        },
    )
}
