//! A topology as commands without nestns: one POSIX sh script of unshare(1) and nsenter(1).
//!
//! Responsible for the text, which is read by learners and run by tests; nothing is executed here. The rules behind it:
//!
//! - A process that unshare(1) starts with `--fork --pid` is PID 1 (`pid_namespaces(7)`). Where nestns itself is PID 1,
//!   the script has a shell, and the lines of that shell are a variable (`sh -c "$ns_vm_ci"`): the script has no name
//!   when it is piped into a shell, and a variable needs no quotes within quotes.
//! - Each fork inside takes a number there and on every level around. So inside namespaces there are no helpers, no
//!   `$(…)`, no pipes, no here-documents (a shell may fork a writer for one), only builtins; and the last namespace
//!   inside another is started by `exec unshare`, which makes the PID 1 around it the waiting parent and takes no number.
//! - A process that is to be entered (`enter = "join"`, and all below a PID 1 that is a program) must keep the namespaces that
//!   unshare(1) gave it, which a PID 1 that became `unshare` does not: unshare(1) leaves most of them itself.
//!
//! The tree as the script needs it is in `space`, with `series` of replicas folded into loops; `words` and `job` make
//! command lines; `parent`, `pid_one` and `entering` write the lines of the shells; `header` and `caveats` explain
//! them; `page` arranges them.

mod caveats;
mod entering;
mod flags;
mod header;
mod job;
mod names;
mod namespace_script;
mod page;
mod parent;
mod pid_one;
mod quoting;
mod replicas;
mod series;
#[cfg(test)]
mod tests;
mod words;

use nestns_topology::{Init, Namespace, NamespaceId, Topology};

/// Part of a topology to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Whole,
    /// A namespace and everything inside, as if it stood directly below the host.
    Subtree(NamespaceId),
    /// The line that makes a namespace's PID 1.
    Init(NamespaceId),
    /// The line of a declared process: an index into [`Namespace::processes`](nestns_topology::Namespace::processes).
    Process(NamespaceId, usize),
}

/// Writes the script; `arguments` are how a command line calls the topology: its file, and values of variables.
pub(crate) fn script(topology: &Topology, arguments: &[String], part: Scope) -> String {
    let forest = namespace_script::Forest::of(topology, part);
    match part {
        Scope::Whole | Scope::Subtree(_) => {
            let page = parent::whole(&forest);
            header::whole(topology, arguments, part, &forest, &page) + &page.text()
        }
        Scope::Init(id) | Scope::Process(id, _) => {
            let mut entered = None;
            let mut around = topology.parent(id);
            while let Some(parent) = around
                .map(|parent| topology.namespace(parent))
                .filter(|parent| is_program(parent))
            {
                let (path, isolation) = entered.unwrap_or((parent.path.as_str(), parent.isolation));
                entered = Some((path, flags::union(isolation, parent.isolation)));
                around = around.and_then(|around| topology.parent(around));
            }
            let parent = around.map(|around| topology.namespace(around).path.as_str());
            header::single(topology, part, parent) + &parent::single(&forest, entered, part).text()
        }
    }
}

/// Returns true if only a shell further out can start programs in it.
fn is_program(namespace: &Namespace) -> bool {
    matches!(namespace.init, Init::Program(_))
}
