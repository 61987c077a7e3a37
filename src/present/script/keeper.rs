//! Who starts what: the lines of each shell that stands for nestns, on the host and as PID 1.

use super::Part;
use super::caveats::{self, Certainty};
use super::flags::{self, Flag};
use super::job::{self, Runner};
use super::page::{Line, Page, repeated};
use super::series::{MARK, Repeat, Replica, Run, instance};
use super::space::{First, Forest, Member, Space};
use super::words::{Place, word};
use crate::topology::{Entry, Isolation, Terminal};

/// A shell, and where it is.
#[derive(Debug, Clone)]
struct Keeper {
    level: Level,
    place: Place,
    proc: Proc,
    /// Through whom it reaches what it starts; none where that is in its own namespace.
    target: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The host, as whoever runs the script.
    Host,
    /// The host, as root of a user namespace or of the machine.
    HostAsRoot,
    /// In a namespace.
    Inside,
}

/// Whose numbers the shell's /proc speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proc {
    /// The shell's own.
    Own,
    /// Those of a namespace further out.
    Outer,
}

/// A PID 1 to be entered, by the variable with its number, and what it has of its own that the shell has not.
#[derive(Debug, Clone)]
struct Target {
    variable: String,
    isolation: Isolation,
}

/// How a command is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// It has the terminal, and the shell waits.
    Foreground,
    /// `&`
    Background,
    /// It takes the place of the shell.
    Exec,
}

/// The script of everything.
pub(super) fn whole(forest: &Forest) -> Page {
    let mut page = Page::default();
    page.lines = vec![
        Line::new("", "Only root may do this. An ordinary user becomes root of a user namespace of his own first."),
        Line::new("as_root=; [ \"$(id -u)\" = 0 ] || as_root=\"unshare --user --map-root-user\"", ""),
        Line::default(),
    ];
    if forest.jobs().iter().any(|job| job.stdin == crate::topology::Stdin::Inherit) {
        page.lines.push(Line::new("exec 3<&0", "the standard input of this script, for those that inherit it"));
    }
    let host = |level, place| Keeper { level, place, proc: Proc::Own, target: None };
    match forest.roots.as_slice() {
        [only] if only.repeat.is_none() && !only.like.is_entered() => {
            let start = if is_one_program(forest) { Start::Foreground } else { Start::Background };
            let lines = host(Level::Host, Place::Outside).launch(&only.like, None, start, &mut page);
            page.lines.extend(lines);
            if start == Start::Background {
                page.lines.push(Line::new("wait", ""));
            }
        }
        roots => {
            let about = vec!["The host: whoever is root here starts the namespaces directly below it".to_owned()];
            let name = page.names.give("ns", "host");
            let place = page.reserve(name.clone(), about);
            let keeper = host(Level::HostAsRoot, Place::Within);
            let mut lines: Vec<Line> =
                roots.iter().flat_map(|root| keeper.launch_all(root, Start::Background, &mut page)).collect();
            lines.push(Line::new("wait", ""));
            page.fill(place, lines);
            page.lines.push(Line::new(format!("exec $as_root sh -c \"${name}\""), ""));
        }
    }
    page
}

/// The line of one process, with the variables that it needs; `around` is what the programs around its namespace, which
/// are entered to get there, have of their own, and `None` where there are none.
pub(super) fn single(forest: &Forest, around: Option<(&str, Isolation)>, part: Part) -> Page {
    let mut page = Page::default();
    let Some(space) = forest.roots.first().map(|root| &root.like) else { return page };
    let target = around.map(|(path, isolation)| Target { variable: page.names.give("pid", path), isolation });
    let outside = Keeper { level: Level::Inside, place: Place::Outside, proc: Proc::Own, target };
    let mut lines = match part {
        Part::Process(_, place) => match space.members.get(place) {
            Some(member) if member.like.entry == Entry::Join => {
                let variable = page.names.give("pid", &space.path);
                outside.toward(variable, space).join(&member.like, None, &mut page)
            }
            Some(member) => fork(space, &member.like, None, Place::Outside, &mut page),
            None => Vec::new(),
        },
        _ => outside.launch(space, None, Start::Foreground, &mut page),
    };
    lines.truncate(1);
    // Where it stands has been said above it.
    for line in &mut lines {
        line.note.clear();
    }
    page.lines = lines;
    page.drop_blocks();
    page
}

impl Keeper {
    /// Starts a namespace, or each of several that are alike.
    fn launch_all(&self, run: &Run<Space>, start: Start, page: &mut Page) -> Vec<Line> {
        let mut lines = self.launch(&run.like, run.repeat.as_ref(), start, page);
        if let Some(line) = lines.first_mut() {
            line.note = caveats::of_namespace(&run.like, Some(run), Certainty::NestnsOnly);
        }
        match &run.repeat {
            Some(repeat) => repeated(repeat, needs_block(&run.like) && mentions(&run.like, &repeat.variable), lines),
            None => lines,
        }
    }

    /// Starts a namespace, and what can only come into it from outside.
    fn launch(&self, space: &Space, repeat: Option<&Repeat>, start: Start, page: &mut Page) -> Vec<Line> {
        let mut flags = flags::to_unshare(space.isolation, space.mount_proc);
        let mut parts: Vec<String> = Vec::new();
        match (self.level, start) {
            (Level::Inside, Start::Exec) => {
                page.flags.insert(Flag::ExecUnshare);
                parts.push("exec".to_owned());
            }
            (Level::Inside, _) => {}
            (_, Start::Foreground) => parts.push("$as_root".to_owned()),
            (level, _) => {
                parts.push("setpriv --pdeathsig KILL".to_owned());
                parts.extend((level == Level::Host).then(|| "$as_root".to_owned()));
                flags.push(Flag::KillChild);
            }
        }
        page.flags.extend(&flags);
        parts.extend(self.target.as_ref().map(|target| nsenter(target, page)));
        parts.push(format!("unshare {}", flags::spelled(&flags)));
        parts.push(self.first(space, repeat, page));
        parts.extend((start == Start::Background).then(|| "&".to_owned()));
        let mut lines = vec![Line::new(parts.join(" "), caveats::of_namespace(space, None, Certainty::Sure))];
        if space.is_entered() {
            lines.extend(self.enter(space, page));
        }
        lines
    }

    /// What is PID 1: the program, or a shell.
    fn first(&self, space: &Space, repeat: Option<&Repeat>, page: &mut Page) -> String {
        let owner = format!("{}/init", space.path);
        if needs_block(space) {
            let path = instance(&space.path).map_or(space.path.as_str(), |(stem, _)| stem);
            let name = page.names.give("ns", path);
            let place = page.reserve(name.clone(), about(space, repeat));
            let lines = body(space, &owner, page);
            page.fill(place, lines);
            return format!("sh -c \"${name}\"");
        }
        match &space.first {
            First::Program(program) => {
                job::command(program, &owner, self.place, Runner::Other, page)
                    + &job::redirections(program, &owner, self.place, page)
            }
            First::Builtin | First::Pause => {
                page.flags.insert(Flag::Sleep);
                "sleep infinity".to_owned()
            }
        }
    }

    /// What comes into a namespace that has just been started: finds its PID 1, and goes through it.
    fn enter(&self, space: &Space, page: &mut Page) -> Vec<Line> {
        page.flags.insert(Flag::FindFirst);
        let variable = page.names.give("pid", &space.path);
        let mut lines = Vec::new();
        let mut parent = "!".to_owned();
        if self.proc == Proc::Outer {
            // The newest child of the shell is what it has just started.
            lines.push(Line::new(
                "read -r children </proc/thread-self/children; newest=${children##* }",
                "$! by the numbers of this /proc, which is that of a namespace further out",
            ));
            "newest".clone_into(&mut parent);
        }
        let until = |found: &str, parent: &str| {
            format!(
                "until read -r {found} rest </proc/${parent}/task/${parent}/children; [ \"${found}\" ]; do [ -e \
                 /proc/${parent}/exe ] || exit; done"
            )
        };
        if self.target.is_some() {
            lines.push(Line::new(until("inner", &parent), "waits for the child of nsenter, the unshare inside"));
            "inner".clone_into(&mut parent);
        }
        lines.push(Line::new(
            until(&variable, &parent),
            format!("waits for {}/init, and keeps the number that it has here", space.path),
        ));
        let keeper = self.toward(variable, space);
        let joined = space.members.iter().filter(|member| member.like.entry == Entry::Join);
        lines.extend(joined.flat_map(|member| {
            let lines = keeper.join(&member.like, Some(member), page);
            looped(member, lines)
        }));
        if matches!(space.first, First::Program(_)) {
            lines.extend(space.children.iter().flat_map(|child| keeper.launch_all(child, Start::Background, page)));
        }
        lines
    }

    /// The same shell, when it reaches into a namespace.
    fn toward(&self, variable: String, space: &Space) -> Self {
        let around = self.target.as_ref().map(|target| target.isolation).unwrap_or_default();
        let isolation = flags::union(around, space.isolation);
        Self { target: Some(Target { variable, isolation }), ..self.clone() }
    }

    /// Starts a process outside and moves it in.
    fn join(&self, member: &Member, run: Option<&Run<Member>>, page: &mut Page) -> Vec<Line> {
        let Some(target) = &self.target else { return Vec::new() };
        let mut command = nsenter(target, page);
        if target.isolation.mount && member.job.cwd.is_none() && member.job.kind == super::space::Kind::Foreign {
            // nsenter(1) goes to / when it enters a mount namespace.
            command.push_str(" --wdns=\"$PWD\"");
        }
        let what = job::command(&member.job, &member.path, self.place, Runner::Other, page);
        let files = job::redirections(&member.job, &member.path, self.place, page);
        vec![Line::new(format!("{command} {what}{files} &"), caveats::of_member(member, run, Certainty::NestnsOnly))]
    }
}

/// What a shell that is PID 1 of a namespace runs.
fn body(space: &Space, owner: &str, page: &mut Page) -> Vec<Line> {
    let mut lines = setup(space, owner, page);
    if let First::Program(program) = &space.first {
        let command = job::command(program, owner, Place::Within, Runner::Other, page);
        let files = job::redirections(program, owner, Place::Within, page);
        lines.push(Line::new(format!("exec {command}{files}"), "the shell becomes the program, and PID 1 stays PID 1"));
        return lines;
    }
    for member in space.members.iter().filter(|member| member.like.entry != Entry::Join) {
        let started = fork(space, &member.like, Some(member), Place::Within, page);
        lines.extend(looped(member, started));
    }
    let proc = if space.mount_proc { Proc::Own } else { Proc::Outer };
    let keeper = Keeper { level: Level::Inside, place: Place::Within, proc, target: None };
    let mut waits = true;
    for (place, child) in space.children.iter().enumerate() {
        let is_last = place + 1 == space.children.len() && child.repeat.is_none();
        // Who enters needs a PID 1 that keeps its namespaces, and somebody who does it.
        let start =
            if is_last && !space.is_joined() && !child.like.is_entered() { Start::Exec } else { Start::Background };
        waits &= start != Start::Exec;
        lines.extend(if start == Start::Exec && place == 0 && certainty_in(space) == Certainty::Sure {
            keeper.launch(&child.like, None, start, page)
        } else {
            keeper.launch_all(child, start, page)
        });
    }
    if !waits {
        return lines;
    }
    let has_children = lines.iter().any(|line| line.code.ends_with('&'));
    if matches!(space.first, First::Builtin) && has_children && !space.is_joined() {
        lines.push(Line::new("wait", "until all of them have ended; then PID 1 ends"));
    } else {
        page.flags.insert(Flag::Sleep);
        lines.push(Line::new("exec sleep infinity", "holds the namespace"));
    }
    lines
}

/// What PID 1 does before everything else.
fn setup(space: &Space, owner: &str, page: &mut Page) -> Vec<Line> {
    let mut lines = Vec::new();
    let names = [("hostname", &space.hostname), ("domainname", &space.domainname)];
    for (what, name) in names.into_iter().filter_map(|(what, name)| Some((what, name.as_deref()?))) {
        page.flags.insert(Flag::HostName);
        let is_simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | MARK);
        let echo = if name.starts_with('-') || !name.chars().all(is_simple) { "printf %s" } else { "echo" };
        let name = word(name, Place::Within, owner, page);
        lines.push(Line::new(format!("{echo} {name} 2>/dev/null >/proc/sys/kernel/{what} || {what} {name}"), ""));
    }
    if space.isolation.net {
        page.flags.insert(Flag::Loopback);
        lines.push(Line::new("ip link set lo up", ""));
    }
    lines
}

/// Starts a process as a child of PID 1.
fn fork(space: &Space, member: &Member, run: Option<&Run<Member>>, place: Place, page: &mut Page) -> Vec<Line> {
    let command = job::command(&member.job, &member.path, place, Runner::Shell, page);
    let files = job::redirections(&member.job, &member.path, place, page);
    let note = caveats::of_member(member, run, certainty_in(space));
    vec![Line::new(format!("{command}{files} &"), note)]
}

/// What is known of the numbers of the processes of a namespace: ip(8) takes one before them.
fn certainty_in(space: &Space) -> Certainty {
    if space.isolation.net { Certainty::NestnsOnly } else { Certainty::Sure }
}

fn looped(run: &Run<Member>, lines: Vec<Line>) -> Vec<Line> {
    match &run.repeat {
        Some(repeat) => repeated(repeat, false, lines),
        None => lines,
    }
}

fn nsenter(target: &Target, page: &mut Page) -> String {
    page.flags.insert(Flag::Nsenter);
    format!("nsenter --target \"${}\" {}", target.variable, flags::spelled(&flags::to_enter(target.isolation)))
}

/// Whether a namespace needs more lines than the one that starts it.
fn needs_block(space: &Space) -> bool {
    let forks = space.members.iter().any(|member| member.like.entry != Entry::Join);
    match &space.first {
        First::Program(_) => space.needs_setup(),
        First::Builtin | First::Pause => space.needs_setup() || forks || !space.children.is_empty(),
    }
}

/// Whether all there is is one program that has the terminal: the shell is needed no more.
pub(super) fn is_one_program(forest: &Forest) -> bool {
    let [Run { like: only, repeat: None }] = forest.roots.as_slice() else { return false };
    let has_terminal = matches!(&only.first, First::Program(program) if program.terminal == Terminal::Own);
    has_terminal && only.members.is_empty() && only.children.is_empty()
}

/// Whether a loop's variable stands anywhere in a namespace.
fn mentions(space: &Space, variable: &str) -> bool {
    let mark = format!("{MARK}{variable}{MARK}");
    let mut found = false;
    space.clone().texts(&mut |text| found |= text.contains(&mark));
    found
}

/// What is said above the lines of a namespace.
fn about(space: &Space, repeat: Option<&Repeat>) -> Vec<String> {
    let (name, whose) = match repeat {
        Some(repeat) => (format!("{} … {}", space.path, repeat.last_path), "their"),
        None => (space.path.clone(), "its"),
    };
    let what = match &space.first {
        First::Program(_) => format!("what {whose} PID 1 does before it becomes the program"),
        First::Builtin | First::Pause => format!("the shell that is {whose} PID 1"),
    };
    let mut about = vec![format!("{name}: {what}")];
    about.extend(space.description.iter().flat_map(|text| text.lines()).map(str::to_owned));
    about
}
