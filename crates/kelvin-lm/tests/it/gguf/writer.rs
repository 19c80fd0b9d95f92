//! A writer of GGUF files that does as it is told, right or wrong.

use std::ops::Range;

/// A part of a file, and where in it the numbers stand that a mutation can bend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) numbers: Vec<Range<usize>>,
}

impl Piece {
    pub(crate) fn number(mut self, bytes: &[u8]) -> Self {
        self.numbers.push(self.bytes.len()..self.bytes.len() + bytes.len());
        self.raw(bytes)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn u32(self, n: u32) -> Self {
        self.number(&n.to_le_bytes())
    }

    pub(crate) fn u64(self, n: u64) -> Self {
        self.number(&n.to_le_bytes())
    }

    pub(crate) fn string(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.u64(text.len() as u64).raw(text)
    }

    pub(crate) fn then(mut self, other: Self) -> Self {
        let shift = self.bytes.len();
        self.numbers.extend(other.numbers.into_iter().map(|at| at.start + shift..at.end + shift));
        self.bytes.extend(other.bytes);
        self
    }
}

/// An empty piece.
pub(crate) fn piece() -> Piece {
    Piece::default()
}

/// A pair: key, type code, value.
pub(crate) fn pair(key: impl AsRef<[u8]>, code: u32, value: Piece) -> Piece {
    piece().string(key).u32(code).then(value)
}

pub(crate) fn u32_pair(key: &str, n: u32) -> Piece {
    pair(key, 4, piece().u32(n))
}

pub(crate) fn string_pair(key: &str, text: impl AsRef<[u8]>) -> Piece {
    pair(key, 8, piece().string(text))
}

/// A pair whose value is an array: type code of the elements, their claimed number, the elements.
pub(crate) fn array_pair(key: &str, code: u32, n: u64, elements: Piece) -> Piece {
    pair(key, 9, piece().u32(code).u64(n).then(elements))
}

/// A line of the tensor table; `dims` as the file has them, innermost first.
pub(crate) fn tensor(name: impl AsRef<[u8]>, dims: &[u64], code: u32, offset: u64) -> Piece {
    let n_dims = u32::try_from(dims.len()).expect("a test asks for a few");
    let shape = dims.iter().fold(piece().u32(n_dims), |piece, &dim| piece.u64(dim));
    piece().string(name).then(shape).u32(code).u64(offset)
}

/// A file in parts, any of which may be wrong.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) magic: Vec<u8>,
    pub(crate) version: u32,
    /// The counts to claim, where they are not the true ones.
    pub(crate) n_tensors: Option<u64>,
    pub(crate) n_pairs: Option<u64>,
    pub(crate) pairs: Vec<Piece>,
    pub(crate) tensors: Vec<Piece>,
    /// The multiple at which the data start.
    pub(crate) alignment: usize,
    pub(crate) data: Vec<u8>,
}

impl File {
    /// Version 3, nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            magic: b"GGUF".to_vec(),
            version: 3,
            n_tensors: None,
            n_pairs: None,
            pairs: Vec::new(),
            tensors: Vec::new(),
            alignment: 32,
            data: Vec::new(),
        }
    }

    /// A sound file with a value of every kind and three tensors.
    pub(crate) fn small() -> Self {
        let tokens = piece().string("a").string(b"\xff").string("▁b");
        let pairs = vec![
            string_pair("general.architecture", "llama"),
            u32_pair("general.alignment", 32),
            u32_pair("llama.block_count", 30),
            pair("llama.epsilon", 6, piece().number(&1e-5_f32.to_le_bytes())),
            pair("i8", 1, piece().number(&(-8_i8).to_le_bytes())),
            pair("u64", 10, piece().u64(u64::MAX)),
            pair("i64", 11, piece().number(&i64::MIN.to_le_bytes())),
            pair("f64", 12, piece().number(&0.1_f64.to_le_bytes())),
            pair("flag", 7, piece().number(&[1])),
            array_pair("tokens", 8, 3, tokens),
            array_pair("scores", 6, 2, piece().number(&(-1.5_f32).to_le_bytes()).number(&[0; 4])),
            array_pair("types", 5, 2, piece().u32(1).number(&(-3_i32).to_le_bytes())),
            array_pair("flags", 7, 2, piece().number(&[0]).number(&[1])),
            array_pair("none", 8, 0, piece()),
        ];
        let tensors = vec![
            tensor("norm", &[4], 0, 96),
            tensor("matrix", &[32, 2], 8, 0),
            tensor("cube", &[2, 3, 1, 1], 1, 128),
        ];
        Self { pairs, tensors, data: (0..140).collect(), ..Self::empty() }
    }

    /// The file as it stands on disk.
    pub(crate) fn write(&self) -> Piece {
        let n_tensors = self.n_tensors.unwrap_or(self.tensors.len() as u64);
        let n_pairs = self.n_pairs.unwrap_or(self.pairs.len() as u64);
        let start = piece().raw(&self.magic).u32(self.version).u64(n_tensors).u64(n_pairs);
        let header = self.pairs.iter().chain(&self.tensors).cloned().fold(start, Piece::then);
        if self.tensors.is_empty() && self.data.is_empty() {
            return header;
        }
        let padding = header.bytes.len().next_multiple_of(self.alignment) - header.bytes.len();
        header.raw(&vec![0; padding]).raw(&self.data)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.write().bytes
    }
}
