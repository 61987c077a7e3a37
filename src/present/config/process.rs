//! A process as a table of the language, without what the language fills in by itself.

use toml::{Table, Value};

use super::value::{restart, stop, words};
use crate::topology::{
    Condition, Entry, Init, Namespace, Notifier, Output, Probe, Process, Program, Stdin, Terminal, Weight,
    format_duration,
};

/// One process of a namespace, whose environment and directory it inherits.
pub(super) fn table(process: &Process, namespace: &Namespace) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    let (key, program) = program(&process.program);
    put(key, Some(program));
    // Below a program that is PID 1 nothing but joining is possible, and nothing is said.
    put(
        "enter",
        Some("join")
            .filter(|_| process.entry == Entry::Join && !matches!(namespace.init, Init::Program(_)))
            .map(Value::from),
    );
    put("description", process.description.clone().map(Value::from));
    put("labels", words(process.labels.iter()));
    let own = |(name, value): &(&String, &String)| namespace.env.get(*name) != Some(*value);
    put("env", words(process.env.iter().filter(own).map(|(name, value)| (name.as_str(), value.as_str()))));
    let cwd = process.cwd.as_ref().filter(|&own| Some(own) != namespace.cwd.as_ref());
    put("cwd", cwd.map(|cwd| cwd.to_string_lossy().into_owned().into()));
    put("user", process.user.clone().map(Value::from));
    put("tty", Some(process.terminal == Terminal::Own).filter(|&own| own).map(Value::from));
    put(
        "stdin",
        match &process.stdin {
            Stdin::Null => None,
            Stdin::Inherit => Some("inherit".into()),
            Stdin::File(path) => Some(path.to_string_lossy().into_owned().into()),
        },
    );
    put("stdout", output(&process.stdout));
    put("stderr", output(&process.stderr));
    put("ready", process.ready.as_ref().map(ready));
    put(
        "ok",
        Some(&process.ok)
            .filter(|ok| ok.as_slice() != [0])
            .map(|ok| ok.iter().map(|&code| i64::from(code)).collect::<Vec<_>>().into()),
    );
    put("oneshot", Some(process.oneshot).filter(|&oneshot| oneshot).map(Value::from));
    put("essential", Some(false).filter(|_| process.weight == Weight::Expendable).map(Value::from));
    restart(process.restart, &mut put);
    put("stop", stop(process.stop, process.own_grace.is_some()));
    table
}

/// What a process waits for, by the names of the namespace's processes.
pub(super) fn after(process: &Process, processes: &[Process]) -> Option<Value> {
    let entries = process.after.iter().map(|after| {
        let condition = match after.condition {
            Condition::Created => "created",
            Condition::Started => "started",
            Condition::Ready => "ready",
            Condition::Exited => "exited",
            Condition::Ok => "ok",
        };
        (processes[after.process].name.clone(), condition.into())
    });
    let table: Table = entries.collect();
    if table.is_empty() { None } else { Some(table.into()) }
}

fn ready(probe: &Probe) -> Value {
    let mut table = Table::new();
    let (key, value) = match probe {
        Probe::Log(pattern) => ("log", pattern.clone().into()),
        Probe::File(path) => ("file", path.to_string_lossy().into_owned().into()),
        Probe::Exec { argv, .. } => ("exec", argv.clone().into()),
        Probe::Descriptor(number) => ("fd", i64::from(*number).into()),
        Probe::Notify(Notifier::Itself) => ("notify", true.into()),
        Probe::Notify(Notifier::All) => ("notify", "all".into()),
    };
    table.insert(key.to_owned(), value);
    if let Probe::Exec { every, .. } = probe
        && *every != Probe::EVERY
    {
        table.insert("every".to_owned(), format_duration(*every).into());
    }
    table.into()
}

fn program(program: &Program) -> (&'static str, Value) {
    match program {
        Program::Actor(actor) => ("actor", actor.to_string().into()),
        Program::Command(words) => match words.as_slice() {
            // What `sh` is short for; one that is nothing but blanks can only have been written as a command.
            [shell, option, script] if shell == "/bin/sh" && option == "-c" && !script.trim().is_empty() => {
                ("sh", script.clone().into())
            }
            words => ("cmd", words.to_vec().into()),
        },
    }
}

fn output(output: &Output) -> Option<Value> {
    match output {
        Output::Log => None,
        Output::Inherit => Some("inherit".into()),
        Output::Null => Some("null".into()),
        Output::File(path) => Some(path.to_string_lossy().into_owned().into()),
    }
}
