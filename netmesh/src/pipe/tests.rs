//! Pipes in process and over byte streams.

use std::{
    collections::VecDeque,
    thread,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt};
use proptest::{collection::vec, prelude::*};
use tokio::{io::DuplexStream, time::timeout};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::*;
use crate::limits::{GOODBYE_BYTES_MAX, PIPE_BYTES_MAX};

/// Far longer than anything here takes; a test that hangs fails instead.
const LIMIT: Duration = Duration::from_secs(20);

fn streams(buffer_bytes: usize) -> (Compat<DuplexStream>, Compat<DuplexStream>) {
    let (here, there) = tokio::io::duplex(buffer_bytes);
    (here.compat(), there.compat())
}

fn over_duplex(buffer_bytes: usize) -> (Pipe, Pipe) {
    let (here, there) = streams(buffer_bytes);
    (Pipe::over(here, 8), Pipe::over(there, 8))
}

async fn next(receiver: &mut PipeReceiver) -> Option<Vec<u8>> {
    timeout(LIMIT, receiver.recv()).await.expect("a frame or the end must come")
}

async fn end(sender: &PipeSender) -> CloseReason {
    timeout(LIMIT, sender.closed()).await.expect("the end must be noticed")
}

/// Frames of lengths around every boundary there is.
fn frames() -> Vec<Vec<u8>> {
    [0, 1, 3, 4, 5, 1023, 16 * 1024 - 1, 16 * 1024, 64 * 1024, 200_000, FRAME_BYTES_MAX]
        .iter()
        .map(|length| (0..*length).map(|index: usize| (index % 251) as u8).collect())
        .collect()
}

#[tokio::test]
async fn frames_of_all_sizes_arrive_in_order_both_ways() {
    for (here, there) in [Pipe::pair(4), over_duplex(1), over_duplex(64 * 1024)] {
        let echo = tokio::spawn(async move {
            let (sender, mut receiver) = there.split();
            while let Some(frame) = receiver.recv().await {
                sender.send(frame).await.unwrap();
            }
            receiver.closed_reason()
        });
        let (sender, mut receiver) = here.split();
        let sending = async {
            for frame in frames() {
                sender.send(frame).await.unwrap();
            }
        };
        let receiving = async {
            for frame in frames() {
                assert!(next(&mut receiver).await.unwrap() == frame, "frame of {}", frame.len());
            }
        };
        tokio::join!(sending, receiving);
        drop(sender);
        assert_eq!(next(&mut receiver).await, None);
        assert_eq!(receiver.closed_reason(), Some(CloseReason::Finished));
        assert_eq!(echo.await.unwrap(), Some(CloseReason::Finished));
    }
}

#[tokio::test]
async fn what_is_queued_arrives_before_the_end() {
    for (here, mut there) in [Pipe::pair(8), over_duplex(16)] {
        for byte in 0..8 {
            here.sender.send(vec![byte; 100]).await.unwrap();
        }
        drop(here);
        for byte in 0..8 {
            assert_eq!(next(&mut there.receiver).await, Some(vec![byte; 100]));
        }
        assert_eq!(next(&mut there.receiver).await, None);
        assert_eq!(there.receiver.closed_reason(), Some(CloseReason::Finished));
        assert_eq!(end(&there.sender).await, CloseReason::Abandoned);
    }
}

#[tokio::test]
async fn a_reason_travels_to_the_other_end() {
    for (here, mut there) in [Pipe::pair(8), over_duplex(64)] {
        here.sender.send(b"last".to_vec()).await.unwrap();
        here.sender.close("the lease is over");
        assert!(here.sender.send(b"later".to_vec()).await.is_err());
        assert_eq!(next(&mut there.receiver).await.unwrap(), b"last");
        assert_eq!(next(&mut there.receiver).await, None);
        let reason = CloseReason::Closed("the lease is over".to_owned());
        assert_eq!(there.receiver.closed_reason(), Some(reason));
    }
}

#[tokio::test]
async fn a_reason_cannot_steer_a_terminal() {
    let (here, mut there) = over_duplex(64);
    here.sender.close("\u{1b}[2Jgone\n");
    assert_eq!(next(&mut there.receiver).await, None);
    assert_eq!(there.receiver.closed_reason(), Some(CloseReason::Closed(" [2Jgone ".to_owned())));
}

#[tokio::test]
async fn an_abandoned_pipe_fails_its_sender_and_still_delivers_the_other_way() {
    for (here, mut there) in [Pipe::pair(8), over_duplex(64)] {
        let (sender, receiver) = here.split();
        sender.send(b"before".to_vec()).await.unwrap();
        drop(receiver);
        assert_eq!(end(&there.sender).await, CloseReason::Abandoned);
        assert_eq!(next(&mut there.receiver).await.unwrap(), b"before");
    }
}

#[tokio::test]
async fn a_broken_stream_closes_both_directions_at_once() {
    let (here, there) = streams(64);
    let mut pipe = Pipe::over(here, 8);
    drop(there);
    assert_eq!(next(&mut pipe.receiver).await, None);
    let reason = pipe.receiver.closed_reason().unwrap();
    assert!(matches!(reason, CloseReason::Broken(_)), "{reason:?}");
    assert_eq!(end(&pipe.sender).await, reason);
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_the_pipe_that_was_to_carry_it() {
    for (here, mut there) in [Pipe::pair(8), over_duplex(64)] {
        let error = here.sender.send(vec![0; FRAME_BYTES_MAX + 1]).await.unwrap_err();
        let reason = CloseReason::FrameTooLarge { frame_bytes: FRAME_BYTES_MAX as u64 + 1 };
        assert_eq!(error.reason, reason);
        assert_eq!(next(&mut there.receiver).await, None);
        assert_eq!(there.receiver.closed_reason(), Some(reason));
    }
}

#[tokio::test]
async fn a_header_over_the_limit_is_refused_with_a_reason() {
    let (here, mut raw) = streams(64 * 1024);
    let mut pipe = Pipe::over(here, 8);
    let frame_bytes = FRAME_BYTES_MAX as u32 + 1;
    raw.write_all(&frame_bytes.to_le_bytes()).await.unwrap();
    assert_eq!(next(&mut pipe.receiver).await, None);
    let reason = CloseReason::FrameTooLarge { frame_bytes: u64::from(frame_bytes) };
    assert_eq!(pipe.receiver.closed_reason(), Some(reason.clone()));
    assert_eq!(end(&pipe.sender).await, reason);
    let mut answer = Vec::new();
    timeout(LIMIT, raw.read_to_end(&mut answer)).await.unwrap().unwrap();
    let mut goodbye = Vec::new();
    encode_goodbye(&reason, &mut goodbye);
    assert_eq!(answer, goodbye);
}

#[tokio::test]
async fn a_full_pipe_holds_its_sender_until_there_is_room() {
    let (here, mut there) = Pipe::pair(2);
    here.sender.try_send(vec![1]).unwrap();
    here.sender.try_send(vec![2]).unwrap();
    assert_eq!(here.sender.try_send(vec![3]), Err(TrySendError::Full(vec![3])));
    let sender = here.sender.clone();
    let blocked = tokio::spawn(async move { sender.send(vec![3]).await });
    for byte in 1..=3 {
        assert_eq!(next(&mut there.receiver).await, Some(vec![byte]));
    }
    blocked.await.unwrap().unwrap();
    assert!(matches!(there.receiver.try_recv(), Err(TryRecvError::Empty)));
}

#[test]
fn a_pipe_is_bounded_in_bytes_too() {
    let (here, mut there) = Pipe::pair(1_000_000);
    let mut queued = 0;
    while here.sender.try_send(vec![0; FRAME_BYTES_MAX]).is_ok() {
        queued += FRAME_BYTES_MAX;
    }
    assert_eq!(queued, PIPE_BYTES_MAX);
    there.receiver.try_recv().unwrap();
    here.sender.try_send(vec![0; FRAME_BYTES_MAX]).unwrap();
}

#[test]
fn threads_send_and_receive_without_a_runtime() {
    const FRAMES: u32 = 20_000;
    let (here, mut there) = Pipe::pair(16);
    let receiver = thread::spawn(move || {
        let mut received = 0_u32;
        while let Some(frame) = there.receiver.blocking_recv() {
            assert_eq!(frame, received.to_le_bytes());
            received += 1;
        }
        received
    });
    for number in 0..FRAMES {
        here.sender.blocking_send(number.to_le_bytes().to_vec()).unwrap();
    }
    drop(here);
    assert_eq!(receiver.join().unwrap(), FRAMES);
}

#[test]
fn a_timed_receive_ends_in_time_and_finds_what_comes_in_time() {
    let (here, mut there) = Pipe::pair(16);
    let before = Instant::now();
    let pause = Duration::from_millis(20);
    assert!(matches!(there.receiver.recv_timeout(pause), Err(TryRecvError::Empty)));
    assert!(before.elapsed() >= pause);
    let sender = thread::spawn(move || here.sender.blocking_send(vec![7]));
    assert_eq!(there.receiver.recv_timeout(LIMIT).unwrap(), [7]);
    sender.join().unwrap().unwrap();
    let closed = there.receiver.recv_timeout(LIMIT).unwrap_err();
    assert_eq!(closed, TryRecvError::Closed(PipeClosed { reason: CloseReason::Finished }));
}

#[test]
fn many_threads_share_one_pipe() {
    const SENDERS: usize = 8;
    const EACH: usize = 2_000;
    let (here, mut there) = Pipe::pair(4);
    let counts = thread::scope(|scope| {
        for sender_index in 0..SENDERS {
            let sender = here.sender.clone();
            scope.spawn(move || {
                for _ in 0..EACH {
                    sender.blocking_send(vec![sender_index as u8]).unwrap();
                }
            });
        }
        drop(here);
        let mut counts = [0; SENDERS];
        while let Some(frame) = there.receiver.blocking_recv() {
            counts[usize::from(frame[0])] += 1;
        }
        counts
    });
    assert_eq!(counts, [EACH; SENDERS]);
}

#[test]
fn goodbyes_keep_their_reason() {
    let long = "ä".repeat(GOODBYE_BYTES_MAX);
    for reason in [
        CloseReason::Finished,
        CloseReason::Abandoned,
        CloseReason::FrameTooLarge { frame_bytes: u64::MAX },
        CloseReason::Closed("so".to_owned()),
        CloseReason::Broken(String::new()),
        CloseReason::Closed(long.clone()),
    ] {
        let mut bytes = Vec::new();
        encode_goodbye(&reason, &mut bytes);
        let mut pieces = VecDeque::new();
        FrameSplitter::new().push(&bytes, &mut pieces).unwrap();
        let Some(Piece::Goodbye(found)) = pieces.pop_front() else { panic!("no goodbye") };
        match (&found, &reason) {
            (CloseReason::Closed(found), CloseReason::Closed(whole)) if *whole == long => {
                assert!(long.starts_with(found.as_str()) && found.len() > GOODBYE_BYTES_MAX - 4);
            }
            _ => assert_eq!(found, reason),
        }
    }
}

proptest! {
    /// However a stream is cut, the same frames come out.
    #[test]
    fn chunking_does_not_matter(
        frames in vec(vec(any::<u8>(), 0..300), 0..12),
        cuts in vec(1..50_usize, 1..40),
        why in "[ -~]{0,20}",
    ) {
        let mut stream = Vec::new();
        for frame in &frames {
            encode_frame(frame, &mut stream);
        }
        let reason = CloseReason::Closed(why);
        encode_goodbye(&reason, &mut stream);

        let mut splitter = FrameSplitter::new();
        let mut pieces = VecDeque::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at(rest.len().min(*cut));
            splitter.push(chunk, &mut pieces).unwrap();
            rest = after;
        }
        let mut expected: VecDeque<_> = frames.into_iter().map(Piece::Frame).collect();
        expected.push_back(Piece::Goodbye(reason));
        prop_assert_eq!(pieces, expected);
        prop_assert!(splitter.push(&[], &mut VecDeque::new()).is_ok());
        prop_assert_eq!(splitter.push(&[0], &mut VecDeque::new()), Err(SplitError::AfterGoodbye));
    }

    /// Bytes that are no frames end in an error or in waiting for more, never in a panic or a large buffer.
    #[test]
    fn any_bytes_can_be_pushed(chunks in vec(vec(any::<u8>(), 0..200), 0..20)) {
        let mut splitter = FrameSplitter::new();
        let mut pieces = VecDeque::new();
        for chunk in chunks {
            if splitter.push(&chunk, &mut pieces).is_err() {
                break;
            }
        }
        for piece in pieces {
            if let Piece::Frame(frame) = piece {
                prop_assert!(frame.len() <= FRAME_BYTES_MAX);
            }
        }
    }
}
