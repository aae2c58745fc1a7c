use spm_host::sandbox::*;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let r = |i: usize| std::fs::read(&a[i]).unwrap();
    let t = Instant::now();
    let joined = spm_scientific::Joined::new(&r(1), &r(2), &r(3)).unwrap();
    let c0 = joined.component().unwrap();
    eprintln!("component {:?} {}", t.elapsed(), c0.len());
    let sandbox = Sandbox::new(SandboxOptions::own_process().with(Profile::Scientific)).unwrap();
    let d = sandbox.compile(&c0, false).unwrap();
    eprintln!("compiled {:?}", t.elapsed());
    let source = r(4);
    let stop = std::sync::Arc::new(StopCause::default());
    let input = TaskInput {
        payload: Some(&source),
        arguments: &[],
        index: 0,
        attempt: 1,
        seed: 0,
        memory_bytes_max: 4 << 30,
        fuel: 0,
        deadline: None,
        sink: None,
        granted: None,
    };
    let b = match std::thread::Builder::new()
        .stack_size(THREAD_STACK_BYTES)
        .spawn_scoped_like(|| d.begin(&input, &stop))
    {
        r => r,
    };
    let b = match b {
        Ok(b) => b,
        Err(e) => {
            eprintln!("{e} {:?}", e);
            return;
        }
    };
    eprintln!(
        "begun {:?} {} MB {:?} {}",
        t.elapsed(),
        b.memory.len() >> 20,
        b.globals,
        String::from_utf8_lossy(&b.output)
    );
    let c1 = joined.begin_as(&b.memory, &b.globals).unwrap().component().unwrap();
    eprintln!("made {:?} {}", t.elapsed(), c1.len());
    std::fs::write(&a[5], c1).unwrap();
}
trait S {
    fn spawn_scoped_like<T: Send>(self, f: impl FnOnce() -> T + Send) -> T;
}
impl S for std::thread::Builder {
    fn spawn_scoped_like<T: Send>(self, f: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|s| self.spawn_scoped(s, f).unwrap().join().unwrap())
    }
}
