//! Looks at a flag, added to code, that end it once the flag is raised.
//!
//! Wasmtime's own way to interrupt a guest is to compare epochs where a function or loop begins, and to call the host when one is
//! over. That call takes a sixth of an interpreter's time though it is hardly ever made: whatever is in registers
//! has to survive it. A look is at the same places; what it leads to never comes back, and so needs nothing kept.
//!
//! The flag is in a memory that is added to the module, and which none of its own code can name. A look is
//!
//! ```wat
//! (if (i32.load $flag (i32.const 0)) (then
//!   (i32.store $flag (i32.const 0) (i32.const 0))
//!   (if (i32.load $flag offset=4 (i32.const 0)) (then unreachable))))
//! ```
//!
//! The store is what keeps the compiler from taking an earlier look's answer for a later one's: within each loop there is
//! a way from a look to itself on which the flag may have changed. A host raises it again at every tick.

use std::ops::Range;

use wasmparser::{BinaryReader, CodeSectionReader, Operator};

use super::HEADER_BYTES;
use super::bytes::{read_leb, sections, write_leb, write_section};

const MEMORY_SECTION: u8 = 5;
const CODE_SECTION: u8 = 10;
/// The flag's memory: a page, and never more.
const MEMORY: [u8; 3] = [1, 1, 1];
/// A look, as bytes of code. The flag's memory is number 1.
const LOOK: [u8; 27] = [
    0x41, 0, // i32.const 0
    0x28, 0x42, 1, 0, // i32.load $flag
    0x04, 0x40, // if
    0x41, 0, 0x41, 0, // i32.const 0, i32.const 0
    0x36, 0x42, 1, 0, // i32.store $flag
    0x41, 0, // i32.const 0
    0x28, 0x42, 1, 4, // i32.load $flag offset=4
    0x04, 0x40, // if
    0x00, // unreachable
    0x0b, 0x0b, // end, end
];

/// The module with looks wherever a function or a loop begins.
pub(super) fn add(module: &[u8]) -> Option<Vec<u8>> {
    let mut out = module[..HEADER_BYTES].to_vec();
    for (id, section, content) in sections(module, 0..module.len())? {
        let mut changed = Vec::new();
        match id {
            MEMORY_SECTION => {
                let (count, start) = read_leb(module, content.start)?;
                write_leb(count + 1, &mut changed);
                changed.extend_from_slice(&module[start..content.end]);
                changed.extend_from_slice(&MEMORY);
            }
            CODE_SECTION => add_to_code(module, content, &mut changed)?,
            _ => {
                out.extend_from_slice(&module[section]);
                continue;
            }
        }
        write_section(id, &changed, &mut out);
    }
    Some(out)
}

fn add_to_code(module: &[u8], content: Range<usize>, out: &mut Vec<u8>) -> Option<()> {
    let reader = BinaryReader::new(&module[content.clone()], content.start);
    let bodies = CodeSectionReader::new(reader).ok()?;
    write_leb(bodies.count(), out);
    let mut changed = Vec::new();
    for body in bodies {
        let body = body.ok()?;
        changed.clear();
        let mut operators = body.get_operators_reader().ok()?;
        let mut copied = body.range().start;
        let mut is_look_due = true;
        while !operators.eof() {
            let at = operators.original_position();
            if is_look_due {
                changed.extend_from_slice(&module[copied..at]);
                changed.extend_from_slice(&LOOK);
                copied = at;
            }
            is_look_due = matches!(operators.read().ok()?, Operator::Loop { .. });
        }
        changed.extend_from_slice(&module[copied..body.range().end]);
        write_leb(changed.len() as u32, out);
        out.extend_from_slice(&changed);
    }
    Some(())
}
