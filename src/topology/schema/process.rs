//! A process, and the table of processes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::actor::ActorText;
use super::generator::At;
use super::name::{RESERVED, name_pattern};
use super::placeholder::{Flag, Whole, word_or_placeholder};
use super::program::{Command, Script};
use super::ready::Ready;
use super::restart::Restart;
use super::stop::Stop;
use super::stream::{InputFrom, OutputTo};
use super::table::{not_both, table};
use super::value::{AbsolutePath, DurationText, Environment, ExitCodes, Strings, UserText};

/// A process besides PID 1: a string of words or an array of arguments stands for a program alone, a table says more.
///
/// It runs exactly one of `cmd`, `sh` and `actor`, which may come from a template or from defaults.
#[derive(JsonSchema)]
#[schemars(title = "process", transform = table, transform = one_program, transform = or_program_alone)]
pub(super) struct Process {
    /// What it stands for.
    description: String,
    /// A program and its arguments: words, split as a shell does it but without one, or an array.
    #[schemars(example = &"sleep 1000", example = ["sleep", "1000"])]
    cmd: Command,
    /// A script for `/bin/sh -c`.
    #[schemars(example = &"echo $$; exec sleep 1000")]
    sh: Script,
    /// A built-in workload.
    actor: ActorText,
    /// How it gets into its namespace.
    enter: Enter,
    /// So many of it: `count = 3` for `p` gives `p.0`, `p.1` and `p.2`. In `after`, `p` stands for all of them.
    #[schemars(example = 3, example = &"{{workers}}")]
    count: Whole<0>,
    /// In a namespace with `depth`: in which of the generated ones it is.
    #[schemars(extend("default" = "every"))]
    at: At,
    /// Environment variables, added to those of its namespace.
    #[schemars(example = serde_json::json!({ "LANG": "C" }))]
    env: Environment,
    /// The directory in which it starts; that of its namespace if nothing is said, else the one that nestns was started
    /// in.
    cwd: AbsolutePath,
    /// As whom it runs; whoever started nestns if nothing is said.
    user: UserText,
    /// Free words to select by.
    labels: Strings,
    /// Whether it has the terminal of `nestns up` as input, output and error output. One process of a topology can.
    #[schemars(extend("default" = false))]
    tty: Flag,
    /// Where its standard input comes from.
    stdin: InputFrom,
    /// Where its standard output goes.
    stdout: OutputTo,
    /// Where its standard error goes.
    stderr: OutputTo,
    /// Processes of the same namespace that it waits for, each with what is waited for.
    #[schemars(example = serde_json::json!({ "db": "started" }))]
    after: After,
    /// What makes it ready, where that is more than that its program runs.
    ready: Ready,
    /// The exit codes that count as success.
    #[schemars(extend("default" = [0]))]
    ok: ExitCodes,
    /// Whether it is expected to end by itself: its end is then no reason to stop the tree, and `ready` means ended well.
    #[schemars(extend("default" = false))]
    oneshot: Flag,
    /// Whether its failure decides the status, and by `on_exit` the end, of the tree. `false`: it only makes the final
    /// status 1.
    #[schemars(extend("default" = true))]
    essential: Flag,
    /// After which end it is started again.
    restart: Restart,
    /// How many restarts there may be in a row; any number if nothing is said. A row is over when it has run for ten times as
    /// long as the last pause, and at least for 10 s.
    #[schemars(example = 5)]
    max: Whole<1, { u32::MAX as u64 }>,
    /// How long the first restart of a row waits. The pause doubles with each one that follows, up to 30 s.
    #[schemars(extend("default" = "100ms"))]
    backoff: DurationText,
    /// How it is asked to end, and how long it has.
    stop: Stop,
}

/// How a process gets into its namespace.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "fork"))]
enum Enter {
    /// As a child of PID 1, which must be nestns.
    Fork,
    /// Forked outside and moved in, as `docker exec` does it: its parent is 0 inside. The default beside a program as PID 1.
    Join,
}

/// Until when another process is waited for.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
enum Condition {
    /// It exists, which is true of all before the first one starts.
    Created,
    /// Its program runs.
    Started,
    /// It is ready: what its `ready` says has come true; without one its program runs, and a one-shot has ended well.
    Ready,
    /// It has ended, however.
    Exited,
    /// It has ended with a status of its `ok`.
    Ok,
}

struct After;

impl JsonSchema for After {
    fn schema_name() -> Cow<'static, str> {
        "After".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of conditions",
            "type": "object",
            "patternProperties": { name_pattern(): generator.subschema_for::<Condition>() },
            "additionalProperties": false,
        })
    }
}

fn one_program(schema: &mut Schema) {
    not_both(schema, &[["cmd", "sh"], ["cmd", "actor"], ["sh", "actor"]]);
}

/// One schema for all forms, so that an editor can say what is wrong in a table.
fn or_program_alone(schema: &mut Schema) {
    schema.insert("type".to_owned(), json!(["string", "array", "object"]));
    schema.insert("pattern".to_owned(), "\\S".into());
    schema.insert("items".to_owned(), json!({ "type": "string" }));
    schema.insert("minItems".to_owned(), 1.into());
}

/// A table of processes by name.
pub(super) struct Processes;

impl JsonSchema for Processes {
    fn schema_name() -> Cow<'static, str> {
        "Processes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of processes",
            "type": "object",
            "patternProperties": { name_pattern(): generator.subschema_for::<Process>() },
            "propertyNames": { "not": { "enum": RESERVED } },
            "additionalProperties": false,
        })
    }
}
