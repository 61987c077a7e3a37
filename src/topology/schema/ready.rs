//! `ready`: how a process shows that it is ready.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::placeholder::or_placeholder;
use super::program::Command;
use super::table::{not_both, table};
use super::value::{AbsolutePath, DurationText, PatternText};

/// How a process shows that it is ready, where that is more than that its program runs: in exactly one of the ways `log`,
/// `file`, `exec`, `fd` and `notify`.
///
/// `nestns up -d` and `nestns run` wait until all is ready, and `after = { db = "ready" }` waits for one. A process is ready
/// once, until it ends: this says nothing about its health. A process without `ready` is so when its program runs, a one-shot
/// when it has ended well, and a namespace when all that is in it is ready.
#[derive(JsonSchema)]
#[schemars(title = "ready", transform = table, transform = one_way, example = serde_json::json!({ "log": "listening on port [0-9]+" }))]
pub(super) struct Ready {
    /// A line of its output or error output, which go to the log, has a match of this regular expression anywhere in it.
    log: PatternText,
    /// This file exists, as the process itself sees it.
    file: AbsolutePath,
    /// This command ends with status 0. It runs in the namespaces of the process, with its environment, directory and user,
    /// and is killed after 10 s.
    #[schemars(example = &"redis-cli ping", example = ["test", "-S", "/run/db.sock"])]
    exec: Command,
    /// How long `exec` pauses before it runs again, at least 10 ms.
    #[schemars(extend("default" = "1s"))]
    every: DurationText,
    /// It writes a line, an empty one will do, to this descriptor, which it is given as a pipe.
    #[schemars(range(min = 3, max = 255), extend("type" = ["integer", "string"], "pattern" = super::placeholder::PLACEHOLDER), example = 3)]
    fd: u8,
    /// It sends `READY=1` to the socket that `NOTIFY_SOCKET` names, as `sd_notify(3)` and services of `Type=notify` do. With
    /// `true` the process itself has to; with `"all"` any process of its PID namespace may, such as `systemd-notify(1)` in a
    /// script, as long as it lives when it is heard. (Root of the tree can pass for any process of its own namespace.) `false`
    /// takes back what defaults or a template say.
    notify: NotifierSyntax,
}

/// `true`, `false` or `"all"`, or a placeholder.
struct NotifierSyntax;

impl JsonSchema for NotifierSyntax {
    fn schema_name() -> Cow<'static, str> {
        "Notifier".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "pattern": or_placeholder("^all$") })
    }
}

fn one_way(schema: &mut schemars::Schema) {
    not_both(
        schema,
        &[
            ["log", "file"],
            ["log", "exec"],
            ["log", "fd"],
            ["log", "notify"],
            ["file", "exec"],
            ["file", "fd"],
            ["file", "notify"],
            ["exec", "fd"],
            ["exec", "notify"],
            ["fd", "notify"],
            ["every", "log"],
            ["every", "file"],
            ["every", "fd"],
            ["every", "notify"],
        ],
    );
}
