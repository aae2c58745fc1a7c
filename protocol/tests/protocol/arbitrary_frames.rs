//! Any frame, and any record inside one.

use libp2p_identity::{Keypair, PeerId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use spm_protocol::frame::{
    Answer, HostControl, HostInfo, HostWork, HubControl, HubWork, Member, MemberAddress,
    PrepareStep, Provider, Question, Refusal, Returns, Role, Task, TaskResult,
};
use spm_protocol::lines::{LineEntry, LineFunction, LineTable, Site};
use spm_protocol::manifest::{Capability, Isolation, TaskLimits};
use spm_protocol::outcome::CodePoint;
use spm_protocol::raised::{RaisedFrame, SourceFrame};
use spm_protocol::{
    Arguments, ContentId, Engine, Incarnation, Manifest, Outcome, Payload, Piece, Point, Raised,
    SessionId, SignedManifest, TaskId, TrapCode,
};

/// The key that belongs to a number.
pub fn key(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a key")
}

pub fn peer(number: u8) -> PeerId {
    key(number).public().to_peer_id()
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é√]{0,12}"
}

/// A reason, which travels as it may be shown: in one line, without surplus space.
fn reason() -> impl Strategy<Value = String> {
    "([!-~é√]{1,5} ?[!-~é√]{1,5}){0,2}"
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn content_id() -> impl Strategy<Value = ContentId> {
    any::<[u8; 32]>().prop_map(ContentId::from_digest)
}

fn point() -> impl Strategy<Value = Point> {
    any::<u64>().prop_map(Point)
}

fn task_id() -> impl Strategy<Value = TaskId> {
    any::<u64>().prop_map(TaskId)
}

fn member() -> impl Strategy<Value = Member> {
    (1..4_u8).prop_map(|number| Member::from(peer(number)))
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    vec(member(), 0..3)
}

fn address() -> impl Strategy<Value = MemberAddress> {
    (member(), bytes()).prop_map(|(member, address)| MemberAddress { member, address })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        bytes().prop_map(Payload::Inline),
        (content_id(), 0..1_000_000_u64).prop_map(|(id, bytes)| Payload::Blob { id, bytes }),
    ]
}

fn arguments() -> impl Strategy<Value = Arguments> {
    let blob = (content_id(), 0..1_000_000_u64, option::of(member()))
        .prop_map(|(id, bytes, holder)| Piece::Blob { id, bytes, holder });
    let piece = prop_oneof![bytes().prop_map(Piece::Bytes), blob];
    prop_oneof![payload().prop_map(Arguments::Whole), vec(piece, 0..5).prop_map(Arguments::Pieces),]
}

fn returns() -> impl Strategy<Value = Returns> {
    prop_oneof![
        Just(Returns::Sent),
        Just(Returns::Kept),
        any::<u32>().prop_map(Returns::KeptInParts),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    let rank = (any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(rank, size, here)| Role::Rank { rank, size, here });
    prop_oneof![Just(Role::Independent), Just(Role::Asker), Just(Role::Branch), rank]
}

fn question() -> impl Strategy<Value = Question> {
    let wanted = || (option::of(any::<u32>()), option::of(any::<u32>()));
    prop_oneof![
        payload().prop_map(Question::Ask),
        wanted().prop_map(|(source, tag)| Question::Receive { source, tag }),
        wanted().prop_map(|(source, tag)| Question::Poll { source, tag }),
        (any::<u32>(), any::<u32>(), payload(), any::<bool>()).prop_map(
            |(destination, tag, message, confirm)| {
                Question::Send { destination, tag, message, confirm }
            }
        ),
        any::<u64>().prop_map(Question::Improve),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        payload().prop_map(Answer::Value),
        (any::<u32>(), any::<u32>(), payload(), option::of(member())).prop_map(
            |(source, tag, message, holder)| Answer::Message { source, tag, message, holder }
        ),
        Just(Answer::Nothing),
    ]
}

fn points() -> impl Strategy<Value = Vec<CodePoint>> {
    vec(code_point(), 0..5)
}

fn code_point() -> impl Strategy<Value = CodePoint> {
    (any::<u32>(), any::<u32>()).prop_map(|(function, offset)| CodePoint { function, offset })
}

fn trap() -> impl Strategy<Value = TrapCode> {
    proptest::sample::select(TrapCode::ALL)
}

pub fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        payload().prop_map(Outcome::Returned),
        payload().prop_map(Outcome::Raised),
        (trap(), points()).prop_map(|(code, frames)| Outcome::Trapped(code, frames)),
        points().prop_map(Outcome::OutOfFuel),
        points().prop_map(Outcome::OutOfMemory),
        reason().prop_map(Outcome::HostFault),
        reason().prop_map(Outcome::Refused),
        reason().prop_map(Outcome::Unprepared),
        points().prop_map(Outcome::DeadlineHit),
        Just(Outcome::Cancelled),
        vec(payload(), 0..4).prop_map(Outcome::Kept),
        payload().prop_map(Outcome::Grown),
    ]
}

pub fn manifest() -> impl Strategy<Value = Manifest> {
    use Engine::{Guest, Native, Python, Scientific};
    let engine = proptest::sample::select(vec![Native, Python, Scientific, Guest]);
    let capability = prop_oneof![
        Just(Capability::Clock),
        Just(Capability::Random),
        text().prop_map(Capability::Environment),
        text().prop_map(Capability::ReadOnlyFolder),
    ];
    let limits = (any::<u64>(), option::of(any::<u64>()), option::of(any::<u64>())).prop_map(
        |(memory_bytes, fuel, deadline_ms)| TaskLimits { memory_bytes, fuel, deadline_ms },
    );
    let isolation = prop_oneof![Just(Isolation::Task), Just(Isolation::Session)];
    let code = (text(), content_id(), any::<u64>(), engine, content_id(), text());
    let wants = (limits, vec(capability, 0..4), isolation, vec(text(), 0..4));
    let rest = (
        option::of((content_id(), any::<u64>())),
        option::of(any::<u32>()),
        any::<[u8; 16]>().prop_map(SessionId::from_bytes),
        any::<u64>(),
    );
    (code, wants, rest).prop_map(
        |(
            (name, component, component_bytes, engine, source, compiler),
            (limits, capabilities, isolation, classes),
            (payload, fallback, session, expires_unix_ms),
        )| Manifest {
            name,
            component,
            component_bytes,
            engine,
            payload,
            fallback,
            classes,
            limits,
            capabilities,
            isolation,
            source,
            compiler,
            session,
            expires_unix_ms,
        },
    )
}

pub fn hub_control() -> impl Strategy<Value = HubControl> {
    let signed = manifest().prop_map(|manifest| SignedManifest::sign(&manifest, &key(1)));
    let provider = (content_id(), any::<u64>(), members())
        .prop_map(|(id, bytes, peers)| Provider { id, bytes, peers });
    let found = (vec(provider, 0..3), vec(address(), 0..3));
    let prepare = (point(), vec(signed, 0..2), members(), found, any::<u64>(), members());
    prop_oneof![
        (any::<u32>(), vec(text(), 0..3))
            .prop_map(|(version, features)| HubControl::Hello { version, features }),
        prepare.prop_map(
            |(point, closures, members, (providers, addresses), deadline_ms, meet)| {
                HubControl::Prepare {
                    point,
                    closures,
                    members,
                    providers,
                    deadline_ms,
                    addresses,
                    meet,
                }
            }
        ),
        (point(), members(), vec(address(), 0..3)).prop_map(|(point, members, addresses)| {
            HubControl::Commit { point, members, addresses }
        }),
        point().prop_map(|point| HubControl::Conclude { point }),
        (point(), vec(task_id(), 0..5))
            .prop_map(|(point, tasks)| HubControl::Cancel { point, tasks }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(request, lease_ms)| HubControl::Lease { request, lease_ms }),
        Just(HubControl::Bye),
    ]
}

pub fn host_control() -> impl Strategy<Value = HostControl> {
    let numbers = (any::<u64>(), any::<u32>(), any::<u64>(), any::<u32>());
    let lists = (vec(text(), 0..3), vec((text(), text()), 0..3));
    let info = (text(), numbers, lists).prop_map(
        |(name, (incarnation, slots, memory_bytes, pid), (engines, labels))| HostInfo {
            incarnation: Incarnation(incarnation),
            name,
            slots,
            memory_bytes,
            engines,
            labels,
            pid,
        },
    );
    let refusal = (option::of(any::<u32>()), reason())
        .prop_map(|(closure, reason)| Refusal { closure, reason });
    prop_oneof![
        (any::<u32>(), vec(text(), 0..3), info)
            .prop_map(|(version, features, info)| HostControl::Hello { version, features, info }),
        (point(), any::<u64>(), any::<u64>()).prop_map(|(point, fetch_us, compile_us)| {
            HostControl::Prepared { point, fetch_us, compile_us }
        }),
        (point(), vec(refusal, 0..3))
            .prop_map(|(point, refusals)| HostControl::Refused { point, refusals }),
        (point(), any::<u32>()).prop_map(|(point, credits)| HostControl::Online { point, credits }),
        point().prop_map(|point| HostControl::Concluded { point }),
        (point(), any::<u32>(), any::<bool>(), option::of(any::<u32>())).prop_map(
            |(point, closure, fetches, permille)| {
                let step = if fetches { PrepareStep::Fetching } else { PrepareStep::Compiling };
                HostControl::Preparing { point, closure, step, permille }
            }
        ),
        any::<u64>().prop_map(|request| HostControl::LeaseRequest { request }),
        reason().prop_map(|reason| HostControl::Bye { reason }),
    ]
}

pub fn hub_work() -> impl Strategy<Value = HubWork> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>());
    let kind = (returns(), role());
    let task = (task_id(), numbers, option::of(any::<u64>()), arguments(), kind).prop_map(
        |(id, (attempt, closure, index, seed), deadline_ms, arguments, (returns, role))| Task {
            id,
            attempt,
            closure,
            index,
            seed,
            deadline_ms,
            arguments,
            returns,
            role,
        },
    );
    let asked = (point(), task_id(), any::<u32>(), any::<u64>());
    prop_oneof![
        (point(), vec(task, 0..4)).prop_map(|(point, tasks)| HubWork::Tasks { point, tasks }),
        (point(), vec(task_id(), 0..4)).prop_map(|(point, tasks)| HubWork::Recall { point, tasks }),
        (asked, answer()).prop_map(|((point, id, attempt, number), answer)| {
            HubWork::Answered { point, id, attempt, number, answer }
        }),
        (point(), any::<u64>()).prop_map(|(point, bound)| HubWork::Bound { point, bound }),
        (point(), vec(content_id(), 0..4))
            .prop_map(|(point, blobs)| HubWork::Free { point, blobs }),
    ]
}

pub fn host_work() -> impl Strategy<Value = HostWork> {
    let numbers = (any::<u32>(), any::<u64>(), any::<bool>());
    let result = (task_id(), numbers, outcome(), bytes()).prop_map(
        |(id, (attempt, run_us, pure), outcome, output)| TaskResult {
            id,
            attempt,
            outcome,
            run_us,
            output,
            pure,
        },
    );
    let asked = (point(), task_id(), any::<u32>(), any::<u64>());
    prop_oneof![
        (point(), vec(result, 0..4))
            .prop_map(|(point, results)| HostWork::Results { point, results }),
        (point(), task_id(), any::<u32>(), bytes()).prop_map(|(point, id, attempt, output)| {
            HostWork::Output { point, id, attempt, output }
        }),
        (point(), vec((task_id(), any::<u32>()), 0..4))
            .prop_map(|(point, tasks)| HostWork::Unstarted { point, tasks }),
        (asked, question()).prop_map(|((point, id, attempt, number), question)| {
            HostWork::Asked { point, id, attempt, number, question }
        }),
    ]
}

fn source_frame() -> impl Strategy<Value = SourceFrame> {
    let span = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    (text(), span, text(), text()).prop_map(
        |(file, (line, column, end_line, end_column), function, source)| SourceFrame {
            file,
            line,
            column,
            end_line,
            end_column,
            function,
            source,
        },
    )
}

pub fn raised() -> impl Strategy<Value = Raised> {
    let frame = prop_oneof![
        any::<u32>().prop_map(RaisedFrame::Site),
        source_frame().prop_map(RaisedFrame::Source),
    ];
    let args = vec(any::<i64>(), 0..3).prop_map(|ints| minicbor::to_vec(ints).expect("is CBOR"));
    let state = prop_oneof![Just(vec![]), Just(vec![0xa0]), Just(vec![0xa1, 0x61, 0x61, 0x01])];
    let marks = (any::<bool>(), option::of(trap()), any::<u32>());
    let plain = (any::<u32>(), args, state, vec(text(), 0..3), vec(frame, 0..4), marks).prop_map(
        |(class, args, state, notes, frames, (suppress_context, trap, frames_left_out))| Raised {
            class,
            args,
            state,
            notes,
            frames,
            suppress_context,
            trap,
            frames_left_out,
            context_is_cause: false,
            ..Raised::default()
        },
    );
    plain.prop_recursive(4, 12, 3, |inner| {
        let chained = option::of(inner.clone().prop_map(Box::new));
        (inner.clone(), chained.clone(), chained, vec(inner, 0..3)).prop_map(
            |(raised, cause, context, members)| Raised { cause, context, members, ..raised },
        )
    })
}

pub fn line_table() -> impl Strategy<Value = LineTable> {
    let function = (text(), text(), any::<u32>(), vec(text(), 0..4)).prop_map(
        |(name, file, first_line, source)| LineFunction { name, file, first_line, source },
    );
    let span = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let site = span.prop_map(|(function, line, column, end_line, end_column)| Site {
        function,
        line,
        column,
        end_line,
        end_column,
    });
    let entry = (code_point(), any::<u32>()).prop_map(|(at, site)| LineEntry { at, site });
    (vec(function, 0..3), vec(site, 0..4), vec(entry, 0..4))
        .prop_map(|(functions, sites, entries)| LineTable { functions, sites, entries })
}
