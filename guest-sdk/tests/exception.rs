//! Exceptions against the protocol's record.

use spm_guest::{Class, Exception};
use spm_protocol::raised::{BUILTIN_EXCEPTIONS, Raised, RaisedFrame};
use spm_protocol::value::{self, Value};

fn record(exception: &Exception) -> Raised {
    Raised::from_bytes(&exception.to_record()).unwrap()
}

fn args(raised: &Raised) -> Value {
    value::decode(&raised.args).unwrap()
}

#[test]
fn classes_have_the_numbers_of_the_protocol() {
    for class in Class::ALL {
        assert_eq!(BUILTIN_EXCEPTIONS[*class as usize], format!("{class:?}"));
    }
}

#[test]
fn an_exception_says_where_it_was_made() {
    let raised = record(&Exception::value_error("no").with_note("a note").with_note("two"));
    let line = line!() - 1;
    assert_eq!(BUILTIN_EXCEPTIONS[raised.class as usize], "ValueError");
    assert_eq!(args(&raised), Value::List(vec!["no".into()]));
    assert_eq!(raised.notes, ["a note", "two"]);
    let [RaisedFrame::Source(frame)] = &raised.frames[..] else { panic!("{raised:?}") };
    assert_eq!((&*frame.file, frame.line), (file!(), line));
}

#[test]
fn args_may_be_a_tuple() {
    let raised = record(&Exception::key_error("").with_args(("a", 3)));
    assert_eq!(args(&raised), Value::List(vec!["a".into(), 3.into()]));
    let raised = record(&Exception::key_error("").with_args(()));
    assert_eq!(args(&raised), Value::List(vec![]));
}

#[test]
fn errors_become_exceptions_with_their_sources() {
    fn number(text: &str) -> spm_guest::Result<i64> {
        Ok(text.parse::<i64>()?)
    }
    let raised = record(&number("x").unwrap_err());
    assert_eq!(BUILTIN_EXCEPTIONS[raised.class as usize], "ValueError");
    let [RaisedFrame::Source(frame)] = &raised.frames[..] else { panic!("{raised:?}") };
    assert_eq!(frame.file, file!());

    let inner = std::io::Error::other("disk");
    let raised = record(&std::io::Error::other(Outer(inner)).into());
    assert_eq!(BUILTIN_EXCEPTIONS[raised.class as usize], "RuntimeError");
    assert_eq!(args(&raised), Value::List(vec!["outer".into()]));
    assert_eq!(args(&raised.cause.unwrap()), Value::List(vec!["disk".into()]));
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_text_without_end_is_cut() {
    let raised = record(&Exception::runtime_error("ü".repeat(1 << 20)));
    assert!(raised.args.len() < 1 << 17);
}
