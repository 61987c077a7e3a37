//! A process as a table of the language, without what the language fills in by itself.

use toml::{Table, Value};

use super::namespace::{stop, words};
use crate::topology::{Condition, Entry, Output, Process, Program, Stdin, Terminal, Weight};

/// One process of a namespace; `init` is the program that is its PID 1, whose environment and directory all inherit.
pub(super) fn table(process: &Process, init: Option<&Process>) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    let (key, program) = program(&process.program);
    put(key, Some(program));
    // Below a program that is PID 1 nothing but joining is possible, and nothing is said.
    put("enter", Some("join").filter(|_| process.entry == Entry::Join && init.is_none()).map(Value::from));
    put("description", process.description.clone().map(Value::from));
    put("labels", words(process.labels.iter()));
    let own = |(name, value): &(&String, &String)| init.and_then(|init| init.env.get(*name)) != Some(*value);
    put("env", words(process.env.iter().filter(own).map(|(name, value)| (name.as_str(), value.as_str()))));
    let inherited = init.and_then(|init| init.cwd.as_ref());
    let cwd = process.cwd.as_ref().filter(|&own| Some(own) != inherited);
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
    put(
        "ok",
        Some(&process.ok)
            .filter(|ok| ok.as_slice() != [0])
            .map(|ok| ok.iter().map(|&code| i64::from(code)).collect::<Vec<_>>().into()),
    );
    put("oneshot", Some(process.oneshot).filter(|&oneshot| oneshot).map(Value::from));
    put("essential", Some(false).filter(|_| process.weight == Weight::Expendable).map(Value::from));
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
