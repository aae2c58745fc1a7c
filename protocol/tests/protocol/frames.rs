//! Frames: what is written is read, limits hold, and the bytes stay what they are.

use std::fmt::Write;

use proptest::prelude::*;
use spm_protocol::frame::{
    Answer, Frame, FrameError, HostControl, HostInfo, HostWork, HubControl, HubWork, Member,
    MemberAddress, PrepareStep, Provider, Question, Refusal, Returns, Role, Task, TaskResult,
};
use spm_protocol::limits::{
    ADDRESS_BYTES_MAX, BATCH_TASKS_MAX, CLOSURES_MAX, FRAME_BYTES_MAX, INLINE_BYTES_MAX,
    LABELS_MAX, MEMBERS_MAX, OUTPUT_CHUNK_BYTES_MAX, PARTS_MAX, PIECES_BYTES_MAX, PIECES_MAX,
    RAISED_BYTES_MAX, RAISED_FRAMES_MAX, REASON_BYTES_MAX, TEXT_BYTES_MAX, VALUE_BYTES_MAX,
};
use spm_protocol::outcome::{CodePoint, OutcomeClass};
use spm_protocol::{
    Arguments, ContentId, Incarnation, Outcome, Payload, Piece, Point, TaskId, TrapCode,
};

use crate::arbitrary_frames::{self, peer};

fn survives<F: Frame + PartialEq + std::fmt::Debug>(frame: &F) {
    assert_eq!(&F::from_bytes(&frame.to_bytes()).expect("is a frame"), frame);
}

proptest! {
    #[test]
    fn hub_control_survives_the_wire(frame in arbitrary_frames::hub_control()) { survives(&frame); }

    #[test]
    fn host_control_survives_the_wire(frame in arbitrary_frames::host_control()) { survives(&frame); }

    #[test]
    fn hub_work_survives_the_wire(frame in arbitrary_frames::hub_work()) { survives(&frame); }

    #[test]
    fn host_work_survives_the_wire(frame in arbitrary_frames::host_work()) {
        survives(&frame);
        let longer = [frame.to_bytes(), vec![0]].concat();
        let refused = matches!(HostWork::from_bytes(&longer), Err(FrameError::Trailing { .. }));
        prop_assert!(refused);
    }
}

fn task(arguments: Arguments) -> Task {
    Task {
        id: TaskId(7),
        attempt: 1,
        closure: 0,
        index: 5,
        seed: u64::MAX,
        deadline_ms: None,
        arguments,
        returns: Returns::Sent,
        role: Role::Independent,
    }
}

fn result(outcome: Outcome) -> TaskResult {
    TaskResult { id: TaskId(7), attempt: 1, outcome, run_us: 12, output: vec![], pure: true }
}

fn info() -> HostInfo {
    HostInfo {
        incarnation: Incarnation(3),
        name: "a".into(),
        slots: 2,
        memory_bytes: 1 << 30,
        engines: vec!["native".into()],
        labels: vec![("gpu".into(), "no".into())],
        pid: 99,
    }
}

/// One frame of each kind, with its name.
fn hub_control() -> Vec<(&'static str, HubControl)> {
    let id = ContentId::of(b"component");
    let members = vec![Member::from(peer(1))];
    let addresses = vec![MemberAddress { member: Member::from(peer(1)), address: vec![4] }];
    let providers = vec![Provider { id, bytes: 9, peers: members.clone() }];
    let prepare = HubControl::Prepare {
        point: Point(1),
        closures: vec![],
        members: members.clone(),
        providers,
        deadline_ms: 1000,
        addresses: addresses.clone(),
        meet: members.clone(),
    };
    vec![
        ("Hello", HubControl::Hello { version: 1, features: vec!["x".into()] }),
        ("Prepare", prepare),
        ("Commit", HubControl::Commit { point: Point(1), members, addresses }),
        ("Conclude", HubControl::Conclude { point: Point(1) }),
        ("Cancel", HubControl::Cancel { point: Point(1), tasks: vec![TaskId(7)] }),
        ("Lease", HubControl::Lease { request: 4, lease_ms: 10_000 }),
        ("Bye", HubControl::Bye),
    ]
}

fn host_control() -> Vec<(&'static str, HostControl)> {
    let refusals = vec![Refusal { closure: Some(0), reason: "no".into() }];
    let (point, step, permille) = (Point(1), PrepareStep::Compiling, Some(450));
    let preparing = HostControl::Preparing { point, closure: 1, step, permille };
    vec![
        ("Hello", HostControl::Hello { version: 1, features: vec![], info: info() }),
        ("Prepared", HostControl::Prepared { point: Point(1), fetch_us: 2, compile_us: 3 }),
        ("Refused", HostControl::Refused { point: Point(1), refusals }),
        ("Online", HostControl::Online { point: Point(1), credits: 64 }),
        ("Concluded", HostControl::Concluded { point: Point(1) }),
        ("LeaseRequest", HostControl::LeaseRequest { request: 4 }),
        ("Bye", HostControl::Bye { reason: "stop".into() }),
        ("Preparing", preparing),
    ]
}

/// Tasks of each kind of arguments, of what they return, and of what they are; then the other frames.
fn hub_work() -> Vec<(&'static str, HubWork)> {
    let tasks = |task| HubWork::Tasks { point: Point(1), tasks: vec![task] };
    let plain = || task(Arguments::inline(vec![0x81, 0x01]));
    let id = ContentId::of(b"piece");
    let pieces = Arguments::Pieces(vec![
        Piece::Bytes(vec![0x82, 0x01]),
        Piece::Blob { id, bytes: 5, holder: Some(Member::from(peer(1))) },
        Piece::Blob { id, bytes: 5, holder: None },
    ]);
    let rank = Role::Rank { rank: 1, size: 4, here: 2 };
    let mut frames = vec![
        ("Tasks", tasks(plain())),
        ("Tasks(Blob)", tasks(task(Arguments::Whole(Payload::Blob { id, bytes: 5 })))),
        ("Tasks(Pieces)", tasks(task(pieces))),
        ("Tasks(Kept)", tasks(Task { returns: Returns::Kept, ..plain() })),
        ("Tasks(KeptInParts)", tasks(Task { returns: Returns::KeptInParts(3), ..plain() })),
        ("Tasks(Asker)", tasks(Task { role: Role::Asker, ..plain() })),
        ("Tasks(Branch)", tasks(Task { role: Role::Branch, ..plain() })),
        ("Tasks(Rank)", tasks(Task { role: rank, ..plain() })),
        ("Recall", HubWork::Recall { point: Point(1), tasks: vec![TaskId(7)] }),
        ("Bound", HubWork::Bound { point: Point(1), bound: 1.5f64.to_bits() }),
        ("Free", HubWork::Free { point: Point(1), blobs: vec![id] }),
    ];
    let message = Payload::Blob { id, bytes: 5 };
    let holder = Some(Member::from(peer(1)));
    frames.extend([
        ("Answered(Value)", answered(Answer::Value(Payload::Inline(vec![1])))),
        ("Answered(Message)", answered(Answer::Message { source: 1, tag: 2, message, holder })),
        ("Answered(Nothing)", answered(Answer::Nothing)),
    ]);
    frames
}

fn answered(answer: Answer) -> HubWork {
    HubWork::Answered { point: Point(1), id: TaskId(7), attempt: 1, number: 2, answer }
}

fn questions() -> Vec<(&'static str, Question)> {
    let message = Payload::Inline(vec![1]);
    vec![
        ("Ask", Question::Ask(message.clone())),
        ("Receive", Question::Receive { source: Some(1), tag: None }),
        ("Poll", Question::Poll { source: None, tag: Some(2) }),
        ("Send", Question::Send { destination: 1, tag: 2, message, confirm: true }),
        ("Improve", Question::Improve(1.5f64.to_bits())),
    ]
}

fn asked(question: Question) -> HostWork {
    HostWork::Asked { point: Point(1), id: TaskId(7), attempt: 1, number: 2, question }
}

fn outcomes() -> Vec<(&'static str, Outcome)> {
    let points = vec![CodePoint { function: 3, offset: 300 }];
    vec![
        ("Returned", Outcome::Returned(Payload::Inline(vec![1]))),
        ("Raised", Outcome::Raised(Payload::Blob { id: ContentId::of(b"record"), bytes: 6 })),
        ("Trapped", Outcome::Trapped(TrapCode::StackExhausted, points.clone())),
        ("OutOfFuel", Outcome::OutOfFuel(points.clone())),
        ("OutOfMemory", Outcome::OutOfMemory(vec![])),
        ("HostFault", Outcome::HostFault("bug".into())),
        ("Refused", Outcome::Refused("no".into())),
        ("Unprepared", Outcome::Unprepared("no".into())),
        ("DeadlineHit", Outcome::DeadlineHit(points)),
        ("Cancelled", Outcome::Cancelled),
        (
            "Kept",
            Outcome::Kept(vec![
                Payload::Inline(vec![1]),
                Payload::Blob { id: ContentId::of(b"part"), bytes: 4 },
            ]),
        ),
        ("Grown", Outcome::Grown(Payload::Inline(vec![0x80, 1]))),
    ]
}

#[test]
fn the_bytes_of_frames_stay_what_they_are() {
    let mut lines = String::new();
    let mut line = |stream: &str, kind: &str, bytes: Vec<u8>| {
        write!(lines, "{stream}::{kind} ").expect("a String takes any text");
        for byte in bytes {
            write!(lines, "{byte:02x}").expect("a String takes any text");
        }
        lines.push('\n');
    };
    for (kind, frame) in hub_control() {
        line("HubControl", kind, frame.to_bytes());
    }
    for (kind, frame) in host_control() {
        line("HostControl", kind, frame.to_bytes());
    }
    for (kind, frame) in hub_work() {
        line("HubWork", kind, frame.to_bytes());
    }
    for (kind, outcome) in outcomes() {
        let results = vec![result(outcome)];
        line("HostWork", kind, HostWork::Results { point: Point(1), results }.to_bytes());
    }
    let output =
        HostWork::Output { point: Point(1), id: TaskId(7), attempt: 1, output: b"hi\n".to_vec() };
    line("HostWork", "Output", output.to_bytes());
    let unstarted = HostWork::Unstarted { point: Point(1), tasks: vec![(TaskId(7), 1)] };
    line("HostWork", "Unstarted", unstarted.to_bytes());
    for (kind, question) in questions() {
        line("HostWork", kind, asked(question).to_bytes());
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn trap_numbers_texts_and_exceptions_stay_what_they_are() {
    let lines: Vec<String> = TrapCode::ALL
        .iter()
        .map(|code| format!("{} {code:?} {} | {code}", *code as u8, code.python_name()))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    for byte in 0..=u8::MAX {
        let known = TrapCode::ALL.iter().copied().find(|code| *code as u8 == byte);
        assert_eq!(TrapCode::from_u8(byte), known);
    }
}

#[test]
fn outcomes_are_final_or_tried_again() {
    for (kind, outcome) in outcomes() {
        let deterministic =
            ["Returned", "Raised", "Trapped", "OutOfFuel", "OutOfMemory", "Kept", "Grown"]
                .contains(&kind);
        assert_eq!(outcome.class() == OutcomeClass::Deterministic, deterministic, "{kind}");
        assert_eq!(
            outcome.is_retried(),
            ["HostFault", "Refused", "Unprepared"].contains(&kind),
            "{kind}"
        );
    }
}

/// Asserts that `frame` is refused for having too many of `what`, and `most` is not.
fn check<F: Frame + std::fmt::Debug>(what: &str, most: &F, frame: &F) {
    if let Err(error) = F::from_bytes(&most.to_bytes()) {
        panic!("{what}: {error}");
    }
    match F::from_bytes(&frame.to_bytes()) {
        Err(FrameError::TooMany { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_list_of_the_hub_has_a_limit() {
    let member = || Member::from(peer(1));
    let commit = |count, addresses| HubControl::Commit {
        point: Point(1),
        members: vec![member(); count],
        addresses: vec![MemberAddress { member: member(), address: vec![4] }; addresses],
    };
    check("addresses", &commit(1, MEMBERS_MAX), &commit(1, MEMBERS_MAX + 1));
    check("members", &commit(MEMBERS_MAX, 1), &commit(MEMBERS_MAX + 1, 1));
    let cancel = |count| HubControl::Cancel { point: Point(1), tasks: vec![TaskId(1); count] };
    check("tasks", &cancel(BATCH_TASKS_MAX), &cancel(BATCH_TASKS_MAX + 1));
    let hello = |length| HubControl::Hello { version: 1, features: vec!["x".repeat(length)] };
    check("bytes of text", &hello(TEXT_BYTES_MAX), &hello(TEXT_BYTES_MAX + 1));
    let prepare = |count, peers| HubControl::Prepare {
        point: Point(1),
        closures: vec![],
        members: vec![],
        providers: vec![
            Provider { id: ContentId::of(b""), bytes: 0, peers: vec![member(); peers] };
            count
        ],
        deadline_ms: 1,
        addresses: vec![],
        meet: vec![],
    };
    let addressed = |count, bytes| HubControl::Prepare {
        point: Point(1),
        closures: vec![],
        members: vec![],
        providers: vec![],
        deadline_ms: 1,
        addresses: vec![MemberAddress { member: member(), address: vec![0; bytes] }; count],
        meet: vec![],
    };
    let meeting = |count| HubControl::Prepare {
        point: Point(1),
        closures: vec![],
        members: vec![],
        providers: vec![],
        deadline_ms: 1,
        addresses: vec![],
        meet: vec![member(); count],
    };
    check("members to meet", &meeting(MEMBERS_MAX), &meeting(MEMBERS_MAX + 1));
    check("addresses", &addressed(MEMBERS_MAX, 1), &addressed(MEMBERS_MAX + 1, 1));
    let (most, more) = (addressed(1, ADDRESS_BYTES_MAX), addressed(1, ADDRESS_BYTES_MAX + 1));
    check("bytes of an address", &most, &more);
    check("providers", &prepare(2 * CLOSURES_MAX, 0), &prepare(2 * CLOSURES_MAX + 1, 0));
    check("peers", &prepare(1, MEMBERS_MAX), &prepare(1, MEMBERS_MAX + 1));
    let work = |count, bytes| HubWork::Tasks {
        point: Point(1),
        tasks: vec![task(Arguments::inline(vec![0; bytes])); count],
    };
    check("tasks", &work(BATCH_TASKS_MAX, 1), &work(BATCH_TASKS_MAX + 1, 1));
    check("bytes of a value", &work(1, INLINE_BYTES_MAX), &work(1, INLINE_BYTES_MAX + 1));
    let recall = |count| HubWork::Recall { point: Point(1), tasks: vec![TaskId(1); count] };
    check("tasks", &recall(BATCH_TASKS_MAX), &recall(BATCH_TASKS_MAX + 1));
    let free = |count| HubWork::Free { point: Point(1), blobs: vec![ContentId::of(b""); count] };
    check("blobs", &free(BATCH_TASKS_MAX), &free(BATCH_TASKS_MAX + 1));
    let pieces =
        |pieces| HubWork::Tasks { point: Point(1), tasks: vec![task(Arguments::Pieces(pieces))] };
    let blob = |bytes| Piece::Blob { id: ContentId::of(b""), bytes, holder: Some(member()) };
    let blobs = |count| pieces(vec![blob(1); count]);
    check("pieces", &blobs(PIECES_MAX), &blobs(PIECES_MAX + 1));
    let bytes = |count| pieces(vec![Piece::Bytes(vec![0; count / 2]); 2]);
    check("bytes of pieces", &bytes(PIECES_BYTES_MAX), &bytes(PIECES_BYTES_MAX + 2));
    // All of them together are no longer than one value may be, whatever their lengths add up to.
    let most = VALUE_BYTES_MAX as u64;
    let both = |more| pieces(vec![blob(most - 1), blob(more)]);
    check("bytes of a value", &both(1), &both(2));
    check("bytes of a value", &both(1), &both(u64::MAX));
    let answers: [fn(Payload) -> Answer; 2] =
        [Answer::Value, |message| Answer::Message { source: 0, tag: 0, message, holder: None }];
    for answer in answers {
        let inline = |count| answered(answer(Payload::Inline(vec![0; count])));
        check("bytes of a value", &inline(INLINE_BYTES_MAX), &inline(INLINE_BYTES_MAX + 1));
        let blob = |bytes| answered(answer(Payload::Blob { id: ContentId::of(b""), bytes }));
        check("bytes of a blob", &blob(most), &blob(most + 1));
    }
}

#[test]
fn every_list_of_a_host_has_a_limit() {
    let labels = |count| HostControl::Hello {
        version: 1,
        features: vec![],
        info: HostInfo { labels: vec![(String::new(), String::new()); count], ..info() },
    };
    check("labels", &labels(LABELS_MAX), &labels(LABELS_MAX + 1));
    let refused = |count, length| HostControl::Refused {
        point: Point(1),
        refusals: vec![Refusal { closure: None, reason: "x".repeat(length) }; count],
    };
    check("refusals", &refused(CLOSURES_MAX, 1), &refused(CLOSURES_MAX + 1, 1));
    let results = |outcome: Outcome, count| HostWork::Results {
        point: Point(1),
        results: vec![result(outcome); count],
    };
    let cancelled = |count| results(Outcome::Cancelled, count);
    check("results", &cancelled(BATCH_TASKS_MAX), &cancelled(BATCH_TASKS_MAX + 1));
    let value = |bytes| results(Outcome::Returned(Payload::Inline(vec![0; bytes])), 1);
    check("bytes of a value", &value(INLINE_BYTES_MAX), &value(INLINE_BYTES_MAX + 1));
    let blob = |bytes| Payload::Blob { id: ContentId::of(b""), bytes };
    let returned = |bytes| results(Outcome::Returned(blob(bytes)), 1);
    let most = VALUE_BYTES_MAX as u64;
    check("bytes of a blob", &returned(most), &returned(most + 1));
    let raised = |bytes| results(Outcome::Raised(blob(bytes)), 1);
    let most = RAISED_BYTES_MAX as u64;
    check("bytes of a blob", &raised(most), &raised(most + 1));
    let grown = |bytes| results(Outcome::Grown(blob(bytes)), 1);
    let most = 2 * VALUE_BYTES_MAX as u64;
    check("bytes of a blob", &grown(most), &grown(most + 1));
    let kept = |count| results(Outcome::Kept(vec![Payload::Inline(vec![0]); count]), 1);
    check("parts", &kept(PARTS_MAX), &kept(PARTS_MAX + 1));
    let kept = |bytes| results(Outcome::Kept(vec![blob(bytes)]), 1);
    let most = VALUE_BYTES_MAX as u64;
    check("bytes of a blob", &kept(most), &kept(most + 1));
    let questions: [fn(Payload) -> Question; 2] = [Question::Ask, |message| Question::Send {
        destination: 0,
        tag: 0,
        message,
        confirm: false,
    }];
    for question in questions {
        let inline = |count| asked(question(Payload::Inline(vec![0; count])));
        check("bytes of a value", &inline(INLINE_BYTES_MAX), &inline(INLINE_BYTES_MAX + 1));
        let large = |bytes| asked(question(blob(bytes)));
        check("bytes of a blob", &large(most), &large(most + 1));
    }
    let frames = |count| {
        let frames = vec![CodePoint { function: 0, offset: 0 }; count];
        results(Outcome::Trapped(TrapCode::Unreachable, frames), 1)
    };
    check("frames", &frames(RAISED_FRAMES_MAX), &frames(RAISED_FRAMES_MAX + 1));
    let named = |length| HostControl::Hello {
        version: 1,
        features: vec![],
        info: HostInfo { name: "x".repeat(length), ..info() },
    };
    check("bytes of text", &named(TEXT_BYTES_MAX), &named(TEXT_BYTES_MAX + 1));
    let output = |length| HostWork::Output {
        point: Point(1),
        id: TaskId(1),
        attempt: 1,
        output: vec![b'x'; length],
    };
    check("bytes of output", &output(OUTPUT_CHUNK_BYTES_MAX), &output(OUTPUT_CHUNK_BYTES_MAX + 1));
    let unstarted =
        |count| HostWork::Unstarted { point: Point(1), tasks: vec![(TaskId(1), 1); count] };
    check("tasks", &unstarted(BATCH_TASKS_MAX), &unstarted(BATCH_TASKS_MAX + 1));
    let printed = |length| HostWork::Results {
        point: Point(1),
        results: vec![TaskResult { output: vec![b'x'; length], ..result(Outcome::Cancelled) }],
    };
    check(
        "bytes of output",
        &printed(OUTPUT_CHUNK_BYTES_MAX),
        &printed(OUTPUT_CHUNK_BYTES_MAX + 1),
    );
}

#[test]
fn long_reasons_are_cut_and_do_not_cost_the_frame() {
    // Characters of three bytes, of which the last does not fit.
    let (long, cut) = ("\u{20ac}".repeat(9999), "\u{20ac}".repeat(REASON_BYTES_MAX / 3));
    let refusals =
        |reason: &str| vec![Refusal { closure: Some(1), reason: reason.into() }; CLOSURES_MAX];
    let refused = |reason| HostControl::Refused { point: Point(1), refusals: refusals(reason) };
    let read = HostControl::from_bytes(&refused(&long).to_bytes()).unwrap();
    assert_eq!(read, refused(&cut));
    let bye = |reason: &str| HostControl::Bye { reason: reason.into() };
    assert_eq!(HostControl::from_bytes(&bye(&long).to_bytes()).unwrap(), bye(&cut));
    for outcome in [Outcome::HostFault, Outcome::Refused, Outcome::Unprepared] {
        let results = |reason: &str| HostWork::Results {
            point: Point(1),
            results: vec![result(outcome(reason.into()))],
        };
        assert_eq!(HostWork::from_bytes(&results(&long).to_bytes()).unwrap(), results(&cut));
    }
    // A frame whose writer did not cut: `Bye` with one byte too many.
    let mut bytes = vec![0x82, 0x06, 0x81, 0x79];
    bytes.extend((REASON_BYTES_MAX as u16 + 1).to_be_bytes());
    bytes.resize(bytes.len() + REASON_BYTES_MAX + 1, b'x');
    let refused = matches!(HostControl::from_bytes(&bytes), Err(FrameError::TooMany { .. }));
    assert!(refused);
}

#[test]
fn long_frames_are_not_even_read() {
    let bytes = vec![0xff; FRAME_BYTES_MAX + 1];
    let refused = matches!(HubWork::from_bytes(&bytes), Err(FrameError::TooLong { .. }));
    assert!(refused);
}
