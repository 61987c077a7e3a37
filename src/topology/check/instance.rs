//! A namespace of the tree before it is checked: everything merged, generated and read, nothing compared yet.

use std::rc::Rc;

use crate::topology::syntax::{Located, NamespaceBody, ProcessBody};

/// A process of an [`Instance`].
#[derive(Debug, Clone)]
pub(in crate::topology) struct ProcessInstance {
    pub(in crate::topology) name: Located<String>,
    /// The declared name, which stands for all that were generated from it.
    pub(in crate::topology) group: String,
    pub(in crate::topology) body: Rc<ProcessBody>,
}

/// A namespace.
#[derive(Debug, Clone)]
pub(in crate::topology) struct Instance {
    /// The whole path, and where the header stands.
    pub(in crate::topology) path: Located<String>,
    pub(in crate::topology) body: Rc<NamespaceBody>,
    pub(in crate::topology) processes: Vec<ProcessInstance>,
    /// Processes that are declared, but not on this level or not at all.
    pub(in crate::topology) absent: Vec<String>,
}
