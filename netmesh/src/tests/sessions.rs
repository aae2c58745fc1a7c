//! Sessions between peers, honest and not.

use super::*;

#[tokio::test]
async fn a_session_carries_frames_both_ways_on_every_transport() {
    for (transport, listen) in NETWORKS {
        let (hub, host) = (mesh_on(transport, listen).await, mesh_on(transport, listen).await);
        let mut incoming = host.incoming_sessions();
        connect(&hub, &host).await;
        let mut ours = soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
        let theirs = soon(incoming.recv()).await.unwrap();
        assert_eq!(theirs.session, session(1));
        assert_eq!(theirs.peer, hub.peer_id());
        assert_eq!(theirs.owner, hub.identity().owner_id());
        assert_eq!(ours.remote.owner, host.identity().owner_id());
        let mut theirs = theirs.channel;
        for length in [0, 1, 1000, 100_000, FRAME_BYTES_MAX] {
            let frame = vec![length as u8; length];
            soon(ours.control.sender.send(frame.clone())).await.unwrap();
            assert!(soon(theirs.control.receiver.recv()).await.unwrap() == frame);
            soon(theirs.work.sender.send(frame.clone())).await.unwrap();
            assert!(soon(ours.work.receiver.recv()).await.unwrap() == frame);
        }
        drop(ours);
        assert_eq!(broken_or_finished(&mut theirs.control).await, CloseReason::Finished);
        assert_eq!(broken_or_finished(&mut theirs.work).await, CloseReason::Finished);
    }
}

async fn broken_or_finished(pipe: &mut Pipe) -> CloseReason {
    assert_eq!(soon(pipe.receiver.recv()).await, None);
    soon(pipe.sender.closed()).await;
    pipe.receiver.closed_reason().unwrap()
}

#[tokio::test]
async fn the_accepting_end_can_open_sessions_too() {
    let (hub, host, _incoming) = two_meshes().await;
    let mut incoming = hub.incoming_sessions();
    let _ours = soon(host.open_session(hub.peer_id(), session(9))).await.unwrap();
    assert_eq!(soon(incoming.recv()).await.unwrap().owner, host.identity().owner_id());
}

#[tokio::test]
async fn many_sessions_open_at_once() {
    const SESSIONS: u16 = 100;
    let (hub, host, mut incoming) = two_meshes().await;
    let echo = tokio::spawn(async move {
        let mut channels = Vec::new();
        for _ in 0..SESSIONS {
            let mut channel = incoming.recv().await.unwrap().channel;
            let frame = channel.control.receiver.recv().await.unwrap();
            channel.work.sender.send(frame).await.unwrap();
            channels.push(channel);
        }
        channels
    });
    let opens = (0..SESSIONS).map(|number| {
        let (hub, peer) = (hub.clone(), host.peer_id());
        tokio::spawn(async move {
            let mut channel = hub.open_session(peer, session(number)).await.unwrap();
            channel.control.sender.send(number.to_le_bytes().to_vec()).await.unwrap();
            assert_eq!(channel.work.receiver.recv().await.unwrap(), number.to_le_bytes());
            channel
        })
    });
    let channels = soon(futures::future::join_all(opens)).await;
    assert!(channels.iter().all(Result::is_ok));
    assert_eq!(soon(echo).await.unwrap().len(), usize::from(SESSIONS));
}

#[tokio::test]
async fn an_oversize_frame_ends_its_stream_and_no_other() {
    let (hub, host, mut incoming) = two_meshes().await;
    let mut ours = soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
    let mut theirs = soon(incoming.recv()).await.unwrap().channel;
    let reason = CloseReason::FrameTooLarge { frame_bytes: FRAME_BYTES_MAX as u64 + 1 };
    let error = soon(ours.work.sender.send(vec![0; FRAME_BYTES_MAX + 1])).await.unwrap_err();
    assert_eq!(error.reason, reason);
    assert_eq!(broken(&mut theirs.work).await, reason);
    soon(ours.control.sender.send(b"still here".to_vec())).await.unwrap();
    assert_eq!(soon(theirs.control.receiver.recv()).await.unwrap(), b"still here");
    soon(theirs.control.sender.send(b"so am I".to_vec())).await.unwrap();
    assert_eq!(soon(ours.control.receiver.recv()).await.unwrap(), b"so am I");
}

#[tokio::test]
async fn a_vanished_peer_closes_pipes_on_every_transport() {
    for (transport, listen) in NETWORKS {
        let (hub, host) = (mesh_on(transport, listen).await, mesh_on(transport, listen).await);
        let mut incoming = host.incoming_sessions();
        connect(&hub, &host).await;
        let mut ours = soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
        let theirs = soon(incoming.recv()).await.unwrap();

        soon(host.stop()).await;

        let mut theirs = theirs.channel;
        for pipe in [&mut ours.control, &mut ours.work, &mut theirs.control, &mut theirs.work] {
            let reason = broken(pipe).await;

            assert!(matches!(reason, CloseReason::Broken(_)), "{listen}: {reason:?}");
        }
        assert!(soon(incoming.recv()).await.is_none());
    }
}

#[tokio::test]
async fn a_session_finds_its_peer_again_where_it_was() {
    let (hub, host, mut incoming) = two_meshes().await;
    let mut events = hub.events();
    let peer = host.peer_id();
    assert_eq!(soon(events.recv()).await, Some(MeshEvent::Connected { peer }));
    soon(hub.disconnect(peer)).await;
    let event = soon(events.recv()).await;
    assert!(matches!(event, Some(MeshEvent::Disconnected { .. })), "{event:?}");
    soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
    assert!(soon(incoming.recv()).await.is_some());
}

#[tokio::test]
async fn who_takes_no_sessions_says_so() {
    let (hub, host) = (mesh().await, mesh().await);
    connect(&hub, &host).await;
    let refusal = |error| match error {
        OpenSessionError::Refused { reason, .. } => reason,
        error => panic!("{error:?}"),
    };
    let error = soon(hub.open_session(host.peer_id(), session(1))).await.unwrap_err();
    assert_eq!(refusal(error), "this peer takes no sessions");
    drop(host.incoming_sessions());
    let error = soon(hub.open_session(host.peer_id(), session(1))).await.unwrap_err();
    assert_eq!(refusal(error), "this peer takes no sessions");
    let _incoming = host.incoming_sessions();
    soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
}

/// Opens one raw stream and says what a dishonest peer might.
async fn introduced(hub: &Mesh, host: &Mesh, preamble: &Preamble) -> (PeerStream, Answer) {
    let mut stream = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    message::write(&mut stream, preamble).await.unwrap();
    let answer = soon(message::read(&mut stream)).await.unwrap();
    (stream, answer)
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused { reason } => reason,
        Answer::Accepted { .. } => panic!("must be refused"),
    }
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_refused() {
    let (hub, host, mut incoming) = two_meshes().await;
    let good = Preamble {
        version: VERSION,
        session: session(1),
        kind: Kind::Control,
        certificate: hub.identity().certificate(),
    };

    let certificate = Identity::ephemeral().certificate();
    let (_, answer) = introduced(&hub, &host, &Preamble { certificate, ..good.clone() }).await;
    assert!(refused(answer).contains("certificate is for peer"));

    let certificate = hub.identity().certificate_until(1_000);
    let (_, answer) = introduced(&hub, &host, &Preamble { certificate, ..good.clone() }).await;
    assert!(refused(answer).contains("expired"));

    let (_, answer) = introduced(&hub, &host, &Preamble { version: 99, ..good.clone() }).await;
    assert!(refused(answer).contains("version 99"));

    // Two good certificates of different owners do not make one session.
    let mut waiting = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    message::write(&mut waiting, &good).await.unwrap();
    let other_owner = Identity::from_keys(
        Identity::ephemeral().owner_keypair().clone(),
        hub.identity().transport_keypair().clone(),
    );
    let work =
        Preamble { kind: Kind::Work, certificate: other_owner.certificate(), ..good.clone() };
    // The first stream's preamble may be read after the second's: then it is the one refused.
    let mut second = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    message::write(&mut second, &work).await.unwrap();
    let answer = tokio::select! {
        answer = message::read(&mut waiting) => answer,
        answer = message::read(&mut second) => answer,
    };
    assert!(refused(answer.unwrap()).contains("two owners"));
    assert!(incoming.receiver.try_recv().is_err(), "no session came of all this");
}

#[tokio::test]
async fn the_opener_checks_the_acceptors_certificates_too() {
    let hub = mesh().await;
    let mut host = raw_peer().await;
    assert_eq!(soon(hub.dial(host.address.clone())).await, Ok(host.identity.transport_id()));
    let other_owner = Identity::from_keys(
        Identity::ephemeral().owner_keypair().clone(),
        host.identity.transport_keypair().clone(),
    );
    let good = host.identity.certificate();
    let expired = host.identity.certificate_until(1_000);
    let anothers = Identity::ephemeral().certificate();
    for (certificates, why) in [
        ([&expired, &good], "expired"),
        ([&good, &anothers], "is for peer"),
        ([&good, &other_owner.certificate()], "two owners"),
    ] {
        let peer = host.identity.transport_id();
        let answering = async {
            let mut streams = Vec::new();
            for certificate in certificates {
                let mut stream = host.inbound.recv().await.unwrap().stream;
                let _: Preamble = message::read(&mut stream).await.unwrap();
                let certificate = certificate.clone();
                message::write(&mut stream, &Answer::Accepted { certificate }).await.unwrap();
                streams.push(stream);
            }
            streams
        };
        let (opened, _streams) =
            soon(async { tokio::join!(hub.open_session(peer, session(1)), answering) }).await;
        let error: Box<dyn std::error::Error> = opened.unwrap_err().into();
        let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        assert!(text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn garbage_costs_its_sender_the_stream_and_nothing_else() {
    let (hub, host, mut incoming) = two_meshes().await;
    let oversize = (PREAMBLE_BYTES_MAX as u32 + 1).to_le_bytes().to_vec();
    let garbage = [[8, 0, 0, 0].as_slice(), &[0xff; 8]].concat();
    for protocol in [SESSION_PROTOCOL, BLOB_PROTOCOL] {
        for bytes in [&oversize, &garbage] {
            let mut stream = soon(hub.open_stream(host.peer_id(), protocol.clone())).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = Vec::new();
            // It may be reset or closed; either way nothing is said.
            let _ = soon(stream.read_to_end(&mut answer)).await;
            assert!(answer.is_empty());
        }
    }
    soon(hub.open_session(host.peer_id(), session(1))).await.unwrap();
    assert!(soon(incoming.recv()).await.is_some());
}

#[tokio::test]
async fn silent_streams_are_bounded_for_each_peer() {
    let (hub, host, mut incoming) = two_meshes().await;
    let mut silent = Vec::new();
    for _ in 0..PREAMBLES_PER_PEER_MAX {
        silent.push(soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap());
    }
    let mut one_more = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    let mut answer = Vec::new();
    // It may be reset or closed; either way it does not wait.
    let _ = soon(one_more.read_to_end(&mut answer)).await;
    assert!(answer.is_empty());

    let other = mesh().await;
    connect(&other, &host).await;
    soon(other.open_session(host.peer_id(), session(1))).await.unwrap();
    assert_eq!(soon(incoming.recv()).await.unwrap().peer, other.peer_id());

    drop(silent);
    // Their permits come back as the host reads that they are closed.
    while soon(hub.open_session(host.peer_id(), session(2))).await.is_err() {}
}

#[tokio::test]
async fn the_same_stream_twice_is_refused() {
    let (hub, host, _incoming) = two_meshes().await;
    let preamble = Preamble {
        version: VERSION,
        session: session(1),
        kind: Kind::Work,
        certificate: hub.identity().certificate(),
    };
    let mut one = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    let mut two = soon(hub.open_stream(host.peer_id(), SESSION_PROTOCOL)).await.unwrap();
    message::write(&mut one, &preamble).await.unwrap();
    message::write(&mut two, &preamble).await.unwrap();
    let answer = soon(async {
        tokio::select! {
            answer = message::read(&mut one) => answer,
            answer = message::read(&mut two) => answer,
        }
    });
    assert!(refused(answer.await.unwrap()).contains("already"));
}
