//! Changes to the bytes of a component.

use std::ops::Range;

use super::facts::{Facts, Module};
use super::{Access, HEADER_BYTES, Target};

const TYPE_SECTION: u8 = 1;
const FUNCTION_SECTION: u8 = 3;
const EXPORT_SECTION: u8 = 7;
const CODE_SECTION: u8 = 10;
const COMPONENT_ALIAS_SECTION: u8 = 6;
const COMPONENT_TYPE_SECTION: u8 = 7;
const COMPONENT_CANON_SECTION: u8 = 8;
const COMPONENT_EXPORT_SECTION: u8 = 11;

/// A section: its number, all of it, and its content.
pub(super) type Section = (u8, Range<usize>, Range<usize>);

/// The sections of a module or component.
pub(super) fn sections(component: &[u8], within: Range<usize>) -> Option<Vec<Section>> {
    let mut sections = Vec::new();
    let mut position = within.start + HEADER_BYTES;
    while position < within.end {
        let id = component[position];
        let (length, start) = read_leb(component, position + 1)?;
        let end = start.checked_add(length as usize)?;
        if end > within.end {
            return None;
        }
        sections.push((id, position..end, start..end));
        position = end;
    }
    Some(sections)
}

/// Writes a section.
pub(super) fn write_section(id: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    write_leb(content.len() as u32, out);
    out.extend_from_slice(content);
}

/// The module at `content`, without the sections that are dropped, and with two exported functions for each of its
/// globals in `own`, which are numbered.
pub(super) fn append_accessors(
    component: &[u8],
    content: Range<usize>,
    module: &Module,
    own: &[(usize, u32)],
    is_dropped: impl Fn(u8) -> bool,
) -> Option<Vec<u8>> {
    let mut out = component[content.start..content.start + HEADER_BYTES].to_vec();
    for (id, section, items) in sections(component, content)? {
        let mut added = Vec::new();
        let mut count = 0;
        match id {
            _ if is_dropped(id) => continue,
            // Functions without parameters that give an i32, and that take one.
            TYPE_SECTION => {
                added.extend_from_slice(&[0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 0]);
                count = 2;
            }
            FUNCTION_SECTION => {
                for _ in own {
                    write_leb(module.types, &mut added);
                    write_leb(module.types + 1, &mut added);
                    count += 2;
                }
            }
            EXPORT_SECTION => {
                for (index, (number, _)) in own.iter().enumerate() {
                    let Access { get, set, .. } = Access::new(*number, 0);
                    for (offset, name) in [(0, get), (1, set)] {
                        write_name(&name, &mut added);
                        added.push(0);
                        write_leb(module.functions + 2 * index as u32 + offset, &mut added);
                        count += 1;
                    }
                }
            }
            CODE_SECTION => {
                for (_, global) in own {
                    // No locals; global.get; end.
                    let mut get = vec![0, 0x23];
                    write_leb(*global, &mut get);
                    get.push(0x0b);
                    // No locals; local.get 0; global.set; end.
                    let mut set = vec![0, 0x20, 0, 0x24];
                    write_leb(*global, &mut set);
                    set.push(0x0b);
                    for body in [get, set] {
                        write_leb(body.len() as u32, &mut added);
                        added.extend_from_slice(&body);
                        count += 1;
                    }
                }
            }
            _ => {}
        }
        if own.is_empty() || count == 0 {
            out.extend_from_slice(&component[section]);
            continue;
        }
        let (before, start) = read_leb(component, items.start)?;
        let mut changed = Vec::with_capacity(items.len() + added.len() + 5);
        write_leb(before + count, &mut changed);
        changed.extend_from_slice(&component[start..items.end]);
        changed.extend_from_slice(&added);
        write_section(id, &changed, &mut out);
    }
    Some(out)
}

/// Exports the functions of [`append_accessors`] from the component, at its end.
pub(super) fn append_exports(facts: &Facts, targets: &[Target], out: &mut Vec<u8>) {
    if targets.is_empty() {
        return;
    }
    let count = 2 * targets.len() as u32;
    // Component functions without parameters that give a u32, and that take one.
    let mut types = vec![2, 0x40, 0, 0, 0x79, 0x40, 1, 5];
    types.extend_from_slice(b"value");
    types.extend_from_slice(&[0x79, 1, 0]);
    write_section(COMPONENT_TYPE_SECTION, &types, out);

    let (mut aliases, mut lifts, mut exports) = (Vec::new(), Vec::new(), Vec::new());
    write_leb(count, &mut aliases);
    write_leb(count, &mut lifts);
    write_leb(count, &mut exports);
    let mut added = 0;
    for (number, target) in targets.iter().enumerate() {
        // There is one, or it would be no target.
        let instance = facts.instances_of(target.module).next().unwrap_or(0);
        let Access { get, set, .. } = Access::new(number, target.global);
        for (offset, name) in [(0, get), (1, set)] {
            // A core function, by the name of an export of a core instance.
            aliases.extend_from_slice(&[0, 0, 1]);
            write_leb(instance as u32, &mut aliases);
            write_name(&name, &mut aliases);
            // Lifted, without options.
            lifts.extend_from_slice(&[0, 0]);
            write_leb(facts.core_functions + added, &mut lifts);
            lifts.push(0);
            write_leb(facts.types + offset, &mut lifts);
            // A plain name, of a function, without another type than it has.
            exports.push(0);
            write_name(&name, &mut exports);
            exports.push(1);
            write_leb(facts.functions + added, &mut exports);
            exports.push(0);
            added += 1;
        }
    }
    write_section(COMPONENT_ALIAS_SECTION, &aliases, out);
    write_section(COMPONENT_CANON_SECTION, &lifts, out);
    write_section(COMPONENT_EXPORT_SECTION, &exports, out);
}

pub(super) fn write_name(name: &str, out: &mut Vec<u8>) {
    write_leb(name.len() as u32, out);
    out.extend_from_slice(name.as_bytes());
}

pub(super) fn write_leb(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number and where it ends.
pub(super) fn read_leb(bytes: &[u8], mut position: usize) -> Option<(u32, usize)> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(position)?;
        position += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((u32::try_from(value).ok()?, position));
        }
    }
    None
}
