//! Needs of a topology on this machine, without anything being made of it.

use std::collections::BTreeMap;
use std::path::Path;

use super::channels;
use crate::engine::plan::{Common, Order, Plan, PlanError};
use nestns_sys::caller::Dispositions;
use nestns_topology::Topology;

/// Needs of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Number of descriptors of the controller.
    pub descriptors: u64,
    /// The first process that is to run as another user, and as which.
    pub other_user: Option<(String, u32)>,
}

/// Plans a topology as if it were to be started. `base` is the directory that its relative files
/// are meant from.
///
/// # Errors
///
/// For a user or group that this machine does not know.
pub fn needs(topology: &Topology, base: &Path) -> Result<Needs, PlanError> {
    let common = Common {
        environment: BTreeMap::new(),
        dispositions: Dispositions::default(),
        directory: base.to_owned(),
        descriptors: None,
        title: None,
        visited: None,
        order: Order::FileOrder,
    };
    let plan = Plan::new(topology, base, common)?;
    let other_user = plan.indices().find_map(|index| {
        let namespace = plan.namespace(index);
        namespace.slots().find_map(|slot| {
            let identity = namespace.process(slot)?.identity.as_ref()?;
            (identity.uid != 0 || identity.gid != 0)
                .then(|| (namespace.path_of(slot), identity.uid))
        })
    });
    Ok(Needs {
        descriptors: channels::needed(&plan),
        other_user,
    })
}
