//! `wasi:cli`: what a program is told of itself, and its standard streams.

use alloc::vec::Vec;

use super::handles::{Resource, Sink, Source};
use super::layout::{Layout, give, give_aligned, words};
use crate::call::exit;
use crate::process::arguments;
use crate::state::with;

const STDOUT: usize = 0;
const STDERR: usize = 1;

/// Gives a list of what consists of strings, so many of them each.
fn give_strings(strings: &[Vec<u8>], of_each: usize, to: u32) {
    let places: Vec<u32> = strings
        .iter()
        .flat_map(|string| {
            let (place, length) = give(string);
            [place, length]
        })
        .collect();
    let count = strings.len() / of_each;
    Layout::<8>::new().list(0, give_aligned(&words(places), 4, count as u32)).write(to);
}

#[unsafe(export_name = "wasi:cli/environment.get-arguments")]
extern "C" fn get_arguments(to: u32) {
    give_strings(&arguments(), 1, to);
}

#[unsafe(export_name = "wasi:cli/environment.get-environment")]
extern "C" fn get_environment(to: u32) {
    let pairs = with(|state| state.env.clone());
    let both = |pair: &Vec<u8>| {
        let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        [pair[..split].to_vec(), pair.get(split + 1..).unwrap_or_default().to_vec()]
    };
    let strings: Vec<_> = pairs.iter().flat_map(both).collect();
    give_strings(&strings, 2, to);
}

#[unsafe(export_name = "wasi:cli/environment.initial-cwd")]
extern "C" fn initial_cwd(to: u32) {
    Layout::<12>::new().u8(0, 1).list(4, give(b"/")).write(to);
}

#[unsafe(export_name = "wasi:cli/exit.exit")]
extern "C" fn exit_with_result(status: u32) {
    exit(status)
}

#[unsafe(export_name = "wasi:cli/exit.exit-with-code")]
extern "C" fn exit_with_code(status: u32) {
    exit(status)
}

#[unsafe(export_name = "wasi:cli/stdin.get-stdin")]
extern "C" fn get_stdin() -> u32 {
    with(|state| state.surely_hold(Resource::Input(Source::Stdin)))
}

fn get_output(which: usize) -> u32 {
    with(|state| state.surely_hold(Resource::Output(Sink::Output(which))))
}

#[unsafe(export_name = "wasi:cli/stdout.get-stdout")]
extern "C" fn get_stdout() -> u32 {
    get_output(STDOUT)
}

#[unsafe(export_name = "wasi:cli/stderr.get-stderr")]
extern "C" fn get_stderr() -> u32 {
    get_output(STDERR)
}

fn get_terminal(is_terminal: bool, to: u32) {
    let mut option = Layout::<8>::new();
    if is_terminal {
        option = option.u8(0, 1).u32(4, with(|state| state.surely_hold(Resource::Terminal)));
    }
    option.write(to);
}

#[unsafe(export_name = "wasi:cli/terminal-stdin.get-terminal-stdin")]
extern "C" fn get_terminal_stdin(to: u32) {
    get_terminal(false, to);
}

#[unsafe(export_name = "wasi:cli/terminal-stdout.get-terminal-stdout")]
extern "C" fn get_terminal_stdout(to: u32) {
    get_terminal(with(|state| state.is_shown(STDOUT)), to);
}

#[unsafe(export_name = "wasi:cli/terminal-stderr.get-terminal-stderr")]
extern "C" fn get_terminal_stderr(to: u32) {
    get_terminal(with(|state| state.is_shown(STDERR)), to);
}

#[unsafe(export_name = "wasi:cli/terminal-input.[resource-drop]terminal-input")]
extern "C" fn drop_terminal_input(handle: u32) {
    with(|state| state.release(handle));
}

#[unsafe(export_name = "wasi:cli/terminal-output.[resource-drop]terminal-output")]
extern "C" fn drop_terminal_output(handle: u32) {
    with(|state| state.release(handle));
}
