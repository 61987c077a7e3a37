//! Division of work: the lines of each shell that stands for nestns, on the host and as PID 1.

use super::Scope;
use super::caveats::{self, Certainty};
use super::entering::{self, Proc, Target};
use super::flags::{self, Flag};
use super::job::{self, Runner};
use super::namespace_script::{First, Forest, NamespaceScript};
use super::page::{Line, Page, repeated};
use super::pid_one;
use super::series::{Repeat, Run, instance};
use super::words::Place;
use nestns_topology::{Entry, Isolation, Stdin};

/// Shell and its place.
#[derive(Debug, Clone)]
struct Parent {
    level: Level,
    place: Place,
    proc: Proc,
    /// PID 1 through which it reaches the processes that it starts; `None` if they are in its own namespace.
    target: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The host, as the user that runs the script.
    Host,
    /// The host, as root of a user namespace or of the machine.
    HostAsRoot,
    /// Namespace.
    Inside,
}

/// Way to start a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Foreground: the command has the terminal, and the shell waits.
    Foreground,
    /// Background: `&`.
    Background,
    /// Replacement of the shell.
    Exec,
}

/// The script of everything.
pub(super) fn whole(forest: &Forest) -> Page {
    let mut page = Page::default();
    page.lines = vec![
        Line::new(
            "",
            "Only root may do this. An ordinary user first becomes root of a new user namespace.",
        ),
        Line::new(
            "as_root=; [ \"$(id -u)\" = 0 ] || as_root=\"unshare --user --map-root-user\"",
            "",
        ),
        Line::default(),
    ];
    if forest.jobs().iter().any(|job| job.stdin == Stdin::Inherit) {
        page.lines.push(Line::new(
            "exec 3<&0",
            "the standard input of this script, for programs that inherit it",
        ));
    }
    let host = |level, place| Parent {
        level,
        place,
        proc: Proc::Own,
        target: None,
    };
    match forest.roots.as_slice() {
        [only] if only.repeat.is_none() && !only.like.is_entered() => {
            let start = if forest.is_one_program() {
                Start::Foreground
            } else {
                Start::Background
            };
            let lines =
                host(Level::Host, Place::Outside).launch(&only.like, None, start, &mut page);
            page.lines.extend(lines);
            if start == Start::Background {
                page.lines.push(Line::new("wait", ""));
            }
        }
        roots => {
            let about =
                vec!["The host: root here starts the namespaces directly below it".to_owned()];
            let name = page.names.give("ns", "host");
            let place = page.reserve(name.clone(), about);
            let parent = host(Level::HostAsRoot, Place::Within);
            let mut lines: Vec<Line> = roots
                .iter()
                .flat_map(|root| parent.launch_all(root, Start::Background, &mut page))
                .collect();
            lines.push(Line::new("wait", ""));
            page.fill(place, lines);
            page.lines
                .push(Line::new(format!("exec $as_root sh -c \"${name}\""), ""));
        }
    }
    page
}

/// The line of one process, with the variables that it needs; `around` is what the programs around its namespace, which
/// are entered to get there, have of their own, and `None` where there are none.
pub(super) fn single(forest: &Forest, around: Option<(&str, Isolation)>, part: Scope) -> Page {
    let mut page = Page::default();
    let Some(space) = forest.roots.first().map(|root| &root.like) else {
        return page;
    };
    let target = around.map(|(path, isolation)| Target {
        variable: page.names.give("pid", path),
        isolation,
    });
    let outside = Parent {
        level: Level::Inside,
        place: Place::Outside,
        proc: Proc::Own,
        target,
    };
    let mut lines = match part {
        Scope::Process(_, place) => match space.members.get(place) {
            Some(member) if member.like.entry == Entry::Join => {
                let variable = page.names.give("pid", &space.path);
                let target = outside.target_in(variable, space);
                vec![entering::join(
                    &target,
                    &member.like,
                    None,
                    Place::Outside,
                    &mut page,
                )]
            }
            Some(member) => pid_one::fork(space, &member.like, None, Place::Outside, &mut page),
            None => Vec::new(),
        },
        _ => outside.launch(space, None, Start::Foreground, &mut page),
    };
    lines.truncate(1);
    // The header has said where it stands.
    for line in &mut lines {
        line.note.clear();
    }
    page.lines = lines;
    page.drop_blocks();
    page
}

impl Parent {
    /// Starts a namespace, or each of several that are alike.
    fn launch_all(&self, run: &Run<NamespaceScript>, start: Start, page: &mut Page) -> Vec<Line> {
        let mut lines = self.launch(&run.like, run.repeat.as_ref(), start, page);
        if let Some(line) = lines.first_mut() {
            line.note = caveats::of_namespace(&run.like, Some(run), Certainty::NestnsOnly);
        }
        match &run.repeat {
            Some(repeat) => repeated(
                repeat,
                pid_one::needs_block(&run.like) && pid_one::mentions(&run.like, &repeat.variable),
                lines,
            ),
            None => lines,
        }
    }

    /// Starts a namespace, and everything that can only enter it from outside.
    fn launch(
        &self,
        space: &NamespaceScript,
        repeat: Option<&Repeat>,
        start: Start,
        page: &mut Page,
    ) -> Vec<Line> {
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
        parts.extend(
            self.target
                .as_ref()
                .map(|target| entering::nsenter(target, page)),
        );
        parts.push(format!("unshare {}", flags::spelled(&flags)));
        parts.push(self.first(space, repeat, page));
        parts.extend((start == Start::Background).then(|| "&".to_owned()));
        let mut lines = vec![Line::new(
            parts.join(" "),
            caveats::of_namespace(space, None, Certainty::Sure),
        )];
        if space.is_entered() {
            lines.extend(self.enter(space, repeat, page));
        }
        lines
    }

    /// Command of PID 1: the program, or a shell.
    fn first(&self, space: &NamespaceScript, repeat: Option<&Repeat>, page: &mut Page) -> String {
        let owner = format!("{}/init", space.path);
        if pid_one::needs_block(space) {
            let name = page.names.give("ns", common_path(space, repeat));
            let place = page.reserve(name.clone(), pid_one::about(space, repeat));
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

    /// Lines for processes that enter a namespace that has just been started: they find its PID 1, and go through it.
    fn enter(
        &self,
        space: &NamespaceScript,
        repeat: Option<&Repeat>,
        page: &mut Page,
    ) -> Vec<Line> {
        let variable = page.names.give("pid", common_path(space, repeat));
        let mut lines = entering::find(
            &space.path,
            &variable,
            self.proc,
            self.target.as_ref(),
            page,
        );
        let target = self.target_in(variable, space);
        let joined = space
            .members
            .iter()
            .filter(|member| member.like.entry == Entry::Join);
        lines.extend(joined.flat_map(|member| {
            let line = entering::join(&target, &member.like, Some(member), self.place, page);
            pid_one::looped(member, vec![line])
        }));
        if matches!(space.first, First::Program(_)) {
            let parent = Self {
                target: Some(target),
                ..self.clone()
            };
            lines.extend(
                space
                    .children
                    .iter()
                    .flat_map(|child| parent.launch_all(child, Start::Background, page)),
            );
        }
        lines
    }

    /// PID 1 to go through to get into a namespace.
    fn target_in(&self, variable: String, space: &NamespaceScript) -> Target {
        let around = self
            .target
            .as_ref()
            .map(|target| target.isolation)
            .unwrap_or_default();
        Target {
            variable,
            isolation: flags::union(around, space.isolation),
        }
    }
}

/// Lines of a shell that is PID 1 of a namespace.
fn body(space: &NamespaceScript, owner: &str, page: &mut Page) -> Vec<Line> {
    let mut lines = pid_one::setup(space, owner, page);
    if let First::Program(program) = &space.first {
        let command = job::command(program, owner, Place::Within, Runner::Other, page);
        let files = job::redirections(program, owner, Place::Within, page);
        lines.push(Line::new(
            format!("exec {command}{files}"),
            "the shell becomes the program, and PID 1 stays PID 1",
        ));
        return lines;
    }
    for member in space
        .members
        .iter()
        .filter(|member| member.like.entry != Entry::Join)
    {
        let started = pid_one::fork(space, &member.like, Some(member), Place::Within, page);
        lines.extend(pid_one::looped(member, started));
    }
    let proc = if space.mount_proc {
        Proc::Own
    } else {
        Proc::Outer
    };
    let parent = Parent {
        level: Level::Inside,
        place: Place::Within,
        proc,
        target: None,
    };
    let mut waits = true;
    for (place, child) in space.children.iter().enumerate() {
        let is_last = place + 1 == space.children.len() && child.repeat.is_none();
        // Who enters needs a PID 1 that keeps its namespaces, and a process that does it.
        let start = if is_last && !space.is_joined() && !child.like.is_entered() {
            Start::Exec
        } else {
            Start::Background
        };
        waits &= start != Start::Exec;
        lines.extend(
            if start == Start::Exec && place == 0 && pid_one::certainty_in(space) == Certainty::Sure
            {
                parent.launch(&child.like, None, start, page)
            } else {
                parent.launch_all(child, start, page)
            },
        );
    }
    if !waits {
        return lines;
    }
    let has_children = lines.iter().any(|line| line.code.ends_with('&'));
    if matches!(space.first, First::Builtin) && has_children && !space.is_joined() {
        lines.push(Line::new(
            "wait",
            "until all of them have ended; then PID 1 ends",
        ));
    } else {
        page.flags.insert(Flag::Sleep);
        lines.push(Line::new("exec sleep infinity", "holds the namespace"));
    }
    lines
}

/// Path, without the number of the instance if there are several.
fn common_path<'a>(space: &'a NamespaceScript, repeat: Option<&Repeat>) -> &'a str {
    let stem = repeat
        .and_then(|_| instance(&space.path))
        .map(|(stem, _)| stem);
    stem.unwrap_or(&space.path)
}
