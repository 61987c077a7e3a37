//! Requirements of a file, against the abilities of this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};

use super::launch::Checked;
use nestns_observe::doctor::{Check, HostCheck, Limits, Way};
use nestns_runtime::controller::needs::{Needs, needs};
use nestns_sys::errno::spelled;
use nestns_topology::{Init, Isolation, Namespace, Process, Program};

/// Processes that a topology has besides those of the file: controller, guardian, a helper.
const OWN_PROCESSES: u64 = 4;
/// Two findings of one check.
const USERS: &str = "file-users";
/// How many names are told.
const NAMED: usize = 5;

/// The checks of a file.
pub(super) fn checks(checked: &Checked, machine: &HostCheck) -> Vec<Check> {
    let topology = &checked.topology;
    let namespaces: Vec<&Namespace> = topology
        .pre_order()
        .into_iter()
        .map(|id| topology.namespace(id))
        .collect();
    let mut checks = vec![
        depth(&namespaces, machine),
        processes(&namespaces, machine),
        memory(&namespaces, machine),
        isolation(&namespaces, machine),
        proc_mount(&namespaces, machine),
    ];
    match needs(topology, &checked.base) {
        Ok(needs) => checks.extend([descriptors(&needs, machine), users(&needs, machine)]),
        Err(error) => {
            checks.push(Check::no(
                USERS,
                error.to_string(),
                "use numeric IDs, as in `user = \"1000:1000\"`",
            ));
        }
    }
    checks.push(programs(&namespaces));
    checks
}

fn depth(namespaces: &[&Namespace], machine: &HostCheck) -> Check {
    const ID: &str = "file-depth";
    let Some(deepest) = namespaces.iter().max_by_key(|namespace| namespace.level()) else {
        return Check::yes(ID, "no namespace");
    };
    let (needed, left) = (deepest.level(), machine.nesting.levels.left as usize);
    if needed <= left {
        return Check::yes(ID, format!("needs {needed} of {left} levels"));
    }
    let remedy = "make the tree shallower, or run it in a namespace further out";
    Check::no(
        ID,
        format!(
            "`{}` is on level {needed}, but only {left} are available",
            deepest.path
        ),
        remedy,
    )
}

fn processes(namespaces: &[&Namespace], machine: &HostCheck) -> Check {
    const ID: &str = "file-processes";
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let own = count(namespaces.len());
    let all: usize = namespaces
        .iter()
        .map(|namespace| namespace.processes.len())
        .sum();
    let needed = own + count(all) + OWN_PROCESSES;
    if let Some(limit) = machine.limits.pid_namespaces.filter(|&limit| own > limit) {
        let found = format!("needs {own} namespaces, but user.max_pid_namespaces is {limit}");
        return Check::no(ID, found, format!("`sysctl user.max_pid_namespaces={own}`"));
    }
    match machine.limits.processes_left() {
        Some((left, what)) if needed > left => {
            let found = format!("needs {needed} processes, but only {left} are available: {what}");
            Check::no(ID, found, "raise that limit, or make the tree smaller")
        }
        Some((left, what)) => {
            Check::yes(ID, format!("needs {needed} of {left} processes ({what})"))
        }
        None => Check::yes(ID, format!("needs {needed} processes")),
    }
}

/// The memory that the tree takes until its programs run; what those take is not known.
fn memory(namespaces: &[&Namespace], machine: &HostCheck) -> Check {
    const ID: &str = "file-memory";
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let processes = namespaces
        .iter()
        .map(|namespace| namespace.processes.len())
        .sum();
    let needed = Limits::memory_needed(count(namespaces.len()), count(processes));
    let text = |kib: u64| format!("{} MiB", kib.div_ceil(1024));
    match &machine.limits.memory {
        Some(memory) if needed > memory.kib => Check::no(
            ID,
            format!(
                "needs about {} without the programs, but only {} are free ({})",
                text(needed),
                text(memory.kib),
                memory.source
            ),
            "make the tree smaller, or provide more memory",
        ),
        Some(memory) => {
            let found = format!(
                "needs about {} of {} without the programs ({})",
                text(needed),
                text(memory.kib),
                memory.source
            );
            Check::yes(ID, found)
        }
        None => Check::yes(
            ID,
            format!("needs about {} without the programs", text(needed)),
        ),
    }
}

fn isolation(namespaces: &[&Namespace], machine: &HostCheck) -> Check {
    const ID: &str = "file-isolation";
    let wants = |isolation: Isolation, kind: &str| !isolation.shared().contains(&kind);
    let mut needed = Vec::new();
    for (kind, result) in &machine.nesting.kinds {
        let Some(first) = namespaces
            .iter()
            .find(|namespace| wants(namespace.isolation, kind))
        else {
            continue;
        };
        if let Err(errno) = result {
            let found = format!(
                "`{}` needs a {kind} namespace, which is not permitted: {}",
                first.path,
                spelled(*errno)
            );
            return Check::no(
                ID,
                found,
                format!("leave \"{kind}\" out of `unshare`, or permit it"),
            );
        }
        needed.push(*kind);
    }
    if needed.is_empty() {
        return Check::yes(ID, "needs only PID namespaces");
    }
    Check::yes(
        ID,
        format!(
            "needs {} namespaces, which can be created",
            needed.join(", ")
        ),
    )
}

fn proc_mount(namespaces: &[&Namespace], machine: &HostCheck) -> Check {
    const ID: &str = "file-proc";
    let Some(first) = namespaces.iter().find(|namespace| namespace.mount_proc) else {
        return Check::yes(ID, "mounts no /proc");
    };
    match machine.nesting.proc_mount {
        Ok(()) => Check::yes(ID, "each namespace can mount its own /proc"),
        Err(refusal) => Check::no(
            ID,
            format!(
                "`{}` needs a /proc of its own, which is not permitted: {}",
                first.path,
                spelled(refusal.errno)
            ),
            "set `mount_proc = false` in [defaults.ns], or see the check proc-mount",
        ),
    }
}

fn descriptors(needs: &Needs, machine: &HostCheck) -> Check {
    const ID: &str = "file-descriptors";
    let needed = needs.descriptors;
    match machine.limits.descriptors {
        Some(limit) if needed > limit => {
            let remedy =
                "raise `ulimit -Hn`, or set `stdout` and `stderr` to \"null\" in [defaults.proc]";
            Check::no(
                ID,
                format!("needs {needed} descriptors, but the hard limit is {limit}"),
                remedy,
            )
        }
        Some(limit) => Check::yes(ID, format!("needs {needed} of {limit} descriptors")),
        None => Check::yes(ID, format!("needs {needed} descriptors")),
    }
}

fn users(needs: &Needs, machine: &HostCheck) -> Check {
    match &needs.other_user {
        None => Check::yes(
            USERS,
            format!("everything runs as the caller (user {})", geteuid()),
        ),
        Some((path, uid)) if machine.nesting.way == Way::UserNamespace => Check::no(
            USERS,
            format!(
                "`{path}` needs user {uid}, but without root a tree has only ID 0, which is mapped to the caller"
            ),
            "leave `user` out, or run as root",
        ),
        Some(_) => Check::yes(USERS, "all users are known"),
    }
}

/// Returns whether programs are where they are looked for. One that is not does not keep the tree from standing: it fails when it
/// is released; and what is mounted until then is not known.
fn programs(namespaces: &[&Namespace]) -> Check {
    const ID: &str = "file-programs";
    let mut missing: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (namespace, process) in all(namespaces) {
        let Program::Command(words) = &process.program else {
            continue;
        };
        let Some(program) = words.first() else {
            continue;
        };
        if known.contains(program.as_str())
            && !program.contains('/')
            && !process.env.contains_key("PATH")
        {
            continue;
        }
        if is_there(program, process) {
            known.insert(program);
        } else if !missing.iter().any(|(name, _)| name == program) {
            missing.insert((program, format!("{}/{}", namespace.path, process.name)));
        }
    }
    if missing.is_empty() {
        return Check::yes(ID, "all programs are found");
    }
    let named: Vec<String> = missing
        .iter()
        .take(NAMED)
        .map(|(name, path)| format!("{name} (`{path}`)"))
        .collect();
    let more = if missing.len() > NAMED {
        format!(", and {} more", missing.len() - NAMED)
    } else {
        String::new()
    };
    let found = format!("not found: {}{more}", named.join(", "));
    Check::warn(
        ID,
        found,
        "install them, or correct their paths; the tree can be built without them, but they fail with status 127",
    )
}

fn is_there(program: &str, process: &Process) -> bool {
    let is_program = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        let here = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let directory = process.cwd.clone().unwrap_or_else(here);
        return is_program(&directory.join(program));
    }
    let path = process
        .env
        .get("PATH")
        .cloned()
        .or_else(|| std::env::var("PATH").ok());
    let path = path.unwrap_or_else(|| "/bin:/usr/bin".to_owned());
    path.split(':').any(|directory| {
        is_program(&Path::new(if directory.is_empty() { "." } else { directory }).join(program))
    })
}

/// Every process, the programs that are PID 1 included.
fn all<'a>(namespaces: &'a [&'a Namespace]) -> impl Iterator<Item = (&'a Namespace, &'a Process)> {
    namespaces.iter().flat_map(|&namespace| {
        let init = match &namespace.init {
            Init::Program(process) => Some(&**process),
            Init::Builtin | Init::Pause => None,
        };
        init.into_iter()
            .chain(&namespace.processes)
            .map(move |process| (namespace, process))
    })
}
