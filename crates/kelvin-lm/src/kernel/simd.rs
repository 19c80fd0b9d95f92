//! Sixteen virtual lanes, the same to the last bit on every machine.
//!
//! A kernel is written once, generic over [`Simd`], and runs as AVX-512, AVX2 or plain scalar code.
//! Every operation of the trait is exact, or rounds once as IEEE 754 prescribes, and horizontal
//! folds follow one fixed tree; so the levels agree bit for bit by construction, and tests hold
//! them to it. The one fork is [`Simd::mul_add`]: it rounds once in the profile `fast` and twice in
//! `portable` ([`Profile`]).
//!
//! The bits of a NaN are the only thing that may differ; that it is a NaN may not.
//!
//! This module and its children are the only places of the crate's kernels with `unsafe`: a value
//! of a token type ([`avx2::Avx2`], [`avx512::Avx512`]) exists only where the processor has the
//! instructions, and that is what every intrinsic call relies on.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "intrinsics; a token proves that the processor has them")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "intrinsics; a token proves that the processor has them")]
mod avx512;

use std::fmt;
use std::str::FromStr;

use self::scalar::Scalar;
use crate::{Error, ErrorKind};

/// Virtual lanes of every vector.
pub(crate) const LANES: usize = 16;

/// Sixteen lanes of f32 or i32, and what can be done to them.
///
/// A value of an implementing type is a token: holding it proves that the processor has the
/// instructions. Integer arithmetic wraps.
pub(crate) trait Simd: Copy + Send + Sync {
    /// Sixteen f32.
    type F32: Copy;
    /// Sixteen i32, also seen as 64 bytes: lane `i` holds bytes `4 i … 4 i + 3`, little-endian.
    type I32: Copy;

    /// How many rows of accumulators a product should keep in registers: 1, 4 or 8.
    const ROWS: usize;

    /// `x` in each lane.
    fn splat(self, x: f32) -> Self::F32;
    /// The lanes from memory.
    fn load(self, from: &[f32; LANES]) -> Self::F32;
    /// The lanes to memory.
    fn store(self, x: Self::F32, to: &mut [f32; LANES]);
    /// a + b.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a − b.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a · b.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a / b.
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// √x, rounded once; NaN below 0.
    fn sqrt(self, x: Self::F32) -> Self::F32;
    /// a · b + c, rounded once (profile `fast`) or after each step (`portable`).
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `if a > b { a } else { b }`: b where one is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if a < b { a } else { b }`: b where one is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The bits of each f32.
    fn to_bits(self, x: Self::F32) -> Self::I32;
    /// The f32 of each lane's bits.
    fn with_bits(self, x: Self::I32) -> Self::F32;

    /// `x` in each lane.
    fn splat_i32(self, x: i32) -> Self::I32;
    /// The 64 bytes from memory.
    fn load_bytes(self, from: &[u8; 64]) -> Self::I32;
    /// The lanes as an array.
    fn to_array(self, x: Self::I32) -> [i32; LANES];
    /// a + b.
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// a − b.
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// The larger, as signed numbers.
    fn max_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Bitwise and.
    fn and(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Bitwise or.
    fn or(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Each lane shifted left by `bits` < 32; zeros enter.
    fn shl(self, x: Self::I32, bits: u32) -> Self::I32;
    /// Each lane shifted right by `bits` < 32; zeros enter.
    fn shr(self, x: Self::I32, bits: u32) -> Self::I32;
    /// Each integer as f32, rounded to nearest even.
    fn to_f32(self, x: Self::I32) -> Self::F32;
    /// The low byte of each lane.
    fn low_bytes(self, x: Self::I32) -> [i8; LANES];

    /// Sixteen half-precision numbers, little-endian.
    fn load_f16(self, from: &[u8; 32]) -> Self::F32;
    /// Sixteen unsigned 16-bit numbers, little-endian.
    fn load_u16(self, from: &[u8; 32]) -> Self::I32;
    /// Sixteen unsigned bytes.
    fn load_u8(self, from: &[u8; 16]) -> Self::I32;
    /// Sixteen signed bytes.
    fn load_i8(self, from: &[u8; 16]) -> Self::I32;

    /// acc + the sum of each lane's four products u8 × i8, exactly.
    fn dot4(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32;
    /// [`Simd::dot4`] where no unsigned byte exceeds 127, which AVX2 does in fewer steps.
    fn dot4_u7(self, acc: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32;

    /// Lane j of row i becomes lane i of row j.
    #[inline(always)]
    fn transpose(self, rows: [Self::F32; LANES]) -> [Self::F32; LANES] {
        let mut from = [[0.0; LANES]; LANES];
        for (row, to) in rows.into_iter().zip(&mut from) {
            self.store(row, to);
        }
        let mut columns = rows;
        for (j, column) in columns.iter_mut().enumerate() {
            *column = self.load(&std::array::from_fn(|i| from[i][j]));
        }
        columns
    }

    /// −x.
    #[inline(always)]
    fn neg(self, x: Self::F32) -> Self::F32 {
        self.sub(self.splat(-0.0), x)
    }

    /// The sum of the lanes, folded in halves: lane i with i + 8, then + 4, + 2, + 1.
    #[inline(always)]
    fn sum(self, x: Self::F32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(x, &mut lanes);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
        }
        lanes[0]
    }

    /// The largest lane (NaN lanes may be passed over).
    #[inline(always)]
    fn largest(self, x: Self::F32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(x, &mut lanes);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                lanes[i] = if lanes[i] > lanes[i + half] { lanes[i] } else { lanes[i + half] };
            }
        }
        lanes[0]
    }
}

/// Work that is generic over the instruction set; [`Level::dispatch`] runs it.
///
/// `run` and everything generic it calls must be `#[inline(always)]`: only then is it compiled with
/// the level's instructions.
pub(crate) trait Kernel {
    /// What the work returns.
    type Output;

    /// Does the work.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that kernels run on. All levels give equal bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No vector instructions beyond what the compiler finds: runs everywhere.
    Scalar,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
}

impl Level {
    /// Every level, slowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The fastest level of this machine.
    ///
    /// ```
    /// use kelvin_lm::kernel::Level;
    ///
    /// assert!(Level::available().any(|level| level == Level::detect()));
    /// ```
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }

    /// The levels of this machine, slowest first; the first is always [`Level::Scalar`].
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// Whether this machine has the level's instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::<Fast>::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::Avx512::<Fast>::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The name on the command line: `scalar`, `avx2`, `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Runs `kernel` with this level's instructions; where the machine lacks them, with scalar
    /// ones, which give the same bits.
    #[inline]
    pub(crate) fn dispatch<K: Kernel>(self, profile: Profile, kernel: K) -> K::Output {
        match profile {
            Profile::Fast => self.dispatch_as::<Fast, K>(kernel),
            Profile::Portable => self.dispatch_as::<Portable, K>(kernel),
        }
    }

    #[inline]
    fn dispatch_as<P: Rounding, K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Scalar => {}
            Self::Avx2 => {
                if let Some(token) = avx2::Avx2::<P>::detect() {
                    return token.run(kernel);
                }
            }
            Self::Avx512 => {
                if let Some(token) = avx512::Avx512::<P>::detect() {
                    return token.run(kernel);
                }
            }
        }
        kernel.run(Scalar::<P>::new())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Reads `scalar`, `avx2` or `avx512`.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| {
            let detail = format!("instruction set \"{text}\" is none of scalar, avx2, avx512");
            Error::new(ErrorKind::Parameter, detail)
        })
    }
}

/// A numerics profile: how a · b + c is rounded. Results are comparable bit for bit only within
/// one profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Fused: rounded once. The default on machines with the instruction.
    Fast,
    /// Multiply, then add: rounded twice. What every machine can do quickly.
    Portable,
}

impl Profile {
    /// `Fast` where the processor fuses multiply and add, else `Portable`.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let fused = std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let fused = cfg!(target_arch = "aarch64");
        if fused { Self::Fast } else { Self::Portable }
    }

    /// The name in headers and fingerprints: `fast`, `portable`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A profile as a type, so that the choice costs nothing at run time.
trait Rounding: Copy + Send + Sync {
    /// Whether a · b + c is rounded once.
    const FUSED: bool;
}

/// [`Profile::Fast`].
#[derive(Debug, Clone, Copy)]
struct Fast;

/// [`Profile::Portable`].
#[derive(Debug, Clone, Copy)]
struct Portable;

impl Rounding for Fast {
    const FUSED: bool = true;
}

impl Rounding for Portable {
    const FUSED: bool = false;
}

#[cfg(test)]
mod tests;
