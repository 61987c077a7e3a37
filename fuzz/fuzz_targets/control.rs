//! Any bytes on the control socket, in pieces of any length, read by a controller and by a client.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nestns_client::protocol::lines::{Line, Lines, reply, request};
use nestns_client::protocol::message::{Envelope, Reply, Snapshot, Status, VERSION};
use nestns_fuzz::shown;
use nestns_fuzz::terminal::{check, show};

/// A line may be this long here.
const LONGEST: usize = 4096;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    pieces: Vec<u8>,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let Input { pieces, bytes } = input;
    let (mut lines, mut whole) = (Lines::new(LONGEST), Vec::new());
    let (mut rest, mut pieces, mut taken) = (bytes, pieces.iter().cycle(), 0);
    while !rest.is_empty() {
        let length = pieces
            .next()
            .map_or(rest.len(), |&length| usize::from(length) * 8 + 1)
            .min(rest.len());
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        lines.push(piece);
        while let Some(line) = lines.take() {
            if let Line::Whole(line) = line {
                taken += line.len() + 1;
                assert!(!line.contains(&b'\n'));
                whole.push(line);
            }
        }
        assert!(lines.kept() <= LONGEST && !lines.has_end());
    }
    assert!(taken <= bytes.len(), "no byte is in two lines");
    if bytes
        .split(|&byte| byte == b'\n')
        .all(|line| line.len() <= LONGEST)
    {
        let complete = bytes.iter().filter(|&&byte| byte == b'\n').count();
        let expected = bytes.split(|&byte| byte == b'\n').take(complete);
        assert!(
            whole.iter().map(Vec::as_slice).eq(expected),
            "every line is taken as it is"
        );
    }
    for line in &whole {
        ask(line);
        answer(line);
    }
});

/// The controller's side.
fn ask(line: &[u8]) {
    match request(line) {
        Ok((id, asked)) => {
            let word = asked.word();
            let envelope = Envelope {
                nestns: VERSION,
                id,
                ask: Some(asked),
                say: None,
            };
            let text = serde_json::to_vec(&envelope).expect("what was read can be written");
            let (again, asked) = request(&text).expect("what was written can be read");
            assert_eq!((again, asked.word()), (id, word));
        }
        Err((_, problem)) => {
            assert!(problem.status() > 0);
            show(&problem.to_string());
        }
    }
}

/// The client's side.
fn answer(line: &[u8]) {
    match reply(line) {
        Ok(Some((id, said))) => {
            present(&said);
            let text = serde_json::to_vec(&Envelope {
                nestns: VERSION,
                id,
                ask: None,
                say: Some(said),
            });
            let again = reply(&text.expect("what was read can be written"))
                .expect("what was written can be read");
            assert_eq!(again.map(|(id, _)| id), Some(id));
        }
        Ok(None) => {}
        Err(error) => show(&error.to_string()),
    }
}

/// The way in which verbs read it.
fn present(said: &Reply) {
    let _ = (said.is_final(), said.tells_of_the_tree());
    match said {
        Reply::Status(status) => head(status),
        Reply::Snapshot(snapshot) => draw(snapshot),
        Reply::Stopped(timeline) => check(&shown::timeline(timeline)),
        Reply::Waiting(waiting) => {
            for (path, time) in waiting {
                show(path);
                check(&time.map_or_else(String::new, |(passed, grace)| {
                    format!("{passed:.0} {}", shown::duration(grace))
                }));
            }
        }
        Reply::Ended(exit) => {
            let _ = exit.status();
        }
        Reply::RequestError(problem) => show(&problem.to_string()),
        _ => {}
    }
}

fn head(status: &Status) {
    check(&shown::date(status.since));
    check(&shown::name(&status.name));
}

fn draw(snapshot: &Snapshot) {
    head(&snapshot.status);
    for text in shown::trees(snapshot) {
        check(&text);
        assert!(
            text.lines().count() <= snapshot.namespaces.len() + 2 * snapshot.processes.len() + 1,
            "{text}"
        );
    }
}
