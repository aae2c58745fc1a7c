//! Guests that want more than there is: time, memory, stack, tables, output, results.

use spm_protocol::frame::HubControl;
use spm_protocol::limits::{MIB, OUTPUT_BYTES_MAX, RAISED_BYTES_MAX, VALUE_BYTES_MAX};
use spm_protocol::outcome::CodePoint;
use spm_protocol::{Arguments, Outcome, Payload, TrapCode};

use super::hub::{Closure, Hub, TASK_MEMORY_BYTES, host, outcome_of};
use super::importing::LOG;
use super::wat::{Guest, calling, echo};

const LOOP: &str = "(loop $forever (br $forever)) unreachable";

#[test]
fn an_endless_loop_ends_at_its_deadline() {
    let outcome = outcome_of(Closure::new(calling(LOOP)).within_ms(20));
    // Of the guest's functions, the third: `call` itself.
    assert!(
        matches!(&outcome, Outcome::DeadlineHit(points) if matches!(points[..], [CodePoint { function: 2, .. }])),
        "{outcome:?}"
    );
}

#[test]
fn a_tasks_deadline_goes_before_its_closures() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(calling(LOOP)).within_ms(3_600_000)]);
    let mut task = hub.task(0, b"");
    task.deadline_ms = Some(20);
    assert!(matches!(hub.run_task(task).outcome, Outcome::DeadlineHit(_)));
    host.stop();
}

#[test]
fn endless_loops_outside_call_end_at_their_deadline_too() {
    let fields = "(func $start (loop $forever (br $forever))) (start $start)";
    let guests = [
        Guest { fields, ..Guest::default() },
        Guest { define: LOOP, ..Guest::default() },
        Guest { realloc: LOOP, ..Guest::default() },
        Guest { fields: "(func $f (call $f) (call $f))", call: LOOP, ..Guest::default() },
    ];
    for guest in guests {
        let mut closure = Closure::new(guest.component()).within_ms(20);
        closure.payload = Some(b"payload".to_vec());
        assert!(matches!(outcome_of(closure), Outcome::DeadlineHit(_)), "{}", guest.text());
    }
}

#[test]
fn a_running_task_is_cancelled_without_harm_to_its_neighbours() {
    let host = host(2);
    let mut hub = Hub::online(&host, &[Closure::new(calling(LOOP)), Closure::new(echo())]);
    let endless = hub.task(0, b"");
    hub.send(vec![endless.clone()]);
    for _ in 0..10 {
        assert!(matches!(hub.run(1, b"x").outcome, Outcome::Returned(_)));
    }
    hub.say(&HubControl::Cancel { point: hub.point, tasks: vec![endless.id] });
    let results = hub.collect(1);
    assert_eq!(results[&endless.id].outcome, Outcome::Cancelled);
    assert!(matches!(hub.run(1, b"x").outcome, Outcome::Returned(_)));
    host.stop();
}

#[test]
fn a_queued_task_is_cancelled_before_it_runs() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(calling(LOOP))]);
    let tasks = vec![hub.task(0, b""), hub.task(0, b"")];
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    hub.send(tasks);
    hub.say(&HubControl::Cancel { point: hub.point, tasks: ids });
    let results = hub.collect(2);
    assert!(results.values().all(|result| result.outcome == Outcome::Cancelled), "{results:?}");
    host.stop();
}

#[test]
fn fuel_runs_out() {
    let mut closure = Closure::new(calling(LOOP));
    closure.limits.fuel = Some(10_000);
    assert!(matches!(outcome_of(closure), Outcome::OutOfFuel(_)));
    let mut closure = Closure::new(echo());
    closure.limits.fuel = Some(10_000);
    assert!(matches!(outcome_of(closure), Outcome::Returned(_)));
}

#[test]
fn a_memory_bomb_reaches_its_own_limit() {
    let fields = "(func $bomb (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)";
    let component =
        Guest { fields, call: "(call $bomb) (i32.const 0)", ..Guest::default() }.component();
    for memory_bytes in [MIB as u64, TASK_MEMORY_BYTES] {
        let outcome = outcome_of(Closure::new(component.clone()).with_memory(memory_bytes));
        assert!(matches!(outcome, Outcome::OutOfMemory(_)), "{outcome:?}");
    }
}

#[test]
fn a_guest_that_handles_the_end_of_its_memory_returns() {
    let call = "(drop (memory.grow (i32.const 65535))) (call $return (local.get $pointer) (local.get $length))";
    assert!(matches!(outcome_of(Closure::new(calling(call))), Outcome::Returned(_)));
}

#[test]
fn a_table_bomb_gets_no_table() {
    let fields = "(table $t 1 funcref)";
    let call = "(if (i32.ne (table.grow $t (ref.null func) (i32.const 100000000)) (i32.const -1)) (then unreachable)) \
                (loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) \
                (call $return (local.get $pointer) (local.get $length))";
    let component = Guest { fields, call, ..Guest::default() }.component();
    assert!(matches!(outcome_of(Closure::new(component)), Outcome::Returned(_)));
}

#[test]
fn a_stack_bomb_exhausts_the_sandboxs_stack_only() {
    let fields = "(func $deeper (param i64 i64 i64) (result i64) \
                  (i64.add (local.get 0) (call $deeper (local.get 1) (local.get 2) (local.get 0))))";
    let call = "(drop (call $deeper (i64.const 1) (i64.const 2) (i64.const 3))) (i32.const 0)";
    let component = Guest { fields, call, ..Guest::default() }.component();
    let outcome = outcome_of(Closure::new(component));
    assert!(matches!(outcome, Outcome::Trapped(TrapCode::StackExhausted, _)), "{outcome:?}");
}

#[test]
fn a_result_has_a_limit() {
    let over = VALUE_BYTES_MAX + 1;
    let call = format!("(call $return (i32.const 0) (i32.const {over}))");
    let pages = (over / 65536 + 1) as u32;
    let component = Guest { call: &call, pages, ..Guest::default() }.component();
    let outcome = outcome_of(Closure::new(component).with_memory(TASK_MEMORY_BYTES));
    assert_eq!(outcome, Outcome::Trapped(TrapCode::ResultLimit, Vec::new()));
}

#[test]
fn an_exception_has_a_limit() {
    let call = format!(
        "(i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 0)) \
         (i32.store (i32.const 8) (i32.const {})) (i32.const 0)",
        RAISED_BYTES_MAX + 1
    );
    let component = Guest { call: &call, pages: 32, ..Guest::default() }.component();
    assert_eq!(
        outcome_of(Closure::new(component)),
        Outcome::Trapped(TrapCode::ResultLimit, Vec::new())
    );
}

#[test]
fn large_results_and_arguments_travel_as_blobs() {
    let host = host(1);
    let guest = Guest { pages: 64, ..Guest::default() };
    let mut hub = Hub::online(&host, &[Closure::new(guest.component())]);
    let value: Vec<u8> = (0..MIB).map(|index| (index % 251) as u8).collect();
    let mut task = hub.task(0, b"");
    let id = hub.store.put(value.clone()).unwrap();
    task.arguments = Arguments::Whole(Payload::Blob { id, bytes: value.len() as u64 });
    let outcome = hub.run_task(task).outcome;
    assert_eq!(outcome, Outcome::Returned(Payload::Blob { id, bytes: value.len() as u64 }));
    assert!(hub.store.shared_bytes() >= value.len());
    assert_eq!(hub.store.fetch_here(id, hub.session).as_deref(), Some(&value[..]));
    assert_eq!(hub.store.shared_bytes(), 0, "what its one reader has is shared no longer");
    host.stop();
}

#[test]
fn arguments_that_cannot_be_fetched_fault_the_host_and_not_the_task() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(echo())]);
    let mut task = hub.task(0, b"");
    task.arguments =
        Arguments::Whole(Payload::Blob { id: spm_protocol::ContentId::of(b"nowhere"), bytes: 7 });
    let outcome = hub.run_task(task).outcome;
    assert!(
        matches!(outcome, Outcome::HostFault(ref reason) if reason.contains("arguments")),
        "{outcome:?}"
    );
    host.stop();
}

#[test]
fn an_output_flood_is_stopped() {
    let call = "(loop $more (call $print (i32.const 0) (i32.const 65536)) (br $more)) unreachable";
    let fields = r#"(import "host" "print" (func $print (param i32 i32)))"#;
    let component = Guest { fields, call, ..LOG }.component();
    let host = host(1);
    let mut hub = Hub::online(&host, &[Closure::new(component), Closure::new(echo())]);
    let result = hub.run(0, b"");
    assert!(
        matches!(result.outcome, Outcome::Trapped(TrapCode::OutputLimit, _)),
        "{:?}",
        result.outcome
    );
    assert_eq!(hub.printed[&result.id].len(), OUTPUT_BYTES_MAX);
    assert!(matches!(hub.run(1, b"").outcome, Outcome::Returned(_)));
    host.stop();
}
