//! Values that several tables share: paths, durations, signals, tables of strings.

use std::borrow::Cow;

use nix::sys::signal::Signal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::placeholder::{PLACEHOLDER, or_placeholder};

/// A path that begins with `/`.
pub(super) struct AbsolutePath;

impl JsonSchema for AbsolutePath {
    fn schema_name() -> Cow<'static, str> {
        "AbsolutePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "absolute path",
            "description": "A path that begins with `/`: the directory in which nestns was started means nothing inside a namespace.",
            "type": "string",
            "pattern": or_placeholder("^/"),
            "examples": ["/tmp"],
        })
    }
}

/// The path of a topology file.
pub(super) struct FilePath;

impl JsonSchema for FilePath {
    fn schema_name() -> Cow<'static, str> {
        "File".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "file", "type": "string", "minLength": 1 })
    }
}

/// A number with a unit.
pub(super) struct DurationText;

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "duration",
            "description": "A string of numbers, each with a unit: `ms`, `s`, `m`, `h` or `d`. At most ten years.",
            "type": "string",
            "pattern": or_placeholder("^\\s*([0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d)\\s*)+$"),
            "examples": ["200ms", "1.5s", "5s", "1m30s"],
        })
    }
}

/// A number of bytes.
pub(super) struct Size;

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "size",
            "description": "A number of bytes, or a string with a whole number and a unit: `K`, `M`, `G` or `T`, each 1024 times the one before.",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": or_placeholder("^\\s*[0-9]+\\s*[KMGT]?\\s*$"),
            "examples": ["64K", "16M", "1G"],
        })
    }
}

/// A regular expression.
pub(super) struct PatternText;

impl JsonSchema for PatternText {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "regular expression",
            "description": "A regular expression that may match anywhere in a line; `^` and `$` are the ends of the line. It has neither back references nor look-around, and its classes are limited to ASCII.",
            "type": "string",
            "minLength": 1,
            "examples": ["listening", "ready to accept connections$"],
        })
    }
}

/// A signal by name or number.
pub(super) struct SignalText;

impl JsonSchema for SignalText {
    fn schema_name() -> Cow<'static, str> {
        "Signal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Signal::iterator()
            .map(|signal| signal.as_str().trim_start_matches("SIG"))
            .collect();
        let number = "\\+?0*([1-9]|[1-5][0-9]|6[0-4])";
        let pattern = format!(
            "^(SIG)?({}|RTM(IN|AX)([+-]?[0-9]+)?|{number})$",
            names.join("|")
        );
        json_schema!({
            "title": "signal",
            "description": "The name of a signal, with or without `SIG`, or its number. Real-time signals are written `RTMIN+3` or `RTMAX-1`.",
            "type": ["string", "integer"],
            "pattern": or_placeholder(&pattern),
            "minimum": 1,
            "maximum": 64,
            "examples": ["TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "RTMIN+3"],
        })
    }
}

/// `name`, `uid`, `name:group` or `uid:gid`.
pub(super) struct UserText;

impl JsonSchema for UserText {
    fn schema_name() -> Cow<'static, str> {
        "User".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let part = "([0-9]+|[A-Za-z_.$][A-Za-z0-9_.$-]*)";
        json_schema!({
            "title": "user",
            "description": "A user, optionally with a group after a colon, each by name or number.",
            "type": "string",
            "pattern": or_placeholder(&format!("^{part}(:{part})?$")),
            "examples": ["nobody", "1000:1000"],
        })
    }
}

/// Host name, as sethostname(2) takes it.
pub(super) struct HostName;

impl JsonSchema for HostName {
    fn schema_name() -> Cow<'static, str> {
        "HostName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "host name",
            "description": "At most 64 bytes without spaces.",
            "type": "string",
            "pattern": or_placeholder("^[^\\s]{1,64}$"),
            "examples": ["worker-1", "node-{{i}}"],
        })
    }
}

/// Free keys with strings as values.
pub(super) struct Strings;

impl JsonSchema for Strings {
    fn schema_name() -> Cow<'static, str> {
        "Strings".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "table of strings", "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// Environment variables, as execve(2) can pass them on.
pub(super) struct Environment;

impl JsonSchema for Environment {
    fn schema_name() -> Cow<'static, str> {
        "Environment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of strings",
            "type": "object",
            "additionalProperties": { "type": "string" },
            "propertyNames": { "pattern": "^[^=]+$" },
        })
    }
}

/// Exit codes: 0 to 255.
pub(super) struct ExitCodes;

impl JsonSchema for ExitCodes {
    fn schema_name() -> Cow<'static, str> {
        "ExitCodes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "array of exit codes",
            "type": "array",
            "minItems": 1,
            "items": { "type": ["integer", "string"], "minimum": 0, "maximum": 255, "pattern": PLACEHOLDER },
        })
    }
}
