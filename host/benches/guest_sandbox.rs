//! What a task of the `guest` engine costs: a fresh instance, a call, and its end.
//!
//!     cargo bench -p spm-host --bench guest_sandbox -- COMPONENT ARGUMENTS_IN_HEX
//!
//! The component is what `.component()` gives, and the arguments are a CBOR array. One thread, no hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spm_host::sandbox::{
    Definition, Ended, Sandbox, SandboxOptions, StopCause, THREAD_STACK_BYTES, TaskInput,
};

const TASKS: u32 = 20_000;
const ROUNDS: u32 = 5;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(component), Some(hex)) = (arguments.next(), arguments.next()) else {
        println!("no component is named; nothing is measured");
        return;
    };
    let component = std::fs::read(component).expect("the component can be read");
    let arguments: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("two digits"))
        .collect();
    for options in [SandboxOptions::own_process(), SandboxOptions::in_process()] {
        let sandbox = Sandbox::new(options).expect("there is an engine");
        let begun = Instant::now();
        let definition = sandbox.compile(&component, false).expect("it compiles");
        let compiled = begun.elapsed();
        let arguments = arguments.clone();
        let each = std::thread::Builder::new()
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let rounds = (0..ROUNDS).map(|_| measure(&definition, &arguments));
                rounds.min().expect("some rounds")
            })
            .expect("a thread")
            .join()
            .expect("no panic");
        println!(
            "{options:?}: {} bytes, compiled in {compiled:.1?}, {each:.2?} a task",
            component.len()
        );
    }
}

/// The time of a task, and its end.
fn measure(definition: &Definition, arguments: &[u8]) -> Duration {
    let begun = Instant::now();
    for index in 0..TASKS {
        let input = TaskInput {
            payload: None,
            arguments,
            index: index.into(),
            attempt: 1,
            seed: 7,
            memory_bytes_max: 256 << 20,
            fuel: 0,
            deadline: None,
            sink: None,
            granted: None,
            channel: None,
        };
        let ran = Sandbox::run(definition, &input, &Arc::new(StopCause::new()));
        assert!(matches!(ran.ended, Ended::Returned(_)), "{:?}", ran.ended);
    }
    begun.elapsed() / TASKS
}
