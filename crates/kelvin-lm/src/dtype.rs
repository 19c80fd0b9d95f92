//! The number formats that tensors are stored in.

pub(crate) mod encode;

use std::fmt;

/// How a tensor's numbers are stored: plain floats, or blocks that share a scale.
///
/// Block layouts are those of ggml, as GGUF files hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    BF16,
    /// 32 × 8 bits, one f16 scale.
    Q8_0,
    /// 32 × 4 bits around 8, one f16 scale.
    Q4_0,
    /// 32 × 4 bits, f16 scale and minimum.
    Q4_1,
    /// 32 × 5 bits around 16, one f16 scale.
    Q5_0,
    /// 32 × 5 bits, f16 scale and minimum.
    Q5_1,
    /// 256 × 4 bits, eight 6-bit scales and minima, two f16 factors.
    Q4K,
    /// 256 × 5 bits, eight 6-bit scales and minima, two f16 factors.
    Q5K,
    /// 256 × 6 bits around 32, sixteen 8-bit scales, one f16 factor.
    Q6K,
}

impl Dtype {
    /// Every format, in the order of the enum.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Numbers in one block; 1 for the plain floats.
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of one block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// The name that model cards use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
