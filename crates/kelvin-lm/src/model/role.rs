//! What a decoder is made of: each tensor by what it is for, with its shape.

use crate::config::{Config, FeedForward, NormKind, Positions};

/// What a tensor is for, whatever a file calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Tokens to rows.
    Embedding,
    /// Learned positions.
    Positions,
    /// The norm after the last layer.
    OutputNorm,
    /// Rows to logits, where it is not the embedding.
    Head,
    /// A part of the layer of this number.
    Layer(usize, Part),
}

/// A part of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    AttnNorm,
    Query,
    Key,
    Value,
    QueryNorm,
    KeyNorm,
    AttnOutput,
    PostAttnNorm,
    FfnNorm,
    Gate,
    Up,
    Down,
    PostFfnNorm,
}

impl Part {
    /// Every part that a layer of some family has, in the order of the computation.
    pub(super) const ALL: [Self; 13] = [
        Self::AttnNorm,
        Self::Query,
        Self::Key,
        Self::Value,
        Self::QueryNorm,
        Self::KeyNorm,
        Self::AttnOutput,
        Self::PostAttnNorm,
        Self::FfnNorm,
        Self::Gate,
        Self::Up,
        Self::Down,
        Self::PostFfnNorm,
    ];
}

/// Which of the two tensors that a role may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Weight,
    Bias,
}

impl Kind {
    /// The end of a tensor's name, in every layout.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
        }
    }
}

/// The shape of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `[outputs, inputs]`
    Matrix(usize, usize),
    /// `[width]`
    Norm(usize),
}

impl Shape {
    /// Rows of a matrix, numbers of a norm: the length of a bias.
    pub(super) const fn len(self) -> usize {
        let (Self::Matrix(len, _) | Self::Norm(len)) = self;
        len
    }

    /// How many numbers the weight has.
    pub(super) const fn n_numbers(self) -> usize {
        match self {
            Self::Matrix(rows, cols) => rows * cols,
            Self::Norm(len) => len,
        }
    }
}

impl Config {
    /// How many numbers the model has learned; a head that is the embedding counts once.
    ///
    /// ```no_run
    /// # fn main() -> kelvin_lm::Result<()> {
    /// use kelvin_lm::Checkpoint;
    ///
    /// let gpt2 = Checkpoint::open("gpt2".as_ref())?.config()?;
    /// assert_eq!(gpt2.n_params(), 124_439_808);
    /// # Ok(())
    /// # }
    /// ```
    pub fn n_params(&self) -> u64 {
        let params = |role: Role| {
            let shape = self.shape(role)?;
            let bias = if self.has_bias(role) { shape.len() } else { 0 };
            Some((shape.n_numbers() + bias) as u64)
        };
        self.roles().filter_map(params).sum()
    }

    /// Every role that a model of some family has.
    pub(super) fn roles(&self) -> impl Iterator<Item = Role> {
        let layer = |layer| Part::ALL.map(|part| Role::Layer(layer, part));
        [Role::Embedding, Role::Positions]
            .into_iter()
            .chain((0..self.n_layers).flat_map(layer))
            .chain([Role::OutputNorm, Role::Head])
    }

    /// The shape of a role's weight; none where this model has no such thing.
    pub(super) fn shape(&self, role: Role) -> Option<Shape> {
        let Self { d_model, d_ff, head_dim, vocab_size, max_seq, .. } = *self;
        let (d_query, d_kv) = (self.d_query(), self.d_kv());
        let learned = self.positions == Positions::Learned;
        match role {
            Role::Embedding => Some(Shape::Matrix(vocab_size, d_model)),
            Role::Positions => learned.then_some(Shape::Matrix(max_seq, d_model)),
            Role::OutputNorm => Some(Shape::Norm(d_model)),
            Role::Head => (!self.tied_head).then_some(Shape::Matrix(vocab_size, d_model)),
            Role::Layer(_, part) => match part {
                Part::AttnNorm | Part::FfnNorm => Some(Shape::Norm(d_model)),
                Part::Query => Some(Shape::Matrix(d_query, d_model)),
                Part::Key | Part::Value => Some(Shape::Matrix(d_kv, d_model)),
                Part::QueryNorm | Part::KeyNorm => self.qk_norm.then_some(Shape::Norm(head_dim)),
                Part::AttnOutput => Some(Shape::Matrix(d_model, d_query)),
                Part::PostAttnNorm | Part::PostFfnNorm => {
                    self.post_norms.then_some(Shape::Norm(d_model))
                }
                Part::Gate => {
                    let gated = self.feed_forward == FeedForward::Gated;
                    gated.then_some(Shape::Matrix(d_ff, d_model))
                }
                Part::Up => Some(Shape::Matrix(d_ff, d_model)),
                Part::Down => Some(Shape::Matrix(d_model, d_ff)),
            },
        }
    }

    /// Whether a role has a bias beside its weight.
    pub(super) fn has_bias(&self, role: Role) -> bool {
        let norms = self.norm == NormKind::Layer;
        match role {
            Role::Embedding | Role::Positions | Role::Head => false,
            Role::OutputNorm => norms,
            Role::Layer(_, part) => match part {
                Part::AttnNorm | Part::PostAttnNorm | Part::FfnNorm | Part::PostFfnNorm => norms,
                Part::Query | Part::Key | Part::Value => self.biases.query_key_value,
                Part::QueryNorm | Part::KeyNorm => false,
                Part::AttnOutput => self.biases.attn_output,
                Part::Gate | Part::Up | Part::Down => self.biases.feed_forward,
            },
        }
    }
}
