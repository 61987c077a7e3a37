//! (being built)

pub mod charset;
pub mod count;
pub mod depth;
pub mod duration;
pub mod escape;
pub mod state;
pub mod tree;
