//! The fuzz targets' bodies on the stable toolchain: seeded, so that a failure can be had again.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use spm_protocol::frame::Frame;
use spm_protocol::limits::KIB;
use spm_protocol::value::{decode, encode};

use crate::allocation::peak_bytes;
use crate::{arbitrary, arbitrary_frames, bodies};

/// Valid encodings to begin with, and how often each is spoilt.
const SEEDS: usize = 400;
const MUTATIONS: u64 = 200;

/// What a decoder may hold for each byte it is given: a [`spm_protocol::value::Value`] is 32 times as large as the smallest
/// item, and a small dict's keys are kept twice while they are compared.
const BYTES_PER_BYTE: usize = 100;

/// Numbers from a seed: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Spoils `bytes` in one to four ways.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
                2 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.next() as u8;
                    }
                }
                // A header that promises much.
                3 => {
                    let info = 0x18 + self.below(8) as u8;
                    let head = (self.below(8) as u8) << 5 | info;
                    let argument = self.next().to_be_bytes();
                    let length = self.below(9);
                    bytes.splice(at..at, [&[head], &argument[..length]].concat());
                }
                // A private tag, a typed array, a set.
                4 => {
                    let tag = [0xd9, 0xb1, self.below(0x40) as u8];
                    bytes.splice(at..at, tag);
                }
                5 => {
                    let tail = bytes.get(at..).unwrap_or_default().to_vec();
                    bytes.extend_from_slice(&tail[..tail.len().min(64)]);
                }
                _ => {
                    let upto = (at + 1 + self.below(8)).min(bytes.len());
                    bytes.drain(at.min(upto)..upto);
                }
            }
        }
    }
}

/// Feeds `body` with what `strategy` makes, whole and spoilt.
fn drive<S: Strategy>(strategy: &S, bytes: impl Fn(S::Value) -> Vec<u8>, body: impl Fn(&[u8])) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for seed in 0..SEEDS {
        let tree = strategy.new_tree(&mut runner).expect("nothing is filtered");
        let valid = bytes(tree.current());
        body(&valid);
        let mut random = Random(seed as u64);
        for _ in 0..MUTATIONS {
            let mut spoilt = valid.clone();
            random.mutate(&mut spoilt);
            body(&spoilt);
        }
    }
}

#[test]
fn any_bytes_as_a_value() {
    drive(
        &arbitrary::value(),
        |value| encode(&value).expect("is valid"),
        |bytes| {
            bodies::value(bytes);
            let ((), peak) = peak_bytes(|| drop(decode(bytes)));
            let most = BYTES_PER_BYTE * bytes.len() + KIB;
            assert!(peak <= most, "{peak} bytes for {}: {}", bytes.len(), bytes.escape_ascii());
        },
    );
}

fn tagged(kind: u8, bytes: Vec<u8>) -> Vec<u8> {
    [vec![kind], bytes].concat()
}

#[test]
fn any_bytes_as_a_frame() {
    drive(&arbitrary_frames::hub_control(), |f| tagged(0, f.to_bytes()), bodies::frame);
    drive(&arbitrary_frames::host_control(), |f| tagged(1, f.to_bytes()), bodies::frame);
    drive(&arbitrary_frames::hub_work(), |f| tagged(2, f.to_bytes()), bodies::frame);
    drive(&arbitrary_frames::host_work(), |f| tagged(3, f.to_bytes()), bodies::frame);
}

#[test]
fn any_bytes_as_a_record() {
    drive(&arbitrary_frames::raised(), |r| tagged(0, r.to_bytes()), bodies::record);
    drive(&arbitrary_frames::line_table(), |t| tagged(1, t.to_bytes()), bodies::record);
}

#[test]
fn noise() {
    let mut random = Random(1);
    for _ in 0..50_000 {
        let length = random.below(64);
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        bodies::value(&bytes);
        bodies::frame(&bytes);
        bodies::record(&bytes);
    }
}

#[test]
fn a_decoder_is_not_made_to_reserve() {
    // Headers that each promise as much as they may, nested; then a flat array of the smallest items.
    let nested: Vec<u8> = [0x99, 0x0f, 0x00].repeat(20);
    let flat = [&[0x99, 0xff, 0xff][..], &vec![0; 0xffff]].concat();
    let entries = 0x4000_u16;
    let keys =
        (0..entries).flat_map(|key| [&[0x19][..], &(key + 256).to_be_bytes(), &[0]].concat());
    let dict: Vec<u8> = [0xb9, 0x40, 0x00].into_iter().chain(keys).collect();
    for (bytes, valid) in [([nested, vec![0; 4000]].concat(), false), (flat, true), (dict, true)] {
        let (read, peak) = peak_bytes(|| decode(&bytes));
        assert_eq!(read.is_ok(), valid);
        assert!(peak <= BYTES_PER_BYTE * bytes.len(), "{peak} bytes for {}", bytes.len());
    }
}
