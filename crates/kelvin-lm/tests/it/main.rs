//! Integration tests of `kelvin-lm`.

mod forward;
mod reference;
mod tiny;
