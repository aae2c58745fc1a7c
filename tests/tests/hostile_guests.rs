//! Guests that mean harm, and guests that are only broken: each must end with the outcome that says so, and the
//! host must serve the next task as if nothing had been.

mod hostile {
    //! The tests, and the hub they talk to the host with.

    pub mod breaking;
    pub mod exhausting;
    pub mod hub;
    pub mod importing;
    pub mod instances;
    pub mod refused;
    pub mod sessions;
    pub mod sleeping;
    pub mod wat;
}
