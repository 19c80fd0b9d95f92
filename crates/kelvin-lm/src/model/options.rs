//! What a model is opened with.

use std::fmt;
use std::str::FromStr;

use crate::dtype::Dtype;
use crate::kernel::EngineOptions;
use crate::{Error, ErrorKind, Result};

/// What a [`Model`](super::Model) is opened with. Engine options alone will do: they turn into these.
///
/// ```
/// use kelvin_lm::{EngineOptions, ModelOptions, WeightDtype};
///
/// let plain: ModelOptions = EngineOptions::default().into();
/// assert_eq!(plain.dtype, WeightDtype::Auto);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelOptions {
    /// Threads, instruction set, profile, activations.
    pub engine: EngineOptions,
    /// The format that the weights are held in. Changes bits, except from a format to itself.
    pub dtype: WeightDtype,
}

impl From<EngineOptions> for ModelOptions {
    fn from(engine: EngineOptions) -> Self {
        Self { engine, dtype: WeightDtype::default() }
    }
}

/// The format that matrices are held in once they are loaded. Norms, biases and learned positions
/// are always held in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightDtype {
    /// Each as it is in the file.
    #[default]
    Auto,
    /// IEEE single precision: exact, from any format.
    F32,
    /// IEEE half precision; numbers beyond 65,504 are an error.
    F16,
    /// The upper half of single precision.
    BF16,
    /// 32 × 8 bits, one f16 scale. A matrix whose rows are no multiple of 32 is held in F16.
    Q8_0,
}

impl WeightDtype {
    /// Every choice, in the order of the enum.
    pub const ALL: [Self; 5] = [Self::Auto, Self::F32, Self::F16, Self::BF16, Self::Q8_0];

    /// The name on the command line: `auto`, `f32`, `f16`, `bf16`, `q8_0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8_0 => "q8_0",
        }
    }

    /// The format asked for; none where each is kept.
    pub const fn dtype(self) -> Option<Dtype> {
        match self {
            Self::Auto => None,
            Self::F32 => Some(Dtype::F32),
            Self::F16 => Some(Dtype::F16),
            Self::BF16 => Some(Dtype::BF16),
            Self::Q8_0 => Some(Dtype::Q8_0),
        }
    }

    /// The format of a matrix whose rows have `cols` numbers and are stored as `stored`.
    ///
    /// ```
    /// use kelvin_lm::{WeightDtype, dtype::Dtype};
    ///
    /// assert_eq!(WeightDtype::Q8_0.of_row(Dtype::F32, 64), Dtype::Q8_0);
    /// assert_eq!(WeightDtype::Q8_0.of_row(Dtype::F32, 80), Dtype::F16);
    /// assert_eq!(WeightDtype::Auto.of_row(Dtype::Q4K, 256), Dtype::Q4K);
    /// ```
    pub const fn of_row(self, stored: Dtype, cols: usize) -> Dtype {
        match self.dtype() {
            None => stored,
            Some(dtype) if cols.is_multiple_of(dtype.block_len()) => dtype,
            Some(_) => Dtype::F16,
        }
    }
}

impl fmt::Display for WeightDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WeightDtype {
    type Err = Error;

    /// Reads one of the names.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            let detail = format!("dtype \"{text}\" is none of {known}");
            Error::new(ErrorKind::Parameter, detail)
        })
    }
}
