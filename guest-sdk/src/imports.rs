//! The world's imports, as functions that are safe to call. On other targets they are what a plain call of a closure
//! sees: a task that is alone.

/// Which task manager runs the task, by the numbers of `wit/closure.wit`.
pub(crate) const FARM: u32 = 1;
pub(crate) const TEMPLATE: u32 = 2;
pub(crate) const TEAM: u32 = 3;

/// A message of a team: its source, its tag, and what it says.
pub(crate) type Message = (u32, u32, Vec<u8>);

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use alone::{
    ask, attempt, bound, improve, index, manager, poll, print, raise, rank, receive, seed, send,
    size, sleep, spawn,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use guest::{
    ask, attempt, bound, improve, index, manager, poll, print, raise, rank, receive, seed, send,
    size, sleep, spawn,
};

#[cfg(target_arch = "wasm32")]
mod guest {
    use super::Message;
    use crate::abi::list;

    /// A list that the host wrote.
    #[repr(C)]
    struct List {
        pointer: *mut u8,
        length: usize,
    }

    #[repr(C)]
    struct Received {
        source: u32,
        tag: u32,
        content: List,
    }

    #[repr(C)]
    struct Polled {
        is_there: u8,
        received: Received,
    }

    impl List {
        const EMPTY: Self = Self { pointer: std::ptr::dangling_mut(), length: 0 };

        fn into_vec(self) -> Vec<u8> {
            // SAFETY: the host wrote both fields, or they are `EMPTY`.
            unsafe { list(self.pointer, self.length) }
        }
    }

    const NOTHING: Received = Received { source: 0, tag: 0, content: List::EMPTY };

    #[link(wasm_import_module = "spm:closure/log@0.1.0")]
    unsafe extern "C" {
        #[link_name = "print"]
        fn log_print(text: *const u8, length: usize);
    }

    #[link(wasm_import_module = "spm:closure/fault@0.1.0")]
    unsafe extern "C" {
        #[link_name = "raise"]
        fn fault_raise(record: *const u8, length: usize);
    }

    #[link(wasm_import_module = "spm:closure/task@0.1.0")]
    unsafe extern "C" {
        pub(crate) safe fn index() -> u64;
        pub(crate) safe fn attempt() -> u32;
        pub(crate) safe fn seed() -> u64;
        pub(crate) safe fn sleep(nanoseconds: u64);
        pub(crate) safe fn manager() -> u32;
    }

    #[link(wasm_import_module = "spm:closure/hub@0.1.0")]
    unsafe extern "C" {
        #[link_name = "ask"]
        fn hub_ask(question: *const u8, length: usize, answer: *mut List);
    }

    #[link(wasm_import_module = "spm:closure/tree@0.1.0")]
    unsafe extern "C" {
        #[link_name = "spawn"]
        fn tree_spawn(arguments: *const u8, length: usize, priority: f64);
        pub(crate) safe fn bound() -> f64;
        pub(crate) safe fn improve(value: f64);
    }

    #[link(wasm_import_module = "spm:closure/team@0.1.0")]
    unsafe extern "C" {
        pub(crate) safe fn rank() -> u32;
        pub(crate) safe fn size() -> u32;
        #[link_name = "send"]
        fn team_send(destination: u32, tag: u32, message: *const u8, length: usize);
        #[link_name = "receive"]
        fn team_receive(source: i32, tag: i64, received: *mut Received);
        #[link_name = "poll"]
        fn team_poll(source: i32, tag: i64, polled: *mut Polled);
    }

    pub(crate) fn print(text: &[u8]) {
        // SAFETY: the host reads these bytes.
        unsafe { log_print(text.as_ptr(), text.len()) }
    }

    pub(crate) fn raise(record: &[u8]) {
        // SAFETY: the host reads these bytes.
        unsafe { fault_raise(record.as_ptr(), record.len()) }
    }

    pub(crate) fn ask(question: &[u8]) -> Vec<u8> {
        let mut answer = List::EMPTY;
        // SAFETY: the host reads these bytes, and writes the answer.
        unsafe { hub_ask(question.as_ptr(), question.len(), &raw mut answer) }
        answer.into_vec()
    }

    pub(crate) fn spawn(arguments: &[u8], priority: f64) {
        // SAFETY: the host reads these bytes.
        unsafe { tree_spawn(arguments.as_ptr(), arguments.len(), priority) }
    }

    pub(crate) fn send(destination: u32, tag: u32, message: &[u8]) {
        // SAFETY: the host reads these bytes.
        unsafe { team_send(destination, tag, message.as_ptr(), message.len()) }
    }

    pub(crate) fn receive(source: i32, tag: i64) -> Message {
        let mut received = NOTHING;
        // SAFETY: the host writes the message.
        unsafe { team_receive(source, tag, &raw mut received) }
        (received.source, received.tag, received.content.into_vec())
    }

    pub(crate) fn poll(source: i32, tag: i64) -> Option<Message> {
        let mut polled = Polled { is_there: 0, received: NOTHING };
        // SAFETY: the host writes the message, if there is one.
        unsafe { team_poll(source, tag, &raw mut polled) }
        let Polled { is_there, received } = polled;
        (is_there != 0).then(|| (received.source, received.tag, received.content.into_vec()))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod alone {
    use std::io::Write;
    use std::time::Duration;

    use super::Message;

    const ALONE: &str = "a task that is alone has no manager, and nobody gets here";

    pub(crate) fn print(text: &[u8]) {
        // Where nobody reads it, nothing is lost.
        let _ = std::io::stdout().write_all(text);
    }

    pub(crate) fn raise(_: &[u8]) {}

    pub(crate) fn index() -> u64 {
        0
    }

    pub(crate) fn attempt() -> u32 {
        1
    }

    pub(crate) fn seed() -> u64 {
        0
    }

    pub(crate) fn sleep(nanoseconds: u64) {
        std::thread::sleep(Duration::from_nanos(nanoseconds));
    }

    pub(crate) fn manager() -> u32 {
        0
    }

    pub(crate) fn ask(_: &[u8]) -> Vec<u8> {
        unreachable!("{ALONE}")
    }

    pub(crate) fn spawn(_: &[u8], _: f64) {
        unreachable!("{ALONE}")
    }

    pub(crate) fn bound() -> f64 {
        unreachable!("{ALONE}")
    }

    pub(crate) fn improve(_: f64) {
        unreachable!("{ALONE}")
    }

    pub(crate) fn rank() -> u32 {
        unreachable!("{ALONE}")
    }

    pub(crate) fn size() -> u32 {
        unreachable!("{ALONE}")
    }

    pub(crate) fn send(_: u32, _: u32, _: &[u8]) {
        unreachable!("{ALONE}")
    }

    pub(crate) fn receive(_: i32, _: i64) -> Message {
        unreachable!("{ALONE}")
    }

    pub(crate) fn poll(_: i32, _: i64) -> Option<Message> {
        unreachable!("{ALONE}")
    }
}
