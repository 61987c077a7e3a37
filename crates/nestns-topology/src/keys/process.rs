//! Values of a process, and the table of processes.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::name::{RESERVED, name_pattern, target_pattern};
use super::placeholder::{Whole, word_or_placeholder};

/// How a process gets into its namespace.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "fork"))]
pub(super) enum Enter {
    /// As a child of PID 1, which must be nestns.
    Fork,
    /// Forked outside and moved in, as by `docker exec`: its parent is 0 inside. The default if PID
    /// 1 is a program.
    Join,
}

/// Session and process group that a program begins in.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "own"))]
pub(super) enum SessionOf {
    /// A session of its own, which it leads: `setsid(2)`.
    Own,
    /// Neither `setsid(2)` nor `setpgid(2)`: inside, the numbers of its process group and session are 0, as under
    /// `unshare --fork --pid` and `crun exec`. The session is that of nestns. `kill 0` reaches nothing outside the namespace;
    /// under an init of nestns it reaches all processes that were forked with `inherit`, and the init then ignores signals
    /// from inside, such as `kill 1`. The process is in the background of the terminal of `nestns up`, if there is one, and
    /// cannot read it. Not together with `tty`.
    Inherit,
}

/// A PID, or several from the inside outward.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
pub(super) enum Pids {
    One(Whole<1, 4_194_303>),
    Several(Vec<Whole<1, 4_194_303>>),
}

/// Condition to wait for.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
enum Condition {
    /// It exists; true of everything before the first process starts.
    Created,
    /// The program runs. Of a namespace: that of its PID 1, and its own conditions hold.
    Started,
    /// Ready: the `ready` probe has succeeded; without one, the program runs, or a one-shot has
    /// exited successfully. Of a namespace: everything in it is ready.
    Ready,
    /// Exited, with any status.
    Exited,
    /// Same as `exited`, for namespaces: PID 1 has exited.
    Done,
    /// Exited with a status listed in its `ok`. Of a namespace: every process in it has.
    Ok,
}

/// A table of conditions by the names and paths of processes and namespaces.
pub(super) struct After;

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
            "patternProperties": { target_pattern(): generator.subschema_for::<Condition>() },
            "additionalProperties": false,
        })
    }
}

/// Lets a program alone through. One schema for all forms, so that an editor can say what is wrong in a table.
pub(super) fn or_program_alone(schema: &mut Schema) {
    schema.insert("type".to_owned(), json!(["string", "array", "object"]));
    schema.insert("pattern".to_owned(), "\\S".into());
    schema.insert("items".to_owned(), json!({ "type": "string" }));
    schema.insert("minItems".to_owned(), 1.into());
}

/// A table of processes by name.
pub(super) struct Processes<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Processes<T> {
    fn schema_name() -> Cow<'static, str> {
        "Processes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of processes",
            "type": "object",
            "patternProperties": { name_pattern(): generator.subschema_for::<T>() },
            "propertyNames": { "not": { "enum": RESERVED } },
            "additionalProperties": false,
        })
    }
}
