//! A namespace as a table of the language, without what the language fills in by itself.

use toml::{Table, Value};

use super::process;
use super::value::{restart, stop, words};
use crate::topology::{Init, Isolation, Namespace, NamespaceId, Process, Program, Terminal, Topology};

/// Namespaces with all that is inside them, by their names.
pub(super) fn nested(topology: &Topology, ids: &[NamespaceId]) -> Table {
    let mut tables = Table::new();
    for &id in ids {
        let namespace = topology.namespace(id);
        let mut own = table(namespace);
        let children = topology.children(id);
        if !children.is_empty() {
            own.insert("ns".to_owned(), nested(topology, &children).into());
        }
        tables.insert(namespace.name().to_owned(), own.into());
    }
    tables
}

/// One namespace, without what is inside it.
pub(super) fn table(namespace: &Namespace) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    put("description", namespace.description.clone().map(Value::from));
    put("labels", words(namespace.labels.iter()));
    let program = match &namespace.init {
        Init::Program(program) => Some(&**program),
        Init::Builtin | Init::Pause => None,
    };
    put("hostname", namespace.hostname.clone().map(Value::from));
    put("domainname", namespace.domainname.clone().map(Value::from));
    let isolation = namespace.isolation;
    put("unshare", unshare(isolation, namespace.hostname.is_some() || namespace.domainname.is_some()));
    put("mount_proc", Some(namespace.mount_proc).filter(|&own| own != isolation.mount).map(Value::from));
    put(
        "init",
        match (&namespace.init, program) {
            (Init::Pause, _) => Some("pause".into()),
            (_, Some(program)) => Some(init(&program.program)),
            (_, None) => None,
        },
    );
    put("env", words(namespace.env.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    put("cwd", namespace.cwd.as_ref().map(|cwd| cwd.to_string_lossy().into_owned().into()));
    put("tty", program.filter(|program| program.terminal == Terminal::Own).map(|_| Value::from(true)));
    put("stop", stop(namespace.stop, namespace.own_grace.is_some()));
    restart(namespace.restart, &mut put);
    let processes: Table =
        namespace.processes.iter().map(|own| (own.name.clone(), process(own, namespace).into())).collect();
    put("proc", Some(processes).filter(|processes| !processes.is_empty()).map(Value::from));
    table
}

fn process(process: &Process, namespace: &Namespace) -> Table {
    let mut table = process::table(process, namespace);
    if let Some(after) = process::after(process, &namespace.processes) {
        table.insert("after".to_owned(), after);
    }
    table
}

fn init(program: &Program) -> Value {
    match program {
        Program::Command(words) => words.clone().into(),
        Program::Actor(actor) => {
            let mut table = Table::new();
            table.insert("actor".to_owned(), actor.to_string().into());
            table.into()
        }
    }
}

fn unshare(isolation: Isolation, is_named: bool) -> Option<Value> {
    let default = Isolation { mount: true, uts: is_named, ..Isolation::default() };
    if isolation == default {
        return None;
    }
    let kinds = [
        ("mount", isolation.mount),
        ("uts", isolation.uts),
        ("ipc", isolation.ipc),
        ("net", isolation.net),
        ("cgroup", isolation.cgroup),
    ];
    Some(kinds.into_iter().filter(|(_, own)| *own).map(|(kind, _)| kind.to_owned()).collect::<Vec<_>>().into())
}
