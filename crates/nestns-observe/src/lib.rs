//! Kernel → facts: contents of /proc and answers of the namespace ioctls about any process, of nestns or not.
//!
//! Nothing here trusts a plan or a stored file. A number is only as good as the moment at which it was read: identity is
//! (PID, start time, boot id), and a namespace's is its 64-bit id where the kernel has one, because inodes are recycled
//! within milliseconds (R18).
//!
//! ```
//! use nestns_observe::translation;
//! use nix::unistd::Pid;
//!
//! // The caller's number in its own PID namespace is the last of its chain, outermost first.
//! let chain = translation::chain(Pid::this())?;
//! assert_eq!(chain.numbers.last().map(|numbered| numbered.number), Some(Pid::this().as_raw()));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Architecture invariant: no controller is known here, and everything that is reported was read from the kernel at that
//! moment.

pub mod awaited;
pub mod boot;
pub mod capture;
pub mod cgroup;
pub mod doctor;
pub mod groups;
pub mod holders;
pub mod host_snapshot;
pub mod hostname;
pub mod locks;
pub mod memberships;
pub mod mountinfo;
mod namespace_link;
pub mod namespaces;
pub mod offspring;
pub mod portrait;
pub mod process;
pub mod session;
pub mod signals;
mod small_file;
pub mod stat;
pub mod status;
pub mod subtree;
pub mod thread;
pub mod translation;
pub mod undeclared;
pub mod visibility;
