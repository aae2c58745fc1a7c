//! Why a program cannot be run.

/// Why there is no component of a program.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// It is not WebAssembly.
    #[error(
        "it is not WebAssembly: compile it for WASI, for example with `-target wasm32-wasi` or `--target wasm32-wasip1`"
    )]
    NotWasm,
    /// It is a component, and not one with a program in it.
    #[error(
        "it is a component without one module in it that is a command for WASI preview 1 or 2: compile it for \
         `wasm32-wasip1` or `wasm32-wasip2` (Rust), `wasm32-wasi` (C, Zig) or `GOOS=wasip1` (Go)"
    )]
    Component,
    /// It is not valid, or uses what hosts do not take.
    #[error("hosts would not take it: {0}")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    /// It does not begin anywhere.
    #[error(
        "it exports no function `_start` without parameters and results, and no `run` of `wasi:cli`, so it is no program: \
         link it as a command, not as a library or reactor"
    )]
    NoStart,
    /// It has no memory to share.
    #[error("it has no memory of its own{0}")]
    Memory(&'static str),
    /// It imports what nothing provides.
    #[error(
        "it imports `{module}.{name}`, which is not part of WASI preview 1 or 2 as programs have it: files, arguments, \
         standard streams, clocks and random numbers, and nothing else"
    )]
    Import {
        /// The import's module.
        module: String,
        /// The import.
        name: String,
    },
    /// It imports a function of WASI with another type.
    #[error("it imports `{name}` with a type that is not that of WASI")]
    Type {
        /// The import.
        name: String,
    },
    /// Code cannot be written again.
    #[error("its code cannot be written again: {0}")]
    Code(String),
    /// It is no component of the world.
    #[error("the joined module is not of the world: {0}")]
    World(String),
}
