//! The declarations of all files, with the templates that they use: built into a tree, and checked where nothing of the
//! tree is made of them.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::declared::DeclarationKind;
use super::evaluate::Evaluator;
use super::expander::{Expander, Extent};
use super::expectations::attach;
use super::layers::Layer;
use super::library::Library;
use super::prepare::{Defaults, Slot};
use super::size::{Size, SizeEstimate};
use super::taken::Taken;
use super::unused::Reader;
use crate::check::{Checker, Count, set_main, too_many};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Sources};
use crate::expectation::Expectation;
use crate::syntax::{ExpectationSyntax, Limits, Located};
use crate::tree::Topology;

/// Declarations of all files, with what they are expanded by.
pub(super) struct Resolved<'a, 'l> {
    pub(super) library: Library<'a>,
    /// The defaults of each scope.
    pub(super) defaults: Vec<Defaults<'a>>,
    pub(super) evaluator: &'l Evaluator<'l>,
    pub(super) limits: Limits,
    /// The process whose end is that of the tree.
    pub(super) main: Option<Located<String>>,
    pub(super) sources: &'l Sources,
}

impl<'a> Resolved<'a, '_> {
    /// The namespaces at the top of the tree, as they are declared.
    pub(super) fn roots(&self) -> Vec<Slot<'a>> {
        let declarations = &self.library.declarations;
        declarations
            .roots(DeclarationKind::Namespaces, 0)
            .iter()
            .map(|&root| Slot {
                layers: vec![Layer::own(root)],
                prepared: OnceCell::new(),
            })
            .collect()
    }

    /// Builds the tree, if it is not too large, and checks what is declared, be it in the tree or not.
    pub(super) fn build(
        &self,
        mut topology: Topology,
        roots: &[Slot<'a>],
        expected: Vec<(Expectation, ExpectationSyntax)>,
        out: &mut Diagnostics,
    ) -> Option<Topology> {
        let mut estimate =
            SizeEstimate::new(&self.library, &self.defaults, self.evaluator, &self.limits);
        let size = estimate.total(roots, out);
        let extent = self.extent(size, &estimate, out);
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
            library: &self.library,
            defaults: &self.defaults,
            evaluator: self.evaluator,
            extent,
            deepest: self.limits.depth,
            checker: Checker::new(topology, self.sources),
            repetition,
            orphans: 0,
            taken: uses_names.then(Taken::default),
            absent: (!expected.is_empty()).then(Vec::new),
            sampled: HashSet::new(),
        };
        expander.forest(roots, out);
        let Expander {
            checker,
            mut repetition,
            absent,
            ..
        } = expander;
        let mut topology = checker
            .finish(&mut repetition, out)
            .and_then(|tree| attach(tree, expected, &absent.unwrap_or_default(), out));
        let before = out.len();
        if let Some(topology) = &mut topology {
            set_main(topology, self.main.as_ref(), out);
        }
        repetition.finish(out);
        self.check_templates(out);
        if leaves_out || size.processes == 0 {
            self.check_namespaces(out);
        }
        topology.filter(|_| !out.has_errors() || out.len() == before)
    }

    /// Returns whether the tree is small enough to be built; reports one that is not.
    fn extent(&self, size: Size, estimate: &SizeEstimate<'_, '_>, out: &mut Diagnostics) -> Extent {
        let place = estimate.crossed.unwrap_or_default();
        let count = |number| Count {
            number,
            is_complete: !size.incomplete,
        };
        too_many(
            "namespaces",
            count(size.namespaces),
            self.limits.namespaces,
            place,
            out,
        );
        too_many(
            "processes",
            count(size.processes),
            self.limits.processes,
            place,
            out,
        );
        if size.namespaces == 0 && !out.has_errors() {
            out.push(none_of_any());
        }
        let is_too_large = size.namespaces > self.limits.namespaces.into()
            || size.processes > self.limits.processes.into();
        if is_too_large || estimate.too_deep || size.namespaces == 0 {
            Extent::Sample
        } else {
            Extent::Whole
        }
    }

    /// Checks the declared namespaces that are not in the tree. The others were checked there.
    fn check_namespaces(&self, out: &mut Diagnostics) {
        let mut reader = Reader::new(&self.library, self.evaluator, out);
        for (scope, defaults) in self.defaults.iter().enumerate() {
            let declarations = &self.library.declarations;
            reader.nodes(declarations.roots(DeclarationKind::Namespaces, scope), out);
            reader.defaults(&defaults.processes, out);
        }
    }

    /// Checks the unused templates. The others were checked where they are used; what is reported there is not repeated.
    pub(super) fn check_templates(&self, out: &mut Diagnostics) {
        let mut reader = Reader::new(&self.library, self.evaluator, out);
        for scope in 0..self.defaults.len() {
            let declarations = &self.library.declarations;
            reader.nodes(declarations.roots(DeclarationKind::Templates, scope), out);
        }
    }

    /// Warns of templates that nothing uses.
    pub(super) fn report_unused(&self, out: &mut Diagnostics) {
        for template in self.library.unused(self.sources) {
            let node = self.library.node(template);
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

fn none_of_any() -> Diagnostic {
    Diagnostic::of_file(Code::NoNamespace, "the topology has no namespace")
        .note("every count at its top level is 0")
}
