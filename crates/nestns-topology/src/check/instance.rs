//! A namespace of the tree before it is checked: everything merged, generated and read, nothing compared yet.

use std::rc::Rc;

use crate::syntax::{Located, NamespaceBody, ProcessBody};

/// A process of an [`Instance`].
#[derive(Debug, Clone)]
pub(crate) struct ProcessInstance {
    pub(crate) name: Located<String>,
    /// The declared name, which stands for all that were generated from it.
    pub(crate) group: String,
    pub(crate) body: Rc<ProcessBody>,
}

/// A namespace.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// The whole path, and where the header stands.
    pub(crate) path: Located<String>,
    pub(crate) body: Rc<NamespaceBody>,
    pub(crate) processes: Vec<ProcessInstance>,
    /// Processes that are declared, but not on this level or not at all.
    pub(crate) absent: Vec<String>,
}
