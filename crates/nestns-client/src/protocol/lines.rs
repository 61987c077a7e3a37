//! Bytes of the socket as lines, and lines as messages: the half of the protocol that reads what
//! the other side has sent.

use super::client_error::ClientError;
use super::message::{Envelope, Reply, Request, RequestError, VERSION};

/// Received bytes that are not a whole line yet.
#[derive(Debug)]
pub struct Lines {
    unread: Vec<u8>,
    /// The part of it that is known to have no end of a line.
    searched: usize,
    /// True if a line that is too long is being skipped up to its end.
    is_skipping: bool,
    longest: usize,
}

/// A line, or the parts of one that is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// The beginning of one that is too long.
    TooLong,
    /// The end of one that was too long.
    Skipped,
}

impl Lines {
    /// Creates an empty buffer; more bytes than this without an end are too long a line.
    pub fn new(longest: usize) -> Self {
        Self {
            unread: Vec::new(),
            searched: 0,
            is_skipping: false,
            longest,
        }
    }

    /// Adds what was received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The number of bytes that are kept.
    pub fn kept(&self) -> usize {
        self.unread.len()
    }

    /// True if there is an end of a line among them.
    pub fn has_end(&self) -> bool {
        self.unread[self.searched..].contains(&b'\n')
    }

    /// The next line.
    pub fn take(&mut self) -> Option<Line> {
        let Some(end) = self.unread[self.searched..]
            .iter()
            .position(|&byte| byte == b'\n')
        else {
            if self.is_skipping {
                self.unread = Vec::new();
            }
            self.searched = self.unread.len();
            if self.unread.len() <= self.longest {
                return None;
            }
            self.skip();
            return Some(Line::TooLong);
        };
        let mut line: Vec<u8> = self.unread.drain(..=self.searched + end).collect();
        line.pop();
        self.searched = 0;
        Some(if std::mem::take(&mut self.is_skipping) {
            Line::Skipped
        } else {
            Line::Whole(line)
        })
    }

    /// Forgets the line under way, and what will still come of it.
    pub fn skip(&mut self) {
        self.unread = Vec::new();
        self.searched = 0;
        self.is_skipping = true;
    }
}

/// The request of a line, with the number that the answer carries.
///
/// # Errors
///
/// The answer to what is none, with its number where it has one.
pub fn request(line: &[u8]) -> Result<(u64, Request), (u64, RequestError)> {
    /// Fields that every version has.
    #[derive(serde::Deserialize)]
    struct Header {
        nestns: u32,
        #[serde(default)]
        id: u64,
    }
    let malformed = |error: serde_json::Error| RequestError::Malformed {
        reason: error.to_string(),
    };
    let header: Header = serde_json::from_slice(line).map_err(|error| (0, malformed(error)))?;
    if header.nestns != VERSION {
        return Err((
            header.id,
            RequestError::Version {
                controller: VERSION,
                client: header.nestns,
            },
        ));
    }
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|error| (header.id, malformed(error)))?;
    match envelope.ask {
        Some(request) => Ok((header.id, request)),
        None => Err((
            header.id,
            RequestError::Malformed {
                reason: "`ask` is missing".to_owned(),
            },
        )),
    }
}

/// The reply of a line, with the number of the request that it answers; none where there is
/// something else in it.
///
/// # Errors
///
/// [`ClientError::Unreadable`] for what no controller says.
pub fn reply(line: &[u8]) -> Result<Option<(u64, Reply)>, ClientError> {
    let unreadable = |problem: String| ClientError::Unreadable(problem);
    let envelope: Envelope =
        serde_json::from_slice(line).map_err(|error| unreadable(error.to_string()))?;
    if let Some(Reply::Snapshot(snapshot)) = &envelope.say
        && let Some(path) = snapshot.misplaced()
    {
        return Err(unreadable(format!(
            "`{path}` is not in the namespace that its path names"
        )));
    }
    Ok(envelope.say.map(|reply| (envelope.id, reply)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value, json};

    use super::{Line, Lines, reply, request};
    use crate::protocol::message::{Envelope, VERSION};

    const LONGEST: usize = 20;

    fn namespace(path: &str, parent: Option<&str>) -> Value {
        json!({ "path": path, "parent": parent, "level": 1, "pidns": 1, "pidns_id": null, "userns": null, "mntns": null,
                "init": "builtin", "state": "running", "shared": [], "labels": {} })
    }

    fn snapshot(namespaces: &[Value]) -> String {
        let status = json!({ "name": "x", "state": "running", "namespaces": 1, "processes": 1, "depth": 1, "since": 1.5,
                             "file": null, "hash": null, "controller": 7 });
        let snapshot = json!({ "status": status, "boot_id": "", "host_pidns": 1, "namespaces": namespaces, "processes": [],
                               "events": 0 });
        json!({ "nestns": VERSION, "id": 1, "say": { "snapshot": snapshot } }).to_string()
    }

    #[test]
    fn namespaces_are_where_their_paths_say() {
        let deep: Vec<String> = (1..=33).map(|depth| vec!["a"; depth].join("/")).collect();
        let chain: Vec<Value> = deep
            .iter()
            .map(|path| namespace(path, path.rsplit_once('/').map(|(above, _)| above)))
            .collect();
        for (is_sound, namespaces) in [
            (true, vec![]),
            (
                true,
                vec![namespace("a", None), namespace("a/b", Some("a"))],
            ),
            // As a client inside is shown it.
            (true, vec![namespace("a/b/c", Some("a/b"))]),
            (true, chain[..32].to_vec()),
            (false, chain),
            (false, vec![namespace("a", Some("a"))]),
            (false, vec![namespace("a", None), namespace("a", None)]),
            (false, vec![namespace("a/b", None)]),
            (
                false,
                vec![namespace("a", Some("b")), namespace("b", Some("a"))],
            ),
        ] {
            let text = snapshot(&namespaces);
            assert_eq!(reply(text.as_bytes()).is_ok(), is_sound, "{text}");
        }
    }

    /// Lines that are nearly what is understood: a message with a part exchanged, left out or
    /// repeated.
    fn mutated(text: &str, (from, to): (Index, Index), word: &str) -> Vec<u8> {
        let (one, other) = (from.index(text.len() + 1), to.index(text.len() + 1));
        [
            &text.as_bytes()[..one],
            word.as_bytes(),
            &text.as_bytes()[other..],
        ]
        .concat()
    }

    const REQUESTS: [&str; 5] = [
        r#"{"nestns":1,"id":1,"ask":"status"}"#,
        r#"{"nestns":1,"id":18446744073709551615,"ask":{"stop":{"paths":["a/b"],"force":{"ask_within":3}}}}"#,
        r#"{"nestns":1,"id":2,"ask":{"signal":{"targets":[{"path":"a","pid":-1,"start_time":0}],"signal":15}}}"#,
        r#"{"nestns":1,"id":3,"ask":{"execute":{"namespace":"a","beside":null,"argv":["x"],"env":{},"set":{"A":"b"},"cwd":null,"identity":[0,0,[1]],"terminal":false,"detached":true,"only":["pid"]}}}"#,
        r#"{"nestns":2,"id":4,"ask":"release"}"#,
    ];

    const REPLIES: [&str; 4] = [
        r#"{"nestns":1,"id":1,"say":{"waiting":[["a",[1.5,1e300]],["b",null]]}}"#,
        r#"{"nestns":1,"id":1,"say":{"ended":{"signal":2147483647}}}"#,
        r#"{"nestns":1,"id":1,"say":{"problem":{"message":"no","help":null,"status":1,"code":"inside"}}}"#,
        r#"{"nestns":1,"id":1,"say":{"stopped":{"schema":"nestns.stop/1","topology":"x","ms":-1,"steps":[{"path":"a","signal":"TERM","handled":null,"asked_ms":1e308,"ended_ms":null,"how":"collapsed","code":null}]}}}"#,
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lines_are_taken_as_they_are_in_whatever_pieces_they_come(
            lines in proptest::collection::vec(proptest::collection::vec(any::<u8>().prop_map(|byte| byte % 40), 0..60), 0..8),
            pieces in proptest::collection::vec(1_usize..30, 1..6),
        ) {
            let bytes = lines.join(&b'\n');
            let (mut reader, mut rest, mut taken) = (Lines::new(LONGEST), &bytes[..], Vec::new());
            for &length in pieces.iter().cycle() {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                rest = behind;
                reader.push(piece);
                taken.extend(std::iter::from_fn(|| reader.take()));
                prop_assert!(reader.kept() <= LONGEST && !reader.has_end());
                if rest.is_empty() {
                    break;
                }
            }
            let whole: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
            let whole = &whole[..whole.len() - 1];
            let ended = taken.iter().filter(|line| !matches!(line, Line::TooLong)).count();
            prop_assert_eq!(ended, whole.len(), "each line ends once");
            for (line, meant) in taken.iter().filter(|line| !matches!(line, Line::TooLong)).zip(whole) {
                match line {
                    Line::Whole(line) => prop_assert_eq!(line, meant),
                    _ => prop_assert!(meant.len() > LONGEST),
                }
            }
        }

        #[test]
        fn what_is_nearly_a_request_is_answered(place: Index, cut: (Index, Index), word in "[ -~]{0,6}") {
            let line = mutated(REQUESTS[place.index(REQUESTS.len())], cut, &word);
            match request(&line) {
                Ok((id, asked)) => {
                    let word = asked.word();
                    let envelope = Envelope { nestns: VERSION, id, ask: Some(asked), say: None };
                    let text = serde_json::to_vec(&envelope).expect("what was read can be written");
                    let (again, asked) = request(&text).expect("what was written can be read");
                    prop_assert_eq!((again, asked.word()), (id, word));
                }
                Err((_, problem)) => prop_assert!(problem.status() > 0),
            }
        }

        #[test]
        fn what_is_nearly_a_reply_is_read_or_refused(place: Index, cut: (Index, Index), word in "[ -~]{0,6}") {
            let line = mutated(REPLIES[place.index(REPLIES.len())], cut, &word);
            if let Ok(Some((id, said))) = reply(&line) {
                let text = serde_json::to_vec(&Envelope { nestns: VERSION, id, ask: None, say: Some(said) });
                let again = reply(&text.expect("what was read can be written"));
                prop_assert_eq!(again.expect("what was written can be read").map(|(id, _)| id), Some(id));
            }
        }
    }
}
