//! `nestns explain NSnnn`: what it shows, and that every example of every explanation does what the text says.

mod commands;
mod topologies;
mod verb;

use nestns::diagnostic::Code;

/// Codes that no part of the program raises yet. Empty this when they are, and remove it then.
pub(crate) const PENDING: &[Code] = &[
    Code::CannotInclude,
    Code::IncludeCycle,
    Code::BadPlaceholder,
    Code::UnknownVariable,
    Code::BadArithmetic,
    Code::BadOverride,
    Code::BadVars,
    Code::VariableCycle,
    Code::BadGenerator,
    Code::BadPlace,
    Code::UnknownTemplate,
    Code::TemplateCycle,
    Code::BadInstanceName,
    Code::UnusedTemplate,
];

/// Every code whose examples can be tried.
fn raised() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied().filter(|code| !PENDING.contains(code))
}
