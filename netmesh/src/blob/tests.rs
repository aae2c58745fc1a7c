//! Blobs in a store, and verified streams cut and forged.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::io::Cursor;
use libp2p::PeerId;
use spm_protocol::{ContentId, SessionId};

use super::{
    BlobStore, BlobStoreOptions, ReadBlob, ShareError,
    verify::{DecodeError, Decoder, Encoder, chunk_at},
};

const GROUP: usize = 16 * 1024;
const SESSION: SessionId = SessionId::from_bytes([1; 16]);
const OTHER_SESSION: SessionId = SessionId::from_bytes([2; 16]);

pub(crate) fn content(bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut content);
    content.into()
}

fn lengths() -> impl Iterator<Item = usize> {
    let around = |edge: usize| [edge - 1, edge, edge + 1];
    [0, 1, 1023, 1024, 1025, 5000]
        .into_iter()
        .chain([1, 2, 3, 4, 5, 7, 8, 16].into_iter().flat_map(move |groups| around(groups * GROUP)))
}

/// A session's only member asks for the blob's stream from this chunk on.
pub(crate) fn encoded(content: &Bytes, first_chunk: u64) -> Vec<u8> {
    let store = BlobStore::in_memory(1 << 20);
    let id = store.put(content.clone()).unwrap();
    let member = PeerId::random();
    store.share(id, SESSION, [member]).unwrap();
    let shared = store.shared_with(member, SESSION, id).unwrap();
    let (bytes, outboard) = shared.with_outboard().unwrap();
    let mut encoder = Encoder::new(bytes, outboard, first_chunk);
    let (mut stream, mut batch) = (Vec::new(), Vec::new());
    while encoder.fill(&mut batch, 1000).unwrap() {
        stream.append(&mut batch);
    }
    stream
}

async fn decoded(
    id: ContentId,
    bytes: u64,
    first_chunk: u64,
    stream: &[u8],
) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut reader = Cursor::new(stream);
    let mut decoder = Decoder::new(*id.digest(), bytes, first_chunk);
    let mut verified = Vec::new();
    loop {
        match decoder.next(&mut reader).await {
            Ok(Some(leaf)) => verified.extend_from_slice(leaf),
            Ok(None) => return (verified, Ok(())),
            Err(error) => return (verified, Err(error)),
        }
    }
}

#[tokio::test]
async fn blobs_of_all_lengths_stream_from_any_group() {
    for length in lengths() {
        let content = content(length);
        let id = ContentId::of(&content);
        for start in (0..length.max(1)).step_by(GROUP) {
            let first_chunk = chunk_at(start);
            let stream = encoded(&content, first_chunk);
            let (verified, result) = decoded(id, length as u64, first_chunk, &stream).await;
            result.unwrap();
            assert!(verified == content[start..], "{length} bytes from {start}");
        }
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_where_it_is() {
    let content = content(5 * GROUP + 77);
    let id = ContentId::of(&content);
    let stream = encoded(&content, 0);
    for position in (0..stream.len()).step_by(997).chain([stream.len() - 1]) {
        let mut forged = stream.clone();
        forged[position] ^= 1;
        let (verified, result) = decoded(id, content.len() as u64, 0, &forged).await;
        assert!(matches!(result, Err(DecodeError::Bad { .. })), "byte {position}");
        assert!(verified.len() <= position && content.starts_with(&verified));
    }
}

#[tokio::test]
async fn a_false_length_is_never_verified_to_the_end() {
    let content = content(5 * GROUP);
    let id = ContentId::of(&content);
    for claimed in [0, 1, GROUP, 4 * GROUP, 5 * GROUP - 1, 5 * GROUP + 1, 6 * GROUP, 9 * GROUP] {
        let stream = [encoded(&content, 0), vec![0; 10 * GROUP]].concat();
        let (verified, result) = decoded(id, claimed as u64, 0, &stream).await;
        assert!(result.is_err(), "{claimed} bytes were claimed");
        assert!(content.starts_with(&verified), "what was verified is genuine all the same");
    }
}

#[tokio::test]
async fn a_cut_stream_is_an_error_after_what_was_whole() {
    let content = content(3 * GROUP);
    let stream = encoded(&content, 0);
    let cut = &stream[..stream.len() - 1];
    let (verified, result) = decoded(ContentId::of(&content), content.len() as u64, 0, cut).await;
    assert!(matches!(result, Err(DecodeError::Io(_))));
    assert!(verified == content[..2 * GROUP]);
}

#[test]
fn only_members_share_and_only_in_their_session() {
    let store = BlobStore::in_memory(1 << 20);
    let id = store.put(content(100)).unwrap();
    let private = store.put(content(101)).unwrap();
    let (member, late, stranger) = (PeerId::random(), PeerId::random(), PeerId::random());
    store.share(id, SESSION, [member]).unwrap();
    assert!(store.shared_with(member, SESSION, id).is_some());
    assert!(store.shared_with(member, SESSION, private).is_none());
    assert!(store.shared_with(member, OTHER_SESSION, id).is_none());
    assert!(store.shared_with(stranger, SESSION, id).is_none());
    assert!(store.shared_with(late, SESSION, id).is_none());

    store.set_members(SESSION, [late]);
    assert!(store.shared_with(late, SESSION, id).is_some());
    assert!(store.shared_with(member, SESSION, id).is_none());
    store.admit(SESSION, [member]);
    assert!(store.shared_with(late, SESSION, id).is_some());
    assert!(store.shared_with(member, SESSION, id).is_some());

    store.unshare_session(SESSION);
    assert!(store.shared_with(late, SESSION, id).is_none());
    assert!(store.contains(id), "it may still be used here");
    assert!(store.share(ContentId::of(b"elsewhere"), SESSION, [late]).is_err());
}

#[test]
fn a_reader_in_this_process_ends_what_was_shared_for_it() {
    let store = BlobStore::in_memory(1000);
    let id = store.put(content(100)).unwrap();
    store.share_until_fetched(id, SESSION, PeerId::random()).unwrap();
    assert_eq!(store.fetch_here(id, OTHER_SESSION), Some(content(100)));
    assert_eq!(store.shared_bytes(), 100, "that was another session's");
    assert_eq!(store.fetch_here(id, SESSION), Some(content(100)));
    assert_eq!(store.shared_bytes(), 0);
    assert_eq!(
        store.fetch_here(id, SESSION),
        Some(content(100)),
        "it is here until room is needed"
    );

    store.share(id, SESSION, []).unwrap();
    store.share_until_fetched(id, SESSION, PeerId::random()).unwrap();
    store.fetch_here(id, SESSION).unwrap();
    assert_eq!(store.shared_bytes(), 100, "it was shared for good, too");
    store.unshare(id, SESSION);
    assert_eq!(store.shared_bytes(), 0);
}

#[test]
fn a_session_of_a_fair_store_leaves_room_for_others() {
    let store = BlobStore::fair(1000);
    let share = |bytes: u8, session| {
        let id = store.put(content(usize::from(bytes))).unwrap();
        store.share(id, session, []).map(|()| id)
    };
    // What all have in common counts for each.
    let ids: Vec<_> = (1..=40).map_while(|bytes| share(bytes, SESSION).ok()).collect();
    assert_eq!(store.shared_bytes(), 39 * 40 / 2);
    let refused = share(40, SESSION).unwrap_err();
    assert_eq!(refused, ShareError::Unfair { blob_bytes: 40, session_bytes: 780 });
    share(1, SESSION).expect("it is shared already");
    share(1, OTHER_SESSION).unwrap();
    share(50, OTHER_SESSION).expect("others have room");
    share(120, OTHER_SESSION).expect("and more");
    assert!(share(45, OTHER_SESSION).is_err(), "but leave some, too");
    // What was let go of makes room.
    for id in ids {
        store.unshare(id, SESSION);
    }
    share(200, SESSION).unwrap();
    store.unshare_session(SESSION);
    store.unshare_session(OTHER_SESSION);
    assert_eq!(store.shared_bytes(), 0);
    // Who is not fair takes it all.
    let store = BlobStore::in_memory(1000);
    store.share(store.put(content(1000)).unwrap(), SESSION, []).unwrap();
}

#[test]
fn a_promised_blob_is_read_once_somebody_wants_it() {
    let store = BlobStore::in_memory(1000);
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let read = ReadBlob::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(content(100))
    });
    let (id, member) = (ContentId::of(&content(100)), PeerId::random());
    store.put_later(id, 100, &read).unwrap();
    store.share(id, SESSION, [member]).unwrap();
    assert_eq!((store.memory_bytes(), store.shared_bytes()), (100, 100), "there is room for it");
    let shared = store.shared_with(member, SESSION, id).unwrap();
    assert_eq!((shared.length(), reads.load(Ordering::Relaxed)), (100, 0));
    assert_eq!(store.get(id), Some(content(100)));
    assert_eq!(shared.with_outboard().unwrap().0, &content(100));
    assert_eq!(reads.load(Ordering::Relaxed), 1);

    let gone = ContentId::of(b"gone");
    store.put_later(gone, 4, &ReadBlob::new(|| Err("it is gone".to_owned()))).unwrap();
    assert_eq!(store.get(gone), None);
    let changed = ContentId::of(b"changed");
    store.put_later(changed, 7, &read).unwrap();
    assert_eq!(store.get(changed), None, "it has another length");
}

#[test]
fn what_is_to_be_served_has_the_id_and_the_tree_of_its_content() {
    for length in lengths() {
        let content = content(length);
        let store = BlobStore::in_memory(1 << 20);
        let id = store.put_to_serve(content.clone()).unwrap();
        assert_eq!(id, ContentId::of(&content), "{length} bytes");
        assert_eq!(store.put(content.clone()), Ok(id));
        assert_eq!(store.memory_bytes(), length, "it is here once");
        let member = PeerId::random();
        store.share(id, SESSION, [member]).unwrap();
        let shared = store.shared_with(member, SESSION, id).unwrap();
        let (bytes, outboard) = shared.with_outboard().unwrap();
        assert_eq!((bytes, outboard.root.as_bytes()), (&content, id.digest()));
    }
}

#[test]
fn the_longest_unused_makes_room_and_the_shared_stays() {
    let store = BlobStore::in_memory(1000);
    let shared = store.put(content(300)).unwrap();
    store.share(shared, SESSION, []).unwrap();
    store.share(shared, OTHER_SESSION, []).unwrap();
    let used = store.put(content(301)).unwrap();
    let unused = store.put(content(302)).unwrap();
    assert!(store.get(used).is_some());
    store.put(content(303)).unwrap();
    assert!(store.contains(shared) && store.contains(used) && !store.contains(unused));
    assert!(store.memory_bytes() <= 1000);

    let error = store.put(content(800)).unwrap_err();
    assert_eq!((error.blob_bytes, error.shared_bytes, error.memory_bytes_max), (800, 300, 1000));
    store.unshare_session(SESSION);
    assert!(store.put(content(800)).is_err(), "the other session still shares it");
    store.unshare_session(OTHER_SESSION);
    store.put(content(800)).unwrap();
    assert_eq!(store.memory_bytes(), 800);
}

#[test]
fn a_folder_keeps_blobs_across_restarts_and_drops_damaged_ones() {
    let folder = tempfile::tempdir().unwrap();
    let options = BlobStoreOptions {
        memory_bytes_max: 1000,
        folder: Some((folder.path().join("blobs"), 1200)),
    };
    let ids: Vec<_> = {
        let store = BlobStore::open(&options).unwrap();
        [500, 501, 502].into_iter().map(|length| store.put(content(length)).unwrap()).collect()
    };
    let files = || fs::read_dir(folder.path().join("blobs")).unwrap().count();
    assert_eq!(files(), 2, "the limit holds on disk");
    fs::write(folder.path().join("blobs/.new-crashed"), b"half").unwrap();

    let store = BlobStore::open(&options).unwrap();
    assert_eq!(files(), 2, "what a crash left is removed");
    assert_eq!(store.get(ids[0]), None);
    assert_eq!(store.get(ids[1]).unwrap(), content(501));
    fs::write(folder.path().join("blobs").join(ids[2].to_string()), b"something else").unwrap();
    assert_eq!(store.get(ids[2]), None, "content that does not match its name is not served");
    assert!(!store.contains(ids[2]));
    assert_eq!(files(), 1);
}

#[test]
fn what_is_held_is_shared_until_it_was_let_go_of_as_often() {
    let store = BlobStore::in_memory(1000);
    let member = PeerId::random();
    let id = store.put(content(100)).unwrap();
    store.hold(id, SESSION, [member]).unwrap();
    store.hold(id, SESSION, []).unwrap();
    store.share(id, SESSION, []).unwrap();
    store.release(id, SESSION);
    store.unshare(id, SESSION);
    assert!(store.shared_with(member, SESSION, id).is_some());
    store.release(id, OTHER_SESSION);
    store.release(id, SESSION);
    assert_eq!((store.shared_with(member, SESSION, id).is_none(), store.shared_bytes()), (true, 0));
    store.release(id, SESSION);
    // A session that ends lets go of all.
    store.hold(id, SESSION, [member]).unwrap();
    store.unshare_session(SESSION);
    assert_eq!(store.shared_bytes(), 0);
    assert!(store.hold(ContentId::of(b"elsewhere"), SESSION, [member]).is_err());
}
