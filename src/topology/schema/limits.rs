//! `[limits]`.

use schemars::JsonSchema;

use super::placeholder::Whole;
use super::table::table;
use super::value::Size;

/// What the tree may not exceed, whatever the machine could do: a slip of the pen must not eat it. All sizes are computed
/// before anything is built.
#[derive(JsonSchema)]
#[schemars(title = "limits", transform = table)]
pub(super) struct Limits {
    /// How many namespaces there may be.
    #[schemars(extend("default" = 1024))]
    namespaces: Whole<1, { u32::MAX as u64 }>,
    /// How many processes may be declared; inits are not counted.
    #[schemars(extend("default" = 4096))]
    processes: Whole<1, { u32::MAX as u64 }>,
    /// How deep namespaces may be nested. The kernel allows 32 levels below its first one.
    #[schemars(extend("default" = 32))]
    depth: Whole<1, 32>,
    /// How much of what all processes together write is kept; what is older goes first. At least `"64K"`.
    #[schemars(extend("default" = "64M"))]
    log_bytes: Size,
}
