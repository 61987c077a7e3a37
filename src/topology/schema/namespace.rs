//! A namespace, and the tables of namespaces.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::generator::{As, Depth};
use super::init::Init;
use super::name::{path_pattern, reserved_pattern};
use super::placeholder::{Flag, Whole, word_or_placeholder};
use super::process::Processes;
use super::restart::Restart;
use super::stop::Stop;
use super::table::{not_both, table};
use super::template_use::Use;
use super::value::{AbsolutePath, DurationText, Environment, FilePath, HostName, Strings};

/// A PID namespace: who is PID 1 in it, what else it has of its own, what lives in it, how it is stopped.
#[derive(JsonSchema)]
#[schemars(title = "namespace", transform = table, transform = one_generator)]
pub(super) struct Namespace {
    /// What it stands for.
    description: String,
    /// Free words to select by.
    #[schemars(example = serde_json::json!({ "pod": "web" }))]
    labels: Strings,
    /// The templates that it is made of, from left to right: a later one wins over an earlier one, and what stands
    /// here wins over all of them.
    #[schemars(rename = "use", example = &"pod", example = ["container", "shared"])]
    r#use: Use,
    /// A topology file whose namespaces are put inside this one; the path is relative to this file. Its own variables,
    /// defaults and templates apply to them, and variables of this file and `--set` win over its own.
    #[schemars(example = &"node.toml")]
    include: FilePath,
    /// So many of it, beside each other: `count = 3` for `w` gives `w.0`, `w.1` and `w.2`. What is inside it is inside each.
    /// Not together with `depth`.
    #[schemars(example = 3, example = &"{{workers}}")]
    count: Whole<0>,
    /// So many of it, each inside the one before: `depth = 3` for `deep` gives `deep.0`, `deep.0/deep.1` and
    /// `deep.0/deep.1/deep.2`. What is declared inside it is put into the innermost.
    #[schemars(example = 8, example = &"{{levels}}")]
    depth: Depth,
    /// With `depth`: so many inside each, which makes a complete tree. The names have the level and the place in it:
    /// `t.0.0`, `t.0.0/t.1.0`, `t.0.0/t.1.1`. What is declared inside it is put into each of the innermost.
    #[schemars(example = 2)]
    fanout: Whole<1>,
    /// The name of each generated namespace, instead of the numbered one.
    #[schemars(rename = "as", example = &"lvl{{level}}")]
    r#as: As,
    /// Who is PID 1: nestns, as one of two kinds of init, or a program.
    init: Init,
    /// The processes besides PID 1, each under its name. They are created in this order.
    proc: Processes,
    /// Namespaces inside this one, in the nested spelling: `[ns.vm.ns.ci]` is `[ns."vm/ci"]`.
    ns: Namespaces,
    /// Which kinds of namespaces it has of its own besides PID; the others are those of the namespace around it.
    #[schemars(extend("default" = ["mount"]), example = ["mount", "uts", "ipc"])]
    unshare: Vec<Kind>,
    /// Whether it has a `/proc` of its own, which shows its processes under its numbers. `true` if `unshare` has `"mount"`,
    /// without which it cannot be asked for: it would cover the `/proc` outside.
    mount_proc: Flag,
    /// The host name inside. Implies `"uts"`.
    hostname: HostName,
    /// The NIS domain name inside. Implies `"uts"`.
    domainname: HostName,
    /// Environment variables for its processes, added to those of nestns.
    #[schemars(example = serde_json::json!({ "LANG": "C" }))]
    env: Environment,
    /// The directory in which its processes start; the one that nestns was started in if nothing is said.
    cwd: AbsolutePath,
    /// Whether PID 1, a program then, has the terminal of `nestns up`. One process of a topology can.
    #[schemars(extend("default" = false))]
    tty: Flag,
    /// How it is asked to end, and how long it has.
    stop: Stop,
    /// After which end of its PID 1 it is built again, with all that is inside.
    restart: Restart,
    /// How many restarts there may be in a row; any number if nothing is said. A row is over when it has run for ten times as
    /// long as the last pause, and at least for 10 s.
    #[schemars(example = 5)]
    max: Whole<1, { u32::MAX as u64 }>,
    /// How long the first restart of a row waits. The pause doubles with each one that follows, up to 30 s.
    #[schemars(extend("default" = "100ms"))]
    backoff: DurationText,
}

/// A kind of namespace besides PID.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder)]
enum Kind {
    /// Its own mounts, `mount_namespaces(7)`.
    Mount,
    /// Its own host and domain name, `uts_namespaces(7)`.
    Uts,
    /// Its own System V and POSIX message queues, semaphores and shared memory, `ipc_namespaces(7)`.
    Ipc,
    /// Its own network: a loopback interface and nothing else, `network_namespaces(7)`.
    Net,
    /// Its own view of the cgroups, `cgroup_namespaces(7)`.
    Cgroup,
}

fn one_generator(schema: &mut Schema) {
    not_both(schema, &[["count", "depth"]]);
}

/// A table of namespaces by path.
pub(super) struct Namespaces;

impl JsonSchema for Namespaces {
    fn schema_name() -> Cow<'static, str> {
        "Namespaces".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of namespaces",
            "description": "A path is names with one `/` between two of them, and the parent must be declared as well. `init` and `host` are no names: `vm/init` is the address of the PID 1 of `vm`.",
            "type": "object",
            "patternProperties": { path_pattern(): generator.subschema_for::<Namespace>() },
            "propertyNames": { "not": { "pattern": reserved_pattern() } },
            "additionalProperties": false,
        })
    }
}
