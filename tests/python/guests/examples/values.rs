//! Values of every kind, there and back.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Any {
    None(()),
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(ByteBuf),
    List(Vec<Any>),
    Dict(BTreeMap<String, Any>),
}

#[spm_guest::closure]
fn values(
    anything: Any,
    pair: (u8, char),
    bytes: ByteBuf,
    option: Option<i128>,
    table: BTreeMap<i64, Vec<f32>>,
) -> (Any, (u8, char), ByteBuf, Option<i128>, BTreeMap<i64, Vec<f32>>) {
    (anything, pair, bytes, option, table)
}
