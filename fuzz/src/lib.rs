//! What must hold for any bytes at all. Each function panics if it does not.

use spm_protocol::frame::{Frame, HostControl, HostWork, HubControl, HubWork};
use spm_protocol::lines::LineTable;
use spm_protocol::raised::left_proof;
use spm_protocol::value::{Item, Reader, decode, encode};
use spm_protocol::{Certificate, PeerId, Raised, SessionId, SignedManifest};

/// Values: what decodes encodes to the same bytes, and the reader alone accepts no less.
pub fn value(bytes: &[u8]) {
    let read_alone = walk(bytes);
    if let Ok(value) = decode(bytes) {
        assert!(read_alone, "the reader refuses what decodes");
        let again = encode(&value).expect("what decodes can be encoded");
        assert_eq!(again, bytes, "two encodings of {value:?}");
    }
}

/// Pulls every item out of `bytes`. Whether they were one whole value.
fn walk(bytes: &[u8]) -> bool {
    let Ok(mut reader) = Reader::new(bytes) else { return false };
    let mut owed = 1_usize;
    while owed > 0 {
        owed -= 1;
        let mut promised = 0;
        match reader.item() {
            Ok(Item::Array(length)) => {
                owed += length;
                promised = length;
            }
            Ok(Item::Map(length)) => {
                owed += 2 * length;
                promised = length;
            }
            Ok(Item::Tag(_)) => owed += 1,
            Ok(_) => {}
            Err(error) => {
                assert!(error.offset() <= bytes.len());
                return false;
            }
        }
        let left = bytes.len() - reader.position();
        assert!(promised == 0 || owed <= left, "a promise of more than there is");
    }
    reader.finish().is_ok()
}

/// Frames: what decodes survives another trip. The first byte picks the stream and direction.
pub fn frame(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => frame_of::<HubControl>(bytes),
        1 => frame_of::<HostControl>(bytes),
        2 => frame_of::<HubWork>(bytes),
        _ => frame_of::<HostWork>(bytes),
    }
}

fn frame_of<F: Frame + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(frame) = F::from_bytes(bytes) {
        let again = F::from_bytes(&frame.to_bytes()).expect("what decodes can be encoded");
        assert_eq!(again, frame);
    }
}

/// Records inside frames and components: what decodes survives another trip, and nothing unsigned is accepted. The first
/// byte picks the record.
pub fn record(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => {
            if let Ok(raised) = Raised::from_bytes(bytes) {
                let again = Raised::from_bytes(&raised.to_bytes());
                assert_eq!(again.expect("what decodes can be encoded"), raised);
                let left = raised.trap.filter(|code| code.leaves_proof());
                assert_eq!(left_proof(bytes), left);
            } else {
                let _ = left_proof(bytes);
            }
        }
        1 => {
            if let Ok(table) = LineTable::from_bytes(bytes) {
                let again = LineTable::from_bytes(&table.to_bytes());
                assert_eq!(again.expect("what decodes can be encoded"), table);
                for site in 0..=table.sites.len() as u32 {
                    let _ = table.frame(site);
                }
                for entry in &table.entries {
                    let _ = table.frame_at(entry.at);
                }
            }
        }
        2 => {
            if let Ok(certificate) = minicbor::decode::<Certificate>(bytes) {
                assert!(certificate.verify(PeerId::random(), 0).is_err(), "forged certificate");
            }
        }
        _ => {
            if let Ok(signed) = minicbor::decode::<SignedManifest>(bytes) {
                let key = libp2p_identity::Keypair::generate_ed25519().public();
                let verified = signed.verify(&key, SessionId::from_bytes([0; 16]), 0);
                assert!(verified.is_err(), "forged manifest");
            }
        }
    }
}
