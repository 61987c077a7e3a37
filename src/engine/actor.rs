//! placeholder until the actors land
use crate::topology::Actor;
/// Runs.
pub fn perform(_actor: &Actor) -> i32 { 0 }
