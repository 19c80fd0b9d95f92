//! Rotary positions. Su et al., arXiv 2104.09864.

use kelvin::math;

use super::part;
use super::simd::{Kernel, LANES, Simd};
use crate::config::Rope;

/// How far each pair of a head turns per position, in radians, in f64.
///
/// Angles are formed in f64 and only their sine and cosine are rounded to f32, so that far
/// positions are as exact as near ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frequencies(Vec<f64>);

impl Frequencies {
    pub(crate) fn new(rope: &Rope, head_dim: usize) -> Self {
        Self(rope.frequencies(head_dim))
    }

    /// Cosines, then sines, of one position: appended to `table`.
    pub(crate) fn append(&self, pos: usize, table: &mut Vec<f32>) {
        let start = table.len();
        let half = self.0.len();
        table.resize(start + 2 * half, 0.0);
        let (cos, sin) = table[start..].split_at_mut(half);
        for ((frequency, cos), sin) in self.0.iter().zip(cos).zip(sin) {
            let (s, c) = math::sin_cos(pos as f64 * frequency);
            (*cos, *sin) = (to_f32(c), to_f32(s));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn to_f32(x: f64) -> f32 {
    x as f32
}

/// Turns the pairs (i, i + `head_dim` / 2) of each head in place.
#[derive(Debug)]
pub(crate) struct Rotate<'a> {
    /// Cosines, then sines: `[2, head_dim / 2]`.
    pub(crate) table: &'a [f32],
    /// `[heads, head_dim]`
    pub(crate) heads: &'a mut [f32],
}

impl Kernel for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let half = self.table.len() / 2;
        let (cos, sin) = self.table.split_at(half);
        for head in self.heads.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            let pairs = first.chunks_mut(LANES).zip(second.chunks_mut(LANES));
            let angles = cos.chunks(LANES).zip(sin.chunks(LANES));
            for ((first, second), (cos, sin)) in pairs.zip(angles) {
                let (a, b) = (part::load(simd, first), part::load(simd, second));
                let (cos, sin) = (part::load(simd, cos), part::load(simd, sin));
                part::store(simd, simd.mul_add(simd.neg(b), sin, simd.mul(a, cos)), first);
                part::store(simd, simd.mul_add(a, sin, simd.mul(b, cos)), second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frequencies, Rotate};
    use crate::config::Rope;
    use crate::kernel::simd::{Level, Profile};

    #[test]
    fn the_first_pair_turns_by_the_position_itself_and_the_last_hardly() {
        let mut table = Vec::new();
        Frequencies::new(&Rope::new(10_000.0), 4).append(3, &mut table);
        let [cos, slow_cos, sin, slow_sin] = table[..] else { panic!("{table:?}") };
        assert!((cos + 0.989_992_5).abs() < 1e-6 && (sin - 0.141_12).abs() < 1e-6);
        assert!((slow_cos - 0.999_55).abs() < 1e-6 && (slow_sin - 0.029_995_5).abs() < 1e-6);
    }

    #[test]
    fn a_quarter_turn_moves_the_first_half_to_the_second() {
        let table = [0.0, 1.0, 1.0, 0.0];
        let expected = [-3.0, 2.0, 1.0, 4.0, -7.0, 6.0, 5.0, 8.0_f32];
        for level in Level::available() {
            let mut turned = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0_f32];
            level.dispatch(Profile::Fast, Rotate { table: &table, heads: &mut turned });
            assert_eq!(turned.map(f32::to_bits), expected.map(f32::to_bits), "{level}");
        }
    }
}
