//! The top level of the file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::defaults::Defaults;
use super::expectation::Expectation;
use super::limits::Limits;
use super::name::{RESERVED, name_pattern};
use super::namespace::Namespaces;
use super::placeholder::{or_placeholder, word_or_placeholder};
use super::table::table;
use super::template::Templates;
use super::value::FilePath;
use super::variables::Variables;

/// A tree of nested Linux PID namespaces.
///
/// Every table `[ns."a/b"]` is a namespace; its header is its path, and the parent is what stands before the last `/`. The
/// order of the file is the order of creation, hence of PIDs. Keys that begin with `x-` are private notes; every other
/// unknown key is an error.
#[derive(JsonSchema)]
#[schemars(title = "nestns topology", transform = table)]
pub(super) struct Top {
    /// The version of the language in which the file is written.
    #[schemars(extend("default" = 1))]
    nestns: Version,
    /// The name of the topology, by which a running tree is found. The name of the file without `.toml` and `.nestns` if it
    /// does not say one.
    name: TopologyName,
    /// What it shows or is for.
    description: String,
    /// What ends a foreground `nestns up`, besides the end of all processes.
    on_exit: OnExit,
    /// Variables for placeholders, with their values.
    vars: Variables,
    /// Files of which everything comes in as if it stood here: templates, variables, defaults and namespaces. Paths are
    /// relative to this file.
    ///
    /// What this file says itself in `vars`, `defaults` and `limits` wins, key by key. The same namespace or template in two
    /// files is an error; a file that is reached twice is included once.
    #[schemars(example = ["templates.toml"])]
    include: Vec<FilePath>,
    /// What the tree may not exceed.
    limits: Limits,
    /// What all namespaces and all processes have in common.
    defaults: Defaults,
    /// Namespaces, alone or with what is inside them, that are built only where `use` names them.
    template: Templates,
    /// The namespaces, each under its path: `[ns.vm]`, `[ns."vm/ci"]`.
    ns: Namespaces,
    /// What is expected of the tree once it stands, written `[[expect]]`. `nestns test` compares it with the kernel.
    expect: Vec<Expectation>,
    /// Marks what `nestns config` writes: everything is expanded, names may have the numbers of instances (`w.17`), and
    /// braces are braces. Such a file has no variables, templates, defaults and generators.
    #[schemars(extend("default" = false))]
    expanded: bool,
    /// Where an editor finds this schema. nestns does not read it.
    #[schemars(rename = "$schema", example = &"./topology.schema.json")]
    schema: String,
}

/// What ends a foreground `nestns up`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "fail"))]
enum OnExit {
    /// The failure of an essential process stops the tree, and its status is that of `nestns up`; other failures make the
    /// final status 1.
    Fail,
    /// The first process that ends stops the tree.
    Any,
    /// Nothing but the end of all processes.
    Ignore,
}

struct Version;

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

struct TopologyName;

impl JsonSchema for TopologyName {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "name",
            "description": "At most 64 of `a-z`, `0-9`, `_` and `-`, beginning with a letter or a digit; `init` and `host` are reserved.",
            "type": "string",
            "pattern": or_placeholder(&name_pattern()),
            "not": { "enum": RESERVED },
        })
    }
}
