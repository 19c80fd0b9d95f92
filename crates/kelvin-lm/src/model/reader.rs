//! From a file's tensors to weights: which tensors a decoder has is said once, here; where a layout
//! keeps them is said by its table of names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::WeightDtype;
use super::arrange::{apart, transposed};
use super::role::{Kind, Part, Role, Shape};
use super::weights::{Layer, Linear, Norm, Weights};
use crate::config::Config;
use crate::dtype::Dtype;
use crate::format::Text;
use crate::kernel::Matrix;
use crate::{Error, ErrorKind, Result};

/// Where a layout keeps a tensor, and in which order.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    /// Which part of its rows: `(0, 3)` is the first third.
    pub(super) share: (usize, usize),
    pub(super) order: Order,
}

/// How the rows of a tensor lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `[outputs, inputs]`, as they are needed.
    Rows,
    /// `[inputs, outputs]`, plain floats: the `Conv1D` of GPT-2.
    Columns,
    /// `[outputs, inputs]`, where the pairs that rotary positions turn lie side by side: what
    /// llama.cpp's converter makes of Llama.
    Pairs,
}

impl Place {
    /// A tensor of its own, as it is needed.
    pub(super) fn plain(name: String) -> Self {
        Self { name, share: (0, 1), order: Order::Rows }
    }
}

/// What a file says of a tensor.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) shape: Vec<u64>,
    /// How its numbers are stored.
    pub(super) dtype: Dtype,
}

/// The tensors of a file, and what its layout calls them.
pub(super) trait Tensors {
    /// Where a role's tensor is.
    fn place(&self, role: Role, kind: Kind) -> Place;

    /// What is added to the weights of norms: Gemma's + 1, where a file leaves it out.
    fn norm_offset(&self) -> f32;

    /// Whether a tensor has no part in what the model computes.
    fn is_idle(&self, name: &str) -> bool;

    /// Every name in the file.
    fn names(&self) -> impl Iterator<Item = &str>;

    /// The tensor of that name; none where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for numbers in a format that weights are not read in.
    fn find(&self, name: &str) -> Result<Option<Found>>;

    /// The numbers of the tensor of that name, as they are stored.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where they cannot be read.
    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>>;

    /// An error about the tensor of that name, with its place.
    fn locate(&self, name: &str, error: Error) -> Error;
}

/// The weights, each tensor held to the shape that `config` gives it before any is read.
///
/// # Errors
/// [`ErrorKind::Shape`] for a tensor that is missing or has another shape, with its byte offset;
/// [`ErrorKind::Unsupported`] for a tensor that this version would leave unused, or numbers that
/// `dtype` cannot hold.
pub(super) fn weights(file: &impl Tensors, config: &Config, dtype: WeightDtype) -> Result<Weights> {
    check(file, config)?;
    let mut reader = Reader { file, config, dtype, held: None };
    Ok(Weights {
        embedding: reader.matrix(Role::Embedding)?,
        positions: reader.positions()?,
        layers: (0..config.n_layers).map(|layer| reader.layer(layer)).collect::<Result<_>>()?,
        output_norm: reader.norm(Role::OutputNorm)?,
        head: (!config.tied_head).then(|| reader.matrix(Role::Head)).transpose()?,
    })
}

/// Bytes that the weights will take in memory.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for numbers in a format that weights are not read in.
pub(super) fn n_bytes(file: &impl Tensors, config: &Config, dtype: WeightDtype) -> Result<u64> {
    let of_role = |role: Role| {
        let Some(shape) = config.shape(role) else { return Ok(0) };
        let bias = if config.has_bias(role) { shape.len() } else { 0 };
        let floats = |n: usize| (n * size_of::<f32>()) as u64;
        let weight = match shape {
            Shape::Matrix(rows, cols) if role != Role::Positions => {
                // what is missing is said when it is read
                let found = file.find(&file.place(role, Kind::Weight).name)?;
                let stored = found.map_or(Dtype::F32, |found| found.dtype);
                Matrix::bytes_for(dtype.of_row(stored, cols), rows as u64, cols as u64)
            }
            _ => floats(shape.n_numbers()),
        };
        Ok(weight.saturating_add(floats(bias)))
    };
    config.roles().map(of_role).sum()
}

/// Whether the file has the tensors of the blueprint, and no other.
fn check(file: &impl Tensors, config: &Config) -> Result<()> {
    let mut known = BTreeSet::new();
    for role in config.roles() {
        let Some(shape) = config.shape(role) else { continue };
        let kinds = [(Kind::Weight, true), (Kind::Bias, config.has_bias(role))];
        for (kind, _) in kinds.into_iter().filter(|(_, present)| *present) {
            let place = file.place(role, kind);
            check_shape(file, &place, &stored(shape, kind, &place))?;
            known.insert(place.name);
        }
    }
    match file.names().find(|name| !known.contains(*name) && !file.is_idle(name)) {
        Some(extra) => {
            let family = config.architecture;
            let name = Text(extra.as_bytes());
            let detail = format!("tensor {name} is no part of a {family} model here");
            Err(file.locate(extra, Error::new(ErrorKind::Unsupported, detail)))
        }
        None => Ok(()),
    }
}

/// The shape of a role's tensor as it is stored.
fn stored(shape: Shape, kind: Kind, place: &Place) -> Vec<usize> {
    let len = shape.len() * place.share.1;
    match shape {
        Shape::Matrix(_, cols) if kind == Kind::Weight && place.order == Order::Columns => {
            vec![cols, len]
        }
        Shape::Matrix(_, cols) if kind == Kind::Weight => vec![len, cols],
        _ => vec![len],
    }
}

fn check_shape(file: &impl Tensors, place: &Place, expected: &[usize]) -> Result<()> {
    let name = &place.name;
    let Some(Found { shape: found, .. }) = file.find(name)? else {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("the file lacks tensor {name}, expected of shape {expected:?}"),
        ));
    };
    if found.iter().copied().eq(expected.iter().map(|&size| size as u64)) {
        return Ok(());
    }
    let detail = format!("tensor {name} has shape {found:?}, expected {expected:?}");
    Err(file.locate(name, Error::new(ErrorKind::Shape, detail)))
}

/// Reads tensors that have been checked, one at a time.
struct Reader<'a, T> {
    file: &'a T,
    config: &'a Config,
    dtype: WeightDtype,
    /// A tensor that holds several roles, while some of them are to come.
    held: Option<(String, Cow<'a, [u8]>)>,
}

impl<T: Tensors> Reader<'_, T> {
    fn layer(&mut self, layer: usize) -> Result<Layer> {
        let role = |part| Role::Layer(layer, part);
        // where the three lie in one tensor, it is read once
        let [query, key, value] = [
            self.matrix(role(Part::Query))?,
            self.matrix(role(Part::Key))?,
            self.matrix(role(Part::Value))?,
        ];
        Ok(Layer {
            attn_norm: self.norm(role(Part::AttnNorm))?,
            query: self.with_bias(role(Part::Query), query)?,
            key: self.with_bias(role(Part::Key), key)?,
            value: self.with_bias(role(Part::Value), value)?,
            qk_norm: self
                .norm_if_any(role(Part::QueryNorm))?
                .zip(self.norm_if_any(role(Part::KeyNorm))?),
            output: self.linear(role(Part::AttnOutput))?,
            post_attn_norm: self.norm_if_any(role(Part::PostAttnNorm))?,
            ffn_norm: self.norm(role(Part::FfnNorm))?,
            gate: self.has(role(Part::Gate)).then(|| self.linear(role(Part::Gate))).transpose()?,
            up: self.linear(role(Part::Up))?,
            down: self.linear(role(Part::Down))?,
            post_ffn_norm: self.norm_if_any(role(Part::PostFfnNorm))?,
        })
    }

    fn has(&self, role: Role) -> bool {
        self.config.shape(role).is_some()
    }

    /// Learned positions, which stay in f32: they are looked up and added, never multiplied.
    fn positions(&mut self) -> Result<Option<Vec<f32>>> {
        if !self.has(Role::Positions) {
            return Ok(None);
        }
        let place = self.file.place(Role::Positions, Kind::Weight);
        let stored = self.stored_matrix(Role::Positions, &place)?;
        let mut rows = vec![0.0; stored.rows() * stored.cols()];
        for (index, row) in rows.chunks_exact_mut(stored.cols()).enumerate() {
            stored.row(index, row);
        }
        Ok(Some(rows))
    }

    fn linear(&mut self, role: Role) -> Result<Linear> {
        let weight = self.matrix(role)?;
        self.with_bias(role, weight)
    }

    fn with_bias(&mut self, role: Role, weight: Matrix) -> Result<Linear> {
        let has_bias = self.config.has_bias(role);
        let bias = has_bias.then(|| self.vector(role, Kind::Bias)).transpose()?;
        Ok(Linear { weight, bias })
    }

    fn norm_if_any(&mut self, role: Role) -> Result<Option<Norm>> {
        self.has(role).then(|| self.norm(role)).transpose()
    }

    fn norm(&mut self, role: Role) -> Result<Norm> {
        let mut weight = self.vector(role, Kind::Weight)?;
        let offset = self.file.norm_offset();
        for x in &mut weight {
            *x += offset;
        }
        if !self.config.has_bias(role) {
            return Ok(Norm::Rms { weight });
        }
        Ok(Norm::Layer { weight, bias: self.vector(role, Kind::Bias)? })
    }

    /// The weight of a role in the format asked for.
    fn matrix(&mut self, role: Role) -> Result<Matrix> {
        let place = self.file.place(role, Kind::Weight);
        let matrix = self.stored_matrix(role, &place)?;
        let dtype = self.dtype.of_row(matrix.dtype(), matrix.cols());
        matrix.cast(dtype).map_err(|cause| {
            let error = Error::new(cause.kind(), format!("tensor {}: {cause}", place.name));
            let error = self.file.locate(&place.name, error);
            error.hint("load the model with dtype auto, f32 or bf16")
        })
    }

    /// The weight of a role in the format of the file.
    fn stored_matrix(&mut self, role: Role, place: &Place) -> Result<Matrix> {
        let Place { name, share: (index, count), order } = place;
        let shape = self.config.shape(role).expect("checked before anything is read");
        let (rows, cols) = (shape.len(), shape.n_numbers() / shape.len());
        let dtype = self.dtype_of(name)?;
        let held = self.held.take().filter(|(held, _)| held == name);
        let bytes = match held {
            Some((_, bytes)) => bytes,
            None => self.file.bytes(name)?,
        };
        let outputs = index * rows..(index + 1) * rows;
        let part = bytes.len() / count;
        let own = || &bytes[index * part..][..part];
        let arranged = match order {
            Order::Rows => Cow::Borrowed(own()),
            Order::Columns => {
                Cow::Owned(transposed(&bytes, dtype.block_bytes(), count * rows, outputs))
            }
            Order::Pairs => Cow::Owned(apart(own(), part / rows, self.config.head_dim)),
        };
        let matrix = Matrix::new(dtype, rows, cols, &arranged);
        let matrix = matrix.map_err(|error| self.file.locate(name, error))?;
        if index + 1 < *count {
            self.held = Some((name.clone(), bytes));
        }
        Ok(matrix)
    }

    /// The numbers of a norm or of a bias.
    fn vector(&mut self, role: Role, kind: Kind) -> Result<Vec<f32>> {
        let Place { name, share: (index, count), order } = self.file.place(role, kind);
        let len = self.config.shape(role).expect("checked before anything is read").len();
        let mut numbers = vec![0.0; len * count];
        Matrix::new(self.dtype_of(&name)?, 1, len * count, &self.file.bytes(&name)?)
            .map_err(|error| self.file.locate(&name, error))?
            .row(0, &mut numbers);
        let own = &numbers[index * len..][..len];
        Ok(if order == Order::Pairs { apart(own, 1, self.config.head_dim) } else { own.to_vec() })
    }

    fn dtype_of(&self, name: &str) -> Result<Dtype> {
        let found = self.file.find(name)?;
        Ok(found.expect("checked before anything is read").dtype)
    }
}
