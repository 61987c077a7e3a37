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
mod scalar;
mod settings;
mod size;
mod taken;
mod templates;
mod trace;
mod unused;
mod variables;
mod whole;

use std::cell::OnceCell;
use std::collections::HashSet;

use super::check::{Checker, Count, name_from, too_many};
use super::syntax::{Document, Limits};
use super::toml_text::Table;
use super::tree::Topology;
use super::{Parsed, Request};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Label, Sources, Span};
use declared::{DeclarationKind, Declarations, Declared};
use evaluate::Evaluator;
use expander::{Expander, Extent};
use expectations::{attach, expectations};
use files::Files;
use layers::Layer;
use library::Library;
use prepare::{Defaults, Slot};
use settings::{listed, overrides};
use size::{Size, SizeEstimate};
use taken::Taken;
use trace::Trace;
use variables::{Override, Scopes};
use whole::whole;

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
        let limits = whole(&documents, scopes, &evaluator, &mut topology, out);
        let expected = expectations(&documents, scopes, &evaluator, sources, out);
        let (library, defaults) = self.resolve(&documents, &evaluator, out);
        // A name that is wrong on one side makes the other side look unused.
        if !out.has_errors() {
            Self::report_unused(&library, sources, out);
        }
        let roots: Vec<_> = library
            .declarations
            .roots(DeclarationKind::Namespaces, 0)
            .iter()
            .map(|&root| Slot {
                layers: vec![Layer::own(root)],
                prepared: OnceCell::new(),
            })
            .collect();
        if roots.is_empty() {
            self.check_templates(&library, &evaluator, out);
            if is_complete && !out.has_errors() {
                out.push(no_namespace());
            }
            return None;
        }
        let mut estimate = SizeEstimate::new(&library, &defaults, &evaluator, &limits);
        let size = estimate.total(&roots, out);
        let extent = extent(size, &estimate, &limits, out);
        let SizeEstimate {
            repetition,
            uses_names,
            leaves_out,
            ..
        } = estimate;
        if extent == Extent::Whole {
            topology.reserve(usize::try_from(size.namespaces).unwrap_or(usize::MAX));
        }
        let mut expander = Expander {
            library: &library,
            defaults: &defaults,
            evaluator: &evaluator,
            extent,
            deepest: limits.depth,
            checker: Checker::new(topology, sources),
            repetition,
            orphans: 0,
            taken: uses_names.then(Taken::default),
            absent: (!expected.is_empty()).then(Vec::new),
            sampled: HashSet::new(),
        };
        expander.forest(&roots, out);
        let Expander {
            checker,
            mut repetition,
            absent,
            ..
        } = expander;
        let topology = checker
            .finish(&mut repetition, out)
            .and_then(|tree| attach(tree, expected, &absent.unwrap_or_default(), out));
        repetition.finish(out);
        let before = out.len();
        self.check_templates(&library, &evaluator, out);
        if leaves_out || size.processes == 0 {
            Self::check_namespaces(&library, &evaluator, &defaults, out);
        }
        topology.filter(|_| out.len() == before || !out.has_errors())
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

    /// Checks the declared namespaces that are not in the tree. The others were checked there.
    fn check_namespaces(
        library: &Library<'_>,
        evaluator: &Evaluator<'_>,
        defaults: &[Defaults<'_>],
        out: &mut Diagnostics,
    ) {
        let mut reader = unused::Reader::new(library, evaluator, out);
        for (scope, defaults) in defaults.iter().enumerate() {
            reader.nodes(
                library
                    .declarations
                    .roots(DeclarationKind::Namespaces, scope),
                out,
            );
            reader.defaults(&defaults.processes, out);
        }
    }

    /// Checks the unused templates. The others were checked where they are used; what is reported there is not repeated.
    fn check_templates(
        &self,
        library: &Library<'_>,
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) {
        let mut reader = unused::Reader::new(library, evaluator, out);
        for scope in 0..self.number_of_scopes {
            reader.nodes(
                library
                    .declarations
                    .roots(DeclarationKind::Templates, scope),
                out,
            );
        }
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

    fn report_unused(library: &Library<'_>, sources: &Sources, out: &mut Diagnostics) {
        for template in library.unused(sources) {
            let node = library.node(template);
            out.push(
                Diagnostic::at(
                    Code::UnusedTemplate,
                    node.span,
                    format!("template `{}` is never used", node.path),
                )
                .label("no namespace uses it")
                .help(format!(
                    "write use = \"{}\" in a namespace, or remove the template",
                    node.path
                )),
            );
        }
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

/// Returns whether the tree is small enough to be built; reports one that is not.
fn extent(
    size: Size,
    estimate: &SizeEstimate<'_, '_>,
    limits: &Limits,
    out: &mut Diagnostics,
) -> Extent {
    let place = estimate.crossed.unwrap_or_default();
    let count = |number| Count {
        number,
        is_complete: !size.incomplete,
    };
    too_many(
        "namespaces",
        count(size.namespaces),
        limits.namespaces,
        place,
        out,
    );
    too_many(
        "processes",
        count(size.processes),
        limits.processes,
        place,
        out,
    );
    if size.namespaces == 0 && !out.has_errors() {
        out.push(none_of_any());
    }
    let is_too_large =
        size.namespaces > limits.namespaces.into() || size.processes > limits.processes.into();
    if is_too_large || estimate.too_deep || size.namespaces == 0 {
        Extent::Sample
    } else {
        Extent::Whole
    }
}

fn none_of_any() -> Diagnostic {
    Diagnostic::of_file(Code::NoNamespace, "the topology has no namespace")
        .note("every count at its top level is 0")
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
