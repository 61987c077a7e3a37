//! A terminal for the program under test: a pseudo-terminal, and a leader of its session.
//!
//! The leader outlives nestns, as a caller's shell does: with the death of its leader the kernel hangs the terminal up and
//! resets its settings, and it could not be seen what restored them. The other end is read all the time, by a thread.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{Gid, Pid, Uid, fchown, read, setsid, write};

use super::identity::{Identity, ORDINARY, for_each_identity};
use super::nest::{Nest, assert_nothing_left, program};
use super::wait::{TIMEOUT, within};

/// The leader of the session when nestns is to be in the foreground: its PID and status go to files.
const LEADER: &str = r#"
trap : INT QUIT TSTP HUP TERM
sh -c 'echo $$ > pid.part; mv pid.part pid; exec "$@"' sh "$@"
echo $? > status.part; mv status.part status
exec sleep 100000
"#;

/// A pseudo-terminal with a session in it.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) nest: Nest,
    leader: Child,
    master: OwnedFd,
    slave: OwnedFd,
    screen: Arc<Mutex<Vec<u8>>>,
    seen: usize,
    done: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    settings: String,
}

impl Terminal {
    /// `nestns ARGUMENTS` in the foreground.
    pub(crate) fn foreground(nest: Nest, arguments: &[&str]) -> Self {
        let program = program().to_str().expect("our own path");
        Self::foreground_of(nest, &[&[program], arguments].concat())
    }

    /// Another command in the foreground.
    pub(crate) fn foreground_of(nest: Nest, command: &[&str]) -> Self {
        let mut words = vec!["-c", LEADER, "leader"];
        words.extend(command);
        let command = nest.other_command(Path::new("/bin/sh"), &words);
        Self::lead(nest, command)
    }

    /// `nestns up` on the nest's topology in the foreground.
    pub(crate) fn up(nest: Nest) -> Self {
        let words = nest.words_for_up();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Self::foreground(nest, &words)
    }

    /// The topology in the foreground, as each of the identities.
    pub(crate) fn for_each_identity(topology: &str, test: impl Fn(Self)) {
        for_each_identity(|identity| test(Self::up(Nest::new(topology).identity(identity))));
    }

    /// A shell with job control, without an editor of its own for the line; its prompt is `$ `.
    pub(crate) fn shell(nest: Nest) -> Self {
        let command = nest.other_command(Path::new("/bin/bash"), &["--norc", "--noediting", "-i"]);
        let mut terminal = Self::lead(nest, command);
        terminal.expect("$ ");
        terminal
    }

    /// A shell, as each of the identities, in which the topology was started with `up -d`; `$N` is the program.
    pub(crate) fn for_each_identity_beside(topology: &str, test: impl Fn(&mut Self)) {
        for_each_identity(|identity| {
            let nest = Nest::new(topology)
                .identity(identity)
                .env("N", program().to_str().expect("our own path"));
            let root = nest.root.clone();
            let mut terminal = Self::shell(nest);
            terminal.send(format!("$N up -d {root}.toml\r"));
            terminal.expect("ready in");
            terminal.expect("$ ");
            test(&mut terminal);
            terminal.close();
        });
    }

    fn lead(nest: Nest, mut command: Command) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).expect("there are pseudo-terminals");
        if nest.identity == Identity::Ordinary {
            fchown(
                &pair.slave,
                Some(Uid::from_raw(ORDINARY)),
                Some(Gid::from_raw(ORDINARY)),
            )
            .expect("root may");
        }
        for fd in [&pair.master, &pair.slave] {
            nix::fcntl::fcntl(fd, nix::fcntl::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))
                .expect("it is open");
        }
        let end = || Stdio::from(pair.slave.try_clone().expect("descriptors are free"));
        command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .env("TERM", "dumb")
            .env("PS1", "$ ")
            .env("HISTFILE", "");
        let take = || {
            setsid()?;
            // SAFETY: the request takes an integer; descriptor 0 is the terminal.
            #[expect(unsafe_code, reason = "nix has no wrapper of this request")]
            let result = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
            Ok(Errno::result(result).map(drop)?)
        };
        #[expect(
            unsafe_code,
            reason = "a controlling terminal can only be taken by the leader himself"
        )]
        // SAFETY: what runs between fork and exec are two system calls, without allocation.
        unsafe {
            command.pre_exec(take);
        }
        // Before any process can change them.
        let settings = settings_of(&pair.slave);
        let leader = command.spawn().expect("there is a shell");
        drop(command);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::new(AtomicBool::new(false));
        let reader = {
            let master = pair.master.try_clone().expect("descriptors are free");
            let (screen, done) = (Arc::clone(&screen), Arc::clone(&done));
            std::thread::spawn(move || watch(&master, &screen, &done))
        };
        let (master, slave) = (pair.master, pair.slave);
        Self {
            nest,
            leader,
            master,
            slave,
            screen,
            seen: 0,
            done,
            reader: Some(reader),
            settings,
        }
    }

    /// Types.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            let count = write(&self.master, bytes).expect("the terminal takes it");
            bytes = &bytes[count..];
        }
    }

    /// Waits until this is shown, after what was expected before; returns what stands in between.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let seen = self.seen;
        let (between, end) = self.until(&format!("the screen has {text:?}"), |terminal| {
            let screen = terminal.raw_screen();
            let rest = &screen[seen..];
            let place = rest
                .windows(text.len())
                .position(|window| window == text.as_bytes())?;
            Some((
                String::from_utf8_lossy(&rest[..place]).into_owned(),
                seen + place + text.len(),
            ))
        });
        self.seen = end;
        between
    }

    /// The output until now.
    pub(crate) fn raw_screen(&self) -> Vec<u8> {
        self.screen
            .lock()
            .expect("the reader does not panic")
            .clone()
    }

    /// The output until now, as text.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.raw_screen()).into_owned()
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the request reads one winsize.
        #[expect(unsafe_code, reason = "nix has no wrapper of this request")]
        let result =
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        Errno::result(result).expect("it is a terminal");
    }

    /// True while its settings are those that it started with.
    pub(crate) fn is_restored(&self) -> bool {
        settings_of(&self.slave) == self.settings
    }

    /// Waits until the settings are those that it started with: the guardian takes a moment.
    pub(crate) fn until_restored(&mut self) {
        self.until("the terminal's settings are restored", |terminal| {
            terminal.is_restored().then_some(())
        });
    }

    /// Waits until nestns has the terminal in raw mode: the program inside has the keys from now on.
    pub(crate) fn until_raw(&mut self) {
        self.until("the terminal is raw", |terminal| {
            let flags = tcgetattr(&terminal.slave)
                .expect("it is a terminal")
                .local_flags;
            (!flags.intersects(LocalFlags::ICANON | LocalFlags::ISIG)).then_some(())
        });
    }

    /// The PID of the nestns in the foreground.
    pub(crate) fn pid(&mut self) -> Pid {
        let text = self.until("nestns is started", |terminal| {
            fs::read_to_string(terminal.nest.directory.path().join("pid")).ok()
        });
        Pid::from_raw(text.trim().parse().expect("the shell wrote a number"))
    }

    /// Signals the nestns in the foreground, which must not have ended: only the leader can reap it.
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Waits until nestns has ended, and returns its status as a shell gives it.
    pub(crate) fn status(&mut self) -> i32 {
        let text = self.until("nestns ends", |terminal| {
            fs::read_to_string(terminal.nest.directory.path().join("status")).ok()
        });
        text.trim().parse().expect("the shell wrote a number")
    }

    /// Polls for a condition.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        within(TIMEOUT, || condition(self))
            .unwrap_or_else(|| panic!("never: {what}; the screen:\n{}", self.screen()))
    }

    /// Ends the session, and makes sure that nothing of the nest is left but it.
    pub(crate) fn close(mut self) {
        self.end();
        assert_nothing_left(&self.nest);
    }

    fn end(&mut self) {
        // The leader's children in the foreground get a hang-up from the kernel.
        let _ = self.leader.kill();
        let _ = self.leader.wait();
        self.done.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end();
    }
}

fn settings_of(terminal: impl AsFd) -> String {
    format!(
        "{:?}",
        libc::termios::from(tcgetattr(terminal).expect("it is a terminal"))
    )
}

fn watch(master: &OwnedFd, screen: &Mutex<Vec<u8>>, done: &AtomicBool) {
    let mut buffer = vec![0_u8; 1 << 16];
    while !done.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(20_u16)) != Ok(1) {
            continue;
        }
        match read(master, &mut buffer) {
            Ok(count) => screen
                .lock()
                .expect("nobody panics with it")
                .extend_from_slice(&buffer[..count]),
            Err(_) => return,
        }
    }
}
