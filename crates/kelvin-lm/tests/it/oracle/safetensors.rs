//! Safetensors files: raw bytes, and headers that the `safetensors` crate reads too.

use std::fmt::Write;

use kelvin_lm::format::Safetensors;
use safetensors::SafeTensors;

use super::{BESIDE, Verdict, verdict};

/// The verdict on a file; every tensor of one that is accepted is read.
pub(crate) fn bytes(file: &[u8]) -> Verdict {
    let read = verdict(file, BESIDE, Safetensors::parse, exercise);
    if let Ok(ours) = Safetensors::parse(file.to_vec()) {
        compare(&ours, file);
    }
    read
}

/// The verdict on a file that is made of `input`: a byte tells how many bytes of data there are, the
/// others are the header, whose length is true.
pub(crate) fn differential(input: &[u8]) -> Verdict {
    let (&n_data, header) = input.split_first().unwrap_or((&0, &[]));
    let data: Vec<u8> = (0..n_data).collect();
    bytes(&framed(header, &data))
}

/// A file of this header and these data.
pub(crate) fn framed(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

fn exercise(file: &Safetensors) -> String {
    let mut text = String::new();
    for tensor in file.tensors() {
        let bytes = file.bytes(tensor).expect("the header is checked");
        let (dtype, shape) = (tensor.dtype_name(), tensor.shape());
        writeln!(text, "{:?} {dtype} {shape:?} {bytes:?}", tensor.name()).expect("it takes all");
    }
    text
}

/// What is accepted here, the `safetensors` crate accepts, and reads the same in it.
fn compare(ours: &Safetensors, file: &[u8]) {
    let theirs =
        SafeTensors::deserialize(file).expect("nothing is accepted that the crate refuses");
    assert_eq!(ours.tensors().len(), theirs.len());
    for tensor in ours.tensors() {
        let view = theirs.tensor(tensor.name()).expect("the same names");
        let shape: Vec<u64> = view.shape().iter().map(|&size| size as u64).collect();
        assert_eq!((tensor.shape(), tensor.dtype_name()), (&*shape, view.dtype().to_string()));
        assert_eq!(ours.bytes(tensor).expect("the header is checked"), view.data());
    }
}
