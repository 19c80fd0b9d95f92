//! Sums over many numbers, each in one fixed order.

use rayon::prelude::*;

use super::simd::{Kernel, LANES, Simd};
use super::{Engine, part};

/// Columns that one thread sums.
const COLUMNS: usize = 8 * LANES;
/// Numbers of a matrix below which a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 17;
/// Numbers whose squares are added in f32 before the f64 sum goes on.
const RUN: usize = 1 << 14;

/// Adds the rows of a matrix `[rows, sums.len()]` to `sums`, row after row.
pub(crate) fn add_rows(engine: &Engine, matrix: &[f32], sums: &mut [f32]) {
    let width = sums.len();
    let run = |(index, sums): (usize, &mut [f32])| {
        engine.dispatch(AddRows { matrix, width, first: index * COLUMNS, sums });
    };
    if matrix.len() < WORTH_A_THREAD {
        sums.chunks_mut(COLUMNS).enumerate().for_each(run);
    } else {
        sums.par_chunks_mut(COLUMNS).enumerate().for_each(run);
    }
}

/// Adds the columns from `first` on of each row.
struct AddRows<'a> {
    /// `[rows, width]`
    matrix: &'a [f32],
    width: usize,
    first: usize,
    /// At most [`COLUMNS`].
    sums: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrix, width, first, sums } = self;
        for row in matrix.chunks_exact(width) {
            let row = &row[first..][..sums.len()];
            for (sum, x) in sums.chunks_mut(LANES).zip(row.chunks(LANES)) {
                part::store(simd, simd.add(part::load(simd, sum), part::load(simd, x)), sum);
            }
        }
    }
}

/// The sum of the squares: runs of 16,384 numbers in sixteen lanes and one tree, the runs' sums in
/// f64, one after the other.
pub(crate) fn squares(engine: &Engine, x: &[f32]) -> f64 {
    if x.len() <= RUN {
        return f64::from(engine.dispatch(Squares(x)));
    }
    let runs: Vec<f32> = x.par_chunks(RUN).map(|x| engine.dispatch(Squares(x))).collect();
    runs.into_iter().map(f64::from).sum()
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat(0.0); 4];
        let (blocks, rest) = self.0.as_chunks::<{ 4 * LANES }>();
        for block in blocks {
            for (sum, x) in sums.iter_mut().zip(block.as_chunks::<LANES>().0) {
                let x = simd.load(x);
                *sum = simd.mul_add(x, x, *sum);
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest.chunks(LANES)) {
            let x = part::load(simd, x);
            *sum = simd.mul_add(x, x, *sum);
        }
        let [a, b, c, d] = sums;
        simd.sum(simd.add(simd.add(a, b), simd.add(c, d)))
    }
}

#[cfg(test)]
mod tests {
    use super::{add_rows, squares};
    use crate::kernel::simd::Level;
    use crate::kernel::{Engine, EngineOptions};

    fn engines() -> impl Iterator<Item = Engine> {
        let both = Level::available().flat_map(|level| [(level, 1), (level, 2)]);
        both.map(|(level, threads)| {
            let (level, threads) = (Some(level), Some(threads));
            Engine::new(EngineOptions { threads, level, ..EngineOptions::default() })
                .expect("this machine has the level")
        })
    }

    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| (i * 7919 % 2003) as f32 / 1001.0 - 1.0).collect()
    }

    #[test]
    fn rows_are_added_one_after_the_other() {
        for (rows, width) in [(1, 1), (3, 17), (1000, 300)] {
            let matrix = numbers(rows * width);
            let mut expected = vec![0.5; width];
            for row in matrix.chunks(width) {
                expected.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            for engine in engines() {
                let mut sums = vec![0.5; width];
                engine.install(|| add_rows(&engine, &matrix, &mut sums));
                assert_eq!(sums, expected, "{rows} × {width}, {}", engine.level());
            }
        }
    }

    #[test]
    fn squares_have_the_same_sum_everywhere() {
        for n in [0, 1, 15, 64, 100, 40_000] {
            let x = numbers(n);
            let plain: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let mut sums = engines().map(|engine| engine.install(|| squares(&engine, &x)));
            let first = sums.next().expect("a machine has a level");
            assert!((first - plain).abs() <= 1e-6 * plain, "{n}: {first}, {plain}");
            assert!(sums.all(|sum| sum.to_bits() == first.to_bits()), "{n}");
        }
    }
}
