//! Comparison of a file's expectations with measurements: cases, each passed or not, and reports of them.
//!
//! Nothing here asks the kernel. Facts go in, as `observe` has found them and the controller knows them; the caller
//! decides when to look again.

mod alike;
pub mod case;
pub mod facts;
mod judgement;
mod learning;
pub mod report;

pub use case::{Case, Place, Status};
pub use judgement::judge;
pub use learning::learn;
