//! Ends of a namespace and of the tree: `main` and `keeps`.

use super::instance::{Instance, ProcessInstance};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::ProcessKey;
use crate::process::Keeps;
use crate::syntax::{Located, nearest};
use crate::tree::Topology;

/// Reports a `main` that names nothing, and a namespace that nothing keeps open.
pub(super) fn check(instance: &Instance, out: &mut Diagnostics) {
    check_main(instance, out);
    check_keepers(instance, out);
}

/// Gives the tree its main process; reports one that does not exist.
pub(crate) fn set_main(
    topology: &mut Topology,
    main: Option<&Located<String>>,
    out: &mut Diagnostics,
) {
    let Some(main) = main else {
        return;
    };
    if topology.has_process(&main.value) {
        topology.main = Some(main.value.clone());
        return;
    }
    let message = format!(
        "`main` names the process `{}`, which does not exist",
        main.value
    );
    let diagnostic = Diagnostic::at(Code::UnknownMain, main.span, message);
    out.push(if topology.find(&main.value).is_some() {
        diagnostic
            .label("this is a namespace")
            .help("write the path of one of its processes, or of its PID 1 if that is a program")
    } else {
        diagnostic.label("no process of the tree has this path")
    });
}

/// Reports a `main` that is no process of the namespace.
fn check_main(instance: &Instance, out: &mut Diagnostics) {
    let Some(main) = &instance.body.main else {
        return;
    };
    let names = || {
        instance
            .processes
            .iter()
            .map(|process| process.name.value.as_str())
    };
    if names().any(|name| name == main.value) || instance.absent.contains(&main.value) {
        return;
    }
    let path = &instance.path.value;
    let message = format!(
        "`main` of `{path}` names `{}`, which is not a process of it",
        main.value
    );
    let diagnostic = Diagnostic::at(Code::UnknownMain, main.span, message);
    out.push(match nearest(&main.value, names()) {
        Some(known) => diagnostic.label(format!("did you mean `{known}`?")),
        None if main.value == "init" => diagnostic
            .label("a namespace ends with its PID 1 anyway")
            .help("leave `main` out"),
        None => diagnostic.label(format!("no process of `{path}` has this name")),
    });
}

/// Reports a namespace that nothing keeps open, though there is something in it.
fn check_keepers(instance: &Instance, out: &mut Diagnostics) {
    let processes = &instance.processes;
    let keeps = |process: &ProcessInstance| process.body.values.keeps == Keeps::Namespace;
    let Some(first) = processes.first().filter(|_| !processes.iter().any(keeps)) else {
        return;
    };
    if let Some(span) = first.body.place(ProcessKey::Keeps) {
        let message = format!("no process keeps `{}` open", instance.path.value);
        out.push(
            Diagnostic::at(Code::Contradiction, span, message)
                .label("with `keeps = false` for all of them, it would end as soon as it is there")
                .help("remove `keeps` from the process that the others serve"),
        );
    }
}
