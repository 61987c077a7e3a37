//! The control socket, spoken to by hand: what a stranger could say to it as well.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::wait::TIMEOUT;

/// A connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    id: u64,
}

/// The connection ends at once: a program that another test is about to start may hold a copy of it for a moment.
impl Drop for Socket {
    fn drop(&mut self) {
        // It may have been ended by the controller.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Socket {
    /// Connects to the controller of a state directory.
    pub(crate) fn connect(directory: &Path) -> Self {
        let stream =
            UnixStream::connect(directory.join("control.sock")).expect("the controller listens");
        stream
            .set_read_timeout(Some(TIMEOUT))
            .expect("it is a socket");
        stream
            .set_write_timeout(Some(TIMEOUT))
            .expect("it is a socket");
        let reader = BufReader::new(stream.try_clone().expect("there are descriptors"));
        Self {
            stream,
            reader,
            id: 0,
        }
    }

    /// Says something, a request or not. An error is the controller's hanging up.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Asks, without waiting for the answer.
    pub(crate) fn request(&mut self, request: &Value) -> u64 {
        self.id += 1;
        let line = format!(
            "{}\n",
            json!({ "nestns": 1, "id": self.id, "ask": request })
        );
        self.send(line.as_bytes()).expect("the controller listens");
        self.id
    }

    /// The next answer; `None` at the end.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect("an answer is a document")),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Asks and waits.
    pub(crate) fn call(&mut self, request: &Value) -> Value {
        let id = self.request(request);
        loop {
            let answer = self.receive().expect("the controller answers");
            if answer["id"] == id {
                return answer["say"].clone();
            }
        }
    }

    /// The socket itself.
    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }
}
