//! GGUF files: raw bytes, and sound files that are then damaged.

use std::fmt::Write;

use arbitrary::{Result as Drawn, Unstructured};
use kelvin_lm::chat::ChatTemplate;
use kelvin_lm::defaults::GenerationDefaults;
use kelvin_lm::dtype::Dtype;
use kelvin_lm::format::gguf::{Gguf, Value};
use kelvin_lm::tokenizer::Tokenizer;
use kelvin_lm::{Config, EngineOptions, Model, Result, Session};

use super::{Verdict, verdict};
use crate::gguf::writer::{File, Piece, array_pair, pair, piece, tensor};

/// What the reader may hold beside twice the file: less than it promises, so that no allocation can
/// hide in the rest.
const BESIDE: usize = 8 << 10;

/// Reads `file`, within the memory promised.
pub(crate) fn parse(file: &[u8]) -> Result<Gguf> {
    super::within(file, BESIDE, Gguf::parse)
}

/// The verdict on a file; everything in it is asked for where it is accepted.
pub(crate) fn bytes(file: &[u8]) -> Verdict {
    verdict(file, BESIDE, Gguf::parse, exercise)
}

/// Asks for everything in a file that was accepted; returns it as text.
fn exercise(gguf: &Gguf) -> String {
    let mut text = String::new();
    show_metadata(gguf, &mut text);
    for tensor in gguf.tensors() {
        assert_eq!(gguf.tensor(tensor.name()).map(|t| t.offset()), Some(tensor.offset()));
        let sum = tensor.bytes().iter().fold(0_u64, |sum, &byte| sum + u64::from(byte));
        writeln!(text, "{tensor:?} {sum}").expect("a string takes all");
    }
    let len = usize::try_from(gguf.n_bytes()).expect("it is in memory");
    let shown = |made: Result<String>| made.unwrap_or_else(|error| super::refusal(&error, len));
    let template = ChatTemplate::from_gguf(gguf, None).map(|template| format!("{template:?}"));
    let made = [tokenizer(gguf), model(gguf), template].map(shown).join("\n");
    format!("{text}{:?}\n{made}", GenerationDefaults::from_gguf(gguf.metadata()))
}

fn show_metadata(gguf: &Gguf, text: &mut String) {
    let metadata = gguf.metadata();
    for (key, value) in metadata.iter() {
        writeln!(text, "{key} = {value}").expect("a string takes all");
        assert!(metadata.get(key).is_some() && metadata.offset(key).is_some());
        let found = [
            metadata.str(key).is_ok(),
            metadata.u64(key).is_ok(),
            metadata.i64(key).is_ok(),
            metadata.f32(key).is_ok(),
            metadata.bool(key).is_ok(),
            metadata.i32s(key).is_ok(),
            metadata.f32s(key).is_ok(),
            metadata.strings(key).is_ok(),
        ];
        let strings = metadata.strings(key).ok().flatten();
        let n_bytes = strings.map(|strings| strings.iter().map(<[u8]>::len).sum::<usize>());
        writeln!(text, "{found:?} {n_bytes:?}").expect("a string takes all");
    }
}

fn tokenizer(gguf: &Gguf) -> Result<String> {
    Tokenizer::from_gguf(gguf).map(|tokenizer| format!("{tokenizer:?}"))
}

/// The model, and what it makes of its first token.
fn model(gguf: &Gguf) -> Result<String> {
    let config = Config::from_gguf(gguf)?;
    let one = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let model = Model::from_gguf(gguf, one)?;
    assert_eq!(model.config(), &config);
    let logits = Session::new(&model).feed(&[0])?.to_vec();
    let bits = logits.iter().fold(0, |bits, logit| logit.to_bits() ^ u32::rotate_left(bits, 1));
    Ok(format!("{config:?} {bits:x}"))
}

/// Builds a sound file, which must be read as it was written, then damages it. The verdict is that on
/// the damaged file.
pub(crate) fn structured(input: &[u8]) -> Verdict {
    let mut input = Unstructured::new(input);
    let sound = Sound::draw(&mut input).expect("every draw has a default");
    let file = sound.file();
    let read = parse(&file.bytes()).expect("the file is sound");
    sound.check(&read, &file.data);
    bytes(&damaged(file, &mut input).expect("every draw has a default"))
}

/// What a sound file holds.
struct Sound {
    alignment: u32,
    version: u32,
    /// Key, type code, value.
    pairs: Vec<(String, u32, Piece)>,
    tensors: Vec<Record>,
}

/// A line of the tensor table.
struct Record {
    name: String,
    dtype: Dtype,
    /// Outermost first.
    shape: Vec<u64>,
    offset: usize,
    n_bytes: usize,
}

impl Sound {
    fn draw(input: &mut Unstructured<'_>) -> Drawn<Self> {
        let alignment = 1 << input.int_in_range(0..=7)?;
        let pairs = (0..input.int_in_range(0..=9)?).map(|i| draw_pair(input, i));
        let pairs = pairs.collect::<Drawn<_>>()?;
        let mut tensors: Vec<Record> = Vec::new();
        for i in 0..input.int_in_range(0..=5)? {
            let after = tensors.last().map_or(0, |last| last.offset + last.n_bytes);
            tensors.push(Record::draw(input, i, after.next_multiple_of(alignment as usize))?);
        }
        if input.ratio(1, 4)? {
            tensors.reverse(); // the table need not be in the order of the data
        }
        Ok(Self { alignment, version: input.int_in_range(2..=3)?, pairs, tensors })
    }

    fn file(&self) -> File {
        let alignment = ("general.alignment".to_owned(), 4, piece().u32(self.alignment));
        let pairs = self.pairs.iter().chain([&alignment]);
        let end = self.tensors.iter().map(|tensor| tensor.offset + tensor.n_bytes).max();
        File {
            version: self.version,
            pairs: pairs.map(|(key, code, value)| pair(key, *code, value.clone())).collect(),
            tensors: self.tensors.iter().map(Record::line).collect(),
            alignment: self.alignment as usize,
            data: (0..=u8::MAX).cycle().take(end.unwrap_or(0)).collect(),
            ..File::empty()
        }
    }

    /// Everything that was written is read, and nothing else.
    fn check(&self, gguf: &Gguf, data: &[u8]) {
        let metadata = gguf.metadata();
        assert_eq!((metadata.len(), gguf.version()), (self.pairs.len() + 1, self.version));
        for (key, code, value) in &self.pairs {
            let read = metadata.get(key).expect("it was written");
            assert_eq!(written(*code, read, &value.bytes), value.bytes, "{key}");
        }
        assert_eq!(gguf.tensors().len(), self.tensors.len());
        for record in &self.tensors {
            let read = gguf.tensor(&record.name).expect("it was written");
            assert_eq!((read.dtype(), read.shape()), (record.dtype, &*record.shape));
            assert_eq!(read.bytes(), &data[record.offset..][..record.n_bytes]);
        }
    }
}

/// A pair of a key of its own and a value of any type.
fn draw_pair(input: &mut Unstructured<'_>, i: usize) -> Drawn<(String, u32, Piece)> {
    let key = format!("{i}{}", input.arbitrary::<&str>()?.chars().take(20).collect::<String>());
    let code = input.int_in_range(0..=12)?;
    let value = match code {
        9 => draw_array(input)?,
        plain => draw_plain(input, plain)?,
    };
    Ok((key, code, value))
}

fn draw_array(input: &mut Unstructured<'_>) -> Drawn<Piece> {
    let code = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12][input.int_in_range(0..=11)?];
    let n = input.int_in_range(0..=5)?;
    let head = piece().u32(code).u64(n);
    (0..n).try_fold(head, |all, _| Ok(all.then(draw_plain(input, code)?)))
}

/// A value that is no array.
fn draw_plain(input: &mut Unstructured<'_>, code: u32) -> Drawn<Piece> {
    Ok(match code {
        7 => piece().number(&[input.int_in_range(0..=1)?]),
        8 => {
            let len = input.int_in_range(0..=40)?;
            piece().string(input.bytes(input.len().min(len))?)
        }
        number => piece().number(&input.arbitrary::<[u8; 8]>()?[..width(number)]),
    })
}

/// The bytes of a number of this type.
fn width(code: u32) -> usize {
    [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][code as usize]
}

/// The bytes of a value as it must have been written; `as_written` tells the type of an array.
fn written(code: u32, value: Value<'_>, as_written: &[u8]) -> Vec<u8> {
    match value {
        Value::Int(number) => number.to_le_bytes()[..width(code)].to_vec(),
        Value::F32(number) => number.to_le_bytes().to_vec(),
        Value::F64(number) => number.to_le_bytes().to_vec(),
        Value::Bool(truth) => vec![truth.into()],
        Value::Str(bytes) => piece().string(bytes).bytes,
        Value::Array(array) => {
            let code = u32::from_le_bytes(as_written[..4].try_into().expect("a type's code"));
            let head = piece().u32(code).u64(array.len() as u64).bytes;
            array.iter().fold(head, |all, value| [all, written(code, value, &[])].concat())
        }
    }
}

/// The number formats with their codes.
const DTYPES: [(u32, Dtype); 11] = [
    (0, Dtype::F32),
    (1, Dtype::F16),
    (2, Dtype::Q4_0),
    (3, Dtype::Q4_1),
    (6, Dtype::Q5_0),
    (7, Dtype::Q5_1),
    (8, Dtype::Q8_0),
    (12, Dtype::Q4K),
    (13, Dtype::Q5K),
    (14, Dtype::Q6K),
    (30, Dtype::BF16),
];

impl Record {
    fn draw(input: &mut Unstructured<'_>, i: usize, offset: usize) -> Drawn<Self> {
        let (_, dtype) = DTYPES[input.int_in_range(0..=DTYPES.len() - 1)?];
        let n_blocks = input.int_in_range(1..=2)?;
        let mut shape = (0..input.int_in_range(0..=3)?)
            .map(|_| input.int_in_range(1..=3))
            .collect::<Drawn<Vec<u64>>>()?;
        let n_rows = shape.iter().product::<u64>();
        shape.push(n_blocks * dtype.block_len() as u64);
        let n_bytes = n_rows * n_blocks * dtype.block_bytes() as u64;
        let n_bytes = usize::try_from(n_bytes).expect("a few blocks");
        Ok(Self { name: format!("{i}"), dtype, shape, offset, n_bytes })
    }

    fn line(&self) -> Piece {
        let dims: Vec<u64> = self.shape.iter().rev().copied().collect();
        let code = DTYPES.iter().find(|(_, dtype)| *dtype == self.dtype).expect("it was drawn").0;
        tensor(&self.name, &dims, code, self.offset as u64)
    }
}

/// The file with up to three faults in its structure, then perhaps one in its bytes.
pub(crate) fn damaged(mut file: File, input: &mut Unstructured<'_>) -> Drawn<Vec<u8>> {
    for _ in 0..input.int_in_range(0..=3)? {
        bend_structure(&mut file, input)?;
    }
    let mut piece = file.write();
    if input.ratio(1, 2)? {
        bend_number(&mut piece, input)?;
    }
    let at = input.int_in_range(0..=piece.bytes.len() - 1)?;
    match input.int_in_range(0..=7)? {
        0 => piece.bytes.truncate(at),
        1 => piece.bytes.insert(at, input.arbitrary()?),
        2 => drop(piece.bytes.remove(at)),
        _ => {}
    }
    Ok(piece.bytes)
}

fn bend_structure(file: &mut File, input: &mut Unstructured<'_>) -> Drawn<()> {
    let numbers =
        [0, 1, 4, 31, 32, 33, 64, 1 << 31, u64::from(u32::MAX), 1 << 40, 1 << 63, u64::MAX];
    let number = *input.choose(&numbers)?;
    let name = *input.choose(&["x", "norm", "flag", "", "general.alignment"])?;
    let code = input.int_in_range(0..=13)?;
    match input.int_in_range(0..=9)? {
        0 => file.version = input.int_in_range(0..=4)?,
        1 => file.n_pairs = Some(number),
        2 => file.n_tensors = Some(number),
        3 => file.pairs.push(pair(name, code, piece().u64(number))),
        4 => file.pairs.push(array_pair(name, code, number, piece().u64(number).u64(0))),
        5 => file.tensors.push(tensor(name, &[number, 1], code, number.wrapping_mul(32) % 256)),
        6 => file.data.extend([0; 200]),
        7 => drop(file.pairs.pop()),
        8 => file.tensors.reverse(),
        _ => file.alignment = 1 << input.int_in_range(0..=7)?,
    }
    Ok(())
}

fn bend_number(piece: &mut Piece, input: &mut Unstructured<'_>) -> Drawn<()> {
    let at = input.choose(&piece.numbers)?.clone();
    let old =
        piece.bytes[at.clone()].iter().rev().fold(0_u64, |n, &byte| (n << 8) | u64::from(byte));
    let len = piece.bytes.len() as u64;
    let news = [
        0,
        1,
        old ^ 1,
        old.wrapping_add(1),
        old.wrapping_neg(),
        old << 8,
        len,
        1 << 31,
        1 << 63,
        u64::MAX,
        input.arbitrary()?,
    ];
    let new = *input.choose(&news)?;
    let width = at.len();
    piece.bytes[at].copy_from_slice(&new.to_le_bytes()[..width]);
    Ok(())
}
