//! A tree under test: the built program with a topology of its own, as root or as an ordinary user, and the proof that it
//! leaves nothing behind.
//!
//! Every nest has a directory of its own for state and files, and a root name of its own (`@` in the topology), so that
//! tests run beside each other and each finds exactly its own left-overs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::STATE_ROOT;
use super::identity::{Identity, ORDINARY};
use super::wait::{TIMEOUT, exit, within};

/// A copy of the program that every user may execute, wherever the build directory lies.
pub(crate) fn program() -> &'static Path {
    static COPY: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (copy, _) = COPY.get_or_init(|| {
        let directory = std::env::temp_dir().join(format!("nestns-tests-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("it is our own");
        let copy = directory.join("nestns");
        // By another process: a descriptor of ours that is open for writing would be inherited by whatever the other tests
        // fork meanwhile, and until that executes something the kernel answers ETXTBSY to every execution of the copy.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_nestns"))
            .arg(&copy)
            .status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "the program was built, and cp(1) is everywhere"
        );
        (copy, remove_at_the_end(&directory))
    });
    copy
}

/// Removes a directory when the tests have ended, however they do: nothing of Rust runs then, but the pipe on which a shell
/// waits has lost its last writer.
fn remove_at_the_end(directory: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "read -r nothing; rm -rf \"$0\""])
        .arg(directory)
        .stdin(Stdio::piped());
    // A caller that waits until the output of the tests is closed does not wait for it.
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("sh(1) is everywhere")
}

/// A topology and how to run it.
#[derive(Debug)]
pub(crate) struct Nest {
    /// Removed with everything in it when the nest is dropped.
    pub(crate) directory: tempfile::TempDir,
    /// The name of the tree's root, unique among all tests.
    pub(crate) root: String,
    /// The topology file.
    pub(crate) file: PathBuf,
    pub(crate) identity: Identity,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
}

impl Nest {
    /// A nest with this topology, in which `@` stands for a unique name (of the root, usually) and `DIRECTORY` for its
    /// directory.
    pub(crate) fn new(topology: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let root = format!(
            "r{}x{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = tempfile::Builder::new()
            .prefix("nest-")
            .tempdir()
            .expect("the temporary directory is writable");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))
            .expect("it is our own");
        let file = directory.path().join(format!("{root}.toml"));
        let path = directory.path().to_str().expect("our own path");
        fs::write(
            &file,
            topology.replace('@', &root).replace("DIRECTORY", path),
        )
        .expect("the directory is writable");
        fs::create_dir(directory.path().join("run")).expect("the directory is writable");
        let identity = Identity::Own;
        Self {
            directory,
            root,
            file,
            identity,
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
        }
    }

    /// Sets the user that runs it.
    pub(crate) fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        if identity == Identity::Ordinary {
            let run = self.directory.path().join("run");
            std::os::unix::fs::chown(&run, Some(ORDINARY), Some(ORDINARY))
                .expect("root may give it away");
            std::os::unix::fs::chown(self.directory.path(), Some(ORDINARY), Some(ORDINARY))
                .expect("root may give it away");
        }
        self
    }

    /// More options for `up`.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// A variable of the program's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command that makes the surroundings and then executes its last arguments, which are the program's command line.
    pub(crate) fn wrapped(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Runs in a user namespace in which no PID namespace can be made.
    pub(crate) fn without_namespaces(self) -> Self {
        let script = "echo 0 > /proc/sys/user/max_pid_namespaces && exec \"$@\"";
        self.wrapped(&[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
        ])
    }

    /// The topology file, as a word of a command line.
    pub(crate) fn file_name(&self) -> &str {
        self.file.to_str().expect("our own path")
    }

    /// The directory, as a word of a command line.
    pub(crate) fn directory_name(&self) -> &str {
        self.directory.path().to_str().expect("our own path")
    }

    /// The state root.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("run/nestns")
    }

    /// `nestns ARGUMENTS` with this nest's identity and directory; standard streams are the caller's to choose.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.other_command(program(), arguments)
    }

    /// Another program in the same place, as the same user.
    pub(crate) fn other_command(&self, program: &Path, arguments: &[&str]) -> Command {
        let Some((first, others)) = self.wrapper.split_first() else {
            return self.outside(program, arguments);
        };
        let mut words: Vec<&str> = others.iter().map(String::as_str).collect();
        words.push(program.to_str().expect("our own path"));
        words.extend(arguments);
        self.outside(Path::new(first), &words)
    }

    /// Another program without the nest's wrapper, outside the surroundings that it makes.
    pub(crate) fn outside(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("NESTNS_") {
                command.env_remove(&name);
            }
        }
        command
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env("LC_ALL", "C.UTF-8");
        command
            .env("XDG_RUNTIME_DIR", self.directory.path().join("run"))
            .env(STATE_ROOT, self.state());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.identity == Identity::Ordinary {
            command.uid(ORDINARY).gid(ORDINARY);
        }
        command
    }

    /// Removes the records of topologies that have ended, and makes sure that nothing else is there.
    pub(crate) fn prune(&self) {
        // Without the variables of the test, such as faults on purpose.
        let mut command = Command::new(program());
        command
            .arg("prune")
            .env(STATE_ROOT, self.state())
            .env_remove("NESTNS_FORMAT");
        // A wrapper may have changed the user.
        if let Some(found) = entries(&self.state())
            .first()
            .and_then(|one| fs::metadata(one).ok())
            && found.uid() != 0
        {
            command.uid(found.uid()).gid(found.gid());
        }
        let output = command.output().expect("the program was built");
        let left = entries(&self.state());
        assert!(
            output.status.success() && left.is_empty(),
            "{}, left {left:?}",
            super::said(&output)
        );
    }

    /// Starts `nestns up` on the topology.
    pub(crate) fn up(self) -> Running {
        let arguments = self.words_for_up();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let command = self.command(&arguments);
        self.start(command)
    }

    /// Starts `nestns ARGUMENTS`, in which `@` stands for the root's name.
    pub(crate) fn start_verb(self, arguments: &[&str]) -> Running {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| argument.replace('@', &self.root))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let command = self.command(&arguments);
        self.start(command)
    }

    /// `nestns up` on the topology and what it has been given as arguments.
    pub(crate) fn words_for_up(&self) -> Vec<String> {
        let file = self.file.to_str().expect("our own path").to_owned();
        ["up".to_owned(), file]
            .into_iter()
            .chain(self.arguments.iter().cloned())
            .collect()
    }

    /// Starts a prepared command; its output goes to files, which cannot block it.
    pub(crate) fn start(self, mut command: Command) -> Running {
        let open = |name: &str| {
            fs::File::create(self.directory.path().join(name)).expect("the directory is writable")
        };
        command
            .stdin(Stdio::null())
            .stdout(open("stdout"))
            .stderr(open("stderr"));
        let child = Started(command.spawn().expect("the program was built"));
        Running { nest: self, child }
    }
}

/// Nothing is left of a test that has failed, whatever has started it.
impl Drop for Nest {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut command = self.command(&["down", "--all", "--now", "--yes"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Ok(mut child) = command.spawn() {
            exit(&mut child, TIMEOUT);
        }
    }
}

/// A nest with its program running.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) nest: Nest,
    child: Started,
}

/// A child that does not outlive a test that has failed: the tree goes with its controller.
#[derive(Debug)]
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Outcome of a nest.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, 128 and the number for a signal.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Still there, with the files that the test has made.
    pub(crate) nest: Nest,
}

impl Running {
    /// The controller's PID.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.0.id().cast_signed())
    }

    /// The first child of what was started: the program itself, where a wrapper has forked.
    pub(crate) fn first_child(&self) -> i32 {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let text = fs::read_to_string(children).expect("it runs");
        text.split_whitespace()
            .next()
            .and_then(|word| word.parse().ok())
            .expect("it has forked")
    }

    /// Waits until the tree stands and its truth is written.
    pub(crate) fn until_running(&mut self) -> Truth {
        let found = self.until("the tree stands", |nest| {
            let directory = fs::read_dir(nest.state()).ok()?.flatten().next()?.path();
            serde_json::from_slice(&fs::read(directory.join("truth.json")).ok()?).ok()
        });
        Truth(found)
    }

    /// Waits until the program has written this to standard output.
    pub(crate) fn until_stdout_has(&mut self, text: &str) {
        self.until(&format!("standard output has {text:?}"), |nest| {
            fs::read_to_string(nest.directory.path().join("stdout"))
                .ok()?
                .contains(text)
                .then_some(())
        });
    }

    /// Waits until the report on standard error has this.
    pub(crate) fn until_stderr_has(&mut self, text: &str) {
        self.until(&format!("standard error has {text:?}"), |nest| {
            fs::read_to_string(nest.directory.path().join("stderr"))
                .ok()?
                .contains(text)
                .then_some(())
        });
    }

    /// Polls for a condition, and fails when the program ends before it holds.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Nest) -> Option<T>,
    ) -> T {
        let found = within(TIMEOUT, || {
            // It may come to hold in the moment before the end.
            let ended = self.child.0.try_wait().expect("it is our child");
            condition(&self.nest).map(Ok).or(ended.map(Err))
        });
        match found {
            Some(Ok(value)) => value,
            ended => panic!(
                "never: {what}; ended: {:?}; {}",
                ended.and_then(Result::err),
                self.output()
            ),
        }
    }

    /// Waits until the program has ended, by itself.
    pub(crate) fn until_ended(&mut self) {
        self.status();
    }

    fn status(&mut self) -> ExitStatus {
        exit(&mut self.child.0, TIMEOUT)
            .unwrap_or_else(|| panic!("does not end; {}", self.output()))
    }

    fn output(&self) -> String {
        let read = |name: &str| fs::read(self.nest.directory.path().join(name)).unwrap_or_default();
        let text = |name: &str| String::from_utf8_lossy(&read(name)).into_owned();
        format!("stdout:\n{}\nstderr:\n{}", text("stdout"), text("stderr"))
    }

    /// Signals the controller, which is an unreaped child: its number is its own.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Waits for the end, and makes sure that nothing is left.
    pub(crate) fn wait(mut self) -> Ended {
        let status = self.status();
        let read = |name: &str| {
            fs::read(self.nest.directory.path().join(name)).expect("it was opened before")
        };
        let text = |name: &str| String::from_utf8_lossy(&read(name)).into_owned();
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        let (stdout, stderr) = (text("stdout"), text("stderr"));
        assert_nothing_left(&self.nest);
        Ended {
            code,
            stdout,
            stderr,
            nest: self.nest,
        }
    }

    /// Stops it as Ctrl-C does and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.wait()
    }
}

/// Makes sure that no process and no state of a nest is left, but for the records of detached topologies that have ended,
/// which are pruned. What was killed a moment ago may take a moment.
pub(crate) fn assert_nothing_left(nest: &Nest) {
    let (mut processes, mut state) = (Vec::new(), Vec::new());
    within(Duration::from_secs(5), || {
        processes = processes_of(nest);
        state = entries(&nest.state());
        (processes.is_empty() && state.iter().all(|one| is_record(one))).then_some(())
    })
    .unwrap_or_else(|| panic!("left behind: processes {processes:?}, state {state:?}"));
    if !state.is_empty() {
        nest.prune();
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// True for a state directory in which there is the end of a topology, and nothing that only a running one has.
fn is_record(directory: &Path) -> bool {
    const KEPT: [&str; 7] = [
        "ended.json",
        "truth.json",
        "topology.toml",
        "events.jsonl",
        "events.jsonl.1",
        "controller.log",
        "logs",
    ];
    let is_kept = |entry: &PathBuf| KEPT.iter().any(|name| entry.ends_with(name));
    directory.join("ended.json").exists() && entries(directory).iter().all(is_kept)
}

/// The live processes of a nest: copies of nestns by their command line, programs by their environment.
pub(crate) fn processes_of(nest: &Nest) -> Vec<(i32, String)> {
    let directory = nest.directory_name().to_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        if pid.cast_unsigned() == std::process::id() {
            continue;
        }
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(entry.path().join(name)).unwrap_or_default())
                .into_owned()
        };
        let command_line = read("cmdline");
        let titled = command_line.strip_prefix("nestns: ").is_some_and(|title| {
            title
                .strip_prefix(nest.root.as_str())
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        });
        if titled || command_line.contains(&directory) || read("environ").contains(&directory) {
            found.push((pid, command_line.replace('\0', " ")));
        }
    }
    found
}

/// `nestns.truth/1` of a tree that stands.
#[derive(Debug)]
pub(crate) struct Truth(pub(crate) Value);

impl Truth {
    /// The document of a process.
    pub(crate) fn process(&self, path: &str) -> &Value {
        let processes = self.0["processes"]
            .as_array()
            .expect("the document has them");
        processes
            .iter()
            .find(|process| process["path"] == path)
            .unwrap_or_else(|| panic!("no process {path}"))
    }

    /// The document of a namespace.
    pub(crate) fn namespace(&self, path: &str) -> &Value {
        let namespaces = self.0["namespaces"]
            .as_array()
            .expect("the document has them");
        namespaces
            .iter()
            .find(|namespace| namespace["path"] == path)
            .unwrap_or_else(|| panic!("no namespace {path}"))
    }

    /// A process's numbers, the host's first.
    pub(crate) fn pids(&self, path: &str) -> Vec<i32> {
        let pids = self.process(path)["pids"].as_array().expect("it stands");
        pids.iter()
            .map(|pid| i32::try_from(pid.as_i64().expect("a number")).expect("a PID"))
            .collect()
    }

    /// A process's number on the host.
    pub(crate) fn host_pid(&self, path: &str) -> i32 {
        self.pids(path)[0]
    }

    /// The paths of all processes, PID 1s included.
    pub(crate) fn paths(&self) -> Vec<String> {
        let processes = self.0["processes"]
            .as_array()
            .expect("the document has them");
        processes
            .iter()
            .map(|process| process["path"].as_str().expect("a path").to_owned())
            .collect()
    }
}
