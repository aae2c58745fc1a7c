//! Task managers over a mesh of real hosts on loopback: what hosts keep and fetch from one another, ranks on two hosts,
//! questions and answers that no frame holds.

mod mesh {
    //! A hub and hosts, each with a mesh of its own.

    pub mod world;
}
#[path = "hostile/wat.rs"]
#[expect(dead_code, reason = "the tests of hostile guests use more of it")]
mod wat;

use spm_hub::{Kept, ListRun, Next, TaskOutcome, TaskPiece, TaskRequest};
use spm_protocol::ContentId;
use spm_protocol::frame::{Returns, Role};

use self::mesh::world::{PATIENCE, World, guest, wait_until};

/// Bytes of what is too large for a frame.
const LARGE: usize = 200_000;

/// Returns an array of two texts of [`LARGE`] bytes, which begin with the first two bytes of its arguments.
const MAKER: &str = "
  (i32.store8 (i32.const 0x100000) (i32.const 0x82))
  (i32.store8 (i32.const 0x100001) (i32.const 0x5a))
  (i32.store8 (i32.const 0x100002) (i32.const 0)) (i32.store8 (i32.const 0x100003) (i32.const 0x03))
  (i32.store8 (i32.const 0x100004) (i32.const 0x0d)) (i32.store8 (i32.const 0x100005) (i32.const 0x40))
  (i32.store8 (i32.const 0x100006) (i32.load8_u (local.get $pointer)))
  (i32.store8 (i32.const 0x130d46) (i32.const 0x5a))
  (i32.store8 (i32.const 0x130d47) (i32.const 0)) (i32.store8 (i32.const 0x130d48) (i32.const 0x03))
  (i32.store8 (i32.const 0x130d49) (i32.const 0x0d)) (i32.store8 (i32.const 0x130d4a) (i32.const 0x40))
  (i32.store8 (i32.const 0x130d4b) (i32.load8_u offset=1 (local.get $pointer)))
  (call $return (i32.const 0x100000) (i32.const 400011))";

/// Returns the length of its arguments.
const MEASURER: &str =
    "(i32.store (i32.const 256) (local.get $length)) (call $return (i32.const 256) (i32.const 4))";

/// A part of what [`MAKER`] returns.
fn part(begin: u8) -> Vec<u8> {
    let mut part = vec![0x5a, 0, 3, 0x0d, 0x40, begin];
    part.resize(LARGE + 5, 0);
    part
}

fn outcome(run: &ListRun) -> TaskOutcome {
    match run.next(PATIENCE) {
        Next::Completion(completion) => completion.outcome,
        other => panic!("no completion but {other:?}"),
    }
}

fn kept(run: &ListRun) -> Vec<Kept> {
    match outcome(run) {
        TaskOutcome::Kept(kept) => kept,
        other => panic!("{other:?}"),
    }
}

/// The ids of what hosts keep.
fn id_of(kept: &Kept) -> ContentId {
    match kept {
        Kept::There { id, .. } => *id,
        Kept::Here(_) => panic!("too large to be here"),
    }
}

/// Submits one task for each host, which makes two parts; returns what is kept, by host.
fn made_on_each(world: &World, run: &ListRun, values: &[u8]) -> Vec<Vec<Kept>> {
    for pair in values.chunks(2) {
        let returns = Returns::KeptInParts(2);
        let request = TaskRequest { arguments: pair.to_vec(), returns, ..TaskRequest::default() };
        run.submit(request).unwrap();
    }
    let made: Vec<Vec<Kept>> = values.chunks(2).map(|_| kept(run)).collect();
    for (parts, pair) in made.iter().zip(values.chunks(2)) {
        for (part_kept, value) in parts.iter().zip(pair) {
            assert_eq!(id_of(part_kept), ContentId::of(&part(*value)));
        }
    }
    assert!(made.iter().flatten().all(|kept| !world.hub_has(id_of(kept))));
    made
}

/// A task that measures these.
fn measure(kept: &[Kept]) -> TaskRequest {
    let begin = TaskPiece::Bytes(vec![0x80 + kept.len() as u8].into());
    let pieces = std::iter::once(begin).chain(kept.iter().cloned().map(TaskPiece::Kept)).collect();
    TaskRequest { closure: 1, pieces, ..TaskRequest::default() }
}

fn measured(run: &ListRun) -> u32 {
    match outcome(run) {
        TaskOutcome::Returned(value) => u32::from_le_bytes(value[..].try_into().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_go_from_host_to_host_and_never_to_the_hub() {
    let world = World::new(2, &[guest(MAKER), guest(MEASURER)]);
    let run = world.run(64);
    let made = made_on_each(&world, &run, &[1, 2, 3, 4]);
    let mut hosts: Vec<usize> = made.iter().map(|kept| world.holder_of(id_of(&kept[0]))).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, [0, 1], "each host has one slot");
    let all = made.concat();
    for _ in 0..4 {
        // Wherever it runs, half of it is on the other host.
        run.submit(measure(&all)).unwrap();
    }
    (0..4).for_each(|_| assert_eq!(measured(&run), 1 + 4 * (LARGE as u32 + 5)));
    assert!(all.iter().all(|kept| !world.hub_has(id_of(kept))));
    // The hub may have what it wants to have.
    assert_eq!(run.fetch(&all[3]).unwrap(), part(4));
    // What is released makes room.
    assert!(world.shared_bytes() > 4 * LARGE);
    run.release(&all);
    wait_until("nothing is kept", || world.shared_bytes() < LARGE);
    run.close_input();
    world.conclude();
}

#[test]
fn what_is_kept_goes_with_the_point_that_it_was_made_at() {
    let world = World::new(2, &[guest(MAKER), guest(MEASURER)]);
    let run = world.run(64);
    let made = made_on_each(&world, &run, &[5, 6, 7, 8]);
    run.cancel_all();
    world.conclude();
    wait_until("nothing is kept", || world.shared_bytes() < LARGE);
    assert!(run.fetch(&made[0][0]).is_err() && !run.is_there(&made[0][0]));
}

#[test]
fn a_host_that_joins_has_what_others_keep_and_they_what_it_keeps() {
    let mut world = World::new(1, &[guest(MAKER), guest(MEASURER)]);
    let run = world.run(64);
    let first = made_on_each(&world, &run, &[1, 2]).remove(0);
    world.join();
    let [second, third] = &made_on_each(&world, &run, &[3, 4, 5, 6])[..] else { unreachable!() };
    let all = [&first[..], &second[..], &third[..]].concat();
    let holders: Vec<usize> = all.iter().map(|kept| world.holder_of(id_of(kept))).collect();
    assert!(holders.contains(&0) && holders.contains(&1), "{holders:?}");
    for _ in 0..6 {
        run.submit(measure(&all)).unwrap();
    }
    (0..6).for_each(|_| assert_eq!(measured(&run), 1 + 6 * (LARGE as u32 + 5)));
    assert_eq!(run.stats().retries, 0, "nobody was refused anything");
    run.close_input();
    world.conclude();
}

#[test]
fn what_was_lost_with_a_host_is_told_to_who_needs_it() {
    let world = World::new(2, &[guest(MAKER), guest(MEASURER)]);
    let run = world.run(64);
    let made = made_on_each(&world, &run, &[1, 2, 3, 4]);
    world.stop(world.holder_of(id_of(&made[0][0])));
    wait_until("its loss is noticed", || !run.is_there(&made[0][0]));
    run.submit(measure(&made.concat())).unwrap();
    let lost = outcome(&run);
    assert!(matches!(lost, TaskOutcome::ArgumentLost(_)), "{lost:?}");
    run.submit(measure(&made[1])).unwrap();
    assert_eq!(measured(&run), 1 + 2 * (LARGE as u32 + 5));
    run.close_input();
    world.conclude();
}

/// Two ranks that send small and large messages, taken by tag and not as they came. Without arguments they wait for one
/// another. Results are read where [`guest`] has them put.
const RANKS: &str = "
  (if (i32.eqz (local.get $length))
    (then (call $receive (i32.sub (i32.const 1) (call $rank)) (i64.const 9) (i32.const 64))))
  (if (i32.eqz (call $rank))
    (then
      (call $send (i32.const 1) (i32.const 5) (local.get $pointer) (local.get $length))
      (i32.store8 (i32.const 0x100000) (i32.load8_u (local.get $pointer)))
      (call $send (i32.const 1) (i32.const 6) (i32.const 0x100000) (i32.const 200005))
      (call $receive (i32.const -1) (i64.const -1) (i32.const 64)))
    (else
      (call $receive (i32.const 0) (i64.const 6) (i32.const 64))
      (call $send (i32.const 0) (i32.const 7) (i32.load (i32.const 72)) (i32.load (i32.const 76)))
      (call $receive (i32.const 0) (i64.const 5) (i32.const 64))))
  (call $bytes (i32.const 72))";

fn outcomes(run: &ListRun, count: usize) -> Vec<TaskOutcome> {
    (0..count).map(|_| outcome(run)).collect()
}

#[test]
fn ranks_on_two_hosts_exchange_small_and_large_messages() {
    let world = World::new(2, &[guest(RANKS)]);
    let run = world.run(64);
    for value in [3, 4] {
        run.start_team(0, vec![value, 1, 2], 2).unwrap();
        let mut large = vec![0; LARGE + 5];
        large[0] = value;
        let expected = [large, vec![value, 1, 2]].map(|it| TaskOutcome::Returned(it.into()));
        assert_eq!(outcomes(&run, 2), expected);
    }
    let stats = run.stats();
    assert!(stats.hosts.iter().all(|host| host.sent == 2), "{:?}", stats.hosts);
    // The hub saw the large message as a result only.
    wait_until("nothing is kept", || world.shared_bytes() < LARGE);
    run.close_input();
    world.conclude();
}

#[test]
fn ranks_that_wait_for_one_another_are_told_so() {
    let world = World::new(2, &[guest(RANKS)]);
    let run = world.run(64);
    run.start_team(0, Vec::new(), 2).unwrap();
    for outcome in outcomes(&run, 2) {
        let TaskOutcome::Deadlock(text) = outcome else { panic!("{outcome:?}") };
        assert!(text.contains("rank 0 waits for rank 1, tag 9"), "{text}");
    }
    // Nothing of them is in the way of those that come after them.
    run.start_team(0, vec![1], 2).unwrap();
    assert!(outcomes(&run, 2).iter().all(|it| matches!(it, TaskOutcome::Returned(_))));
    run.close_input();
    world.conclude();
}

#[test]
fn questions_and_answers_may_be_larger_than_frames() {
    let ask = "(call $ask (local.get $pointer) (local.get $length) (i32.const 64)) \
               (call $bytes (i32.const 64))";
    let world = World::new(2, &[guest(ask)]);
    let run = world.run(64);
    for arguments in [vec![1, 2], vec![7; LARGE]] {
        let role = Role::Asker;
        run.submit(TaskRequest { arguments, role, ..TaskRequest::default() }).unwrap();
    }
    run.close_input();
    let mut returned = Vec::new();
    loop {
        match run.next(PATIENCE) {
            Next::Ask(ask) => {
                let answer = [&ask.value[..], b"!"].concat();
                assert!(run.answer(&ask, answer));
                assert!(!run.answer(&ask, Vec::new()), "once");
            }
            Next::Completion(completion) => match completion.outcome {
                TaskOutcome::Returned(value) => returned.push(value),
                other => panic!("{other:?}"),
            },
            Next::Finished => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(returned[0], [&[1, 2][..], b"!"].concat());
    assert_eq!(returned[1], [vec![7; LARGE], vec![b'!']].concat());
    world.conclude();
}

#[test]
fn tasks_make_tasks_and_all_hosts_know_the_bound() {
    let grow = "
      (call $improve (f64.convert_i32_u (i32.load8_u (local.get $pointer))))
      (call $spawn (local.get $pointer) (local.get $length) (f64.const 2.5))
      (call $spawn (i32.const 0x100000) (i32.const 200000) (f64.const -1))
      (f64.store (i32.const 256) (call $bound))
      (call $return (i32.const 256) (i32.const 8))";
    let look =
        "(f64.store (i32.const 256) (call $bound)) (call $return (i32.const 256) (i32.const 8))";
    let world = World::new(2, &[guest(grow), guest(look)]);
    let run = world.run(64);
    let branch = |closure, value| TaskRequest {
        closure,
        arguments: vec![value],
        role: Role::Branch,
        ..TaskRequest::default()
    };
    for value in [9, 4, 6] {
        run.submit(branch(0, value)).unwrap();
        let TaskOutcome::Grown(_, tasks) = outcome(&run) else { panic!("nothing grew") };
        assert_eq!(
            (&tasks[0].arguments[..], f64::from_bits(tasks[0].priority)),
            (&[value][..], 2.5)
        );
        assert_eq!((tasks[1].arguments.len(), tasks.len()), (LARGE, 2));
    }
    assert!((run.bound() - 4.0).abs() < f64::EPSILON);
    for _ in 0..4 {
        run.submit(branch(1, 0)).unwrap();
    }
    let least = TaskOutcome::Returned(4f64.to_le_bytes().to_vec().into());
    assert!(outcomes(&run, 4).iter().all(|outcome| *outcome == least));
    run.close_input();
    world.conclude();
}
