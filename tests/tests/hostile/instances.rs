//! Instances that outlive a task, and what must not outlive it.

use std::collections::BTreeSet;

use spm_host::{Grants, Submitters};
use spm_protocol::frame::PrepareStep;
use spm_protocol::manifest::{Capability, Isolation};
use spm_protocol::{Engine, Outcome, Payload, TrapCode};

use super::hub::{Closure, Hub, host, host_that_grants};
use super::importing::LOG;
use super::wat::Guest;

/// Counts its calls, and adds what `define` was given; traps for `t`.
const COUNTER: Guest<'static> = Guest {
    fields: "",
    define: "(i32.store8 (i32.const 100) (i32.load8_u (local.get $pointer)))
             (call $return (i32.const 0) (i32.const 0))",
    call: "(if (i32.eq (i32.load8_u (local.get $pointer)) (i32.const 116)) (then unreachable))
           (i32.store8 (i32.const 100) (i32.add (i32.load8_u (i32.const 100)) (i32.const 1)))
           (call $return (i32.const 100) (i32.const 1))",
    realloc: "(i32.const 1024)",
    pages: 1,
    imports: "",
    with: "",
};

/// A guest whose memory begins with something, as that of an interpreter.
fn with_image(guest: &Guest<'_>) -> Vec<u8> {
    let memory = "(memory (export \"memory\") 1)";
    let text = guest.text().replace(memory, &format!("{memory} (data (i32.const 512) \"image\")"));
    wat::parse_str(text).expect("the guest is well-formed")
}

fn counter(engine: Engine, isolation: Isolation) -> Closure {
    let payload = Some(vec![10]);
    Closure { payload, engine, isolation, ..Closure::new(with_image(&COUNTER)) }
}

fn returned(value: u8) -> Outcome {
    Outcome::Returned(Payload::Inline(vec![value]))
}

#[test]
fn a_task_sees_nothing_of_those_before_it() {
    for engine in [Engine::Native, Engine::Python] {
        let host = host(1);
        let mut hub = Hub::online(&host, &[counter(engine, Isolation::Task)]);
        for _ in 0..5 {
            let result = hub.run(0, b"x");
            assert_eq!((result.outcome, result.pure), (returned(11), true));
            let trapped = hub.run(0, b"t").outcome;
            assert!(matches!(trapped, Outcome::Trapped(TrapCode::Unreachable, _)), "{trapped:?}");
        }
        host.stop();
    }
}

#[test]
fn an_instance_of_a_session_is_each_closures_own_and_ends_with_the_point() {
    for engine in [Engine::Native, Engine::Python] {
        let host = host(1);
        let closure = counter(engine, Isolation::Session);
        let mut hub = Hub::online(&host, &[closure.clone(), closure.clone()]);
        for value in 11..15 {
            for index in [0, 1] {
                let result = hub.run(index, b"x");
                assert_eq!((result.outcome, result.pure), (returned(value), false));
            }
        }
        // A trap ends the instance it was in.
        assert!(matches!(hub.run(0, b"t").outcome, Outcome::Trapped(..)));
        assert_eq!(hub.run(0, b"x").outcome, returned(11));
        assert_eq!(hub.run(1, b"x").outcome, returned(15));
        // Another session's are others.
        let mut other = Hub::online(&host, std::slice::from_ref(&closure));
        assert_eq!(other.run(0, b"x").outcome, returned(11));
        hub.conclude();
        hub.prepare(std::slice::from_ref(&closure)).expect("the host takes it");
        hub.commit();
        assert_eq!(hub.run(0, b"x").outcome, returned(11));
        assert_eq!(other.run(0, b"x").outcome, returned(12));
        host.stop();
    }
}

#[test]
fn closures_of_one_interpreter_do_not_see_one_another() {
    let host = host(1);
    let closure = |payload: u8| Closure {
        payload: Some(vec![payload]),
        ..counter(Engine::Python, Isolation::Task)
    };
    let closures: Vec<_> = (0..20).map(closure).collect();
    let mut hub = Hub::online(&host, &closures);
    for _ in 0..3 {
        for index in 0..20 {
            assert_eq!(hub.run(index, b"x").outcome, returned(index as u8 + 1));
        }
    }
    host.stop();
}

#[test]
fn a_host_says_that_it_compiles_an_interpreter() {
    let host = host(1);
    let mut hub = Hub::online(&host, &[counter(Engine::Python, Isolation::Task)]);
    assert_eq!(hub.steps, [PrepareStep::Compiling]);
    // Once is enough.
    hub.conclude();
    hub.prepare(&[counter(Engine::Python, Isolation::Task)]).expect("the host takes it");
    assert_eq!(hub.steps, [PrepareStep::Compiling]);
    let mut native = Hub::online(&host, &[counter(Engine::Native, Isolation::Task)]);
    assert_eq!(native.run(0, b"x").outcome, returned(11));
    assert_eq!(native.steps, []);
    host.stop();
}

#[test]
fn capabilities_are_what_the_hosts_owner_says() {
    let variable = |name: &str| Capability::Environment(name.to_owned());
    let grants = Grants::These(BTreeSet::from([Capability::Clock, variable("HOME")]));
    let host = host_that_grants(1, Submitters::Any, grants);
    let asking = |capabilities: Vec<Capability>| Closure {
        capabilities,
        ..Closure::new(Guest { ..LOG }.component())
    };
    let mut hub = Hub::online(&host, &[asking(vec![Capability::Clock, variable("HOME")])]);
    hub.conclude();
    for (capability, text) in [(Capability::Random, "random"), (variable("PATH"), "env:PATH")] {
        let refusals = hub.prepare(&[asking(vec![Capability::Clock, capability])]).unwrap_err();
        let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
        let expected = format!(
            "capability `{text}` is not granted by this host: start spm-host with --grant {text}"
        );
        assert!(refusal.reason.contains(&expected), "{}", refusal.reason);
    }
    host.stop();
}

#[test]
fn folders_are_refused_whoever_the_host_belongs_to() {
    let folder = || Capability::ReadOnlyFolder("/data".to_owned());
    for grants in [Grants::Any, Grants::These(BTreeSet::new())] {
        let host = host_that_grants(1, Submitters::Any, grants);
        let mut hub = Hub::online(&host, &[Closure::new(Guest { ..LOG }.component())]);
        hub.conclude();
        let asking =
            Closure { capabilities: vec![folder()], ..Closure::new(Guest { ..LOG }.component()) };
        let refusals = hub.prepare(&[asking]).unwrap_err();
        let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
        let reason = &refusal.reason;
        assert!(reason.contains("`fs:ro:/data` is not offered by this version"), "{reason}");
        host.stop();
    }
}
