//! Blobs moved between peers, by honest providers and others.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use super::*;
use crate::{
    blob::{
        tests::{content, encoded},
        wire::{Answer, Request},
    },
    limits::{BLOB_FETCHES_MAX, BLOB_SERVES_MAX, BLOB_SERVES_PER_PEER_MAX},
    message,
};

const GROUP: usize = 16 * 1024;

/// A mesh that shares `content` with `members`.
async fn provider(content: &Bytes, members: &[&Mesh]) -> (Mesh, ContentId) {
    let mesh = mesh().await;
    let id = mesh.blobs().put(content.clone()).unwrap();
    let members = members.iter().map(|member| member.peer_id());
    mesh.blobs().share(id, session(1), members).unwrap();
    (mesh, id)
}

#[tokio::test]
async fn members_fetch_on_every_transport() {
    for (transport, listen) in NETWORKS {
        let (hub, host) = (mesh_on(transport, listen).await, mesh_on(transport, listen).await);
        connect(&host, &hub).await;
        for length in [0, 1, GROUP, 3_000_000] {
            let content = content(length);
            let id = hub.blobs().put(content.clone()).unwrap();
            hub.blobs().share(id, session(1), [host.peer_id()]).unwrap();
            let mut steps = Vec::new();
            let fetched = soon(host.fetch(
                id,
                length as u64,
                session(1),
                &[host.peer_id(), hub.peer_id()],
                |verified, of| steps.push((verified, of)),
            ))
            .await
            .unwrap();
            assert!(fetched == content);
            assert!(steps.is_sorted());
            assert_eq!(steps.last(), Some(&(length as u64, length as u64)));
            assert!(host.blobs().contains(id));
        }
    }
}

#[tokio::test]
async fn what_is_here_needs_no_provider() {
    let host = mesh().await;
    let id = host.blobs().put(content(10)).unwrap();
    assert_eq!(host.fetch(id, 10, session(1), &[], |_, _| {}).await.unwrap(), content(10));
    let error = host.fetch(id, 9, session(1), &[], |_, _| {}).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { bytes: 10, bytes_max: 9, .. }));
    let missing = ContentId::of(b"missing");
    let error = host.fetch(missing, 9, session(1), &[host.peer_id()], |_, _| {}).await.unwrap_err();
    assert!(matches!(&error, FetchError::NoProvider { tried, .. } if tried.is_empty()), "{error}");
}

fn only_reason(error: FetchError) -> ProviderError {
    match error {
        FetchError::NoProvider { mut tried, .. } if tried.len() == 1 => tried.remove(0).1,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn strangers_are_served_nothing() {
    let (member, stranger) = (mesh().await, mesh().await);
    let (hub, id) = provider(&content(100), &[&member]).await;
    connect(&member, &hub).await;
    connect(&stranger, &hub).await;
    let providers = [hub.peer_id()];
    let fetched = |mesh: Mesh, id, session| async move {
        soon(mesh.fetch(id, 1000, session, &providers, |_, _| {})).await
    };
    let refused = |result: Result<Bytes, FetchError>| {
        matches!(only_reason(result.unwrap_err()), ProviderError::NotShared)
    };
    assert!(refused(fetched(stranger, id, session(1)).await));
    assert!(refused(fetched(member.clone(), id, session(2)).await));
    assert!(refused(fetched(member.clone(), ContentId::of(b"no such"), session(1)).await));
    hub.blobs().unshare_session(session(1));
    assert!(refused(fetched(member.clone(), id, session(1)).await));
    hub.blobs().share(id, session(1), [member.peer_id()]).unwrap();
    assert_eq!(fetched(member, id, session(1)).await.unwrap(), content(100));
}

#[tokio::test]
async fn more_bytes_than_expected_are_not_fetched() {
    let host = mesh().await;
    let (hub, id) = provider(&content(100), &[&host]).await;
    connect(&host, &hub).await;
    let error =
        soon(host.fetch(id, 99, session(1), &[hub.peer_id()], |_, _| {})).await.unwrap_err();
    let reason = only_reason(error);
    assert!(matches!(reason, ProviderError::TooLarge { bytes: 100, bytes_max: 99 }), "{reason}");
}

/// What a dishonest provider does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Deceit {
    /// Sends the blob with one byte changed in this chunk group, counted from the request's first.
    ForgesGroup(usize),
    /// Stops in the middle of this chunk group.
    StopsIn(usize),
    /// Announces this length.
    Announces(u64),
    /// Sends something else.
    Babbles,
}

/// A provider of `content` that deceives; it notes the chunk each request begins at.
async fn deceiver(content: &Bytes, deceit: Deceit) -> (Multiaddr, Arc<AtomicU64>) {
    let mut peer = raw_peer().await;
    let first = Arc::new(AtomicU64::new(u64::MAX));
    let (noted, content) = (Arc::clone(&first), content.clone());
    tokio::spawn(async move {
        while let Some(InboundStream { mut stream, .. }) = peer.inbound.recv().await {
            let request: Request = message::read(&mut stream).await.unwrap();
            noted.store(request.first_chunk, Ordering::Relaxed);
            let mut sent = encoded(&content, request.first_chunk);
            let mut bytes = content.len() as u64;
            // Parents travel between groups, so this is near the group's end.
            match deceit {
                Deceit::ForgesGroup(group) => sent[group * GROUP + GROUP / 2] ^= 1,
                Deceit::StopsIn(group) => sent.truncate(group * GROUP + GROUP / 2),
                Deceit::Announces(announced) => bytes = announced,
                Deceit::Babbles => {
                    stream.write_all(&[7; 100]).await.unwrap();
                    stream.close().await.unwrap();
                    continue;
                }
            }
            message::write(&mut stream, &Answer::Follows { bytes }).await.unwrap();
            // The fetcher leaves once it sees through this.
            let _ = stream.write_all(&sent).await;
            let _ = stream.close().await;
        }
    });
    (peer.address, first)
}

#[tokio::test]
async fn each_bad_provider_is_dropped_and_the_next_goes_on_after_the_last_good_chunk() {
    let content = content(20 * GROUP + 5);
    let bytes = content.len() as u64;
    let host = mesh().await;
    let (good, id) = provider(&content, &[&host]).await;
    let mut providers = Vec::new();
    let mut firsts = Vec::new();
    for deceit in [
        Deceit::Babbles,
        Deceit::ForgesGroup(3),
        Deceit::StopsIn(4),
        Deceit::Announces(bytes + 1),
        Deceit::Announces(GROUP as u64),
        Deceit::ForgesGroup(1),
    ] {
        let (address, first) = deceiver(&content, deceit).await;
        providers.push(soon(host.dial(address)).await.unwrap());
        firsts.push(first);
    }
    connect(&host, &good).await;
    let bad_only = soon(host.fetch(id, bytes, session(1), &providers, |_, _| {})).await;
    let Err(FetchError::NoProvider { tried, .. }) = bad_only else { panic!("{bad_only:?}") };
    let [babble, forged, cut, over, under, forged_again] = tried.as_slice() else {
        panic!("{tried:?}")
    };
    assert!(matches!(babble.1, ProviderError::Message(_)), "{}", babble.1);
    assert!(matches!(forged.1, ProviderError::Tampered { .. }), "{}", forged.1);
    assert!(matches!(cut.1, ProviderError::Broken(_)), "{}", cut.1);
    assert!(matches!(over.1, ProviderError::TooLarge { .. }), "{}", over.1);
    assert!(matches!(under.1, ProviderError::TooSmall { .. }), "{}", under.1);
    assert!(matches!(forged_again.1, ProviderError::Tampered { .. }), "{}", forged_again.1);
    assert!(!host.blobs().contains(id), "nothing forged is kept");

    providers.push(good.peer_id());
    let mut steps = Vec::new();
    let fetched = host.fetch(id, bytes, session(1), &providers, |verified, _| steps.push(verified));
    assert!(soon(fetched).await.unwrap() == content);
    let firsts: Vec<_> = firsts.iter().map(|first| first.load(Ordering::Relaxed) / 16).collect();
    assert_eq!(firsts[1], 0);
    assert_eq!(firsts[2], 3, "goes on after three good groups");
    assert!(firsts[2..].is_sorted() && firsts[5] > firsts[2], "{firsts:?}");
    let groups: Vec<u64> = (1..=20).map(|group| group * GROUP as u64).chain([bytes]).collect();
    assert_eq!(steps, groups, "each chunk group was verified once, whoever sent it");
}

#[tokio::test]
async fn a_value_for_one_peer_is_shared_until_it_has_it() {
    let (hub, host) = (mesh().await, mesh().await);
    connect(&hub, &host).await;
    let (hub_id, host_id) = (hub.peer_id(), host.peer_id());
    let once = host.blobs().put(content(100_000)).unwrap();
    let twice = host.blobs().put(content(100_001)).unwrap();
    let kept = host.blobs().put(content(100_002)).unwrap();
    for id in [once, twice, twice, kept] {
        host.blobs().share_until_fetched(id, session(1), hub_id).unwrap();
    }
    host.blobs().share(kept, session(1), [hub_id]).unwrap();
    for (id, fetches) in [(once, 1), (twice, 2), (kept, 3)] {
        for _ in 0..fetches {
            // A peer without the blob each time: the hub keeps what it fetched.
            let mut stream = soon(hub.open_stream(host_id, BLOB_PROTOCOL)).await.unwrap();
            let request = Request { session: session(1), id, first_chunk: 0 };
            message::write(&mut stream, &request).await.unwrap();
            let answer = soon(message::read(&mut stream)).await.unwrap();
            assert!(matches!(answer, Answer::Follows { .. }), "{answer:?}");
            let mut sent = Vec::new();
            soon(stream.read_to_end(&mut sent)).await.unwrap();
        }
    }
    // A stream's end arrives just before it is noted there.
    while host.blobs().shared_bytes() != content(100_002).len() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_blobs_are_fetched_at_once() {
    const BLOBS: usize = 60;
    let (hub, host) = (mesh().await, mesh().await);
    connect(&host, &hub).await;
    let fetches =
        (0..BLOBS).map(|index| {
            let content = content(30_000 + index);
            let id = hub.blobs().put(content.clone()).unwrap();
            hub.blobs().share(id, session(1), [host.peer_id()]).unwrap();
            let (host, hub) = (host.clone(), hub.peer_id());
            async move {
                host.fetch(id, 1 << 20, session(1), &[hub], |_, _| {}).await.unwrap() == content
            }
        });
    assert!(soon(futures::future::join_all(fetches)).await.into_iter().all(|same| same));
}

#[tokio::test]
async fn slow_members_cannot_hold_every_slot() {
    let large = content(4 << 20);
    let mut slow = Vec::new();
    while slow.len() * BLOB_SERVES_PER_PEER_MAX < BLOB_SERVES_MAX {
        slow.push(mesh().await);
    }
    let quick = mesh().await;
    let (hub, id) = provider(&large, &slow.iter().chain([&quick]).collect::<Vec<_>>()).await;
    let mut held = Vec::new();
    for member in &slow {
        connect(member, &hub).await;
        for _ in 0..BLOB_SERVES_PER_PEER_MAX {
            let mut stream = soon(member.open_stream(hub.peer_id(), BLOB_PROTOCOL)).await.unwrap();
            let request = Request { session: session(1), id, first_chunk: 0 };
            message::write(&mut stream, &request).await.unwrap();
            let answer: Answer = soon(message::read(&mut stream)).await.unwrap();
            assert_eq!(answer, Answer::Follows { bytes: large.len() as u64 });
            held.push(stream); // and reads no further
        }
    }
    connect(&quick, &hub).await;
    let providers = [hub.peer_id()];
    let fetched = quick.fetch(id, 4 << 20, session(1), &providers, |_, _| {});
    assert!(soon(fetched).await.unwrap() == large);
}

/// A provider of `content` that is busy for so many requests, and counts them.
async fn busy_provider(content: &Bytes, busy_for: u64) -> (Multiaddr, Arc<AtomicU64>) {
    let mut peer = raw_peer().await;
    let asked = Arc::new(AtomicU64::new(0));
    let (counted, content) = (Arc::clone(&asked), content.clone());
    tokio::spawn(async move {
        while let Some(InboundStream { mut stream, .. }) = peer.inbound.recv().await {
            let request: Request = message::read(&mut stream).await.unwrap();
            if counted.fetch_add(1, Ordering::Relaxed) < busy_for {
                message::write(&mut stream, &Answer::Busy).await.unwrap();
            } else {
                let bytes = content.len() as u64;
                message::write(&mut stream, &Answer::Follows { bytes }).await.unwrap();
                stream.write_all(&encoded(&content, request.first_chunk)).await.unwrap();
            }
            stream.close().await.unwrap();
        }
    });
    (peer.address, asked)
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_after_all_others() {
    let content = content(3 * GROUP);
    let host = mesh().await;
    let (busy, asked) = busy_provider(&content, 3).await;
    let (stranger, _) = provider(&content, &[]).await;
    connect(&host, &stranger).await;
    let providers = [soon(host.dial(busy)).await.unwrap(), stranger.peer_id()];
    let fetched = host.fetch(ContentId::of(&content), 1 << 20, session(1), &providers, |_, _| {});
    assert!(soon(fetched).await.unwrap() == content);
    assert_eq!(asked.load(Ordering::Relaxed), 4, "three times busy, then served");
}

#[tokio::test]
async fn a_fetch_that_waits_for_a_busy_provider_keeps_no_other_from_fetching() {
    let (small, missing) = (content(100), content(101));
    let host = mesh().await;
    let (hub, id) = provider(&small, &[&host]).await;
    let (busy, asked) = busy_provider(&missing, u64::MAX).await;
    let busy = soon(host.dial(busy)).await.unwrap();
    connect(&host, &hub).await;
    let waiting: Vec<_> = (0..BLOB_FETCHES_MAX)
        .map(|index| {
            let (host, id) = (host.clone(), ContentId::of(&index.to_le_bytes()));
            tokio::spawn(async move { host.fetch(id, 101, session(1), &[busy], |_, _| {}).await })
        })
        .collect();
    while asked.load(Ordering::Relaxed) < BLOB_FETCHES_MAX as u64 {
        tokio::task::yield_now().await;
    }
    let fetched = soon(host.fetch(id, 100, session(1), &[hub.peer_id()], |_, _| {})).await;
    assert!(fetched.unwrap() == small);
    assert!(waiting.iter().all(|fetch| !fetch.is_finished()), "they go on asking");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn more_members_than_slots_fetch_at_once() {
    let large = content(2 << 20);
    let mut members = Vec::new();
    while members.len() < BLOB_SERVES_MAX + 16 {
        members.push(mesh().await);
    }
    let (hub, id) = provider(&large, &members.iter().collect::<Vec<_>>()).await;
    let fetches = members.iter().map(|member| {
        let (hub, large) = (&hub, &large);
        async move {
            connect(member, hub).await;
            let providers = [hub.peer_id()];
            let fetched = member.fetch(id, 4 << 20, session(1), &providers, |_, _| {}).await;
            assert!(fetched.unwrap() == *large);
        }
    });
    soon(futures::future::join_all(fetches)).await;
}
