//! What is kept while a program runs.

use alloc::vec::Vec;
use core::cell::UnsafeCell;

use crate::disk::{BYTES_MAX, Disk, Id, ROOT};
use crate::errno::{Errno, Fallible};
use crate::preview2::Handles;
use crate::world;

/// The root, which is open from the beginning.
pub const PREOPENED: u32 = 3;
/// Which output is standard error.
const STDERR: usize = 1;
/// What it may have more than all that is kept.
const LAST_WORDS_BYTES: usize = 1 << 20;
const DESCRIPTORS_MAX: usize = 1024;
/// What the log takes of one task, but for a message that says so.
const STREAMED_BYTES_MAX: usize = (16 << 20) - 1024;
const CUT: &[u8] = b"\n[what else it prints is not shown while it runs]\n";

/// What a descriptor stands for.
#[derive(Clone, Copy)]
pub enum Target {
    Stdin,
    /// Which of the two.
    Output(usize),
    Node(Id),
}

#[derive(Clone, Copy)]
pub struct Open {
    pub target: Target,
    pub position: u64,
    pub flags: u16,
}

pub struct State {
    pub name: Vec<u8>,
    pub args: Vec<Vec<u8>>,
    pub env: Vec<Vec<u8>>,
    pub stdin: Vec<u8>,
    /// What was written to standard output, and to standard error.
    pub outputs: [Vec<u8>; 2],
    /// Which of these are shown while the program runs, as bits.
    pub shown: u8,
    streamed: usize,
    /// What the result is an instance of, in the closure's class table.
    pub class: usize,
    pub disk: Disk,
    open: Vec<Option<Open>>,
    /// What a program for preview 2 holds.
    pub handles: Handles,
    /// How far clocks are ahead of the host's: what was slept, and they did not show.
    pub ahead_ns: u64,
}

struct Global(UnsafeCell<State>);

// SAFETY: a sandbox has one thread.
unsafe impl Sync for Global {}

static STATE: Global = Global(UnsafeCell::new(State {
    name: Vec::new(),
    args: Vec::new(),
    env: Vec::new(),
    stdin: Vec::new(),
    outputs: [Vec::new(), Vec::new()],
    shown: 0,
    streamed: 0,
    class: 0,
    disk: Disk::new(),
    open: Vec::new(),
    handles: Handles::new(),
    ahead_ns: 0,
}));

/// Does something with the state. Nothing that is done with it calls the program, or this again.
pub fn with<T>(act: impl FnOnce(&mut State) -> T) -> T {
    // SAFETY: see above.
    unsafe { act(&mut *STATE.0.get()) }
}

impl State {
    pub fn begin(&mut self) {
        self.disk.begin();
        if self.open.is_empty() {
            let open = |target| Some(Open { target, position: 0, flags: 0 });
            self.open.push(open(Target::Stdin));
            self.open.push(open(Target::Output(0)));
            self.open.push(open(Target::Output(1)));
            self.open.push(open(Target::Node(ROOT)));
            self.disk.open(ROOT);
        }
    }

    /// Whether an output is shown while the program runs. It is a terminal then: a program prints its lines at once.
    pub fn is_shown(&self, which: usize) -> bool {
        self.shown & 1 << which != 0
    }

    pub fn now_ns(&self) -> u64 {
        world::unix_ns().wrapping_add(self.ahead_ns)
    }

    pub fn descriptor(&mut self, file: u32) -> Fallible<&mut Open> {
        self.open.get_mut(file as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The file or folder that a descriptor stands for.
    pub fn node_of(&mut self, file: u32) -> Fallible<Id> {
        match self.descriptor(file)?.target {
            Target::Node(id) => Ok(id),
            Target::Stdin | Target::Output(_) => Err(Errno::Notdir),
        }
    }

    /// Gives a node the lowest descriptor that is free.
    pub fn open(&mut self, id: Id, flags: u16) -> Fallible<u32> {
        let free = self.open.iter().position(Option::is_none);
        let file = match free {
            Some(file) => file,
            None if self.open.len() < DESCRIPTORS_MAX => {
                self.open.push(None);
                self.open.len() - 1
            }
            None => return Err(Errno::Mfile),
        };
        self.disk.open(id);
        self.open[file] = Some(Open { target: Target::Node(id), position: 0, flags });
        Ok(file as u32)
    }

    pub fn close(&mut self, file: u32) -> Fallible {
        let target = self.descriptor(file)?.target;
        self.open[file as usize] = None;
        if let Target::Node(id) = target {
            self.disk.close(id);
        }
        Ok(())
    }

    /// Puts what one descriptor stands for in the place of another.
    pub fn renumber(&mut self, from: u32, to: u32) -> Fallible {
        let open = *self.descriptor(from)?;
        self.descriptor(to)?;
        if from != to {
            self.close(to)?;
            self.open[from as usize] = None;
            self.open[to as usize] = Some(open);
        }
        Ok(())
    }

    /// Bytes that are kept and are no file's.
    pub fn held(&self) -> usize {
        self.outputs[0].len() + self.outputs[1].len()
    }

    /// Takes so many bytes that the program writes to one of its outputs: `put` adds them to what is there.
    pub fn output(
        &mut self,
        which: usize,
        length: u64,
        put: impl FnOnce(&mut Vec<u8>) -> Fallible,
    ) -> Fallible {
        let held = self.held() + self.disk.bytes;
        // Who is told that there is no room can still say so.
        let most = if which == STDERR { BYTES_MAX + LAST_WORDS_BYTES } else { BYTES_MAX };
        if length > most.saturating_sub(held) as u64 {
            return Err(Errno::Nospc);
        }
        let begin = self.outputs[which].len();
        put(&mut self.outputs[which])?;
        if self.is_shown(which) && self.streamed < STREAMED_BYTES_MAX {
            let text = &self.outputs[which][begin..];
            let taken = text.len().min(STREAMED_BYTES_MAX - self.streamed);
            world::print(&text[..taken]);
            self.streamed += taken;
            if self.streamed == STREAMED_BYTES_MAX {
                world::print(CUT);
            }
        }
        Ok(())
    }
}
