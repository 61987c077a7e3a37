//! `nestns explain NSnnn`: what it shows, and that every example of every explanation does what the text says.

mod commands;
mod topologies;
mod verb;
