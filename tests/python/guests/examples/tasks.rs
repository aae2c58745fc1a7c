//! What tasks may know and do.

#![forbid(unsafe_code)]

use spm_guest::{Exception, Result, hub, log, task, team};

#[spm_guest::closure]
fn tasks(what: &str, n: i64) -> Result<Vec<i64>> {
    match what {
        "know" => {
            spm_guest::println!("task {}", task::index());
            log::print("half a line");
            spm_guest::println!();
            Ok(vec![task::index() as i64, task::attempt().into(), n])
        }
        "ask" => Ok(vec![hub::ask(("question", n))?, hub::ask(n)?]),
        "spawn" => {
            if (n as f64) < task::bound()? {
                task::improve(n as f64)?;
            }
            if n > 0 {
                task::spawn(("spawn", n - 1), n as f64)?;
            }
            Ok(vec![n])
        }
        "team" => {
            let (rank, size) = (team::rank(), team::size());
            let all = team::allgather(i64::from(rank) * n)?;
            let sum = team::allreduce(i64::from(rank), |a, b| a + b)?;
            team::barrier()?;
            if size > 1 {
                // Around the ring.
                team::send((rank, "hello"), (rank + 1) % size, 7)?;
                let left = (rank + size - 1) % size;
                let found = team::recv::<(u32, String)>(left, 7)?;
                if found.value != (left, "hello".to_owned()) {
                    return Err(Exception::assertion_error("another message"));
                }
            }
            Ok(all.into_iter().chain([sum]).collect())
        }
        _ => Err(Exception::value_error(what)),
    }
}
