//! The binary, from the outside: what it prints, where, and with which exit code.

mod binary;
mod color;
mod contract;
mod reference;
mod transcripts;
mod vectors;
