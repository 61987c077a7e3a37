//! A run of a tree: it is created, entered, paused, restarted and stopped, with a failure injected into one of the
//! commands that do so.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::identity::Identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left, processes_of, program};
use crate::harness::wait::within;

/// The topology that is created, entered, restarted, paused and stopped.
const TOPOLOGY: &str = "[ns.@]\nproc.a = { actor = \"idle\" }\nproc.b = { actor = \"idle\", restart = \"always\" }\n\
                        [ns.\"@/in\"]\nunshare = [\"mount\", \"uts\"]\nproc.c = { actor = \"idle\" }\n\
                        [ns.\"@/p\"]\ninit = { actor = \"idle\" }\nproc.j = { actor = \"idle\", enter = \"join\" }\n";

/// The longest time of a life. Nothing in it waits for longer than the guardian's and the stop's own bounds.
const LONGEST: Duration = Duration::from_secs(100);
/// The longest time of a client.
const LONGEST_CLIENT: &str = "60";
/// The time after which a tree that does not stop is asked once more.
const PAUSE: Duration = Duration::from_secs(3);

/// A command of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Up,
    Exec,
    Pause,
    Resume,
    Restart,
    Down,
}

impl Verb {
    pub(super) const ALL: [Self; 6] = [
        Self::Up,
        Self::Exec,
        Self::Pause,
        Self::Resume,
        Self::Restart,
        Self::Down,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Exec => "exec",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::Down => "down",
        }
    }

    /// Arguments of the verb.
    fn words(self, nest: &Nest) -> Vec<String> {
        let name = &nest.root;
        let words: &[&str] = match self {
            Self::Up => &["up", "FILE"],
            Self::Exec => &["exec", "-n", "@", "@/in", "--", "true"],
            Self::Pause => &["pause", "-n", "@", "@/in"],
            Self::Resume => &["resume", "-n", "@", "@/in"],
            Self::Restart => &["restart", "-n", "@", "@/a"],
            Self::Down => &["down", "@"],
        };
        let file = nest.file.display().to_string();
        words
            .iter()
            .map(|word| word.replace("FILE", &file).replace('@', name))
            .collect()
    }
}

/// A failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Injection {
    pub(super) identity: Identity,
    /// The command in which it fails, with all processes that come of it.
    pub(super) verb: Verb,
    pub(super) call: &'static str,
    pub(super) errno: &'static str,
    /// Number of the call in each process.
    pub(super) when: u32,
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            identity,
            verb,
            call,
            errno,
            when,
        } = self;
        write!(f, "{identity:?} {} {call} {errno} {when}", verb.word())
    }
}

/// Task of strace(1) with a command.
#[derive(Debug, Clone, Copy)]
enum Tracing {
    /// Write down all calls.
    All(Verb),
    /// Have one fail.
    One(Injection),
}

/// Outcome of a run with a failure.
#[derive(Debug, Default)]
pub(super) struct Lived {
    /// True if the call was made that often.
    pub(super) is_injected: bool,
    /// The status of the command in which it failed.
    pub(super) code: i32,
    /// Output of `up` and of the other verbs, with their statuses.
    pub(super) said: Vec<(&'static str, i32, Vec<String>)>,
    /// The calls that failed.
    pub(super) failed: Vec<String>,
    pub(super) problem: Option<String>,
}

/// Leads a life and says what is wrong with it.
pub(super) fn live(injection: Injection) -> Lived {
    let nest = Nest::new(TOPOLOGY).identity(injection.identity);
    let mut life = Life::new(&nest, Some(Tracing::One(injection)));
    let mut lived = Lived {
        problem: life.lead().err(),
        ..Lived::default()
    };
    let trace = life.read("trace");
    lived.failed = trace
        .lines()
        .filter(|line| line.contains("(INJECTED)"))
        .map(str::to_owned)
        .take(8)
        .collect();
    lived.is_injected = !lived.failed.is_empty();
    lived.said = life.said.iter().map(Said::lines).collect();
    let injected = life.said.iter().find(|said| said.verb == injection.verb);
    lived.code = injected.map_or(-1, |said| said.code);
    let problem = lived
        .problem
        .take()
        .or_else(|| life.judge(injection, &trace).err());
    lived.problem = problem.or_else(|| life.left_over().err());
    lived
}

/// Number of times that each call is made in a run without failures, by the process that makes it most often.
pub(super) fn made(identity: Identity) -> &'static BTreeMap<(Verb, String), u32> {
    static MADE: [OnceLock<BTreeMap<(Verb, String), u32>>; 2] = [OnceLock::new(), OnceLock::new()];
    MADE[usize::from(identity == Identity::Ordinary)].get_or_init(|| count(identity))
}

fn count(identity: Identity) -> BTreeMap<(Verb, String), u32> {
    let mut most = BTreeMap::new();
    for verb in Verb::ALL {
        let nest = Nest::new(TOPOLOGY).identity(identity);
        let mut life = Life::new(&nest, Some(Tracing::All(verb)));
        life.lead().expect("a life without failures");
        life.left_over().expect("a life without failures");
        let mut each = BTreeMap::<(String, String), u32>::new();
        for line in life.read("trace").lines() {
            let Some((pid, call)) = line.split_once(' ') else {
                continue;
            };
            let Some((call, _)) = call.trim_start().split_once('(') else {
                continue;
            };
            if call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                *each.entry((pid.to_owned(), call.to_owned())).or_default() += 1;
            }
        }
        for ((_, call), count) in each {
            let most = most.entry((verb, call)).or_default();
            *most = count.max(*most);
        }
    }
    most
}

/// Output of a command.
#[derive(Debug)]
struct Said {
    verb: Verb,
    code: i32,
    text: String,
}

impl Said {
    fn lines(&self) -> (&'static str, i32, Vec<String>) {
        (
            self.verb.word(),
            self.code,
            self.text.lines().map(str::to_owned).collect(),
        )
    }

    fn is_abort(&self) -> bool {
        [132, 134, 135, 139].contains(&self.code) || self.text.contains("panicked")
    }
}

/// A life that is being led.
struct Life<'a> {
    nest: &'a Nest,
    tracing: Option<Tracing>,
    said: Vec<Said>,
}

impl<'a> Life<'a> {
    fn new(nest: &'a Nest, tracing: Option<Tracing>) -> Self {
        Self {
            nest,
            tracing,
            said: Vec::new(),
        }
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(
            &fs::read(self.nest.directory.path().join(name)).unwrap_or_default(),
        )
        .into_owned()
    }

    /// A command, under strace(1) where it is the one, the first time.
    fn command(&self, verb: Verb, before: &[&str]) -> Command {
        let trace = self
            .nest
            .directory
            .path()
            .join("trace")
            .display()
            .to_string();
        let mut words: Vec<String> = before.iter().map(|&word| word.to_owned()).collect();
        let is_first = self.said.iter().all(|said| said.verb != verb);
        let more = match self.tracing.filter(|_| is_first) {
            Some(Tracing::All(traced)) if traced == verb => {
                vec!["-e".to_owned(), "signal=none".to_owned()]
            }
            Some(Tracing::One(Injection {
                verb: traced,
                call,
                errno,
                when,
                ..
            })) if traced == verb => vec![
                "-e".to_owned(),
                format!("trace={call}"),
                "-e".to_owned(),
                "signal=none".to_owned(),
                "-e".to_owned(),
                format!("inject={call}:error={errno}:when={when}"),
            ],
            _ => Vec::new(),
        };
        if !more.is_empty() {
            words.extend(["strace", "-f", "-qq", "-o", &trace].map(str::to_owned));
            words.extend(more);
        }
        words.push(program().to_str().expect("our own path").to_owned());
        words.extend(verb.words(self.nest));
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        self.nest.outside(words[0].as_ref(), &arguments)
    }

    /// Starts it, uses it as soon as it stands, and asks it to stop, again and again until it does.
    fn lead(&mut self) -> Result<(), String> {
        let open = |name: &str| {
            fs::File::create(self.nest.directory.path().join(name))
                .expect("the directory is writable")
        };
        let mut up = self.command(Verb::Up, &[]);
        let mut up = up
            .stdin(Stdio::null())
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .spawn()
            .expect("strace");
        let truth = self.nest.state().join(&self.nest.root).join("truth.json");
        let mut asked: Option<(Instant, i32)> = None;
        let ended = within(LONGEST, || {
            let status = up.try_wait().expect("it is our child");
            match asked {
                _ if status.is_some() => {}
                None if truth.exists() => {
                    for verb in [Verb::Exec, Verb::Pause, Verb::Resume, Verb::Restart] {
                        self.call(verb);
                    }
                    asked = Some((Instant::now(), self.call(Verb::Down)));
                }
                Some((moment, code)) if code != 0 && moment.elapsed() > PAUSE => {
                    asked = Some((Instant::now(), self.call(Verb::Down)));
                }
                _ => {}
            }
            status
        });
        let Some(status) = ended else {
            self.abandon(&mut up);
            self.note(Verb::Up, ExitStatus::from_raw(9), self.read("stderr"));
            let last = asked.map_or_else(String::new, |(_, code)| {
                format!(" after `down` has ended with {code}")
            });
            return Err(format!("does not end{last}"));
        };
        self.note(Verb::Up, status, self.read("stderr"));
        Ok(())
    }

    /// Runs a client to its end; its status.
    fn call(&mut self, verb: Verb) -> i32 {
        let mut command = self.command(verb, &["timeout", LONGEST_CLIENT]);
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("timeout(1) is everywhere");
        self.note(
            verb,
            output.status,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        self.said.last().expect("it was noted").code
    }

    fn note(&mut self, verb: Verb, status: ExitStatus, text: String) {
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        self.said.push(Said { verb, code, text });
    }

    /// Kills what a failed life has left, all of it with this nest's own names.
    fn abandon(&self, up: &mut Child) {
        self.kill_rest();
        let _ = up.kill();
        let _ = up.wait();
    }

    fn kill_rest(&self) {
        for (pid, _) in processes_of(self.nest) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// The defect of the messages, if any.
    fn judge(&self, injection: Injection, trace: &str) -> Result<(), String> {
        if let Some(said) = self.said.iter().find(|said| said.is_abort()) {
            return Err(format!("`{}` aborts", said.verb.word()));
        }
        let failed = |what: &str| {
            trace
                .lines()
                .any(|line| line.contains("(INJECTED)") && line.contains(what))
        };
        // What cannot be written to standard error is not told.
        let is_mute = failed("write(2,");
        let is_client = injection.verb != Verb::Up;
        for said in &self.said {
            let name = said.verb.word();
            if let Some(line) = said.text.lines().find(|line| is_bare(line)) {
                return Err(format!("`{name}` does not say what has failed: {line}"));
            }
            let is_told = ["error", "stopping"]
                .iter()
                .any(|word| said.text.contains(word));
            // A program that is killed with its namespace is told by its status, as every shell does it.
            let is_programs = said.verb == Verb::Exec && said.code > 128;
            let is_accounted_for =
                is_told || is_programs || (is_mute && said.verb == injection.verb);
            if said.code != 0 && !is_accounted_for {
                return Err(format!("`{name}` ends with {} and says nothing", said.code));
            }
            if said.code == 124 {
                return Err(format!("`{name}` does not end"));
            }
            if is_client
                && said.verb == Verb::Up
                && (said.code != 0 || said.text.contains("error:"))
            {
                return Err("the failure of a client reaches the tree".to_owned());
            }
        }
        Ok(())
    }

    /// Leftovers: never a process, and files and cgroups only where that was reported, with a status that is not 0.
    fn left_over(&self) -> Result<(), String> {
        let cgroups = || kernel::cgroups_named(&format!("nestns-{}-", self.nest.root));
        let left = std::panic::catch_unwind(|| assert_nothing_left(self.nest));
        let cgroups = cgroups();
        if left.is_ok() && cgroups.is_empty() {
            return Ok(());
        }
        let processes = processes_of(self.nest);
        self.kill_rest();
        for cgroup in &cgroups {
            let _ = fs::remove_dir(cgroup);
        }
        let up = self.said.iter().find(|said| said.verb == Verb::Up);
        let is_said = up.is_some_and(|up| {
            up.code != 0
                && ["cannot", "left", "still there"]
                    .iter()
                    .any(|word| up.text.contains(word))
        });
        if processes.is_empty() && is_said {
            return Ok(());
        }
        Err(format!(
            "leaves something: processes {processes:?}, cgroups {cgroups:?}"
        ))
    }
}

/// True for a line that has an errno without the operation, or spells one as the standard library does.
fn is_bare(line: &str) -> bool {
    let says = line.strip_prefix("error: ").unwrap_or_default();
    line.contains("(os error") || (says.contains(" (E") && !says.contains([':', '`']))
}
