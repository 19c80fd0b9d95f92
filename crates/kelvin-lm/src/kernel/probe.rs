//! How fast this machine reads memory: the limit of decoding.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use super::engine::Engine;
use super::matrix::Line;
use super::simd::{Kernel, Simd};

/// Bytes of the probe: far more than any cache holds.
const BYTES: usize = 1 << 28;

/// Bytes that one thread reads at a time.
const PIECE: usize = 1 << 20;

/// Bytes per second that the engine's threads read together from memory: the best of eight
/// passes over 256 MiB. Takes a fraction of a second.
pub fn bandwidth_probe(engine: &Engine) -> f64 {
    let lines = vec![Line([1; 64]); BYTES / size_of::<Line>()];
    let pass = || {
        let start = Instant::now();
        let sum: i64 = engine.install(|| {
            let pieces = lines.par_chunks(PIECE / size_of::<Line>());
            pieces.map(|lines| i64::from(engine.dispatch(Read { lines }))).sum()
        });
        black_box(sum);
        BYTES as f64 / start.elapsed().as_secs_f64()
    };
    (0..8).map(|_| pass()).fold(0.0, f64::max)
}

/// Adds up all words, so that all are read.
struct Read<'a> {
    lines: &'a [Line],
}

impl Kernel for Read<'_> {
    type Output = i32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> i32 {
        let mut sums = [simd.splat_i32(0); 4];
        for lines in self.lines.as_chunks::<4>().0 {
            for (sum, line) in sums.iter_mut().zip(lines) {
                *sum = simd.add_i32(*sum, simd.load_bytes(&line.0));
            }
        }
        let [a, b, c, d] = sums;
        let sum = simd.add_i32(simd.add_i32(a, b), simd.add_i32(c, d));
        simd.to_array(sum).into_iter().fold(0, i32::wrapping_add)
    }
}
