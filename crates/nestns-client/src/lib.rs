//! Topologies of nested Linux PID namespaces that run: what `nestns` writes about them, and a guard
//! that starts one for the time of a test.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nestns_client::Topology;
//!
//! // Started and ready; taken down when `tree` is dropped.
//! let tree = Topology::up("examples/dind.toml")?;
//! let runner = tree.process("vm/ci/runner")?;
//! println!("{:?} on the host, {:?} in vm", runner.pid_in("host"), runner.pid_in("vm"));
//! # Ok(())
//! # }
//! ```
//!
//! [`documents`] has a type for every JSON document of the program; `nestns schema --of NAME`
//! prints the schema of each.
//!
//! ```
//! use nestns_client::documents::{Kind, LsDocument};
//!
//! let text = r#"{ "schema": "nestns.ls/1", "topologies": [] }"#; let document: LsDocument =
//! serde_json::from_str(text)?; assert!(document.topologies.is_empty());
//! assert_eq!(Kind::Ls.json_schema().get("title").and_then(|title| title.as_str()),
//! Some("nestns.ls/1"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Architecture invariant: this crate forks nothing but the program, starts no thread, and writes nothing to a terminal.

/// The README's example, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

pub mod discovery;
pub mod documents;
pub mod ended;
mod guard;
pub mod journal;
pub mod protocol;
pub mod shared_namespaces;
pub mod state_directory;
pub mod undeclared;

pub use guard::{GuardError, Options, PROGRAM, Process, Topology};
