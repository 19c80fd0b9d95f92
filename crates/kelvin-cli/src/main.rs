//! The `kelvin` command.
fn main() {}
