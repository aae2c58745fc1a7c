//! Rules about the tree itself: which crate may use which, and nothing left lying about.

use std::fs;
use std::path::{Path, PathBuf};

/// Every edge allowed between SPM's crates. Nothing points up or sideways.
const ALLOWED: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("compiler", &["spm-protocol"]),
    ("netmesh", &["spm-protocol"]),
    ("scientific", &[]),
    ("programs", &[]),
    ("python-engine/fuse", &[]),
    ("guest-sdk", &["spm-protocol", "spm-guest-macros"]),
    ("guest-sdk/macros", &[]),
    ("host", &["spm-protocol", "spm-netmesh", "spm-scientific"]),
    ("hub", &["spm-protocol", "spm-netmesh"]),
    (
        "python-bridge",
        &["spm-protocol", "spm-compiler", "spm-netmesh", "spm-host", "spm-hub", "spm-programs"],
    ),
];

/// The one crate that may name each heavy dependency, and what else may for its tests.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["host", "tests"]),
    ("libp2p", &["netmesh"]),
    ("pyo3", &["python-bridge"]),
    ("ruff_python_parser", &["compiler"]),
    ("wit-component", &["compiler", "scientific", "programs"]),
    ("syn", &["guest-sdk/macros"]),
];

/// A source file people must read whole stays below this.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in `[dependencies]` of a crate.
fn dependencies(directory: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(directory).join("Cargo.toml")).unwrap();
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split([' ', '.', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn visit(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let skipped = ["target", "node_modules", "__pycache__", "build", "dist"];
            if !name.starts_with('.') && !skipped.contains(&name.as_str()) {
                visit(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

/// Every source file with one of these extensions, with its text.
fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    visit(&root(), &mut files);
    files.sort();
    let sources: Vec<_> = files
        .into_iter()
        .filter(|path| {
            path.extension().is_some_and(|found| extensions.iter().any(|known| found == *known))
        })
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    assert!(sources.len() > 5, "found only {} sources", sources.len());
    sources
}

#[test]
fn crate_edges_point_down() {
    for (directory, allowed) in ALLOWED {
        let edges = dependencies(directory);
        assert!(!edges.is_empty(), "`{directory}` has no dependencies at all?");
        for edge in edges.iter().filter(|name| name.starts_with("spm-")) {
            assert!(allowed.contains(&edge.as_str()), "`{directory}` must not depend on `{edge}`");
        }
    }
}

#[test]
fn heavy_dependencies_have_one_owner() {
    let crates = ALLOWED.iter().map(|(directory, _)| *directory).chain(["tests"]);
    for directory in crates {
        for dependency in dependencies(directory) {
            if let Some((_, owners)) = OWNERS.iter().find(|(name, _)| *name == dependency) {
                assert!(
                    owners.contains(&directory),
                    "`{directory}` must not use `{dependency}`: that is for {owners:?}"
                );
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for (path, text) in sources(&["rs"]) {
        assert!(text.starts_with("//!"), "{} does not start with `//!`", path.display());
    }
}

#[test]
fn nothing_is_left_over() {
    // Spelled in two halves, so that this file does not find itself.
    let leftovers: Vec<String> = [
        ("FIX", "ME"),
        ("TO", "DO"),
        ("XX", "X:"),
        ("dbg", "!("),
        ("todo", "!("),
        ("unimpl", "emented!("),
        ("#[ig", "nore"),
    ]
    .iter()
    .map(|(left, right)| format!("{left}{right}"))
    .collect();
    for (path, text) in sources(&["rs", "py", "wit", "toml"]) {
        for leftover in &leftovers {
            assert!(!text.contains(leftover), "{} contains `{leftover}`", path.display());
        }
    }
}

#[test]
fn files_can_be_read_whole() {
    for (path, text) in sources(&["rs", "py"]) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_example_is_run_by_a_test() {
    let tests = fs::read_to_string(root().join("tests/python/test_examples.py")).unwrap();
    let by_glob = tests.contains("glob(\"*.py\")");
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "py") {
            assert!(by_glob || tests.contains(&name), "no test runs examples/{name}");
        }
    }
}

#[test]
fn limits_say_their_reason() {
    let limits = fs::read_to_string(root().join("protocol/src/limits.rs")).unwrap();
    let lines: Vec<&str> = limits.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("pub const") {
            assert!(lines[index - 1].starts_with("///"), "no reason above `{line}`");
        }
    }
}
