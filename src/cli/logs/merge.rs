//! Many logs as one, in the order of their stamps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nestns_client::journal::LogName;
use nestns_client::journal::Stream;
use nestns_client::journal::log_reader::LogReader;
use nestns_client::journal::record::{Record, Wholeness};
use nestns_client::journal::stamp::Stamp;

/// Filter of lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pick {
    pub(super) since: Option<Stamp>,
    pub(super) until: Option<Stamp>,
    pub(super) stream: Option<Stream>,
}

impl Pick {
    fn takes(&self, record: &Record) -> bool {
        self.since.is_none_or(|since| record.stamp >= since)
            && self.until.is_none_or(|until| record.stamp <= until)
            && self
                .stream
                .is_none_or(|stream| record.stream == stream || record.gap.is_some())
    }
}

/// A line, or a piece of a very long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) path: Rc<str>,
    pub(super) record: Record,
}

/// One log.
#[derive(Debug)]
struct Source {
    path: Rc<str>,
    reader: LogReader,
    queue: VecDeque<Record>,
    /// True if there may be more in the file than was read.
    may_have_more: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Merge {
    directory: PathBuf,
    pick: Pick,
    sources: Vec<Source>,
    places: BTreeMap<LogName, usize>,
    /// The next record of every source that has one.
    heads: BinaryHeap<Reverse<(Stamp, usize)>>,
    torn: Vec<Rc<str>>,
    /// Sources to be read before it is known what is next.
    unread: Vec<usize>,
}

impl Merge {
    pub(super) fn new(directory: &Path, pick: Pick) -> Self {
        Self {
            directory: directory.to_owned(),
            pick,
            sources: Vec::new(),
            places: BTreeMap::new(),
            heads: BinaryHeap::new(),
            torn: Vec::new(),
            unread: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: LogName, path: String) {
        let place = self.sources.len();
        self.places.insert(name, place);
        self.sources.push(Source {
            path: path.into(),
            reader: LogReader::from_start(&self.directory, name),
            queue: VecDeque::new(),
            may_have_more: true,
        });
        self.unread.push(place);
    }

    pub(super) fn has(&self, name: LogName) -> bool {
        self.places.contains_key(&name)
    }

    /// Something was written into a log.
    pub(super) fn look_at(&mut self, name: LogName) {
        if let Some(&place) = self.places.get(&name) {
            self.look(place);
        }
    }

    /// Something may have been written into any of them.
    pub(super) fn look_at_all(&mut self) {
        (0..self.sources.len()).for_each(|place| self.look(place));
    }

    fn look(&mut self, place: usize) {
        let source = &mut self.sources[place];
        // One with a queue is read on when that is empty.
        if !std::mem::replace(&mut source.may_have_more, true) && source.queue.is_empty() {
            self.unread.push(place);
        }
    }

    /// Keeps everything readable although the files are about to be removed.
    pub(super) fn pin(&mut self) -> io::Result<()> {
        for source in &mut self.sources {
            source.reader.pin()?;
        }
        self.look_at_all();
        Ok(())
    }

    /// Returns whether something was read that is newer than what was asked for.
    pub(super) fn has_more(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Processes whose output was rotated away unread, since the last time.
    pub(super) fn take_torn(&mut self) -> Vec<Rc<str>> {
        std::mem::take(&mut self.torn)
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.sources
            .iter()
            .map(|source| source.path.to_string())
            .collect()
    }

    /// The next line that is not newer than this; `None` when there is none.
    pub(super) fn next(&mut self, up_to: Option<Stamp>) -> io::Result<Option<Line>> {
        while let Some(place) = self.unread.pop() {
            self.read(place)?;
        }
        let Some(&Reverse((stamp, place))) = self.heads.peek() else {
            return Ok(None);
        };
        if up_to.is_some_and(|up_to| stamp > up_to) {
            return Ok(None);
        }
        self.heads.pop();
        let source = &mut self.sources[place];
        let path = Rc::clone(&source.path);
        let Some(mut record) = source.queue.pop_front() else {
            return Ok(None);
        };
        // The store takes a long line apart that has come in one piece.
        while record.wholeness == Wholeness::Partial
            && let Some(more) = source
                .queue
                .pop_front_if(|more| (more.stamp, more.stream) == (record.stamp, record.stream))
        {
            record.wholeness = more.wholeness;
            record.text.extend(more.text);
        }
        match source.queue.front() {
            Some(next) => self.heads.push(Reverse((next.stamp, place))),
            None if source.may_have_more => self.unread.push(place),
            None => {}
        }
        Ok(Some(Line { path, record }))
    }

    fn read(&mut self, place: usize) -> io::Result<()> {
        let source = &mut self.sources[place];
        while source.queue.is_empty() && source.may_have_more {
            let batch = source.reader.read()?;
            if batch.is_torn {
                self.torn.push(Rc::clone(&source.path));
            }
            source.may_have_more = !batch.records.is_empty();
            source.queue.extend(
                batch
                    .records
                    .into_iter()
                    .filter(|record| self.pick.takes(record)),
            );
        }
        if let Some(next) = source.queue.front() {
            self.heads.push(Reverse((next.stamp, place)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Merge, Pick};
    use crate::cli::point;
    use nestns_client::journal::LogName;
    use nestns_client::journal::Stream;

    fn stamp(nanoseconds: u32) -> String {
        format!("2026-11-25T10:00:00.{nanoseconds:09}Z")
    }

    fn texts(directory: &Path, files: &[(&str, &str)], pick: Pick) -> Vec<String> {
        fs::create_dir_all(directory.join("logs")).unwrap();
        let mut merge = Merge::new(directory, pick);
        for (file, text) in files {
            fs::write(directory.join("logs").join(file), text).unwrap();
            if let Some(name) = LogName::parse(file) {
                merge.add(name, (*file).to_owned());
            }
        }
        let mut texts = Vec::new();
        while let Some(line) = merge.next(None).unwrap() {
            texts.push(String::from_utf8(line.record.text).unwrap());
        }
        texts
    }

    #[test]
    fn lines_come_in_the_order_of_their_stamps() {
        let directory = tempfile::tempdir().unwrap();
        let line = |at, stream, text: &str| format!("{} {stream} F {text}\n", stamp(at));
        let before = line(1, "stdout", "one") + &line(4, "stderr", "four");
        let after = line(4, "stdout", "four too") + &line(9, "stdout", "nine");
        let other =
            line(2, "stdout", "two") + &line(5, "stdout", "five") + &line(5, "stdout", "five too");
        let files = [
            ("0.1.log.1", &*before),
            ("0.1.log", &*after),
            ("7.0.log", &*other),
            ("8.exec.1.log", ""),
        ];
        let all = ["one", "two", "four", "four too", "five", "five too", "nine"];
        assert_eq!(texts(directory.path(), &files, Pick::default()), all);
        let pick = Pick {
            since: point::parse(&stamp(2)).ok(),
            until: point::parse(&stamp(5)).ok(),
            stream: Some(Stream::Stdout),
        };
        assert_eq!(
            texts(directory.path(), &files, pick),
            ["two", "four too", "five", "five too"]
        );
    }

    #[test]
    fn what_came_in_one_piece_is_one_line_again() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "{0} stdout P a\n{0} stdout P b\n{0} stdout F c\n{0} stdout P d\n{1} stdout F e\n{1} stdout P f\n{1} stderr F g\n",
            stamp(1),
            stamp(2)
        );
        let expected = ["abc", "d", "e", "f", "g"];
        assert_eq!(
            texts(directory.path(), &[("0.0.log", &text)], Pick::default()),
            expected
        );
    }
}
