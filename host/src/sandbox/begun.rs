//! What an instance has after its closure was defined, for whoever makes a component that begins there.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;

use super::Definition;
use super::kept::lend_fuel;
use super::pages::with_image;
use super::run::{DefineResult, TaskInput};
use super::state::TaskState;
use super::stop::StopCause;

/// The state of an instance of an interpreter in which a payload was defined.
pub struct Begun {
    /// All of its memory.
    pub memory: Vec<u8>,
    /// The globals that code sets, by their index in their module, with their values.
    pub globals: Vec<(u32, u32)>,
    /// What was printed.
    pub output: Vec<u8>,
}

/// Why there is no such state.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The component is none of an interpreter whose state can be read.
    #[error("the component has state that cannot be read")]
    Unknown,
    /// The payload cannot be defined.
    #[error("the payload was not defined; it printed: {output}")]
    Failed {
        /// What it printed.
        output: String,
        /// How it ended.
        #[source]
        source: wasmtime::Error,
    },
}

impl Definition {
    /// Defines the payload of `input` in a new instance, and reads the instance's state.
    ///
    /// # Errors
    /// If that fails, or there is state that cannot be read.
    pub fn begin(&self, input: &TaskInput<'_>, stop: &Arc<StopCause>) -> Result<Begun, BeginError> {
        let (Some(image), Some(accesses)) = (&self.beside.image, &self.beside.globals) else {
            return Err(BeginError::Unknown);
        };
        let bounds = self.engine.profile().bounds();
        let mut store = Store::new(&self.runs, TaskState::new(bounds, Arc::clone(stop)));
        let ticking = self.engine.ticker.begin(self.watch(&store));
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        store.data_mut().begin(input, Instant::now());
        store.set_epoch_deadline(1);
        let mut read = || -> wasmtime::Result<_> {
            lend_fuel(self.is_fuelled, &mut store)?;
            let (instance, pages) =
                with_image(image, self.watch(&store), || self.instance.instantiate(&mut store))?;
            let define =
                instance.get_typed_func::<(&[u8],), (DefineResult,)>(&mut store, self.define)?;
            let (defined,) = define.call(&mut store, (input.payload.unwrap_or_default(),))?;
            defined.map_err(|_| wasmtime::Error::msg("it raised an exception"))?;
            let mut globals = Vec::with_capacity(accesses.len());
            for access in accesses {
                let get = instance.get_typed_func::<(), (u32,)>(&mut store, &access.get)?;
                globals.push((access.global, get.call(&mut store, ())?.0));
            }
            Ok((pages, globals))
        };
        let result = read();
        drop(ticking);
        let output = std::mem::take(&mut store.data().watch.output().waiting);
        let (pages, globals) = result.map_err(|source| BeginError::Failed {
            output: String::from_utf8_lossy(&output).into_owned(),
            source,
        })?;
        // SAFETY: the store is ours, so no guest runs, and nobody else has its memory.
        let memory = unsafe { pages.content() };
        Ok(Begun { memory, globals, output })
    }
}
