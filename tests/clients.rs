//! The control socket under attack: floods, malformed requests, clients that do not read. The controller stays up, answers
//! every other client, and does not grow.

use std::fs;
use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nestns_client::protocol::RequestError;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::json;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require, root};
use crate::harness::socket::Socket;
use crate::harness::wait::{TIMEOUT, within};

const TOPOLOGY: &str = r#"
[ns.@]
proc.a = { actor = "idle" }
[ns."@/inner"]
proc.b = { actor = "idle", count = 50 }
"#;

/// A detached topology and its controller's PID.
struct Detached {
    nest: Nest,
    directory: PathBuf,
    controller: i32,
}

impl Detached {
    fn up(identity: Identity) -> Self {
        let nest = Nest::new(TOPOLOGY).identity(identity);
        let file = nest.file_name().to_owned();
        let output = nest
            .command(&["up", "-d", &file])
            .stdin(Stdio::null())
            .output()
            .expect("it was built");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let directory = nest.state().join(&nest.root);
        let status = Socket::connect(&directory).call(&json!("status"));
        let controller = status["status"]["controller"].as_i64().expect("a PID");
        Self {
            nest,
            directory,
            controller: i32::try_from(controller).expect("a PID"),
        }
    }

    fn down(self) {
        let output = self
            .nest
            .command(&["down", &self.nest.root])
            .output()
            .expect("it was built");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_nothing_left(&self.nest);
    }

    /// Private memory of the controller, in KiB.
    fn memory(&self) -> u64 {
        let text =
            fs::read_to_string(format!("/proc/{}/status", self.controller)).expect("it lives");
        let line = text
            .lines()
            .find(|line| line.starts_with("RssAnon:"))
            .expect("since 4.5");
        line.split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number")
    }

    /// Number of descriptors that the controller has open.
    fn descriptors(&self) -> usize {
        kernel::descriptors(self.controller).expect("it lives")
    }

    /// Waits until the controller has no more descriptors than this.
    fn until_descriptors(&self, most: usize) {
        within(TIMEOUT, || (self.descriptors() <= most).then_some(()))
            .unwrap_or_else(|| panic!("{} descriptors", self.descriptors()));
    }
}

#[test]
fn ten_thousand_requests_leak_nothing() {
    for_each_identity(|identity| {
        let tree = Detached::up(identity);
        let before = tree.descriptors();
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let directory = tree.directory.clone();
                std::thread::spawn(move || {
                    let mut socket = Socket::connect(&directory);
                    for round in 0..1250 {
                        let request = if round % 10 == 0 {
                            "snapshot"
                        } else {
                            "status"
                        };
                        let answer = socket.call(&json!(request));
                        assert!(answer.get(request).is_some(), "{answer}");
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("every client is answered");
        }
        // From the first second on it watches its directory.
        tree.until_descriptors(before + 1);
        let memory = tree.memory();
        assert!(memory < 16 * 1024, "{memory} KiB");
        tree.down();
    });
}

#[test]
fn malformed_requests_are_answered_with_an_error() {
    require!(nesting());
    let tree = Detached::up(Identity::Own);
    let mut socket = Socket::connect(&tree.directory);
    let problem = |socket: &mut Socket, bytes: &[u8]| -> String {
        socket.send(bytes).expect("it listens");
        let answer = socket.receive().expect("it answers");
        let problem = serde_json::from_value::<RequestError>(answer["say"]["problem"].clone());
        problem
            .unwrap_or_else(|error| panic!("{error}: {answer}"))
            .to_string()
    };
    for (said, expected) in [
        ("hello\n", "not a request"),
        ("\n", "not a request"),
        ("[]\n", "not a request"),
        ("{}\n", "not a request"),
        ("{\"nestns\":2,\"id\":1,\"ask\":\"status\"}\n", "version 1"),
        ("{\"nestns\":1,\"id\":1}\n", "`ask` is missing"),
        (
            "{\"nestns\":1,\"id\":1,\"ask\":\"dance\"}\n",
            "not a request",
        ),
        (
            "{\"nestns\":1,\"id\":1,\"ask\":{\"stop\":{}}}\n",
            "not a request",
        ),
        (
            "{\"nestns\":1,\"id\":-1,\"ask\":\"status\"}\n",
            "not a request",
        ),
        (
            "{\"nestns\":1,\"id\":1,\"ask\":{\"signal\":{\"targets\":[],\"signal\":1e99}}}\n",
            "not a request",
        ),
    ] {
        let message = problem(&mut socket, said.as_bytes());
        assert!(message.contains(expected), "{said}: {message}");
    }
    // Bytes that are not text, in many pieces, from many clients that disconnect in the middle.
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..200 {
        let mut stranger = Socket::connect(&tree.directory);
        for _ in 0..50 {
            let bytes: Vec<u8> = (0..97)
                .map(|_| {
                    noise ^= noise << 13;
                    noise ^= noise >> 7;
                    noise ^= noise << 17;
                    noise.to_le_bytes()[3]
                })
                .collect();
            if stranger.send(&bytes).is_err() {
                break;
            }
        }
    }
    // A line without an end.
    let mut endless = Socket::connect(&tree.directory);
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..12 {
        if endless.send(&piece).is_err() {
            break;
        }
    }
    assert!(socket.call(&json!("status")).get("status").is_some());
    assert!(tree.memory() < 32 * 1024, "{} KiB", tree.memory());
    tree.down();
}

#[test]
fn a_client_that_does_not_read_delays_no_other() {
    require!(nesting());
    let tree = Detached::up(Identity::Own);
    let mut deaf: Vec<Socket> = (0..20).map(|_| Socket::connect(&tree.directory)).collect();
    for socket in &mut deaf {
        let line = format!("{}\n", json!({ "nestns": 1, "id": 1, "ask": "snapshot" }));
        socket
            .stream()
            .set_nonblocking(true)
            .expect("it is a socket");
        // As much as it takes: it stops reading from clients that do not read.
        for _ in 0..2000 {
            if socket.send(line.as_bytes()).is_err() {
                break;
            }
        }
    }
    let mut socket = Socket::connect(&tree.directory);
    for _ in 0..100 {
        let began = Instant::now();
        assert!(socket.call(&json!("status")).get("status").is_some());
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "it waits for others"
        );
    }
    assert!(tree.memory() < 64 * 1024, "{} KiB", tree.memory());
    // They keep a stop waiting no longer than a moment either.
    tree.down();
    drop(deaf);
}

#[test]
fn more_clients_than_the_limit_connect_and_disconnect() {
    require!(nesting());
    let tree = Detached::up(Identity::Own);
    let before = tree.descriptors();
    let crowd: Vec<Socket> = (0..400).map(|_| Socket::connect(&tree.directory)).collect();
    let mut socket = Socket::connect(&tree.directory);
    assert!(socket.call(&json!("status")).get("status").is_some());
    assert!(
        tree.descriptors() <= before + 130,
        "{} descriptors",
        tree.descriptors()
    );
    drop(socket);
    drop(crowd);
    tree.until_descriptors(before + 1);
    tree.down();
}

#[test]
fn unexpected_descriptors_are_closed() {
    require!(nesting());
    let tree = Detached::up(Identity::Own);
    let before = tree.descriptors();
    let file = fs::File::open("/dev/null").expect("it is everywhere");
    let numbers = vec![file.as_raw_fd(); 200];
    let mut socket = Socket::connect(&tree.directory);
    let status = b"{\"nestns\":1,\"id\":0,\"ask\":\"status\"}\n";
    for bytes in [&status[..], b"{", b"nonsense\n"]
        .into_iter()
        .cycle()
        .take(60)
    {
        let rights = [ControlMessage::ScmRights(&numbers)];
        sendmsg::<()>(
            socket.stream().as_raw_fd(),
            &[IoSlice::new(bytes)],
            &rights,
            MsgFlags::empty(),
            None,
        )
        .expect("it listens");
    }
    // The last answer is to the last line; everything before has been looked at by then.
    socket.send(b"\n").expect("it listens");
    assert!(socket.call(&json!("status")).get("status").is_some());
    drop(socket);
    tree.until_descriptors(before + 1);
    tree.down();
}

#[test]
fn clients_of_other_users_are_refused() {
    require!(nesting(), root());
    let tree = Detached::up(Identity::Own);
    // Even where the directory would let them through.
    let open = |path: &Path, mode| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is our own");
    };
    open(&tree.nest.state(), 0o755);
    open(&tree.directory, 0o755);
    open(&tree.directory.join("control.sock"), 0o777);
    let other = Nest::new("").identity(Identity::Ordinary);
    let path = tree.directory.join("control.sock");
    // perl-base is essential in Debian; status 0 means that nothing was answered.
    let stranger = r#"$SIG{PIPE} = 'IGNORE'; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0])) or exit 3;
        syswrite(S, qq({"nestns":1,"id":1,"ask":"status"}\n)); exit(sysread(S, $answer, 10) ? 4 : 0)"#;
    let status = other
        .other_command(
            Path::new("perl"),
            &[
                "-MSocket",
                "-e",
                stranger,
                path.to_str().expect("our own path"),
            ],
        )
        .status()
        .expect("perl is there");
    assert_eq!(status.code(), Some(0));
    tree.down();
}
