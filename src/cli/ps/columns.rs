//! The columns of the table, each with its cell of a row.

use anstyle::Style;

use super::row::Row;
use crate::cli::table_arguments::Field;
use crate::present::age::Age;
use crate::present::depth;
use crate::present::redact::Redaction;
use crate::present::state::style;
use crate::present::table::{Cell, Cut};
use nestns_client::documents::{ExitDocument, NamespaceOf, ProcessDocument};
use nestns_topology::Signal;

/// The columns that a process is asked for when they are shown: a program may change them at any time.
pub(super) const GROUPS: [&str; 2] = ["pgid", "sid"];

const fn usual<'a>() -> [Field<Row<'a>>; 14] {
    [
        Field::new("path", "PATH", |row: &Row, _| {
            let style = depth::style(row.process.pids.len().saturating_sub(1));
            match &row.more {
                Some((more, like)) => {
                    Cell::styled(&format!("… {more} more like {like}"), style.dimmed())
                }
                None => Cell::styled(&row.path, style),
            }
        })
        .cut(Cut::Middle),
        Field::new("pid", "PID", |row: &Row, redaction| {
            row.while_it_lives(|process| Cell::text(&redaction.chain(&process.pids)))
        }),
        Field::new("ppid", "PPID", |row: &Row, _| {
            row.while_it_lives(|process| Cell::maybe(process.ppids.last().copied().flatten()))
        })
        .right(),
        Field::new("state", "STATE", |row: &Row, _| row.one(state)),
        Field::new("age", "AGE", |row: &Row, redaction| {
            row.one(|row| Cell::maybe(row.age.map(|age| redaction.time(Age(age)))))
        })
        .right(),
        Field::new("command", "COMMAND", |row: &Row, _| row.one(command)).cut(Cut::End),
        Field::new("ns", "NS", |row: &Row, _| Cell::text(&row.process.ns))
            .cut(Cut::Middle)
            .unusual(),
        Field::new("name", "NAME", |row: &Row, _| Cell::text(&row.process.name)).unusual(),
        Field::new("enter", "ENTER", |row: &Row, _| {
            Cell::text(&row.process.enter)
        })
        .unusual(),
        Field::new("exit", "EXIT", |row: &Row, _| {
            Cell::maybe(row.process.exit.map(ExitDocument::status))
        })
        .right()
        .unusual(),
        Field::new("hostpid", "HOSTPID", |row: &Row, redaction| {
            let pid = |process: &ProcessDocument| process.pids.first().copied().flatten();
            row.while_it_lives(|process| {
                Cell::maybe(pid(process).map(|pid| redaction.host_pid(pid)))
            })
        })
        .right()
        .unusual(),
        Field::new("pgid", "PGID", |row: &Row, redaction| {
            row.while_it_lives(|process| innermost(&process.pgids, redaction))
        })
        .right()
        .unusual(),
        Field::new("sid", "SID", |row: &Row, redaction| {
            row.while_it_lives(|process| innermost(&process.sids, redaction))
        })
        .right()
        .unusual(),
        Field::new("labels", "LABELS", |row: &Row, _| {
            let labels = row
                .process
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"));
            Cell::text(&labels.collect::<Vec<_>>().join(","))
        })
        .cut(Cut::End)
        .unusual(),
    ]
}

/// The columns, those of the namespaces with them where they were asked for.
pub(super) fn fields<'a>(with_namespaces: bool) -> Vec<Field<Row<'a>>> {
    let mut fields: Vec<_> = usual().into();
    if with_namespaces {
        // A function pointer holds nothing, so that each kind has its own.
        fields.extend([
            Field::new("pidns", "PIDNS", |row: &Row, redaction| {
                space(row, "pid", redaction)
            })
            .right(),
            Field::new("userns", "USERNS", |row: &Row, redaction| {
                space(row, "user", redaction)
            })
            .right(),
            Field::new("mntns", "MNTNS", |row: &Row, redaction| {
                space(row, "mnt", redaction)
            })
            .right(),
            Field::new("netns", "NETNS", |row: &Row, redaction| {
                space(row, "net", redaction)
            })
            .right(),
            Field::new("utsns", "UTSNS", |row: &Row, redaction| {
                space(row, "uts", redaction)
            })
            .right(),
            Field::new("ipcns", "IPCNS", |row: &Row, redaction| {
                space(row, "ipc", redaction)
            })
            .right(),
            Field::new("cgroupns", "CGROUPNS", |row: &Row, redaction| {
                space(row, "cgroup", redaction)
            })
            .right(),
            Field::new("timens", "TIMENS", |row: &Row, redaction| {
                space(row, "time", redaction)
            })
            .right(),
        ]);
    }
    fields
}

/// Number of a process group or session in the process's own namespace.
fn innermost(numbers: &[i32], redaction: Redaction) -> Cell {
    // In no namespace of the topology it is one of the host's.
    Cell::maybe(match numbers {
        [host] => Some(redaction.host_pid(*host)),
        _ => numbers.last().map(i32::to_string),
    })
}

/// The command line; the name where there is none, as `ps` of procps has it.
fn command(row: &Row) -> Cell {
    match (row.process.argv.as_slice(), &*row.process.name) {
        ([], name) if !row.process.declared => Cell::text(&format!("[{name}]")),
        (argv, _) => Cell::text(&argv.join(" ")),
    }
}

/// The word, with what it ended with where that is not plain.
fn state(row: &Row) -> Cell {
    let word = row.process.state.as_deref().unwrap_or_default();
    let text = match row.process.exit {
        Some(ExitDocument::Signal(signal)) => format!("{word} ({})", Signal::from_number(signal)),
        Some(ExitDocument::Code(code)) if code != 0 => format!("{word} ({code})"),
        _ => word.to_owned(),
    };
    Cell::styled(&text, row.state.map(style).unwrap_or_default())
}

fn space(row: &Row, kind: &str, redaction: Redaction) -> Cell {
    let Some(spaces) = &row.namespaces else {
        return Cell::None;
    };
    match spaces
        .as_ref()
        .ok()
        .and_then(|relations| relations.get(kind))
    {
        Some(relation) => {
            let inode = redaction.inode(relation.inode);
            match relation.of {
                Some(NamespaceOf::Around) => {
                    Cell::styled(&format!("{inode}="), Style::new().dimmed())
                }
                Some(NamespaceOf::Namespace) => Cell::text(&format!("{inode} ")),
                Some(NamespaceOf::Process) => Cell::text(&format!("{inode}!")),
                None => Cell::text(&format!("{inode}?")),
            }
        }
        None if row.has_ended() => Cell::None,
        None => Cell::text("?"),
    }
}
