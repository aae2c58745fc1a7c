//! Every way to fail.

#![forbid(unsafe_code)]

use std::fmt;

use spm_guest::{Class, Exception, Result};

/// An error that names its class.
struct Missing(String);

impl From<Missing> for Exception {
    #[track_caller]
    fn from(Missing(what): Missing) -> Self {
        Self::new(Class::LookupError, format_args!("no {what}")).with_args((what, 404))
    }
}

/// An error as libraries have them.
#[derive(Debug)]
struct Library(std::num::ParseIntError);

impl fmt::Display for Library {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the library failed")
    }
}

impl std::error::Error for Library {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn missing() -> std::result::Result<i64, Missing> {
    Err(Missing("thing".to_owned()))
}

fn deep(n: u64) -> u64 {
    let block = std::hint::black_box([n; 64]);
    if n == 0 { 0 } else { deep(n - 1) + block[(n % 64) as usize] }
}

#[spm_guest::closure]
fn failing(how: &str, n: usize) -> Result<i64> {
    let numbers = [1, 2, 3];
    match how {
        "not" => Ok(n as i64),
        "error" => Err(Exception::value_error("a value")),
        "own" => Ok(missing()?),
        "parsed" => Ok("x".parse::<i64>()?),
        "library" => "x".parse().map_err(|error| Library(error).into()),
        "class" => Err(Exception::of("Custom", "of the user's")),
        "panic" => panic!("it {}", "panicked"),
        "unwrap" => Ok(None::<i64>.unwrap()),
        "index" => Ok(numbers[n]),
        "overflow" => Ok(i64::from(u8::try_from(n).unwrap() + 200)),
        "divide" => Ok(7 / n as i64),
        "assert" => {
            assert!(n == 0, "n is {n}");
            Ok(0)
        }
        "abort" => std::process::abort(),
        "memory" => Ok(vec![1_u8; n].len() as i64),
        "spin" => loop {
            std::hint::black_box(n);
        },
        "deep" => Ok(deep(n as u64) as i64),
        "loud" => {
            spm_guest::println!("before {n}");
            panic!("after")
        }
        _ => Err(Exception::not_implemented_error(how)),
    }
}
