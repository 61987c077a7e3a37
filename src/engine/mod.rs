//! (being built)

pub mod actor;
