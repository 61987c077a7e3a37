//! Comparison of a file's expectations with measurements: cases, each passed or not, and reports of them.
//!
//! Nothing here asks the kernel. Facts go in, as `observe` has found them and the controller knows them; the caller
//! decides when to look again.

mod alike;
pub(crate) mod case;
pub(crate) mod facts;
mod judgement;
mod learning;
pub(crate) mod report;

pub(crate) use case::{Case, Status};
pub(crate) use judgement::judge;
pub(crate) use learning::learn;
