//! Steps of a forked copy of nestns to the exec of the user's program.
//!
//! First, while a failure still rolls the tree back: session, name, directory, files. Then it waits
//! at the [gate]. Then, as late as possible: terminal, captured output, identity, the caller's
//! signal state, exec. A failure after the gate is written into a close-on-exec pipe, whose end of
//! file without a message means that exec has succeeded: so a missing program can never be mistaken
//! for one that exits with 127.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{FileStat, SFlag, fstat, makedev, stat};
use nix::unistd::{Gid, Uid, chdir, pipe2, setgroups, setresgid, setresuid, write};

use super::actor;
use super::exec_error::ExecError;
use super::failure::{Failure, Stage};
use super::gate::{self, Verdict};
use super::image::Image;
use super::plan::{Identity, Plan, ProcessKey, ProcessPlan, Release};
use super::readiness::{Means, NOTIFY_SOCKET};
use super::report::{self, Report};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor_layout::{self, NULL, TERMINAL};
use nestns_sys::errno::number_of;
use nestns_sys::{descriptor, disposition, fault, terminal, title};
use nestns_topology::{Entry, Output, Program, Session, Stdin, Terminal};

/// The files that a process opens before it waits.
#[derive(Debug, Default)]
struct Files {
    /// `/dev/null`, for the streams that are nothing.
    null: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// Gives a process that is to become a program a session of its own, unless it inherits one.
///
/// Without one a member's `kill(0)` would reach its process group in the *ancestor* namespace
/// (R17), and job control would be its creator's. One that inherits was forked in a group which has
/// nothing of nestns in it but the init of its namespace (R48).
pub fn begin_session_of(process: &ProcessPlan) {
    if process.session == Session::Own {
        begin_session();
    }
}

/// setsid(2).
pub fn begin_session() {
    // Refused only to a leader of a group, which a fresh fork is not.
    let _ = nix::unistd::setsid();
}

/// Gives a PID 1 of nestns, or a helper that forks one, a process group of its own, enough to keep `kill(0)` and a typed Ctrl-C
/// apart.
///
/// Not a session: each makes the scheduler a group (`sched_autogroup`, see sched(7)), and with ten
/// thousand of them the kill of the tree takes twice the time (measured: 2.1 against 1.2 times bare
/// system calls).
pub fn begin_group() {
    let itself = nix::unistd::Pid::from_raw(0);
    // Refused to a session leader only.
    let _ = nix::unistd::setpgid(itself, itself);
}

/// Sets the title of a process of the tree.
pub fn take_name(plan: &Plan, path: &str, kind: &str) {
    title::set_name(path.rsplit('/').next().unwrap_or(path));
    if let Some(area) = plan.common().title {
        // Where the kernel refuses, ps shows the caller's command line, cut; nothing depends on it.
        let _ = area.write(&format!("nestns: {path} ({kind})"));
    }
}

/// Kind of a process, in a word, for its title while it is a copy of nestns.
pub fn kind(process: &ProcessPlan) -> &'static str {
    match &process.program {
        Program::Actor(actor) => actor.name(),
        Program::Command(_) => "waiting",
    }
}

/// Runs a process to its end: waits, and becomes its program. The title is set already; its image
/// may have been made before the fork, so that it need not be made in shared memory, of which every
/// page that is written to is copied.
pub(super) fn become_program(
    plan: &Plan,
    subject: ProcessKey,
    process: &ProcessPlan,
    image: Option<&Image>,
) -> ! {
    let files = match prepare(plan, subject, process) {
        Ok(files) => files,
        Err(failure) => fail(failure),
    };
    if process.terminal == Terminal::None {
        drop_streams(process);
    }
    let verdict = if subject.is_from_outside() {
        Verdict::Released
    } else {
        match report::send(Report::AtGate { subject }, &[]) {
            Ok(()) if process.is_unconditional() && plan.release() == Release::Together => {
                gate::wait_for_all()
            }
            Ok(()) => gate::wait_for_word(process.stop.signal),
            Err(_) => Verdict::Aborted,
        }
    };
    match verdict {
        Verdict::Released => launch(plan, subject, process, image, &files),
        Verdict::Aborted => leave(1),
    }
}

/// Closes those of the caller's streams that the program does not get: a reader that reads them to
/// their end, as a script does with the standard error of `up -d`, need not wait for a gate.
fn drop_streams(process: &ProcessPlan) {
    let is_inherited = [
        process.stdin == Stdin::Inherit,
        process.stdout == Output::Inherit,
        process.stderr == Output::Inherit,
    ];
    for (number, _) in (0..)
        .zip(is_inherited)
        .filter(|(_, is_inherited)| !is_inherited)
    {
        // On /dev/null nothing fails; if it did, the old descriptor would stay until the program
        // has its own.
        let _ = descriptor::make_standard(descriptor_layout::fd(NULL), number);
    }
}

/// Reports that the creation has failed, and ends.
pub fn fail(failure: Failure) -> ! {
    // A controller that is gone needs no report: the guardian ends the tree.
    let _ = report::send(Report::Failed(failure), &[]);
    leave(1)
}

/// _exit(2): a forked copy must run none of the caller's exit handlers and flush none of its
/// buffers.
pub fn leave(status: u8) -> ! {
    nestns_sys::fork::exit_now(i32::from(status))
}

/// Does everything that may fail and that needs nothing from the release.
fn prepare(plan: &Plan, subject: ProcessKey, process: &ProcessPlan) -> Result<Files, Failure> {
    // The path is formatted only for a failure: that alone is half a dozen pages of code.
    fn failed(subject: ProcessKey, stage: Stage, path: &Path) -> impl FnOnce(Errno) -> Failure {
        move |errno| Failure::with(subject, stage, errno, path.display().to_string())
    }
    match &process.cwd {
        Some(directory) => {
            chdir(directory).map_err(failed(subject, Stage::WorkingDirectory, directory))?;
        }
        // If the caller's directory does not exist in here, / does.
        None => chdir(&plan.common().directory)
            .or_else(|_| chdir("/"))
            .map_err(failed(subject, Stage::WorkingDirectory, Path::new("/")))?,
    }
    let mut files = Files {
        null: process.uses_null().then(open_null).flatten(),
        ..Files::default()
    };
    if let Stdin::File(path) = &process.stdin {
        let file = OpenOptions::new()
            .read(true)
            .open(path)
            .map_err(|error| number_of(&error));
        files.stdin = Some(file.map_err(failed(subject, Stage::Stdin, path))?.into());
    }
    for (output, slot, stage) in [
        (&process.stdout, &mut files.stdout, Stage::Stdout),
        (&process.stderr, &mut files.stderr, Stage::Stderr),
    ] {
        if let Output::File(path) = output {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| number_of(&error));
            *slot = Some(file.map_err(failed(subject, stage, path))?.into());
        }
    }
    Ok(files)
}

/// The `/dev/null` of the process's own mount namespace; `None` where there is no such device.
///
/// A descriptor of a mount in another namespace than the process's own is one that checkpoint tools
/// refuse, and whose path means nothing inside.
fn open_null() -> Option<OwnedFd> {
    const NULL: &str = "/dev/null";
    let is_null = |file: FileStat| {
        SFlag::from_bits_truncate(file.st_mode & libc::S_IFMT) == SFlag::S_IFCHR
            && file.st_rdev == makedev(1, 3)
    };
    // Whatever else is there is not opened: that may wait, or have effects.
    if !stat(NULL).is_ok_and(is_null) {
        return None;
    }
    let file = OpenOptions::new().read(true).write(true).open(NULL).ok()?;
    fstat(&file).is_ok_and(is_null).then(|| file.into())
}

/// Takes the process from the gate to its program.
fn launch(
    plan: &Plan,
    subject: ProcessKey,
    process: &ProcessPlan,
    image: Option<&Image>,
    files: &Files,
) -> ! {
    let Ok((listener, outcome)) = pipe2(OFlag::O_CLOEXEC) else {
        fail(Failure::new(subject, Stage::Pipe, Errno::last()));
    };
    let means = match Means::of(process.ready.as_deref()) {
        Ok(means) => means,
        Err(cause) => fail(Failure::new(subject, Stage::Readiness, cause)),
    };
    let outcome = match &means {
        Some(means) => match means.clear(outcome) {
            Ok(outcome) => outcome,
            Err(errno) => fail(Failure::new(
                subject,
                Stage::Readiness,
                CallError {
                    call: Call::Fcntl,
                    errno,
                },
            )),
        },
        None => outcome,
    };
    let address = means.as_ref().and_then(Means::address).map(str::to_owned);
    let refusal = match connect(subject, process, files, listener, means.as_ref()) {
        Ok(()) => match become_user(process.identity.as_ref()) {
            // Last of all, because it may take a number that was in use until here.
            Ok(()) => match means.map_or(Ok(()), Means::hand_over).by(Call::Dup2) {
                Ok(()) => run(plan, process, image, address.as_deref()),
                Err(cause) => refuse(Stage::Readiness, "")(cause),
            },
            Err(refusal) => refusal,
        },
        // No process has the other end of the pipe.
        Err(refusal) => report_refusal(subject, refusal),
    };
    tell(&refusal, &outcome)
}

/// Reports the reason why a process does not become its program, if the controller has not been
/// sent the pipe for it.
#[cold]
#[inline(never)]
fn report_refusal(subject: ProcessKey, refusal: ExecError) -> ! {
    let status = refusal.status();
    let _ = report::send(Report::Refused { subject, refusal }, &[]);
    leave(status)
}

/// Writes the reason why the process did not become its program, and ends. Not a part of
/// [`launch`], whose stack would have the buffer's pages.
#[cold]
#[inline(never)]
fn tell(refusal: &ExecError, outcome: &OwnedFd) -> ! {
    let mut buffer = [0_u8; 8192];
    if let Ok(bytes) = postcard::to_slice(refusal, &mut buffer) {
        let _ = write(outcome, bytes);
    }
    leave(refusal.status())
}

/// The longest command line in a refusal, which must fit into the buffer that it is written from,
/// with a path beside it.
const LONGEST_DETAIL: usize = 400;

/// Command line as a refusal names it.
fn shortened(words: &[String]) -> String {
    let text = words.join(" ");
    if text.chars().count() <= LONGEST_DETAIL {
        return text;
    }
    text.chars().take(LONGEST_DETAIL).chain(['…']).collect()
}

fn refuse<E: Into<CallError>>(
    stage: Stage,
    detail: impl Into<String>,
) -> impl FnOnce(E) -> ExecError {
    let detail = detail.into();
    move |cause| {
        let CallError { call, errno } = cause.into().or(stage.call());
        ExecError {
            stage,
            call,
            errno: errno as i32,
            detail,
        }
    }
}

/// Connects descriptors 0, 1 and 2, and tells the controller that the program is about to run.
fn connect(
    subject: ProcessKey,
    process: &ProcessPlan,
    files: &Files,
    listener: OwnedFd,
    means: Option<&Means>,
) -> Result<(), ExecError> {
    let outside = descriptor_layout::fd(NULL);
    let null = files.null.as_ref().map_or(outside, AsFd::as_fd);
    let place = |fd: std::os::fd::BorrowedFd<'_>, number, stage| {
        descriptor::make_standard(fd, number)
            .by(Call::Dup2)
            .map_err(refuse(stage, ""))
    };
    let owns_terminal = process.terminal == Terminal::Own;
    if owns_terminal {
        let slave = descriptor_layout::fd(TERMINAL);
        if let Some(identity) = &process.identity {
            // Else /dev/tty could not be opened by the user that the program becomes; not worth
            // failing for.
            let _ = nix::unistd::fchown(slave, Some(Uid::from_raw(identity.uid)), None);
        }
        terminal::take_as_controlling(slave).map_err(refuse(Stage::ControllingTerminal, ""))?;
        place(slave, 0, Stage::Stdin)?;
    } else {
        match (&process.stdin, &files.stdin) {
            (Stdin::File(_), Some(file)) => place(file.as_fd(), 0, Stage::Stdin)?,
            (Stdin::Inherit, _) => {}
            _ => place(null, 0, Stage::Stdin)?,
        }
    }
    let mut ends = vec![listener];
    let mut captured = [false; 2];
    let streams = [
        (&process.stdout, &files.stdout, 1, Stage::Stdout),
        (&process.stderr, &files.stderr, 2, Stage::Stderr),
    ];
    for (index, (output, file, number, stage)) in streams.into_iter().enumerate() {
        match (output, file) {
            (Output::File(_), Some(file)) => place(file.as_fd(), number, stage)?,
            (Output::Inherit, _) => {}
            (Output::Log, _) if owns_terminal => {
                place(descriptor_layout::fd(TERMINAL), number, stage)?;
            }
            (Output::Log, _) => {
                let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(refuse(Stage::Pipe, ""))?;
                place(writer.as_fd(), number, stage)?;
                ends.push(reader);
                captured[index] = true;
            }
            _ => place(null, number, stage)?,
        }
    }
    let report = Report::Starting {
        subject,
        stdout: captured[0],
        stderr: captured[1],
        ready: means.is_some(),
    };
    let borrowed: Vec<_> = ends
        .iter()
        .map(AsFd::as_fd)
        .chain(means.map(Means::listener))
        .collect();
    report::send(report, &borrowed)
        .by(Call::Sendmsg)
        .map_err(refuse(Stage::Channel, ""))?;
    fault::point("starting");
    Ok(())
}

/// Takes over the groups first, then the group, then the user: in another order the right to do so
/// would be gone.
fn become_user(identity: Option<&Identity>) -> Result<(), ExecError> {
    let Some(identity) = identity else {
        return Ok(());
    };
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    match setgroups(&groups) {
        // A user namespace of an ordinary user denies setgroups for good; its root has no other
        // groups to drop.
        Err(Errno::EPERM) if identity.uid == 0 => {}
        result => result.map_err(refuse(Stage::Groups, ""))?,
    }
    let gid = Gid::from_raw(identity.gid);
    setresgid(gid, gid, gid).map_err(refuse(Stage::Group, identity.gid.to_string()))?;
    let uid = Uid::from_raw(identity.uid);
    setresuid(uid, uid, uid).map_err(refuse(Stage::User, identity.uid.to_string()))
}

/// Executes the program; returns only with a refusal.
fn run(
    plan: &Plan,
    process: &ProcessPlan,
    image: Option<&Image>,
    address: Option<&str>,
) -> ExecError {
    match &process.program {
        Program::Actor(actor) => {
            // An actor arranges its signals itself, and finds all of them blocked: as PID 1 it
            // would else lose one. Closing the pipe says that it runs. All the rest goes with it:
            // an actor sees 0, 1 and 2 like any program.
            let _ = descriptor::close_from(3);
            leave(u8::try_from(actor::perform(actor)).unwrap_or(1))
        }
        Program::Command(words) => {
            let made;
            let image = if let Some(image) = image {
                image
            } else {
                made = Image::of(
                    plan,
                    words,
                    process,
                    address.map(|address| (NOTIFY_SOCKET, address)),
                );
                &made
            };
            if let Some((soft, hard)) = plan.common().descriptors {
                // Lowering a limit is never refused.
                let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
            }
            plan.common().dispositions.restore();
            refuse_terminal(process);
            let errno = image.execute();
            let directory = std::env::current_dir()
                .map_or_else(|_| "?".to_owned(), |path| path.display().to_string());
            ExecError {
                stage: Stage::Execute,
                call: Call::Execve,
                errno: errno as i32,
                detail: format!("{} (in {directory})", shortened(words)),
            }
        }
    }
}

/// Has reads of the caller's terminal fail with `EIO` in a PID 1 that inherits the session of that terminal,
/// of which it is in the background.
///
/// The kernel sends TTIN and begins the read again; a PID 1 does not get TTIN (R5), and would read
/// without end (R49). Ignoring a signal that never arrives changes nothing else, except for what the
/// program executes later.
fn refuse_terminal(process: &ProcessPlan) {
    if process.entry == Entry::Init
        && process.session == Session::Inherit
        && OpenOptions::new().read(true).open("/dev/tty").is_ok()
    {
        // Refused for KILL and STOP only.
        let _ = disposition::ignore(Signal::SIGTTIN);
    }
}

/// Closes the caller's standard descriptors and the terminal: for a PID 1 that has created
/// everything that may inherit them.
pub fn drop_standard_descriptors() {
    for number in 0..=2 {
        // On /dev/null nothing fails; if it did, the old descriptor would stay, which does no harm.
        let _ = descriptor::make_standard(descriptor_layout::fd(NULL), number);
    }
    let _ = descriptor::place_at(descriptor_layout::fd(NULL), TERMINAL);
}
