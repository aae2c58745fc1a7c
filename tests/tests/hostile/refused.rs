//! Closures that a host does not take, each with the reason its submitter reads.

use std::collections::BTreeSet;

use spm_host::Submitters;
use spm_netmesh::Keypair;
use spm_protocol::limits::MIB;
use spm_protocol::manifest::Capability;
use spm_protocol::{ContentId, Engine, Manifest, SessionId, SignedManifest};

use super::hub::{Closure, Hub, host, host_for};
use super::wat::{Guest, echo};

/// The one reason a host gives for not taking a closure; afterwards it must take a harmless one.
fn reason(closure: Closure) -> String {
    let host = host(1);
    let mut hub = Hub::open(&host);
    let refusals = hub.prepare(&[closure]).expect_err("must be refused");
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    hub.prepare(&[Closure::new(echo())]).expect("a harmless one is taken");
    host.stop();
    refusals[0].reason.clone()
}

fn reason_for_component(component: &[u8]) -> String {
    reason(Closure::new(component.to_vec()))
}

/// The reason for not taking an echo whose manifest was changed.
fn reason_for_manifest(change: impl FnOnce(&mut Manifest)) -> String {
    let host = host(1);
    let mut hub = Hub::open(&host);
    let mut manifest = hub.manifest(&Closure::new(echo()));
    change(&mut manifest);
    let refusals = hub
        .prepare_signed(vec![SignedManifest::sign(&manifest, &hub.key)])
        .expect_err("must be refused");
    host.stop();
    refusals[0].reason.clone()
}

#[track_caller]
fn says(reason: &str, expected: &str) {
    assert!(reason.contains(expected), "{reason}");
}

#[test]
fn forbidden_imports_are_named() {
    for name in ["wasi:http/outgoing-handler@0.2.0", "evil:host/shell", "spm:closure/files@0.1.0"] {
        let imports = format!(r#"(import "{name}" (instance))"#);
        let component = Guest { imports: &imports, ..Guest::default() }.component();
        says(&reason_for_component(&component), &format!("forbidden import `{name}`"));
    }
    let imports = r#"(import "run" (func))"#;
    says(
        &reason_for_component(&Guest { imports, ..Guest::default() }.component()),
        "forbidden import `run`",
    );
}

#[test]
fn imports_of_another_type_are_refused() {
    let imports = r#"(import "spm:closure/log@0.1.0" (instance (export "print" (func (param "text" string)))))"#;
    says(
        &reason_for_component(&Guest { imports, ..Guest::default() }.component()),
        "imports are not those",
    );
}

#[test]
fn what_is_no_component_is_refused() {
    says(&reason_for_component(b"not wasm at all"), "not valid WebAssembly");
    says(
        &reason_for_component(&wat::parse_str("(module)").unwrap()),
        "a core module is not a component",
    );
    let whole = echo();
    says(&reason_for_component(&whole[..whole.len() / 2]), "not valid WebAssembly");
    says(
        &reason_for_component(&wat::parse_str("(component)").unwrap()),
        "does not export the function `define`",
    );
}

#[test]
fn exports_of_another_type_are_refused() {
    let text = Guest::default().text().replace(
        r#"(func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))"#,
        r#"(func (export "call") (param "arguments" string) (result (result (list u8) (error (list u8))))"#,
    );
    says(&reason_for_component(&wat::parse_str(text).unwrap()), "does not export `call`");
}

#[test]
fn invalid_code_is_refused() {
    let text = Guest { call: "(i32.const 0)", ..Guest::default() }.text();
    let mut component = wat::parse_str(text).unwrap();
    // The body of `call`: no locals, `i32.const 0`, `end`. Another constant's opcode makes it ill-typed.
    let body = [0x04, 0x00, 0x41, 0x00, 0x0b];
    let at = component.windows(5).rposition(|window| window == body).unwrap();
    component[at + 2] = 0x42;
    says(&reason_for_component(&component), "not valid WebAssembly");
}

#[test]
fn features_beyond_the_profile_are_refused() {
    for fields in [
        "(memory i64 1)",
        "(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))",
        "(memory 1 1 shared)",
    ] {
        let component = Guest { fields, ..Guest::default() }.component();
        says(&reason_for_component(&component), "not valid WebAssembly");
    }
}

#[test]
fn more_than_a_host_gives_is_refused_with_both_numbers() {
    says(
        &reason(Closure::new(echo()).with_memory(8192 * MIB as u64)),
        "asks for 8192 MiB, this host allows 512 MiB",
    );
    let large = Guest { pages: 2048, ..Guest::default() }.component();
    says(&reason(Closure::new(large)), "asks for 128 MiB, this host allows 64 MiB");
    let memories = "(memory 1) (memory 1)";
    says(
        &reason_for_component(&Guest { fields: memories, ..Guest::default() }.component()),
        "3 memories",
    );
    let table = "(table 1000000 funcref)";
    says(
        &reason_for_component(&Guest { fields: table, ..Guest::default() }.component()),
        "1000000 elements in a table",
    );
    let tables = "(table 1 funcref)".repeat(20);
    says(
        &reason_for_component(&Guest { fields: &tables, ..Guest::default() }.component()),
        "20 tables",
    );
    let instances = format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(100));
    says(
        &reason_for_component(&Guest { imports: &instances, ..Guest::default() }.component()),
        "102 core instances",
    );
    let nested = format!("{}{}", "(component ".repeat(20), ")".repeat(20));
    says(
        &reason_for_component(&Guest { imports: &nested, ..Guest::default() }.component()),
        "nested components",
    );
}

#[test]
fn components_that_multiply_are_refused() {
    // Each level instantiates the one below it ten times: a thousand memories from a few bytes.
    let module = "(core module $m (memory 1))";
    let mut level = format!("(component $c {module} (core instance (instantiate $m)))");
    for _ in 0..3 {
        level = format!("(component $c {level} {})", "(instance (instantiate $c))".repeat(10));
    }
    let imports = format!("{level} (instance (instantiate $c))");
    let reason = reason_for_component(&Guest { imports: &imports, ..Guest::default() }.component());
    says(&reason, "instances in one another, this host allows");
    // Nor may a level without a memory or a module of its own.
    let mut level = "(component $c)".to_owned();
    for _ in 0..6 {
        level = format!("(component $c {level} {})", "(instance (instantiate $c))".repeat(10));
    }
    let imports = format!("{level} (instance (instantiate $c))");
    let reason = reason_for_component(&Guest { imports: &imports, ..Guest::default() }.component());
    says(&reason, "instances in one another, this host allows");
    let given = r#"(component $c (import "x" (component $x)) (instance (instantiate $x)))"#;
    let reason = reason_for_component(&Guest { imports: given, ..Guest::default() }.component());
    says(&reason, "component imports the component `x`");
}

#[test]
fn a_blob_that_is_not_there_is_refused() {
    let reason = reason_for_manifest(|manifest| manifest.component = ContentId::of(b"nowhere"));
    says(&reason, "is not in the store");
    let reason = reason_for_manifest(|manifest| manifest.component_bytes += 1);
    says(&reason, "bytes, not");
    let reason = reason_for_manifest(|manifest| manifest.component_bytes = u64::MAX);
    says(&reason, "over the limit");
}

#[test]
fn manifests_prove_who_sent_them_for_which_session_and_until_when() {
    let host = host(1);
    let mut hub = Hub::open(&host);
    let manifest = hub.manifest(&Closure::new(echo()));
    let by_another = SignedManifest::sign(&manifest, &Keypair::generate_ed25519());
    let refusals = hub.prepare_signed(vec![by_another]).expect_err("must be refused");
    says(&refusals[0].reason, "signature is wrong");
    host.stop();
    says(
        &reason_for_manifest(|manifest| manifest.session = SessionId::from_bytes([9; 16])),
        "is for session",
    );
    says(&reason_for_manifest(|manifest| manifest.expires_unix_ms = 1), "expired");
}

#[test]
fn what_a_host_does_not_offer_is_refused() {
    says(
        &reason_for_manifest(|manifest| manifest.engine = Engine::Scientific),
        "engine `scientific` is not offered",
    );
    says(&reason_for_manifest(|manifest| manifest.fallback = Some(1)), "its fallback, closure 1,");
    let granted =
        |capability| reason_for_manifest(|manifest| manifest.capabilities = vec![capability]);
    says(&granted(Capability::Clock), "capability `clock` is not granted");
    says(
        &granted(Capability::Environment("HOME".to_owned())),
        "capability `env:HOME` is not granted",
    );
}

#[test]
fn unknown_submitters_are_told_what_the_hosts_owner_can_do() {
    let host = host_for(1, Submitters::Owners(BTreeSet::new()));
    let mut hub = Hub::open(&host);
    let refusals = hub.prepare(&[Closure::new(echo())]).expect_err("must be refused");
    let owner = hub.key.public().to_peer_id();
    assert_eq!(
        refusals[0].reason,
        format!("submitter `{owner}` is not allowed here: start spm-host with --allow {owner}")
    );
    host.stop();
}

#[test]
fn all_refusals_of_a_sequence_point_are_told_at_once() {
    let host = host(1);
    let mut hub = Hub::open(&host);
    let closures =
        [Closure::new(b"one".to_vec()), Closure::new(echo()), Closure::new(b"three".to_vec())];
    let refusals = hub.prepare(&closures).expect_err("must be refused");
    let about: Vec<_> = refusals.iter().map(|refusal| refusal.closure).collect();
    assert_eq!(about, [Some(0), Some(2)]);
    host.stop();
}
