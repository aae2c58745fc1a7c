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

use super::bytes::{read_leb, sections, write_leb, write_name, write_section};
use super::facts::Module;
use super::{CUSTOM_SECTION, HEADER_BYTES};

const MEMORY_SECTION: u8 = 5;
const CODE_SECTION: u8 = 10;
/// The section that says which branches are hardly ever taken, so that the compiler puts what they lead to out of the way.
const HINTS_SECTION: &str = "metadata.code.branch_hint";
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

/// Where in a look its first branch is.
const BRANCH: usize = 6;

/// The module with looks wherever a function or a loop begins.
pub(super) fn add(module: &[u8], facts: &Module) -> Option<Vec<u8>> {
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
            CODE_SECTION => {
                let mut hints = Vec::new();
                write_name(HINTS_SECTION, &mut hints);
                write_leb(facts.bodies, &mut hints);
                add_to_code(module, content, facts.imported_functions, &mut changed, &mut hints)?;
                write_section(CUSTOM_SECTION, &hints, &mut out);
            }
            CUSTOM_SECTION => continue,
            _ => {
                out.extend_from_slice(&module[section]);
                continue;
            }
        }
        write_section(id, &changed, &mut out);
    }
    Some(out)
}

fn add_to_code(
    module: &[u8],
    content: Range<usize>,
    first: u32,
    out: &mut Vec<u8>,
    hints: &mut Vec<u8>,
) -> Option<()> {
    let reader = BinaryReader::new(&module[content.clone()], content.start);
    let bodies = CodeSectionReader::new(reader).ok()?;
    write_leb(bodies.count(), out);
    let mut changed = Vec::new();
    let mut branches = Vec::new();
    for (body, function) in bodies.into_iter().zip(first..) {
        let body = body.ok()?;
        changed.clear();
        branches.clear();
        let mut operators = body.get_operators_reader().ok()?;
        let mut copied = body.range().start;
        let mut is_look_due = true;
        while !operators.eof() {
            let at = operators.original_position();
            if is_look_due {
                changed.extend_from_slice(&module[copied..at]);
                branches.push(changed.len() + BRANCH);
                changed.extend_from_slice(&LOOK);
                copied = at;
            }
            is_look_due = matches!(operators.read().ok()?, Operator::Loop { .. });
        }
        changed.extend_from_slice(&module[copied..body.range().end]);
        write_leb(changed.len() as u32, out);
        out.extend_from_slice(&changed);
        write_leb(function, hints);
        write_leb(branches.len() as u32, hints);
        for branch in &branches {
            write_leb(*branch as u32, hints);
            // One byte: it is not taken.
            hints.extend_from_slice(&[1, 0]);
        }
    }
    Some(())
}
