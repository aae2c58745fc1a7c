//! Hosts that mDNS finds: it suggests, and trust admits.

use std::collections::BTreeSet;
use std::sync::Arc;

use spm_netmesh::{Mesh, MeshEvent};
use spm_protocol::PeerId;

use super::mesh::MeshHost;

/// Adds hosts to `pool` as they are found, if they are `wanted`. Ends with the mesh.
pub(super) fn admit(
    runtime: &tokio::runtime::Handle,
    mesh: &Mesh,
    pool: &spm_hub::Pool,
    wanted: BTreeSet<PeerId>,
    owners: &Arc<BTreeSet<PeerId>>,
) {
    let mut events = mesh.events();
    let (mesh, pool, owners) = (mesh.clone(), pool.clone(), Arc::clone(owners));
    runtime.spawn(async move {
        let mut known = BTreeSet::new();
        while let Some(event) = events.recv().await {
            if let MeshEvent::Discovered { peer, address } = event
                && wanted.contains(&peer)
                && known.insert(peer)
            {
                let owners = Arc::clone(&owners);
                pool.add_host(Arc::new(MeshHost::new(mesh.clone(), peer, owners, Some(address))));
            }
        }
    });
}
