//! Guests that wait: they end with their time, with their deadline, or with whoever wants them to.

use std::time::{Duration, Instant};

use spm_protocol::frame::{HostWork, HubControl};
use spm_protocol::{Outcome, Payload};

use super::hub::{Closure, Hub, host};
use super::wat::{Guest, calling};

/// Longer than any test runs, and far shorter than the guests want to sleep.
const PROMPT: Duration = Duration::from_secs(30);

/// Prints its arguments, sleeps as many nanoseconds as their first eight bytes say, and returns them.
fn sleeper() -> Closure {
    let guest = Guest {
        fields: r#"(import "host" "print" (func $print (param i32 i32)))
                   (import "host" "sleep" (func $sleep (param i64)))"#,
        call: "(call $print (local.get $pointer) (local.get $length)) \
               (call $sleep (i64.load (local.get $pointer))) \
               (call $return (local.get $pointer) (local.get $length))",
        imports: r#"(import "spm:closure/log@0.1.0" (instance $log (export "print" (func (param "text" (list u8))))))
                    (import "spm:closure/task@0.1.0" (instance $task (export "sleep" (func (param "nanoseconds" u64)))))"#,
        with: r#"(core func $print (canon lower (func $log "print") (memory $heap)))
                 (core func $sleep (canon lower (func $task "sleep")))
                 (core instance $host (export "print" (func $print)) (export "sleep" (func $sleep)))"#,
        ..Guest::default()
    };
    Closure::new(guest.component())
}

fn time(duration: Duration) -> Vec<u8> {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).to_le_bytes().to_vec()
}

/// Sends a task that sleeps for ever, and waits until it does: what it printed before comes while it sleeps.
fn asleep(hub: &mut Hub, closure: u32) -> spm_protocol::TaskId {
    let task = hub.task(closure, &time(Duration::MAX));
    let id = task.id;
    hub.send(vec![task]);
    let heard = hub.hear_work();
    assert!(matches!(heard, HostWork::Output { .. }), "{heard:?}");
    id
}

#[test]
fn a_task_sleeps_as_long_as_it_says() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[sleeper()]);
    for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(5)] {
        let arguments = time(duration);
        let begun = Instant::now();
        let result = hub.run(0, &arguments);
        assert!(begun.elapsed() >= duration);
        assert_eq!(result.outcome, Outcome::Returned(Payload::Inline(arguments)));
        assert!(result.pure, "waiting tells a task nothing");
    }
    host.stop();
}

#[test]
fn a_deadline_ends_a_sleep() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[sleeper().within_ms(20)]);
    let begun = Instant::now();
    let outcome = hub.run(0, &time(Duration::MAX)).outcome;
    assert!(
        matches!(outcome, Outcome::DeadlineHit(ref points) if !points.is_empty()),
        "{outcome:?}"
    );
    assert!((Duration::from_millis(20)..PROMPT).contains(&begun.elapsed()));
    host.stop();
}

#[test]
fn a_sleeping_task_is_cancelled() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[sleeper()]);
    let id = asleep(&mut hub, 0);
    let begun = Instant::now();
    hub.say(&HubControl::Cancel { point: hub.point, tasks: vec![id] });
    assert_eq!(hub.collect(1)[&id].outcome, Outcome::Cancelled);
    assert!(begun.elapsed() < PROMPT);
    let arguments = time(Duration::ZERO);
    assert!(matches!(hub.run(0, &arguments).outcome, Outcome::Returned(_)));
    host.stop();
}

#[test]
fn others_still_end_at_their_deadline_while_tasks_sleep() {
    let host = host(2);
    let endless = Closure::new(calling("(loop $forever (br $forever)) unreachable")).within_ms(20);
    let mut hub = Hub::online(&host, &[sleeper(), endless]);
    asleep(&mut hub, 0);
    assert!(matches!(hub.run(1, b"").outcome, Outcome::DeadlineHit(_)));
    host.stop();
}

#[test]
fn concluding_and_stopping_wake_who_sleeps() {
    let host = host(2);
    let mut hub = Hub::online(&host, &[sleeper()]);
    asleep(&mut hub, 0);
    let begun = Instant::now();
    hub.conclude();
    hub.prepare(&[sleeper()]).expect("the closure is taken");
    hub.commit();
    asleep(&mut hub, 0);
    host.stop();
    assert!(begun.elapsed() < PROMPT);
}
