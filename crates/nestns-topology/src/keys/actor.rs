//! Built-in workloads, as a file names them.

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::placeholder::or_placeholder;
use crate::actor::Actor;

/// A built-in workload, with its options behind its name. It runs in the forked process: nothing is executed, and no file is
/// needed.
#[derive(JsonSchema)]
#[schemars(title = "actor", rename = "Actor", rename_all = "kebab-case", transform = with_options)]
pub(super) enum ActorText {
    /// Waits, and ends on TERM.
    Idle,
    /// Writes the line `ready`, then waits.
    Serve,
    /// Forks children that wait, then waits: `--children N`, 2 if nothing is said.
    Tree,
    /// Forks a child that ends at once and is never waited for.
    Zombie,
    /// Leaves a grandchild behind whose parent has ended.
    Orphan,
    /// Ignores TERM.
    IgnoreTerm,
    /// Forks children that end at once: `--rate N` a second, 100 if nothing is said, `--for DURATION`.
    ForkStorm,
    /// Writes lines: `--rate N` a second, 1 if nothing is said, `--for DURATION`.
    Log,
    /// Starts threads that wait, then waits: `--count N` besides the first, 2 if nothing is said.
    Threads,
    /// Ends by itself: with `--code N`, 0 if nothing is said, `--after DURATION`.
    Exit,
}

fn with_options(schema: &mut Schema) {
    let Some(words) = schema.remove("oneOf") else { return };
    let mut choice = words.as_array().cloned().unwrap_or_default();
    // Words are split as a shell does it, so that a quote may stand anywhere.
    let pattern = or_placeholder(&format!("^\\s*({})(\\s|$)|['\"\\\\]", Actor::NAMES.join("|")));
    choice.push(json!({ "title": "words", "type": "string", "pattern": pattern }));
    schema.insert("anyOf".to_owned(), choice.into());
    schema.insert("examples".to_owned(), json!(["tree --children 3", "log --rate 10", "exit --code 1 --after 2s"]));
}
