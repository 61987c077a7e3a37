//! Programs that try to reach what is not theirs: every sentence of `docs/security.md` names a test, most of them here.
//!
//! `cargo test --locked --test main attack` runs them all: as root and as an ordinary user, at depth 1 and 3. Each attack has
//! a tree of its own with a victim beside the attacker, and proves two things: that the attack was really made, and that
//! no other process has noticed it.

mod control_socket;
mod notify;
mod race_conditions;
mod replaced_files;
mod reports;
mod secure_execution;
mod threat_model;
