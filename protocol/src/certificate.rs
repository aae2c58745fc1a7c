//! Who a peer is: a transport key, certified by its owner's key.

use libp2p_identity::{Keypair, PeerId, PublicKey};
use minicbor::{Decode, Encode};

use crate::limits::CLOCK_SKEW_MS;

/// Separates these signatures from all others made with the same key.
const DOMAIN: &[u8] = b"spm certificate 1\0";

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Statement {
    #[cbor(n(0), with = "minicbor::bytes")]
    owner_key: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    transport_peer: Vec<u8>,
    #[n(2)]
    expires_unix_ms: u64,
}

/// A statement that a transport peer acts for an owner until it expires, signed by the owner.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    #[cbor(n(0), with = "minicbor::bytes")]
    statement: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: Vec<u8>,
}

/// What a verified certificate proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certified {
    /// The peer id of the owner's key: who is trusted or not.
    pub owner: PeerId,
    /// The transport peer that may act for the owner.
    pub transport: PeerId,
    /// When that ends, in milliseconds of Unix time.
    pub expires_unix_ms: u64,
}

/// Why a certificate proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate.
    #[error("certificate cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// A key or a peer id in it is not one.
    #[error("certificate holds a bad key or peer id")]
    BadKey,
    /// The owner did not sign it.
    #[error("certificate's signature is wrong")]
    BadSignature,
    /// Its time has passed.
    #[error("certificate expired at {expires_unix_ms} ms of Unix time")]
    Expired {
        /// When it did.
        expires_unix_ms: u64,
    },
    /// It was made for another peer.
    #[error("certificate is for peer `{certified}`, not for `{actual}`")]
    OtherPeer {
        /// The peer it names.
        certified: PeerId,
        /// The peer that showed it.
        actual: PeerId,
    },
}

impl Certificate {
    /// Certifies `transport` until `expires_unix_ms`.
    ///
    /// # Panics
    /// Never for Ed25519 keys, the only kind SPM makes.
    pub fn issue(owner: &Keypair, transport: PeerId, expires_unix_ms: u64) -> Self {
        let statement = minicbor::to_vec(Statement {
            owner_key: owner.public().encode_protobuf(),
            transport_peer: transport.to_bytes(),
            expires_unix_ms,
        })
        .expect("writing to a Vec does not fail");
        let signature =
            owner.sign(&[DOMAIN, &statement].concat()).expect("Ed25519 signing does not fail");
        Self { statement, signature }
    }

    /// Checks the signature, that it is about `transport`, and that it has not expired.
    ///
    /// # Errors
    /// Says which of these fails.
    #[expect(clippy::result_large_err, reason = "made once for each connection that is refused")]
    pub fn verify(
        &self,
        transport: PeerId,
        now_unix_ms: u64,
    ) -> Result<Certified, CertificateError> {
        let statement: Statement =
            minicbor::decode(&self.statement).map_err(CertificateError::Malformed)?;
        let key = PublicKey::try_decode_protobuf(&statement.owner_key)
            .map_err(|_| CertificateError::BadKey)?;
        if !key.verify(&[DOMAIN, &self.statement].concat(), &self.signature) {
            return Err(CertificateError::BadSignature);
        }
        let certified =
            PeerId::from_bytes(&statement.transport_peer).map_err(|_| CertificateError::BadKey)?;
        if certified != transport {
            return Err(CertificateError::OtherPeer { certified, actual: transport });
        }
        let expires_unix_ms = statement.expires_unix_ms;
        if expires_unix_ms.saturating_add(CLOCK_SKEW_MS) <= now_unix_ms {
            return Err(CertificateError::Expired { expires_unix_ms });
        }
        Ok(Certified { owner: key.to_peer_id(), transport, expires_unix_ms })
    }
}
