//! Text → namespaces: files are gathered, variables get their values, templates and defaults are merged, generators
//! generate, and every namespace of the tree is handed to the checks.
//!
//! Nothing is allocated for a tree before its size is known. What a value was written as and where it is used go along
//! with it in its span, so that a problem is shown at both places.

mod arithmetic;
mod declared;
mod definition;
mod evaluate;
mod expander;
mod expectations;
mod expression;
mod files;
mod generator;
mod layers;
mod library;
mod member;
mod merge;
mod names;
mod naming;
mod order;
mod place;
mod prepare;
mod reading;
mod resolved;
mod scalar;
mod settings;
mod size;
mod taken;
mod templates;
mod trace;
mod unused;
mod variables;
mod whole;

use super::check::name_from;
use super::syntax::Document;
use super::toml_text::Table;
use super::tree::Topology;
use super::{Parsed, Request};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Label, Sources, Span};
use declared::{DeclarationKind, Declarations, Declared};
use evaluate::Evaluator;
use expectations::expectations;
use files::Files;
use library::Library;
use prepare::Defaults;
use resolved::Resolved;
use settings::{listed, overrides};
use trace::Trace;
use variables::{Override, Scopes};
use whole::{Whole, whole};

/// Reads, expands and checks a topology.
pub(super) fn expand(request: Request<'_>) -> Parsed {
    let mut out = Diagnostics::new();
    let mut files = Files::read(request.source, request.surroundings, &mut out);
    let overrides = overrides(request.settings, &mut files, &mut out);
    let Files {
        mut scopes,
        sources,
        read,
        mounts,
        number_of_scopes,
        is_incomplete,
        ..
    } = files;
    let texts = Texts {
        read: &read,
        mounts: &mounts,
        number_of_scopes,
    };
    let mut variables = Vec::new();
    let mut topology = None;
    // What is missing may be in a file that could not be read: what could be said about the others is a guess.
    if !is_incomplete {
        let outside = Outside {
            given_name: request.name,
            stem: request.stem,
            sources: &sources,
        };
        topology = texts.expand(&mut scopes, &overrides, outside, &mut out);
        variables = listed(&scopes, &sources);
    }
    out.amend(0, |diagnostic| included_from(&sources, diagnostic));
    out.sort();
    if topology.is_none() && !out.has_errors() {
        // Unreachable by construction; an empty answer would say that all is well.
        out.push(Diagnostic::of_file(
            Code::NoNamespace,
            "the topology could not be built",
        ));
    }
    Parsed {
        topology,
        diagnostics: out,
        sources,
        variables,
    }
}

/// The files that were read.
struct Texts<'t> {
    read: &'t [(FileId, Table)],
    mounts: &'t std::collections::HashMap<Span, usize>,
    number_of_scopes: usize,
}

impl<'t> Texts<'t> {
    fn expand(
        &self,
        scopes: &mut Scopes,
        overrides: &[Override],
        outside: Outside<'_>,
        out: &mut Diagnostics,
    ) -> Option<Topology> {
        let sources = outside.sources;
        let documents: Vec<(FileId, Document<'t>)> = self
            .read
            .iter()
            .map(|(file, table)| (*file, Document::read(table, out)))
            .collect();
        let is_complete = !out.has_errors();
        let name = define(&documents, scopes, overrides, outside, out);
        let scopes = &*scopes;
        let evaluator = Evaluator::outside(scopes, sources, &name);

        let mut topology = Topology::new(name.clone());
        topology.files = sources
            .iter()
            .map(|source| source.name().to_owned())
            .collect();
        let Whole { limits, main } = whole(&documents, scopes, &evaluator, &mut topology, out);
        let expected = expectations(&documents, scopes, &evaluator, sources, out);
        let (library, defaults) = self.resolve(&documents, &evaluator, out);
        let resolved = Resolved {
            library,
            defaults,
            evaluator: &evaluator,
            limits,
            main,
            sources,
        };
        // A name that is wrong on one side makes the other side look unused.
        if !out.has_errors() {
            resolved.report_unused(out);
        }
        let roots = resolved.roots();
        if roots.is_empty() {
            resolved.check_templates(out);
            if is_complete && !out.has_errors() {
                out.push(no_namespace());
            }
            return None;
        }
        resolved.build(topology, &roots, expected, out)
    }

    /// Finds out which templates the namespaces and defaults of all files use.
    fn resolve(
        &self,
        documents: &[(FileId, Document<'t>)],
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) -> (Library<'t>, Vec<Defaults<'t>>) {
        let mut declarations = Declarations::default();
        let defaults = self.declare(documents, evaluator.scopes, &mut declarations, out);
        let mut library = Library::new(declarations, self.number_of_scopes, evaluator, out);
        for &node in defaults.iter().flat_map(|defaults| &defaults.namespaces) {
            library.resolve_defaults(node, evaluator, out);
        }
        for scope in 0..self.number_of_scopes {
            let roots = library
                .declarations
                .roots(DeclarationKind::Namespaces, scope)
                .to_vec();
            library.resolve_users(&roots, evaluator, out);
        }
        (library, defaults)
    }

    /// Enters the namespaces and templates of all files; the defaults of each scope.
    fn declare(
        &self,
        documents: &[(FileId, Document<'t>)],
        scopes: &Scopes,
        declarations: &mut Declarations<'t>,
        out: &mut Diagnostics,
    ) -> Vec<Defaults<'t>> {
        let mut defaults: Vec<Defaults<'t>> = std::iter::repeat_with(Defaults::default)
            .take(self.number_of_scopes)
            .collect();
        for (file, document) in documents {
            let scope = scopes.scope(*file);
            for (kind, entry) in [
                (DeclarationKind::Templates, document.templates),
                (DeclarationKind::Namespaces, document.namespaces),
            ] {
                if let Some(entry) = entry {
                    declarations.add(
                        &Declared {
                            kind,
                            scope,
                            entry,
                            rules: document.rules,
                        },
                        out,
                    );
                }
            }
            if let Some(entry) = document.namespace_defaults
                && let Some(table) = entry.value.as_table()
            {
                defaults[scope]
                    .namespaces
                    .push(declarations.detached(&entry, table, scope));
            }
            if let Some(entry) = document.process_defaults {
                defaults[scope].processes.push(entry.value);
            }
        }
        declarations.mount_all(self.mounts);
        defaults
    }
}

/// Facts about the topology from outside of its text.
#[derive(Debug)]
struct Outside<'t> {
    /// The name that the command line gives it.
    given_name: Option<String>,
    /// The name of its file.
    stem: &'t str,
    sources: &'t Sources,
}

/// Gives variables their values; the name of the topology.
fn define(
    documents: &[(FileId, Document<'_>)],
    scopes: &mut Scopes,
    overrides: &[Override],
    Outside {
        given_name,
        stem,
        sources,
    }: Outside<'_>,
    out: &mut Diagnostics,
) -> String {
    scopes.give_values();
    // The name may be made of variables, and they of the name: what it is without them is what they know of it.
    let written = documents
        .last()
        .and_then(|(_, document)| document.heading.get("name"));
    let named = |scopes: &Scopes, topology: &str| {
        let evaluator = Evaluator::outside(scopes, sources, topology);
        let value = evaluator.value(
            &written?.value,
            &mut Trace::default(),
            &mut Diagnostics::new(),
        )?;
        value.as_str().map(str::to_owned)
    };
    let default = name_from(stem);
    let early = given_name
        .clone()
        .or_else(|| named(scopes, &default))
        .unwrap_or_else(|| default.clone());
    let mut declared = Vec::new();
    for (file, document) in documents {
        let scope = scopes.scope(*file);
        let Some(entry) = document.variables else {
            continue;
        };
        match entry.value.as_table() {
            Some(table) => {
                declared.extend(
                    super::syntax::entries(table)
                        .map(|entry| variables::Declaration { scope, entry }),
                );
            }
            None => entry.wrong_type("a table", out),
        }
    }
    scopes.define(declared, overrides, sources, &early, out);
    given_name
        .or_else(|| named(scopes, &default))
        .unwrap_or(default)
}

fn no_namespace() -> Diagnostic {
    Diagnostic::of_file(Code::NoNamespace, "the file declares no namespace")
        .help("the smallest topology is [ns.hello] followed by init = [\"bash\"]")
}

/// Adds the including place to a problem in an included file, unless a more telling place is shown already.
fn included_from(sources: &Sources, diagnostic: &mut Diagnostic) {
    let Some(primary) = &diagnostic.primary else {
        return;
    };
    if let Some(place) = sources.asked_for(primary.span.file)
        && diagnostic
            .secondary
            .iter()
            .all(|label| label.span.file == primary.span.file)
    {
        diagnostic
            .secondary
            .push(Label::new(place, "included here"));
    }
}
