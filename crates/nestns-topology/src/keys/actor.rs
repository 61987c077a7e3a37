//! Built-in workloads, as a file names them.

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::placeholder::or_placeholder;
use crate::actor::Actor;

/// A built-in workload and its options. It runs in the forked process: nothing is executed, and no
/// file is needed.
#[derive(JsonSchema)]
#[schemars(title = "actor", rename = "Actor", rename_all = "kebab-case", transform = with_options)]
pub(super) enum ActorText {
    /// Waits, and ends on TERM.
    Idle,
    /// Writes the line `ready`, then waits.
    Serve,
    /// Forks children that wait, then waits: `--children N`, 2 by default.
    Tree,
    /// Forks a child that exits at once and is never reaped.
    Zombie,
    /// Leaves behind a grandchild whose parent has exited.
    Orphan,
    /// Ignores TERM.
    IgnoreTerm,
    /// Forks children that exit at once: `--rate N` per second, 100 by default, `--for DURATION`.
    ForkStorm,
    /// Writes lines: `--rate N` per second, 1 by default, `--for DURATION`.
    Log,
    /// Starts threads that wait, then waits: `--count N` besides the first, 2 by default.
    Threads,
    /// Exits on its own: with `--code N` (0 by default), after `--after DURATION` (at once by default).
    Exit,
}

fn with_options(schema: &mut Schema) {
    let Some(words) = schema.remove("oneOf") else {
        return;
    };
    let mut choice = words.as_array().cloned().unwrap_or_default();
    // Words are split as a shell does it, so that a quote may stand anywhere.
    let pattern = or_placeholder(&format!(
        "^\\s*({})(\\s|$)|['\"\\\\]",
        Actor::NAMES.join("|")
    ));
    choice.push(json!({ "title": "words", "type": "string", "pattern": pattern }));
    schema.insert("anyOf".to_owned(), choice.into());
    schema.insert(
        "examples".to_owned(),
        json!([
            "tree --children 3",
            "log --rate 10",
            "exit --code 1 --after 2s"
        ]),
    );
}
