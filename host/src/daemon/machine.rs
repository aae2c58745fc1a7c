//! What this machine has to lend.

use std::fs;
use std::path::{Path, PathBuf};

use spm_protocol::limits::MIB;

/// Memory lent when the machine does not say how much it has.
const MEMORY_BYTES_UNKNOWN: u64 = 2048 * MIB as u64;
/// Of the machine's memory, how much is lent unless told otherwise: the rest is for the host and the system.
const LENT_PERCENT: u64 = 75;

/// Processors this process may use, by affinity and cgroup.
pub(super) fn slots() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (processors as u32).min(spm_host::sandbox::CONCURRENT_TASKS_MAX)
}

/// The folder of runtimes in the Python package that `executable` was installed with, or beside it.
pub(super) fn engines_dir(executable: &Path) -> Option<PathBuf> {
    let folder = executable.parent()?;
    let installed = folder.parent()?;
    let mut candidates = vec![folder.join("engines")];
    // In an environment, or for all users.
    let mut libraries: Vec<PathBuf> = fs::read_dir(installed.join("lib"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    libraries.sort();
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("python") {
            candidates.push(library.join("site-packages/spm/engines"));
            candidates.push(library.join("dist-packages/spm/engines"));
        }
    }
    // By `pip install --target`.
    candidates.push(installed.join("spm/engines"));
    candidates.into_iter().find(|candidate| candidate.is_dir())
}

/// Memory to lend, in bytes.
pub(super) fn memory_bytes() -> u64 {
    let of_machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let of_group = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let bytes = match (of_machine, of_group) {
        (Some(machine), Some(group)) => u64::min(machine, group),
        (Some(bytes), None) | (None, Some(bytes)) => bytes,
        (None, None) => return MEMORY_BYTES_UNKNOWN,
    };
    bytes / 100 * LENT_PERCENT
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read() {
        let meminfo = "MemTotal:       24612345 kB\nMemFree:        1 kB\n";
        assert_eq!(total_of(meminfo), Some(24_612_345 * 1024));
        assert_eq!(total_of("nothing"), None);
    }

    #[test]
    fn runtimes_are_found_in_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let executable = dir.path().join("bin/spm-host");
        assert_eq!(engines_dir(&executable), None);
        for place in ["spm/engines", "lib/python3.11/site-packages/spm/engines", "bin/engines"] {
            let place = dir.path().join(place);
            fs::create_dir_all(&place).unwrap();
            assert_eq!(engines_dir(&executable), Some(place));
        }
    }

    #[test]
    fn there_is_something_to_lend() {
        assert!(slots() >= 1);
        assert!(memory_bytes() >= MIB as u64);
    }
}
