//! Exception records, line tables and ids.

use proptest::prelude::*;
use spm_protocol::limits::{
    KIB, RAISED_BYTES_MAX, RAISED_DEPTH_MAX, RAISED_FRAMES_MAX, RAISED_RECORDS_MAX,
};
use spm_protocol::lines::{LineEntry, LineFunction, LineTable, Site};
use spm_protocol::outcome::CodePoint;
use spm_protocol::raised::{
    BUILTIN_EXCEPTIONS, CLASS_TABLE_BASE, RaisedFrame, builtin_exception, left_proof,
};
use spm_protocol::{ContentId, Raised, SessionId, TrapCode};

use crate::allocation::peak_bytes;
use crate::arbitrary_frames;

proptest! {
    #[test]
    fn exceptions_survive_the_wire(raised in arbitrary_frames::raised()) {
        let bytes = raised.to_bytes();
        prop_assert_eq!(Raised::from_bytes(&bytes).unwrap(), raised);
        prop_assert!(Raised::from_bytes(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_record_that_left_the_proof_is_known_without_reading_it(raised in arbitrary_frames::raised()) {
        let left = raised.trap.filter(|code| code.leaves_proof());
        let bytes = raised.to_bytes();
        prop_assert_eq!(left_proof(&bytes), left);
        for end in 0..bytes.len() {
            // What is cut off says nothing, or what the whole says.
            prop_assert!(left_proof(&bytes[..end]).is_none_or(|code| Some(code) == left));
        }
    }

    #[test]
    fn line_tables_survive_the_wire(table in arbitrary_frames::line_table()) {
        let bytes = table.to_bytes();
        prop_assert_eq!(LineTable::from_bytes(&bytes).unwrap(), table);
        prop_assert!(LineTable::from_bytes(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn content_ids_survive_as_text(digest in any::<[u8; 32]>()) {
        let id = ContentId::from_digest(digest);
        prop_assert_eq!(id.to_string().parse::<ContentId>().unwrap(), id);
    }
}

#[test]
fn indices_of_builtin_exceptions_stay_what_they_are() {
    insta::assert_snapshot!(BUILTIN_EXCEPTIONS.join("\n"));
    assert!(BUILTIN_EXCEPTIONS.len() < CLASS_TABLE_BASE as usize);
    for (index, name) in BUILTIN_EXCEPTIONS.iter().enumerate() {
        assert_eq!(builtin_exception(name), Some(index as u32), "`{name}` is there twice");
    }
    assert_eq!(builtin_exception("Error"), None);
}

#[test]
fn exceptions_chain_only_so_deep() {
    let chain = |depth| {
        (0..depth).fold(Raised::default(), |cause, _| Raised {
            cause: Some(Box::new(cause)),
            ..Raised::default()
        })
    };
    assert!(Raised::from_bytes(&chain(RAISED_DEPTH_MAX).to_bytes()).is_ok());
    assert!(Raised::from_bytes(&chain(RAISED_DEPTH_MAX + 1).to_bytes()).is_err());
}

#[test]
fn frames_and_members_of_exceptions_have_limits() {
    let frames = |count| Raised { frames: vec![RaisedFrame::Site(0); count], ..Raised::default() };
    assert!(Raised::from_bytes(&frames(RAISED_FRAMES_MAX).to_bytes()).is_ok());
    assert!(Raised::from_bytes(&frames(RAISED_FRAMES_MAX + 1).to_bytes()).is_err());
    let group = |count| Raised { members: vec![Raised::default(); count], ..Raised::default() };
    assert!(Raised::from_bytes(&group(RAISED_RECORDS_MAX - 1).to_bytes()).is_ok());
    assert!(Raised::from_bytes(&group(RAISED_RECORDS_MAX).to_bytes()).is_err());
}

#[test]
fn a_group_of_nothing_costs_little() {
    // An array of as many empty maps as fit: each byte asks for a whole record.
    let mut bytes = vec![0xa1, 0x07, 0x9a];
    let count = (RAISED_BYTES_MAX - 7) as u32;
    bytes.extend(count.to_be_bytes());
    bytes.resize(7 + count as usize, 0xa0);
    let (read, peak) = peak_bytes(|| Raised::from_bytes(&bytes));
    assert!(read.is_err());
    assert!(peak < 4096 * KIB, "{peak} bytes");
}

#[test]
fn broken_records_are_refused() {
    for (what, bytes) in [
        ("nothing", &[][..]),
        ("an array", &[0x80]),
        ("an unknown key", &[0xa1, 0x0b, 0x00]),
        ("a key twice", &[0xa2, 0x00, 0x01, 0x00, 0x01]),
        ("keys out of order", &[0xa2, 0x06, 0xf5, 0x00, 0x01]),
        ("an unknown trap", &[0xa1, 0x09, 0x18, 0xff]),
        ("an endless map", &[0xbf, 0x00, 0x01, 0xff]),
        ("a length beyond the end", &[0xa1, 0x07, 0x9b, 1, 2, 3, 4, 5, 6, 7, 8]),
    ] {
        assert!(Raised::from_bytes(bytes).is_err(), "{what}");
    }
    assert!(Raised::from_bytes(&vec![0xa0; RAISED_BYTES_MAX + 1]).is_err());
}

#[test]
fn only_two_traps_are_for_another_engine() {
    let record = |trap| Raised { trap, ..Raised::default() }.to_bytes();
    let left: Vec<_> =
        TrapCode::ALL.iter().filter_map(|code| left_proof(&record(Some(*code)))).collect();
    assert_eq!(left, [TrapCode::IntegerOverflow, TrapCode::TypeNotProved]);
    assert_eq!(left_proof(&record(None)), None);
    // A trap of its cause is the cause's.
    let cause = Raised { trap: Some(TrapCode::IntegerOverflow), ..Raised::default() };
    let raised = Raised { cause: Some(Box::new(cause)), ..Raised::default() };
    assert_eq!(left_proof(&raised.to_bytes()), None);
}

#[test]
fn hostile_records_leave_nothing() {
    let deep = [&[0xa2, 0x01][..], &vec![0x81; RAISED_BYTES_MAX - 5], &[0x00, 0x09, 0x01]].concat();
    assert_eq!(deep.len(), RAISED_BYTES_MAX);
    assert_eq!(left_proof(&deep), Some(TrapCode::IntegerOverflow), "depth costs nothing");
    assert_eq!(left_proof(&[&deep[..], &[0]].concat()), None, "too long");
    for (what, bytes) in [
        ("nothing", &[][..]),
        ("an array", &[0x82, 0x09, 0x01]),
        ("an endless map", &[0xbf, 0x09, 0x01, 0xff]),
        (
            "a map beyond the end",
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x01],
        ),
        ("an unknown trap", &[0xa1, 0x09, 0x18, 0xff]),
        ("a key after it", &[0xa2, 0x0a, 0x01, 0x09, 0x01]),
        ("a key that is no number", &[0xa1, 0x61, 0x39, 0x01]),
    ] {
        assert_eq!(left_proof(bytes), None, "{what}");
    }
}

#[test]
fn code_resolves_to_the_line_it_was_made_from() {
    let function = LineFunction {
        name: "f".into(),
        file: "a.py".into(),
        first_line: 10,
        source: vec!["def f(x):".into(), "    return 1 // x".into()],
    };
    let site = Site { function: 0, line: 11, column: 11, end_line: 11, end_column: 17 };
    let entry = |function, offset, site| LineEntry { at: CodePoint { function, offset }, site };
    let table = LineTable {
        functions: vec![function],
        sites: vec![site, Site { line: 9, ..site }, Site { function: 1, ..site }],
        entries: vec![entry(2, 5, 0), entry(2, 20, 9), entry(4, 0, 0)],
    };
    let frame = table.frame(0).unwrap();
    assert_eq!((frame.file.as_str(), frame.line, frame.column), ("a.py", 11, 11));
    assert_eq!((frame.function.as_str(), frame.source.as_str()), ("f", "    return 1 // x"));
    assert_eq!(table.frame(1), None, "a line before its function");
    assert_eq!(table.frame(2), None, "a function that is not there");
    assert_eq!(table.frame(3), None, "a site that is not there");
    let at = |function, offset| table.frame_at(CodePoint { function, offset });
    assert_eq!(at(2, 4), None, "code before the first entry");
    assert_eq!(at(2, 5), Some(frame.clone()));
    assert_eq!(at(2, 19), Some(frame.clone()));
    assert_eq!(at(2, 20), None, "an entry whose site is not there");
    assert_eq!(at(3, 0), None, "a function without entries");
    assert_eq!(at(4, 1000), Some(frame));
}

#[test]
fn ids_look_as_other_tools_write_them() {
    let id = ContentId::of(b"abc");
    let text = "bafkr4ideg6z2yocgkez77nr3outtvdnvjdcvqrs5phnqh7jvtrwnlpm5qu";
    assert_eq!(id.to_string(), text);
    assert_eq!(format!("{id:?}"), format!("ContentId({text})"));
    for other in [
        "",
        "bafkr4i",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
        "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
    ] {
        assert!(other.parse::<ContentId>().is_err(), "{other}");
    }
    let session = SessionId::from_bytes(*b"0123456789abcdef");
    assert_eq!(session.to_string(), "30313233343536373839616263646566");
}
