//! Pausing namespaces: cgroups of version 2, into which everything of a namespace is moved for as long as it is paused.
//!
//! Not SIGSTOP: a stopped PID 1 leaves the others running (R8). Not the freezer of version 1 either, whose members cannot be
//! killed: what is frozen here dies by KILL like anything else.

pub(in crate::controller) mod group;
