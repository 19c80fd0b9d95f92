//! Rows of logits to try things on: random ones, and ones made to be awkward.

/// A small generator (SplitMix64), so that a row is a function of a number.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal: mean 0, deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Normal, deviation 3: what a base model gives.
    Flat,
    /// The same under 40 tokens at 22 − 3 ln rank: what a chat model gives.
    Peaked,
    /// A few values, so that most tokens tie.
    Tied,
    /// One in four banned.
    Holed,
    /// All but a few banned.
    Sparse,
    /// Subnormal values and zeros of both signs.
    Tiny,
    /// Values up to the ends of f32.
    Huge,
    /// Every token the same.
    Uniform,
    /// Ascending, so that the best stand in the last block.
    Ascending,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Flat,
    Kind::Peaked,
    Kind::Tied,
    Kind::Holed,
    Kind::Sparse,
    Kind::Tiny,
    Kind::Huge,
    Kind::Uniform,
    Kind::Ascending,
];

/// A row of this kind; at least one token is not banned.
#[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
pub(crate) fn row(kind: Kind, len: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let ban = f32::NEG_INFINITY;
    let mut logits: Vec<f32> = (0..len)
        .map(|at| match kind {
            Kind::Flat | Kind::Peaked => (3.0 * random.normal()) as f32,
            Kind::Tied => random.below(4) as f32 - 1.5,
            Kind::Holed if random.below(4) == 0 => ban,
            Kind::Holed => (2.0 * random.normal()) as f32,
            Kind::Sparse if random.below(len) >= 3 => ban,
            Kind::Sparse => random.normal() as f32,
            Kind::Tiny => [0.0, -0.0, 1e-45, -1e-45, 3e-39, -3e-39][random.below(6)],
            Kind::Huge => [3.4e38, -3.4e38, 1e30, -1e30, 88.0, 0.0][random.below(6)],
            Kind::Uniform => 1.25,
            Kind::Ascending => at as f32 * 0.01,
        })
        .collect();
    if kind == Kind::Peaked {
        for rank in 1..=40_u8 {
            logits[random.below(len)] = (22.0 - 3.0 * kelvin::math::ln(f64::from(rank))) as f32;
        }
    }
    if logits.iter().all(|&z| z == ban) {
        logits[random.below(len)] = 0.5;
    }
    logits
}
