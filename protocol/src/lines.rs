//! The line table of a compiled component: from places in its code to places in Python.
//!
//! It travels as the component's custom section [`SECTION`], so that whoever has the component can
//! show a traceback.

use minicbor::{Decode, Encode};

use crate::outcome::CodePoint;
use crate::raised::SourceFrame;

/// Name of the custom section that holds a [`LineTable`].
pub const SECTION: &str = "spm:lines";

/// A function of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LineFunction {
    /// Its qualified name.
    #[n(0)]
    pub name: String,
    /// The file it is in, as the submitter's Python names it.
    #[n(1)]
    pub file: String,
    /// Line of the file that `source` begins with, from 1.
    #[n(2)]
    pub first_line: u32,
    /// The function's source lines.
    #[n(3)]
    pub source: Vec<String>,
}

/// A place in a function that can raise, call or be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Site {
    /// Index into [`LineTable::functions`].
    #[n(0)]
    pub function: u32,
    /// First line, from 1.
    #[n(1)]
    pub line: u32,
    /// First column in UTF-8 bytes, from 0.
    #[n(2)]
    pub column: u32,
    /// Last line.
    #[n(3)]
    pub end_line: u32,
    /// Column after the last.
    #[n(4)]
    pub end_column: u32,
}

/// From one place in the code on, up to the next entry of the same function, `site` applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LineEntry {
    /// Where it begins.
    #[n(0)]
    pub at: CodePoint,
    /// Index into [`LineTable::sites`].
    #[n(1)]
    pub site: u32,
}

/// Functions, sites, and the code that belongs to them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct LineTable {
    /// The user's functions.
    #[n(0)]
    pub functions: Vec<LineFunction>,
    /// Places in them. Guests name them by index.
    #[n(1)]
    pub sites: Vec<Site>,
    /// Sorted by place.
    #[n(2)]
    pub entries: Vec<LineEntry>,
}

impl LineTable {
    /// The table in CBOR, as the custom section holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a Vec does not fail")
    }

    /// Reads a custom section.
    ///
    /// # Errors
    /// If `bytes` is not a line table, or has bytes left.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, minicbor::decode::Error> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let table = decoder.decode()?;
        if decoder.position() < bytes.len() {
            let error = minicbor::decode::Error::message("bytes left after the line table");
            return Err(error.at(decoder.position()));
        }
        Ok(table)
    }

    /// The frame that `site` stands for.
    pub fn frame(&self, site: u32) -> Option<SourceFrame> {
        let site = self.sites.get(site as usize)?;
        let function = self.functions.get(site.function as usize)?;
        let index = site.line.checked_sub(function.first_line)?;
        Some(SourceFrame {
            file: function.file.clone(),
            line: site.line,
            column: site.column,
            end_line: site.end_line,
            end_column: site.end_column,
            function: function.name.clone(),
            source: function.source.get(index as usize).cloned().unwrap_or_default(),
        })
    }

    /// The frame of a place in the code, or nothing if it is none of the user's.
    pub fn frame_at(&self, point: CodePoint) -> Option<SourceFrame> {
        let after = self.entries.partition_point(|entry| entry.at <= point);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        if entry.at.function != point.function {
            return None;
        }
        self.frame(entry.site)
    }
}
