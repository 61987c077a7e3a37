//! The same for people: sections of keys and values.

use std::time::Duration;

use crate::cli::ended::reason;
use crate::present::age::{Age, date};
use crate::present::count::count;
use crate::present::depth;
use crate::present::redact::Redaction;
use crate::present::sheet::Section;
use crate::present::stop;
use nestns_client::documents::{
    Ancestor, Description, EndedDocument, ExitDocument, InspectDocument, InspectSubject,
    InspectedNamespace, KernelFacts, Members, NamespaceOf, ProcessDocument, ProcessFacts,
    RestartDescription, Stray,
};
use nestns_client::ended;
use nestns_topology::{Labels, Signal};

/// All sections that have something to say.
pub(super) fn sections(document: &InspectDocument, redaction: Redaction) -> Vec<Section> {
    let mut sections = match &document.subject {
        InspectSubject::Namespace(namespace) => of_namespace(namespace, redaction),
        InspectSubject::Process(process) => {
            let mut sections = of_process(&process.facts, redaction);
            sections.insert(1, declaration(&process.declaration));
            sections
        }
    };
    if let Some(ended) = &document.end {
        sections.insert(0, end(ended, redaction));
    }
    if let Some(problem) = &document.problem {
        let mut section = Section::new("topology");
        section.put("problem", problem);
        sections.insert(1, section);
    }
    sections
}

/// The end of a topology.
pub(super) fn end(end: &EndedDocument, redaction: Redaction) -> Section {
    let mut section = Section::new(format!("{}:/", end.topology));
    section.put("state", ended::STATE);
    section.put("reason", &reason(end));
    section.put("status", &end.status);
    section.put("ended", &redaction.time(date(end.ended)));
    section.put("started", &redaction.time(date(end.since)));
    section.maybe("file", end.file.as_ref());
    section.put("namespaces", &end.namespaces);
    section.put("processes", &end.processes);
    section.list("problems", end.problems.clone());
    let drawn = end.stop.as_ref().map(stop::render);
    let lines = drawn.iter().flat_map(|drawn| drawn.lines());
    section.list("stop", lines.map(str::to_owned).collect());
    section
}

fn of_namespace(namespace: &InspectedNamespace, redaction: Redaction) -> Vec<Section> {
    let document = &namespace.document;
    let mut head = Section::new(format!("{}/", document.path)).style(depth::style(document.level));
    head.maybe("state", document.state.as_ref());
    head.put("inside", document.parent.as_deref().unwrap_or("host"));
    head.put("level", &document.level);
    head.put("PID 1", &document.init);
    head.maybe(
        "PID namespace",
        document.pidns.map(|inode| redaction.inode(inode)),
    );
    head.maybe("id", document.pidns_id.map(|id| redaction.inode(id)));
    head.put("shared", &document.shared.join(" "));
    head.maybe("host name", document.hostname.as_ref());
    head.maybe("cgroup", document.cgroup.as_ref());
    labels(&mut head, &document.labels);
    let mut sections = vec![
        head,
        declaration(&namespace.declaration),
        members(&namespace.members, redaction),
    ];
    if let Some(init) = &namespace.pid1 {
        sections.extend(of_process(init, redaction));
    }
    sections
}

fn of_process(facts: &ProcessFacts, redaction: Redaction) -> Vec<Section> {
    let document = &facts.document;
    let level = document.pids.len().saturating_sub(1);
    let mut head = Section::new(&document.path).style(depth::style(level));
    head.put("state", &state(document));
    if document.exit.is_none() {
        head.put("PIDs", &redaction.chain(&document.pids));
        head.put("parent", &redaction.chain(&document.ppids));
        for (name, numbers) in [
            ("process group", &document.pgids),
            ("session", &document.sids),
        ] {
            let numbers: Vec<_> = numbers.iter().copied().map(Some).collect();
            head.maybe(
                name,
                (!numbers.is_empty()).then(|| redaction.chain(&numbers)),
            );
        }
    }
    head.maybe(
        "age",
        facts
            .age
            .map(|age| redaction.time(Age(Duration::try_from_secs_f64(age).unwrap_or_default()))),
    );
    head.put("entered by", &document.enter);
    head.put("command", &document.argv.join(" "));
    labels(&mut head, &document.labels);
    let mut sections = vec![head, namespaces(facts, redaction)];
    if let Some(kernel) = &facts.kernel {
        sections.extend(of_kernel(&document.path, kernel, redaction));
    }
    if let Some(threads) = &facts.thread_list {
        let mut section = Section::new(format!("threads of {}", document.path));
        for thread in threads {
            let pids: Vec<Option<i32>> = thread.pids.iter().copied().map(Some).collect();
            section.put(
                redaction.chain(&pids),
                &format!("{} ({})", thread.name, thread.state),
            );
        }
        sections.push(section);
    }
    let mut hidden = Section::new(format!("hidden of {}", document.path));
    for (name, why) in &facts.problems {
        hidden.put(name.clone(), why);
    }
    sections.push(hidden);
    sections
}

fn state(document: &ProcessDocument) -> String {
    let word = document.state.as_deref().unwrap_or_default();
    match document.exit {
        Some(ExitDocument::Signal(signal)) => {
            format!("{word}, by signal {}", Signal::from_number(signal))
        }
        Some(ExitDocument::Code(code)) => format!("{word}, with {code}"),
        None => word.to_owned(),
    }
}

fn labels(section: &mut Section, labels: &Labels) {
    section.list(
        "labels",
        labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
    );
}

fn declaration(description: &Description) -> Section {
    let mut section = Section::new("declaration");
    section.maybe("at", description.declared.as_ref());
    section.maybe("started by", description.started_by.as_ref());
    section.maybe(
        "unshares",
        description.unshare.as_ref().map(|kinds| kinds.join(" ")),
    );
    section.maybe("own /proc", description.mount_proc.map(yes));
    section.maybe("host name", description.hostname.as_ref());
    section.maybe("domain name", description.domainname.as_ref());
    section.maybe("pid_max", description.pid_max);
    section.maybe("last PID", description.last_pid);
    let pids = description.pid.iter().map(ToString::to_string);
    section.list("chosen PIDs", pids.collect());
    section.maybe("user", description.user.as_ref());
    section.maybe("directory", description.cwd.as_ref());
    section.list("env", description.env.clone());
    section.list("after", description.after.clone());
    section.maybe("ready", description.ready.as_ref());
    if !description.ok.is_empty() {
        section.put(
            "ok",
            &description
                .ok
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    section.maybe("one-shot", description.oneshot.map(yes));
    section.maybe("essential", description.essential.map(yes));
    section.maybe("stdin", description.stdin.as_ref());
    section.maybe("stdout", description.stdout.as_ref());
    section.maybe("stderr", description.stderr.as_ref());
    section.maybe("log", description.log.as_ref());
    section.maybe(
        "lost output",
        description
            .lost_output
            .map(|bytes| format!("{bytes} bytes")),
    );
    section.maybe(
        "stop",
        description
            .stop
            .as_ref()
            .map(|stop| format!("{}, within {}", stop.signal, stop.grace)),
    );
    section.maybe("restart", description.restart.as_ref().map(restart));
    section.maybe(
        "unready",
        description
            .unready
            .map(|tries| format!("will not be: {} in a row", count(tries as usize, "failure"))),
    );
    section.maybe(
        "restarted",
        description
            .restarts
            .filter(|&times| times > 0)
            .map(|times| format!("{times} times")),
    );
    section.maybe("refused", description.refusal.as_ref());
    section.maybe(
        "not started",
        description
            .unmet
            .as_ref()
            .map(|dependency| format!("{dependency} will not reach the required state")),
    );
    section
}

/// A restart policy, in a line.
fn restart(policy: &RestartDescription) -> String {
    let when = match &*policy.when {
        "never" => return "never".to_owned(),
        "on" => {
            let ends = policy.on.iter().map(|end| match end {
                ExitDocument::Code(code) => code.to_string(),
                ExitDocument::Signal(signal) => Signal::from_number(*signal).to_string(),
            });
            format!("on {}", ends.collect::<Vec<_>>().join(", "))
        }
        when => when.to_owned(),
    };
    let most = policy
        .max
        .map(|max| format!(", {max} times at most"))
        .unwrap_or_default();
    let longest = policy
        .backoff_max
        .as_ref()
        .map(|longest| format!(", then after {longest} at most"))
        .unwrap_or_default();
    format!("{when}{most}, first after {}{longest}", policy.backoff)
}

fn members(members: &Members, redaction: Redaction) -> Section {
    let mut section = Section::new("members");
    section.list("processes", members.processes.clone());
    section.list(
        "namespaces",
        members
            .namespaces
            .iter()
            .map(|path| format!("{path}/"))
            .collect(),
    );
    let stray = |stray: &Stray| {
        let pids: Vec<Option<i32>> = stray.pids.iter().copied().map(Some).collect();
        let parent = stray
            .parent
            .as_ref()
            .map(|parent| format!(", child of {parent}"))
            .unwrap_or_default();
        let zombie = if stray.state == "zombie" {
            ", zombie"
        } else {
            ""
        };
        format!(
            "{}  {}  {}{parent}{zombie}",
            stray.path,
            redaction.chain(&pids),
            stray.command
        )
    };
    section.list("undeclared", members.strays.iter().map(stray).collect());
    section
}

fn namespaces(facts: &ProcessFacts, redaction: Redaction) -> Section {
    let mut section = Section::new("namespaces");
    for (kind, relation) in &facts.namespaces.0 {
        let inode = redaction.inode(relation.inode);
        let (mark, words) = match relation.of {
            Some(NamespaceOf::Around) => ("=", "  that of the surrounding namespace"),
            Some(NamespaceOf::Namespace) => ("", ""),
            Some(NamespaceOf::Process) => ("!", "  the process's own"),
            None => ("?", ""),
        };
        section.put(kind.clone(), &format!("{inode}{mark}{words}"));
    }
    section
}

fn of_kernel(path: &str, kernel: &KernelFacts, redaction: Redaction) -> [Section; 2] {
    let mut kept = Section::new(format!("kernel about {path}"));
    kept.put("state", &kernel.state);
    kept.put("name", &kernel.name);
    kept.put("command line", &kernel.command_line.join(" "));
    let ancestor = |ancestor: &Ancestor| {
        let name = ancestor.path.as_deref().unwrap_or(&ancestor.name);
        format!("{} {name}", redaction.host_pid(ancestor.host_pid))
    };
    kept.list("ancestors", kernel.ancestors.iter().map(ancestor).collect());
    if kernel.tracer != 0 {
        kept.put("traced by", &redaction.host_pid(kernel.tracer));
    }
    let numbers = |list: &[u32]| {
        list.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    kept.put("uids", &numbers(&kernel.uids));
    kept.put("gids", &numbers(&kernel.gids));
    kept.put("groups", &numbers(&kernel.groups));
    kept.list("uid map", kernel.uid_map.clone().unwrap_or_default());
    kept.list("gid map", kernel.gid_map.clone().unwrap_or_default());
    kept.put("capabilities", &kernel.capabilities);
    kept.put("no new privileges", yes(kernel.no_new_privileges));
    kept.maybe("seccomp", kernel.seccomp);
    kept.put("threads", &kernel.threads);
    kept.maybe(
        "resident",
        kernel
            .resident_kib
            .map(|kib| format!("{} KiB", redaction.measure(kib))),
    );
    kept.maybe(
        "OOM score",
        kernel.oom_score.map(|score| redaction.measure(score)),
    );
    kept.maybe("OOM adjustment", kernel.oom_score_adj);
    kept.maybe("descriptors", kernel.descriptors);
    kept.maybe("exe", kernel.exe.as_ref());
    kept.maybe("cwd", kernel.cwd.as_ref());
    kept.maybe("root", kernel.root.as_ref());
    kept.list("cgroups", kernel.cgroups.clone().unwrap_or_default());
    kept.maybe(
        "environment",
        kernel.environment.as_ref().map(|names| names.join(" ")),
    );
    let mut signals = Section::new(format!("signals of {path}"));
    for (what, names) in [
        ("pending", &kernel.signals.pending),
        ("blocked", &kernel.signals.blocked),
        ("ignored", &kernel.signals.ignored),
        ("caught", &kernel.signals.caught),
        ("dropped", &kernel.signals.dropped),
        ("not known", &kernel.signals.unknown),
    ] {
        signals.put(what, &brief(names));
    }
    [kept, signals]
}

/// The names, or where they are nearly all, those that are missing.
fn brief(names: &[String]) -> String {
    let all = || (1..=64).map(|signal| Signal::from_number(signal).to_string());
    if names.len() <= 32 {
        return names.join(" ");
    }
    let missing: Vec<String> = all().filter(|name| !names.contains(name)).collect();
    if missing.is_empty() {
        "all".to_owned()
    } else {
        format!("all but {}", missing.join(" "))
    }
}

const fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
