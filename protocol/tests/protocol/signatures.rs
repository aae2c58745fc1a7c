//! Manifests and certificates: only what was signed, only for whom, and only for so long.

use proptest::prelude::*;
use spm_protocol::certificate::CertificateError;
use spm_protocol::limits::CLOCK_SKEW_MS;
use spm_protocol::manifest::{Capability, Isolation, ManifestError, TaskLimits};
use spm_protocol::{Certificate, ContentId, Engine, Manifest, PeerId, SessionId, SignedManifest};

use crate::arbitrary_frames::{self, key, peer};

const SESSION: SessionId = SessionId::from_bytes([9; 16]);
const EXPIRES: u64 = 1_000_000_000;

fn manifest() -> Manifest {
    Manifest {
        name: "f".into(),
        component: ContentId::of(b"component"),
        component_bytes: 9,
        engine: Engine::Native,
        payload: None,
        fallback: None,
        classes: vec!["mod.Class".into()],
        limits: TaskLimits { memory_bytes: 1 << 20, fuel: None, deadline_ms: Some(5) },
        capabilities: vec![],
        isolation: Isolation::Task,
        source: ContentId::of(b"source"),
        compiler: "1".into(),
        session: SESSION,
        expires_unix_ms: EXPIRES,
    }
}

proptest! {
    #[test]
    fn manifests_come_out_as_they_went_in(manifest in arbitrary_frames::manifest()) {
        let signed = SignedManifest::sign(&manifest, &key(1));
        let read: SignedManifest = minicbor::decode(&minicbor::to_vec(&signed).unwrap()).unwrap();
        let verified = read.verify(&key(1).public(), manifest.session, 0).unwrap();
        prop_assert_eq!(verified, manifest);
    }

    #[test]
    fn any_change_breaks_a_manifest(bit in any::<prop::sample::Index>()) {
        let mut bytes = minicbor::to_vec(SignedManifest::sign(&manifest(), &key(1))).unwrap();
        flip(&mut bytes, bit);
        if let Ok(signed) = minicbor::decode::<SignedManifest>(&bytes) {
            prop_assert!(signed.verify(&key(1).public(), SESSION, 0).is_err());
        }
    }

    #[test]
    fn any_change_breaks_a_certificate(bit in any::<prop::sample::Index>()) {
        let mut bytes = minicbor::to_vec(Certificate::issue(&key(1), peer(2), EXPIRES)).unwrap();
        flip(&mut bytes, bit);
        if let Ok(certificate) = minicbor::decode::<Certificate>(&bytes) {
            prop_assert!(certificate.verify(peer(2), 0).is_err());
        }
    }
}

fn flip(bytes: &mut [u8], bit: prop::sample::Index) {
    let bit = bit.index(8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn a_manifest_is_for_one_key_one_session_and_a_time() {
    let signed = SignedManifest::sign(&manifest(), &key(1));
    let verify = |number, session, now| signed.verify(&key(number).public(), session, now);
    assert_eq!(verify(1, SESSION, 0).unwrap(), manifest());
    assert!(matches!(verify(2, SESSION, 0), Err(ManifestError::BadSignature)));
    let other = SessionId::from_bytes([8; 16]);
    assert!(matches!(verify(1, other, 0), Err(ManifestError::OtherSession { .. })));
    assert!(verify(1, SESSION, EXPIRES + CLOCK_SKEW_MS - 1).is_ok());
    let late = verify(1, SESSION, EXPIRES + CLOCK_SKEW_MS);
    assert!(matches!(late, Err(ManifestError::Expired { .. })));
}

#[test]
fn the_id_of_a_peer_holds_its_key() {
    let signed = SignedManifest::sign(&manifest(), &key(1));
    assert_eq!(signed.verify_by(peer(1), SESSION, 0).unwrap(), manifest());
    for other in [peer(2), PeerId::random()] {
        let verified = signed.verify_by(other, SESSION, 0);
        assert!(matches!(verified, Err(ManifestError::BadSignature)));
    }
}

#[test]
fn a_certificate_is_for_one_peer_and_a_time() {
    let certificate = Certificate::issue(&key(1), peer(2), EXPIRES);
    let certified = certificate.verify(peer(2), EXPIRES + CLOCK_SKEW_MS - 1).unwrap();
    assert_eq!((certified.owner, certified.transport), (peer(1), peer(2)));
    assert_eq!(certified.expires_unix_ms, EXPIRES);
    let other = certificate.verify(peer(3), 0);
    assert!(matches!(other, Err(CertificateError::OtherPeer { .. })));
    let late = certificate.verify(peer(2), EXPIRES + CLOCK_SKEW_MS);
    assert!(matches!(late, Err(CertificateError::Expired { .. })));
}

#[test]
fn one_signature_cannot_stand_for_another_kind() {
    // Both records are two byte strings on the wire, so that each can be read as the other.
    let certificate = minicbor::to_vec(Certificate::issue(&key(1), peer(1), EXPIRES)).unwrap();
    let as_manifest: SignedManifest = minicbor::decode(&certificate).unwrap();
    let verified = as_manifest.verify(&key(1).public(), SESSION, 0);
    assert!(matches!(verified, Err(ManifestError::BadSignature)));
    let signed = minicbor::to_vec(SignedManifest::sign(&manifest(), &key(1))).unwrap();
    let as_certificate: Certificate = minicbor::decode(&signed).unwrap();
    assert!(as_certificate.verify(peer(1), 0).is_err());
}

#[test]
fn capabilities_are_written_as_they_are_read() {
    for text in ["clock", "random", "env:HOME", "env:clock", "fs:ro:/", "fs:ro:/a b/c"] {
        let capability: Capability = text.parse().unwrap();
        assert_eq!(capability.to_string(), text);
    }
    for text in ["", "Clock", "env:", "fs:ro:", "fs:ro:relative", "fs:rw:/a", "net"] {
        let error = text.parse::<Capability>().unwrap_err();
        assert!(error.to_string().contains(&format!("`{text}` is no capability")), "{error}");
    }
}
