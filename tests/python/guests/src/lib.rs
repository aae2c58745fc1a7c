//! Guests for the tests of `spm-guest`: each is one of the examples.
