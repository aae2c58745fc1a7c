//! Values cut and joined without being read: a manager's work with what tasks return.

use minicbor::Decoder;

use crate::frame::Spawned;
use crate::limits::SPAWNED_MAX;

/// The items of a CBOR array of `count` items, as they are; nothing for any other value.
pub fn items(value: &[u8], count: u32) -> Option<Vec<&[u8]>> {
    let mut decoder = Decoder::new(value);
    if decoder.array().ok()? != Some(u64::from(count)) {
        return None;
    }
    let mut items = Vec::new();
    for _ in 0..count {
        let begin = decoder.position();
        decoder.skip().ok()?;
        items.push(&value[begin..decoder.position()]);
    }
    (decoder.position() == value.len()).then_some(items)
}

/// What a task returned, behind the tasks that it made: the payload of [`crate::Outcome::Grown`].
pub fn grown(tasks: Vec<Spawned>, value: &[u8]) -> Vec<u8> {
    let mut grown = minicbor::to_vec(tasks).expect("writing to a Vec does not fail");
    grown.extend_from_slice(value);
    grown
}

/// The tasks of a payload that [`grown`] made, and where what the task returned begins.
///
/// # Errors
/// Says what is wrong with it.
pub fn spawned(grown: &[u8]) -> Result<(Vec<Spawned>, usize), String> {
    let mut decoder = Decoder::new(grown);
    let malformed =
        |error: minicbor::decode::Error| format!("its list of tasks is malformed: {error}");
    let count = decoder.array().map_err(malformed)?.unwrap_or(u64::MAX);
    if count > SPAWNED_MAX as u64 {
        return Err(format!("it made {count} tasks, over the limit of {SPAWNED_MAX}"));
    }
    let mut tasks = Vec::new();
    for _ in 0..count {
        tasks.push(decoder.decode().map_err(malformed)?);
    }
    Ok((tasks, decoder.position()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_its_items_and_nothing_else_is() {
        let value = [0x83, 0x01, 0x82, 0x02, 0x03, 0x61, b'x'];
        assert_eq!(items(&value, 3).unwrap(), [&[0x01][..], &[0x82, 0x02, 0x03], &[0x61, b'x']]);
        assert!(items(&value, 2).is_none());
        assert!(items(&value[..5], 3).is_none());
        assert!(items(&[0x01], 1).is_none());
        assert!(items(&[0x81, 0x01, 0x02], 1).is_none());
        // An array without a length is no value of ours.
        assert!(items(&[0x9f, 0x01, 0xff], 1).is_none());
    }

    #[test]
    fn tasks_come_out_as_they_went_in() {
        let tasks = vec![Spawned { priority: 1.5f64.to_bits(), arguments: vec![0x80] }; 3];
        let payload = grown(tasks.clone(), &[0x2a]);
        let (found, at) = spawned(&payload).unwrap();
        assert_eq!((found, &payload[at..]), (tasks, &[0x2a][..]));
    }

    #[test]
    fn a_list_of_tasks_that_is_none_is_refused() {
        assert!(spawned(&[]).is_err());
        assert!(spawned(&[0x01]).is_err());
        assert!(spawned(&[0x82, 0x82, 0x00, 0x40]).is_err());
        // Four thousand million tasks in five bytes.
        assert!(spawned(&[0x9a, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(spawned(&[0x9f, 0xff]).is_err());
    }
}
