//! Values of a namespace, and tables of namespaces.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::{path_pattern, reserved_pattern};
use super::placeholder::word_or_placeholder;
use super::table::not_both;

/// A kind of namespace besides PID.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
pub(super) enum Kind {
    /// Separate mounts, `mount_namespaces(7)`.
    Mount,
    /// Separate host and domain name, `uts_namespaces(7)`.
    Uts,
    /// Separate System V and POSIX message queues, semaphores and shared memory,
    /// `ipc_namespaces(7)`.
    Ipc,
    /// Separate network: a loopback interface and nothing else, `network_namespaces(7)`.
    Net,
    /// Separate view of the cgroups, `cgroup_namespaces(7)`.
    Cgroup,
}

/// Refuses `count` together with `depth`.
pub(super) fn one_generator(schema: &mut Schema) {
    not_both(schema, [["count", "depth"]]);
}

/// A table of namespaces by path.
pub(super) struct Namespaces<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Namespaces<T> {
    fn schema_name() -> Cow<'static, str> {
        "Namespaces".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of namespaces",
            "description": "A path consists of names separated by single `/`, and the parent must be declared as well. `init` and `host` are reserved: `vm/init` is the address of the PID 1 of `vm`.",
            "type": "object",
            "patternProperties": { path_pattern(): generator.subschema_for::<T>() },
            "propertyNames": { "not": { "pattern": reserved_pattern() } },
            "additionalProperties": false,
        })
    }
}
