//! Following a process that runs by itself, and typing into its terminal.

use std::io::Read as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::detached::{Detached, ended};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};
use crate::harness::terminal::Terminal;
use crate::harness::wait::until_asleep;

const TICKING: &str = r#"
[ns.@]
proc.clock = { sh = "trap 'echo usr1' USR1; n=0; while :; do n=$((n+1)); echo out $n; echo err $n >&2; sleep 0.05; done" }
proc.quiet = { actor = "idle", stdout = "null", stderr = "null" }
"#;

const BRIEF: &str = r#"
[ns.@]
proc.brief = { sh = "read line < DIRECTORY/go; echo said $line; exit 7" }
"#;

const SHELL: &str = r#"
[ns.@]
proc.shell = { cmd = "bash --norc --noediting", tty = true, env = { PS1 = "in> " } }
"#;

#[test]
fn output_is_followed_from_now_on_as_two_streams() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(TICKING).identity(identity));
        let mut child = tree.start(&["attach", "@/clock"]);
        let mut stdout = [0; 64];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut stdout)
            .unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let outcome = ended(child);
        assert_eq!(outcome.code, 130);
        let text = String::from_utf8_lossy(&stdout);
        assert!(text.starts_with("out "), "{text}");
        assert!(
            outcome.stderr.lines().all(|line| line.starts_with("err ")),
            "{}",
            outcome.stderr
        );
        // It goes on.
        assert_eq!(
            tree.document(&["ps", "@/clock", "--format", "json"])["processes"][0]["state"],
            "ready"
        );
    });
}

#[test]
fn attach_ends_with_the_process() {
    for_each_identity(|identity| {
        let nest = Nest::new(BRIEF).identity(identity);
        nix::unistd::mkfifo(
            &nest.directory.path().join("go"),
            nix::sys::stat::Mode::from_bits_truncate(0o666),
        )
        .unwrap();
        let tree = Detached::up(nest);
        let child = tree.start(&["attach", "@/brief"]);
        // Attached once inotify has a watch: the descriptor is seen in /proc.
        tree.until("it follows", |_| {
            let fds = std::fs::read_dir(format!("/proc/{}/fd", child.id())).ok()?;
            let links = fds
                .flatten()
                .filter_map(|fd| std::fs::read_link(fd.path()).ok());
            links
                .into_iter()
                .any(|link| link.to_string_lossy().contains("inotify"))
                .then_some(())
        });
        until_asleep(|| vec![child.id().cast_signed()]);
        std::fs::write(tree.nest.directory.path().join("go"), "hello\n").unwrap();
        let outcome = ended(child);
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (7, "said hello\n"),
            "{}",
            outcome.stderr
        );
    });
}

#[test]
fn attach_reports_what_cannot_be_attached() {
    require!(nesting());
    let tree = Detached::up(Nest::new(TICKING));
    for (address, why) in [
        ("@/quiet", "/dev/null"),
        ("@", "nestns itself"),
        ("@/clok", "clock"),
    ] {
        let outcome = tree.nestns(&["attach", address]);
        assert_eq!(outcome.code, 1, "{address}");
        assert!(
            outcome.stderr.contains(why),
            "{address}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn signals_are_forwarded_on_request() {
    require!(nesting());
    let tree = Detached::up(Nest::new(TICKING));
    let mut child = tree.start(&["attach", "--sig-proxy", "@/clock"]);
    let mut stdout = Vec::new();
    let mut piece = [0; 256];
    let mut sent = false;
    while !String::from_utf8_lossy(&stdout).contains("usr1") {
        let count = child.stdout.as_mut().unwrap().read(&mut piece).unwrap();
        assert!(count > 0, "it keeps running");
        stdout.extend_from_slice(&piece[..count]);
        if !std::mem::replace(&mut sent, true) {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGUSR1).unwrap();
        }
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
}

#[test]
fn a_terminal_is_detached_from_and_attached_again() {
    Terminal::for_each_identity_beside(SHELL, |terminal| {
        let root = terminal.nest.root.clone();
        terminal.send(format!("$N attach {root}/shell\r"));
        terminal.until_raw();
        terminal.send("\r");
        terminal.expect("in> ");
        terminal.send("echo $((6*7)); stty size\r");
        terminal.expect("42\r\n24 80\r\n");
        terminal.expect("in> ");
        // The keys that leave it alone.
        terminal.send("x=kept\r\x10\x11");
        terminal.expect("it keeps running");
        terminal.expect("$ ");
        terminal.send(format!("$N attach {root}/shell; echo status $?\r"));
        terminal.until_raw();
        terminal.send("echo $x; exit 9\r");
        terminal.expect("kept\r\n");
        terminal.expect("\r\nstatus 9");
        // It was all that held the topology.
        terminal.until("the topology has ended", |terminal| {
            (!terminal
                .nest
                .state()
                .join(&terminal.nest.root)
                .join("lock")
                .exists())
            .then_some(())
        });
    });
}

#[test]
fn an_exec_process_is_detached_from_and_attached_again() {
    Terminal::for_each_identity_beside("[ns.@]\nproc.idle = { actor = \"idle\" }\n", |terminal| {
        let root = terminal.nest.root.clone();
        terminal.send(format!(
            "$N exec -it -e PS1='in> ' {root} -- bash --norc --noediting\r"
        ));
        terminal.until_raw();
        terminal.expect("\nin> ");
        terminal.send("x=kept\r\x10\x11");
        terminal.expect(&format!("nestns attach {root}/exec.1"));
        terminal.expect("$ ");
        terminal.send(format!("$N attach {root}/exec.1; echo status $?\r"));
        terminal.until_raw();
        terminal.send("echo $x; exit 9\r");
        terminal.expect("kept\r\n");
        terminal.expect("\r\nstatus 9");
        terminal.expect("$ ");
        terminal.send("$N down\r");
        terminal.expect("stopped in");
        terminal.expect("$ ");
    });
}
