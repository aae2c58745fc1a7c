//! What a closure was granted beyond computing, as its tasks find it.

use std::env::VarError;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use spm_protocol::manifest::Capability;

/// What tasks of a closure may use of the machine. Nothing, unless it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// The clocks of the host.
    pub clock: bool,
    /// Random numbers of the host.
    pub random: bool,
    /// Environment variables, by name, with their values.
    pub environment: Vec<(String, String)>,
}

/// Why a closure is not given what it was granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The value of an environment variable cannot cross.
    #[error("environment variable `{name}` of this host is no text in UTF-8")]
    NoText {
        /// The variable.
        name: String,
    },
    /// Folders cannot be given yet.
    #[error(
        "capability `fs:ro:{folder}` is not offered by this version: pass what is in the files as values"
    )]
    Folder {
        /// The folder.
        folder: String,
    },
}

impl Granted {
    /// What a closure with these capabilities finds here. Nothing, if it has none. A variable that is not set
    /// is not set for its tasks either.
    ///
    /// # Errors
    /// If this machine does not have it in a form that can be given.
    pub fn new(capabilities: &[Capability]) -> Result<Option<Self>, GrantError> {
        let mut granted = Self::default();
        for capability in capabilities {
            match capability {
                Capability::Clock => granted.clock = true,
                Capability::Random => granted.random = true,
                Capability::Environment(name) => match std::env::var(name) {
                    Ok(value) => granted.environment.push((name.clone(), value)),
                    Err(VarError::NotPresent) => {}
                    Err(VarError::NotUnicode(_)) => {
                        return Err(GrantError::NoText { name: name.clone() });
                    }
                },
                Capability::ReadOnlyFolder(folder) => {
                    return Err(GrantError::Folder { folder: folder.clone() });
                }
            }
        }
        Ok((!capabilities.is_empty()).then_some(granted))
    }
}

/// Nanoseconds of a clock that never goes back. It begins when it is first looked at, so that nobody learns for how long
/// the machine has run.
pub(super) fn monotonic_ns() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Nanoseconds of Unix time.
pub(super) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Ended, Profile, Ran, Sandbox, SandboxOptions, StopCause, TaskInput};
    use super::*;

    /// Its `call` answers what the host says: `c`lock, `w`all clock, `r`andom number, or the bytes of its `e`nvironment.
    const ASKING: &str = r#"(component
      (import "wasi:cli/environment@0.2.0" (instance $environment
        (export "get-environment" (func (result (list (tuple string string)))))))
      (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
      (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
        (type $t (record (field "seconds" u64) (field "nanoseconds" u32)))
        (export "datetime" (type $datetime (eq $t)))
        (export "now" (func (result $datetime)))))
      (import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-u64" (func (result u64)))))
      (core module $memory
        (memory (export "memory") 1)
        (global $free (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (global.get $free)
          (global.set $free (i32.and
            (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
        (func (export "free") (result i32) (global.get $free)))
      (core instance $memory (instantiate $memory))
      (core func $environment (canon lower (func $environment "get-environment")
        (memory $memory "memory") (realloc (func $memory "realloc"))))
      (core func $clock (canon lower (func $clock "now")))
      (core func $wall (canon lower (func $wall "now") (memory $memory "memory")))
      (core func $random (canon lower (func $random "get-random-u64")))
      (core module $m
        (import "memory" "memory" (memory 1))
        (import "memory" "free" (func $free (result i32)))
        (import "host" "environment" (func $environment (param i32)))
        (import "host" "clock" (func $clock (result i64)))
        (import "host" "wall" (func $wall (param i32)))
        (import "host" "random" (func $random (result i64)))
        (func (export "call") (param $at i32) (param $length i32) (result i32)
          (local $what i32) (local $begin i32)
          (local.set $what (i32.load8_u (local.get $at)))
          (i32.store (i32.const 52) (i32.const 64))
          (i32.store (i32.const 56) (i32.const 8))
          (if (i32.eq (local.get $what) (i32.const 99))
            (then (i64.store (i32.const 64) (call $clock))))
          (if (i32.eq (local.get $what) (i32.const 119)) (then (call $wall (i32.const 64))))
          (if (i32.eq (local.get $what) (i32.const 114))
            (then (i64.store (i32.const 64) (call $random))))
          (if (i32.eq (local.get $what) (i32.const 101))
            (then
              (local.set $begin (call $free))
              (call $environment (i32.const 16))
              (i32.store (i32.const 52) (local.get $begin))
              (i32.store (i32.const 56) (i32.sub (call $free) (local.get $begin)))))
          (i32.const 48)))
      (core instance $host
        (export "environment" (func $environment)) (export "clock" (func $clock))
        (export "wall" (func $wall)) (export "random" (func $random)))
      (core instance $i (instantiate $m
        (with "memory" (instance $memory)) (with "host" (instance $host))))
      (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
        (canon lift (core func $i "call") (memory $memory "memory") (realloc (func $memory "realloc"))))
      (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
        (canon lift (core func $i "call") (memory $memory "memory") (realloc (func $memory "realloc")))))"#;

    fn run(arguments: &[u8], granted: Option<Granted>) -> Ran {
        let sandbox = Sandbox::new(SandboxOptions::in_process().with(Profile::Small)).unwrap();
        let component = wat::parse_str(ASKING).expect("the component is well-formed");
        let definition = sandbox.compile(&component, false).unwrap();
        let input = TaskInput {
            payload: None,
            arguments,
            index: 0,
            attempt: 1,
            seed: 3,
            memory_bytes_max: 1 << 20,
            fuel: 0,
            deadline: None,
            sink: None,
            granted: granted.map(Arc::new),
            channel: None,
        };
        Sandbox::run(&definition, &input, &Arc::new(StopCause::new()))
    }

    fn value(arguments: &[u8], granted: Option<Granted>) -> (Vec<u8>, bool) {
        let ran = run(arguments, granted);
        match ran.ended {
            Ended::Returned(value) => (value, ran.is_pure),
            other => panic!("{other:?}"),
        }
    }

    fn number(arguments: &[u8], granted: Option<Granted>) -> (u64, bool) {
        let (value, is_pure) = value(arguments, granted);
        (u64::from_le_bytes(value.try_into().unwrap()), is_pure)
    }

    #[test]
    fn without_grants_every_host_says_the_same() {
        let other =
            Granted { environment: vec![("A".to_owned(), "b".to_owned())], ..Granted::default() };
        for granted in [None, Some(Granted::default()), Some(other)] {
            assert_eq!(number(b"c", granted.clone()), (1000, true));
            let year_2000_s = 946_684_800;
            assert_eq!(number(b"w", granted.clone()), (year_2000_s, true));
            assert_eq!(number(b"r", granted.clone()), number(b"r", None));
        }
        assert_eq!(value(b"e", None), (Vec::new(), true));
        assert!(value(b"e", Some(Granted { clock: true, ..Granted::default() })).1);
    }

    #[test]
    fn what_was_granted_is_real_and_said_to_be() {
        let clock = || Some(Granted { clock: true, ..Granted::default() });
        let (first, is_pure) = number(b"c", clock());
        assert!(!is_pure);
        assert!(number(b"c", clock()).0 > first);
        let (seconds, is_pure) = number(b"w", clock());
        assert!(!is_pure && seconds.abs_diff(unix_ns() / 1_000_000_000) < 60);
        let random = || Some(Granted { random: true, ..Granted::default() });
        assert_ne!(number(b"r", random()), number(b"r", random()));
        assert!(!number(b"r", random()).1);
        assert!(number(b"r", clock()).1, "another grant");
        let granted = Granted {
            environment: vec![("NAME".to_owned(), "its value".to_owned())],
            ..Granted::default()
        };
        let (environment, is_pure) = value(b"e", Some(granted));
        let holds =
            |text: &str| environment.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!is_pure && holds("NAME") && holds("its value"));
    }

    #[test]
    fn only_what_was_asked_for_is_given() {
        assert_eq!(Granted::new(&[]), Ok(None));
        let variable = |name: &str| Capability::Environment(name.to_owned());
        let granted =
            Granted::new(&[variable("CARGO_MANIFEST_DIR"), variable("SPM_NOT_SET_ANYWHERE")]);
        let environment = granted.unwrap().unwrap().environment;
        let expected = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        assert_eq!(environment, [("CARGO_MANIFEST_DIR".to_owned(), expected)]);
        let folder = Capability::ReadOnlyFolder("/data".to_owned());
        assert_eq!(
            Granted::new(&[folder]),
            Err(GrantError::Folder { folder: "/data".to_owned() }),
            "it is not silently left out"
        );
        let granted = Granted::new(&[Capability::Clock]).unwrap().unwrap();
        assert_eq!(granted, Granted { clock: true, ..Granted::default() });
    }
}
