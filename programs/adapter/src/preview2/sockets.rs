//! `wasi:sockets`: there are none. What takes a socket cannot be called, so the join makes traps of it.

use super::handles::{Resource, trap};
use super::layout::Layout;
use crate::state::with;

/// `wasi:sockets/network.error-code.access-denied`.
const ACCESS_DENIED: u8 = 1;

fn deny(to: u32) {
    Layout::<8>::new().u8(0, 1).u8(4, ACCESS_DENIED).write(to);
}

#[unsafe(export_name = "wasi:sockets/instance-network.instance-network")]
extern "C" fn instance_network() -> u32 {
    with(|state| state.surely_hold(Resource::Network))
}

#[unsafe(export_name = "wasi:sockets/network.[resource-drop]network")]
extern "C" fn drop_network(handle: u32) {
    with(|state| state.release(handle));
}

#[unsafe(export_name = "wasi:sockets/tcp-create-socket.create-tcp-socket")]
extern "C" fn create_tcp_socket(_: u32, to: u32) {
    deny(to);
}

#[unsafe(export_name = "wasi:sockets/udp-create-socket.create-udp-socket")]
extern "C" fn create_udp_socket(_: u32, to: u32) {
    deny(to);
}

#[unsafe(export_name = "wasi:sockets/ip-name-lookup.resolve-addresses")]
extern "C" fn resolve_addresses(network: u32, _: u32, _: u32, to: u32) {
    with(|state| match state.handles.get(network) {
        Resource::Network => {}
        _ => trap(),
    });
    deny(to);
}
