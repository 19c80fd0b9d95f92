//! The binary, from the outside: what it prints, where, and with which exit code.

mod binary;
mod chat;
mod color;
mod compare;
mod contract;
mod embedded;
mod explain;
mod generate;
mod hub;
mod layouts;
mod lessons;
mod plot;
mod real;
mod reference;
mod report;
mod score;
mod seeds;
mod sweep;
mod tiny;
mod traces;
mod train;
mod transcripts;
mod transformers;
mod vectors;
