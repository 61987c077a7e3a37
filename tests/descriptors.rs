//! A limit on descriptors that is just met: nothing that programs write is lost, and nothing waits for ever.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left, program};
use crate::harness::requirement::{Missing, require};
use crate::harness::wait::{TIMEOUT, exit};

/// Namespaces with a program each.
const COUNT: usize = 100;

fn topology(process: &str) -> String {
    let namespaces: Vec<String> = (0..COUNT)
        .map(|number| format!("[ns.\"@/n{number}\"]\nproc.a = {process}\n"))
        .collect();
    format!("[ns.@]\n{}", namespaces.concat())
}

/// A verb of nestns under a hard limit.
fn limited(nest: &Nest, limit: u64, arguments: &[&str]) -> Command {
    let nestns = program().to_str().expect("our own path");
    let script = format!("ulimit -n {limit} && exec \"$@\"");
    let mut command = nest.outside(
        "sh".as_ref(),
        &[&["-c", &script, "sh", nestns], arguments].concat(),
    );
    let open = |name: &str| {
        fs::File::create(nest.directory.path().join(name)).expect("the directory is writable")
    };
    command
        .stdin(Stdio::null())
        .stdout(open("stdout"))
        .stderr(open("stderr"));
    command
}

fn read(nest: &Nest, name: &str) -> String {
    fs::read_to_string(nest.directory.path().join(name)).expect("it was made")
}

/// The lowest limit with which a topology is begun, from the error with a lower one.
fn needed(nest: &Nest, file: &str) -> u64 {
    let status = limited(nest, 100, &["up", file])
        .status()
        .expect("sh is everywhere");
    let stderr = read(nest, "stderr");
    assert!(!status.success(), "{stderr}");
    let numbers = stderr
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok());
    numbers
        .filter(|&number: &u64| number > 100 && number < 10_000)
        .max()
        .expect("the error says how many are needed")
}

fn await_end(child: &mut Child, nest: &Nest) {
    exit(child, TIMEOUT).unwrap_or_else(|| panic!("it does not end: {}", read(nest, "stderr")));
}

#[test]
fn under_a_just_sufficient_limit_all_output_is_kept() {
    for_each_identity(|identity| {
        let nest =
            Nest::new(&topology("{ sh = 'echo first; echo second >&2' }")).identity(identity);
        let file = nest.file.display().to_string();
        let limit = needed(&nest, &file);
        let mut up = limited(&nest, limit, &["up", &file])
            .spawn()
            .expect("sh is everywhere");
        await_end(&mut up, &nest);
        let (stdout, stderr) = (read(&nest, "stdout"), read(&nest, "stderr"));
        for line in ["first", "second"] {
            let count = [&stdout, &stderr]
                .iter()
                .flat_map(|text| text.lines())
                .filter(|one| one.ends_with(line))
                .count();
            assert_eq!(count, COUNT, "{identity:?}: {line}: {stderr}");
        }
        assert_nothing_left(&nest);
    });
}

/// The build has the switches of tests.
fn debug_build() -> Result<(), Missing> {
    if cfg!(debug_assertions) {
        Ok(())
    } else {
        Err(Missing::Given("this is no debug build".to_owned()))
    }
}

/// Programs that are stopped on their way hold up the others for a moment only, and what is lost by that is told.
#[test]
fn programs_stopped_before_exec_do_not_delay_the_tree() {
    require!(debug_build());
    for_each_identity(|identity| {
        let nest = Nest::new(&topology("{ actor = 'idle' }")).identity(identity);
        let file = nest.file.display().to_string();
        let limit = needed(&nest, &file);
        let mut up = limited(&nest, limit, &["up", &file]);
        let mut up = up
            .env("NESTNS_FAULT", "starting:stop")
            .spawn()
            .expect("sh is everywhere");
        let controller = up.id().cast_signed();
        let truth = nest.state().join(&nest.root).join("truth.json");
        let end = Instant::now() + TIMEOUT;
        let ready = loop {
            // Those that are stopped go on, a few at a time and late.
            let stopped = kernel::descendants(controller)
                .into_iter()
                .map(|process| process.pid)
                .filter(|&pid| is_stopped(pid));
            for pid in stopped.take(20) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
            }
            // Late is the point of it.
            std::thread::sleep(Duration::from_millis(500));
            let document = fs::read_to_string(&truth).unwrap_or_default();
            let ready = document.matches("\"ready\"").count();
            if ready >= COUNT {
                break ready;
            }
            assert!(
                Instant::now() < end,
                "{identity:?}: {ready} are ready: {}",
                read(&nest, "stderr")
            );
        };
        assert!(ready >= COUNT, "{ready}");
        kill(Pid::from_raw(controller), Signal::SIGTERM).expect("it is our child");
        await_end(&mut up, &nest);
        assert_nothing_left(&nest);
    });
}

fn is_stopped(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
