//! The limits on what is in a frame.

use super::{
    Answer, Frame, FrameError, HostControl, HostInfo, HostWork, HubControl, HubWork, Member,
    MemberAddress, Question,
};
use crate::limits::{
    ADDRESS_BYTES_MAX, BATCH_TASKS_MAX, CLOSURES_MAX, FEATURES_MAX, INLINE_BYTES_MAX, LABELS_MAX,
    MEMBERS_MAX, OUTPUT_CHUNK_BYTES_MAX, PARTS_MAX, PIECES_BYTES_MAX, PIECES_MAX, RAISED_BYTES_MAX,
    RAISED_FRAMES_MAX, REASON_BYTES_MAX, TEXT_BYTES_MAX, VALUE_BYTES_MAX,
};
use crate::outcome::{Arguments, Outcome, Payload, Piece};

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), FrameError> {
    if count > limit {
        return Err(FrameError::TooMany { what, count, limit });
    }
    Ok(())
}

fn text(text: &str) -> Result<(), FrameError> {
    at_most("bytes of text", text.len(), TEXT_BYTES_MAX)
}

fn reason(reason: &str) -> Result<(), FrameError> {
    at_most("bytes of a reason", reason.len(), REASON_BYTES_MAX)
}

fn features(features: &[String]) -> Result<(), FrameError> {
    at_most("features", features.len(), FEATURES_MAX)?;
    features.iter().try_for_each(|feature| text(feature))
}

/// `bytes_max` bounds what a blob may be announced with, and so what fetching it may cost.
fn payload(payload: &Payload, bytes_max: usize) -> Result<(), FrameError> {
    match payload {
        Payload::Inline(value) => at_most("bytes of a value", value.len(), INLINE_BYTES_MAX),
        Payload::Blob { bytes, .. } => {
            at_most("bytes of a blob", usize::try_from(*bytes).unwrap_or(usize::MAX), bytes_max)
        }
    }
}

fn arguments(arguments: &Arguments) -> Result<(), FrameError> {
    let pieces = match arguments {
        Arguments::Whole(whole) => return payload(whole, VALUE_BYTES_MAX),
        Arguments::Pieces(pieces) => pieces,
    };
    at_most("pieces", pieces.len(), PIECES_MAX)?;
    let inline = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => bytes.len(),
        Piece::Blob { .. } => 0,
    });
    at_most("bytes of pieces", inline.sum(), PIECES_BYTES_MAX)?;
    let bytes = usize::try_from(arguments.bytes()).unwrap_or(usize::MAX);
    at_most("bytes of a value", bytes, VALUE_BYTES_MAX)
}

fn question(question: &Question) -> Result<(), FrameError> {
    match question {
        Question::Ask(value) | Question::Send { message: value, .. } => {
            payload(value, VALUE_BYTES_MAX)
        }
        Question::Receive { .. } | Question::Poll { .. } | Question::Improve(_) => Ok(()),
    }
}

fn answer(answer: &Answer) -> Result<(), FrameError> {
    match answer {
        Answer::Value(value) | Answer::Message { message: value, .. } => {
            payload(value, VALUE_BYTES_MAX)
        }
        Answer::Nothing => Ok(()),
    }
}

fn outcome(outcome: &Outcome) -> Result<(), FrameError> {
    match outcome {
        Outcome::Returned(value) => payload(value, VALUE_BYTES_MAX),
        Outcome::Grown(value) => payload(value, 2 * VALUE_BYTES_MAX),
        Outcome::Kept(parts) => {
            at_most("parts", parts.len(), PARTS_MAX)?;
            parts.iter().try_for_each(|part| payload(part, VALUE_BYTES_MAX))
        }
        Outcome::Raised(record) => payload(record, RAISED_BYTES_MAX),
        Outcome::Trapped(_, frames)
        | Outcome::OutOfFuel(frames)
        | Outcome::OutOfMemory(frames)
        | Outcome::DeadlineHit(frames) => at_most("frames", frames.len(), RAISED_FRAMES_MAX),
        Outcome::HostFault(why) | Outcome::Refused(why) | Outcome::Unprepared(why) => reason(why),
        Outcome::Cancelled => Ok(()),
    }
}

fn listening(members: &[Member], addresses: &[MemberAddress]) -> Result<(), FrameError> {
    at_most("members", members.len(), MEMBERS_MAX)?;
    at_most("addresses", addresses.len(), MEMBERS_MAX)?;
    addresses.iter().try_for_each(|known| {
        at_most("bytes of an address", known.address.len(), ADDRESS_BYTES_MAX)
    })
}

fn host_info(info: &HostInfo) -> Result<(), FrameError> {
    text(&info.name)?;
    at_most("engines", info.engines.len(), FEATURES_MAX)?;
    info.engines.iter().try_for_each(|engine| text(engine))?;
    at_most("labels", info.labels.len(), LABELS_MAX)?;
    info.labels.iter().try_for_each(|(name, value)| text(name).and_then(|()| text(value)))
}

impl Frame for HubControl {
    fn check(&self) -> Result<(), FrameError> {
        match self {
            Self::Hello { features: names, .. } => features(names),
            Self::Prepare { closures, members, providers, addresses, meet, .. } => {
                at_most("closures", closures.len(), CLOSURES_MAX)?;
                listening(members, addresses)?;
                at_most("members to meet", meet.len(), MEMBERS_MAX)?;
                at_most("providers", providers.len(), 2 * CLOSURES_MAX)?;
                providers
                    .iter()
                    .try_for_each(|known| at_most("peers", known.peers.len(), MEMBERS_MAX))
            }
            Self::Commit { members, addresses, .. } => listening(members, addresses),
            Self::Cancel { tasks, .. } => at_most("tasks", tasks.len(), BATCH_TASKS_MAX),
            Self::Conclude { .. } | Self::Lease { .. } | Self::Bye => Ok(()),
        }
    }
}

impl Frame for HostControl {
    fn check(&self) -> Result<(), FrameError> {
        match self {
            Self::Hello { features: names, info, .. } => {
                features(names)?;
                host_info(info)
            }
            Self::Refused { refusals, .. } => {
                at_most("refusals", refusals.len(), CLOSURES_MAX)?;
                refusals.iter().try_for_each(|refusal| reason(&refusal.reason))
            }
            Self::Bye { reason: why } => reason(why),
            Self::Prepared { .. }
            | Self::Online { .. }
            | Self::Concluded { .. }
            | Self::Preparing { .. }
            | Self::LeaseRequest { .. } => Ok(()),
        }
    }
}

impl Frame for HubWork {
    fn check(&self) -> Result<(), FrameError> {
        match self {
            Self::Tasks { tasks, .. } => {
                at_most("tasks", tasks.len(), BATCH_TASKS_MAX)?;
                tasks.iter().try_for_each(|task| arguments(&task.arguments))
            }
            Self::Recall { tasks, .. } => at_most("tasks", tasks.len(), BATCH_TASKS_MAX),
            Self::Answered { answer: it, .. } => answer(it),
            Self::Bound { .. } => Ok(()),
            Self::Free { blobs, .. } => at_most("blobs", blobs.len(), BATCH_TASKS_MAX),
        }
    }
}

impl Frame for HostWork {
    fn check(&self) -> Result<(), FrameError> {
        let output = |bytes: &[u8]| at_most("bytes of output", bytes.len(), OUTPUT_CHUNK_BYTES_MAX);
        match self {
            Self::Results { results, .. } => {
                at_most("results", results.len(), BATCH_TASKS_MAX)?;
                results.iter().try_for_each(|result| {
                    outcome(&result.outcome)?;
                    output(&result.output)
                })
            }
            Self::Output { output: bytes, .. } => output(bytes),
            Self::Unstarted { tasks, .. } => at_most("tasks", tasks.len(), BATCH_TASKS_MAX),
            Self::Asked { question: it, .. } => question(it),
        }
    }
}
