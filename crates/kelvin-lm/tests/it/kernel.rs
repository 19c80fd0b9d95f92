//! Products and weights: every format, every level, every split.

use kelvin_lm::ErrorKind;
use kelvin_lm::dtype::Dtype;
use kelvin_lm::kernel::{
    Activations, Engine, EngineOptions, Level, Matrix, Prepared, Profile, bandwidth_probe,
};

/// Deterministic numbers (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    /// About normal, with a heavy tail.
    fn activation(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.next() as f32 / u64::MAX as f32 - 0.5).sum();
        if self.below(50) == 0 { 20.0 * sum } else { 2.0 * sum }
    }

    fn activations(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.activation()).collect()
    }
}

/// Blocks of one format and what they mean, from `golden/ggml-blocks.json`.
struct Golden {
    dtype: Dtype,
    blocks: Vec<Vec<u8>>,
    values: Vec<Vec<f32>>,
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hex is ASCII");
            u8::from_str_radix(pair, 16).expect("two hex digits")
        })
        .collect()
}

fn goldens() -> Vec<Golden> {
    let text = include_str!("../golden/ggml-blocks.json");
    let json: serde_json::Value = serde_json::from_str(text).expect("the golden file is JSON");
    let formats = json.as_array().expect("a list of formats");
    let golden = |entry: &serde_json::Value| {
        let field = |name: &str| entry[name].as_str().expect("a string");
        let dtype = Dtype::ALL.into_iter().find(|dtype| dtype.name() == field("dtype"));
        let dtype = dtype.expect("a known format");
        let bytes = from_hex(field("bytes"));
        let values: Vec<f32> = from_hex(field("values"))
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")))
            .collect();
        Golden {
            dtype,
            blocks: bytes.chunks_exact(dtype.block_bytes()).map(<[u8]>::to_vec).collect(),
            values: values.chunks_exact(dtype.block_len()).map(<[f32]>::to_vec).collect(),
        }
    };
    formats.iter().map(golden).collect()
}

/// A matrix of golden blocks in random order, and what it means, `[rows, cols]`.
fn random_matrix(
    golden: &Golden,
    rows: usize,
    cols: usize,
    numbers: &mut Numbers,
) -> (Matrix, Vec<f32>) {
    let (mut bytes, mut values) = (Vec::new(), Vec::new());
    for _ in 0..rows * cols / golden.dtype.block_len() {
        let block = numbers.below(golden.blocks.len());
        bytes.extend_from_slice(&golden.blocks[block]);
        values.extend_from_slice(&golden.values[block]);
    }
    (Matrix::new(golden.dtype, rows, cols, &bytes).expect("whole blocks"), values)
}

/// Shapes that fill no tile, one tile, and more; columns in few and many blocks.
fn shapes(dtype: Dtype) -> Vec<(usize, usize)> {
    let block = dtype.block_len().max(32);
    let mut shapes = vec![(1, block), (16, 2 * block), (37, 3 * block), (50, 5 * block)];
    if dtype.block_len() == 1 {
        shapes.extend([(5, 1), (17, 33), (20, 70)]);
    }
    shapes
}

fn engine(threads: usize, level: Level, profile: Profile, activations: Activations) -> Engine {
    let options = EngineOptions {
        threads: Some(threads),
        level: Some(level),
        profile: Some(profile),
        activations,
        ..EngineOptions::default()
    };
    Engine::new(options).expect("the level is available")
}

fn product(engine: &Engine, matrices: &[&Matrix], x: &[f32]) -> Vec<Vec<f32>> {
    let cols = matrices[0].cols();
    let mut prepared = Prepared::default();
    engine.prepare(x, cols, matrices, &mut prepared);
    let n = x.len() / cols;
    let mut out: Vec<Vec<f32>> = matrices.iter().map(|m| vec![f32::NAN; n * m.rows()]).collect();
    let mut slices: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    engine.product(matrices, &prepared, &mut slices);
    out
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn float_matrix(rows: usize, cols: usize, values: &[f32]) -> Matrix {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Matrix::new(Dtype::F32, rows, cols, &bytes).expect("rows × cols floats")
}

#[test]
fn the_goldens_cover_every_format_but_the_plainest() {
    let covered: Vec<Dtype> = goldens().iter().map(|golden| golden.dtype).collect();
    assert!(Dtype::ALL.iter().all(|dtype| *dtype == Dtype::F32 || covered.contains(dtype)));
}

#[test]
fn rows_are_dequantised_as_the_format_says() {
    let mut numbers = Numbers(1);
    for golden in goldens() {
        for (rows, cols) in shapes(golden.dtype) {
            let (matrix, values) = random_matrix(&golden, rows, cols, &mut numbers);
            let mut out = vec![0.0; cols];
            for (row, values) in values.chunks_exact(cols).enumerate() {
                matrix.row(row, &mut out);
                assert_eq!(bits(&out), bits(values), "{} [{rows}, {cols}] {row}", golden.dtype);
            }
        }
    }
}

#[test]
fn float_rows_come_back() {
    let values = Numbers(2).activations(19 * 45);
    let matrix = float_matrix(19, 45, &values);
    let mut out = vec![0.0; 45];
    for (row, values) in values.chunks_exact(45).enumerate() {
        matrix.row(row, &mut out);
        assert_eq!(bits(&out), bits(values));
    }
}

#[test]
fn products_have_the_same_bits_on_every_level_thread_count_and_batch() {
    let mut numbers = Numbers(3);
    for golden in goldens() {
        for (rows, cols) in shapes(golden.dtype) {
            let (matrix, _) = random_matrix(&golden, rows, cols, &mut numbers);
            let x = numbers.activations(17 * cols);
            for activations in [Activations::Int8, Activations::F32] {
                for profile in [Profile::Fast, Profile::Portable] {
                    let alone = engine(1, Level::Scalar, profile, activations);
                    let alone: Vec<f32> = x
                        .chunks_exact(cols)
                        .flat_map(|x| product(&alone, &[&matrix], x).remove(0))
                        .collect();
                    for level in Level::available() {
                        let engine = engine(2, level, profile, activations);
                        for n in [1, 2, 3, 7, 8, 13, 17] {
                            let out = product(&engine, &[&matrix], &x[..n * cols]);
                            let what = format!("{} [{rows}, {cols}] × {n}", golden.dtype);
                            let expected = bits(&alone[..n * rows]);
                            assert_eq!(bits(&out[0]), expected, "{what} {level} {profile}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn several_matrices_and_many_threads_change_no_bit() {
    let mut numbers = Numbers(4);
    let goldens = goldens();
    let cols = 512;
    let sizes = [700, 33, 16, 1, 250];
    let matrices: Vec<Matrix> = goldens
        .iter()
        .zip(sizes.iter().cycle())
        .map(|(golden, &rows)| random_matrix(golden, rows, cols, &mut numbers).0)
        .collect();
    let matrices: Vec<&Matrix> = matrices.iter().collect();
    let x = numbers.activations(70 * cols);
    let one = engine(1, Level::detect(), Profile::Fast, Activations::Int8);
    let expected: Vec<Vec<f32>> =
        matrices.iter().map(|matrix| product(&one, &[matrix], &x).remove(0)).collect();
    for threads in [1, 2, 5] {
        let engine = engine(threads, Level::detect(), Profile::Fast, Activations::Int8);
        for (out, expected) in product(&engine, &matrices, &x).iter().zip(&expected) {
            assert_eq!(bits(out), bits(expected), "{threads} threads");
        }
    }
}

#[test]
fn f32_activations_give_the_product_with_the_dequantised_matrix() {
    let mut numbers = Numbers(5);
    for golden in goldens() {
        for (rows, cols) in shapes(golden.dtype) {
            let (matrix, values) = random_matrix(&golden, rows, cols, &mut numbers);
            let plain = float_matrix(rows, cols, &values);
            let x = numbers.activations(3 * cols);
            let engine = engine(2, Level::detect(), Profile::Fast, Activations::F32);
            let out = product(&engine, &[&matrix, &plain], &x);
            assert_eq!(bits(&out[0]), bits(&out[1]), "{} [{rows}, {cols}]", golden.dtype);
        }
    }
}

#[test]
fn float_products_are_close_to_exact() {
    let mut numbers = Numbers(6);
    let (rows, cols) = (23, 1000);
    let weights = numbers.activations(rows * cols);
    let x = numbers.activations(2 * cols);
    let matrix = float_matrix(rows, cols, &weights);
    for profile in [Profile::Fast, Profile::Portable] {
        let engine = engine(1, Level::detect(), profile, Activations::Int8);
        let out = product(&engine, &[&matrix], &x);
        for (i, &y) in out[0].iter().enumerate() {
            let (x, weights) = (&x[i / rows * cols..], &weights[i % rows * cols..]);
            let terms =
                x.iter().zip(weights).take(cols).map(|(&x, &w)| f64::from(x) * f64::from(w));
            let (exact, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            // two roundings a term, cols / 4 terms in sequence
            let bound = size * 2.0 * (cols / 4 + 3) as f64 * f64::from(f32::EPSILON / 2.0);
            assert!((f64::from(y) - exact).abs() <= bound, "{y} is not {exact} ± {bound}");
        }
    }
}

/// An activation moves by at most half a step, max |x| / 254 of its block, so an output by at most
/// that times the sum of its weights' magnitudes; and a little for rounding in f32.
#[test]
fn int8_activations_stay_within_their_bound() {
    let mut numbers = Numbers(7);
    for golden in goldens() {
        for (rows, cols) in shapes(golden.dtype) {
            let (matrix, values) = random_matrix(&golden, rows, cols, &mut numbers);
            let x = numbers.activations(cols);
            let engine = engine(1, Level::detect(), Profile::Fast, Activations::Int8);
            let out = product(&engine, &[&matrix], &x).remove(0);
            for (y, weights) in out.into_iter().zip(values.chunks_exact(cols)) {
                let (mut exact, mut bound) = (0.0, 0.0);
                for (x, weights) in x.chunks(32).zip(weights.chunks(32)) {
                    let largest = x.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
                    for (&x, &weight) in x.iter().zip(weights) {
                        exact += f64::from(x) * f64::from(weight);
                        bound += f64::from(largest / 253.0) * f64::from(weight.abs());
                    }
                }
                // the minimum of an affine format cancels against its quants
                bound *= 1.01;
                let error = (f64::from(y) - exact).abs();
                assert!(error <= bound, "{}: {y} is not {exact} ± {bound}", golden.dtype);
            }
        }
    }
}

#[test]
fn numbers_that_are_not_finite_stay_visible_and_alone() {
    let mut numbers = Numbers(8);
    for golden in goldens() {
        let cols = 2 * golden.dtype.block_len().max(32);
        let (matrix, _) = random_matrix(&golden, 20, cols, &mut numbers);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for level in Level::available() {
                let engine = engine(2, level, Profile::Fast, Activations::Int8);
                let good = numbers.activations(cols);
                let mut x = [good.clone(), good.clone(), good].concat();
                x[cols + cols / 2] = bad;
                let out = product(&engine, &[&matrix], &x).remove(0);
                assert!(out[20..40].iter().all(|y| !y.is_finite()), "{} {level}", golden.dtype);
                assert_eq!(bits(&out[..20]), bits(&out[40..]));
                assert!(out[..20].iter().all(|y| y.is_finite()));
            }
        }
    }
}

#[test]
fn tiny_and_huge_activations_do_not_overflow() {
    let mut numbers = Numbers(9);
    for golden in goldens() {
        let cols = golden.dtype.block_len().max(32);
        let (matrix, _) = random_matrix(&golden, 16, cols, &mut numbers);
        for size in [0.0, f32::MIN_POSITIVE / 64.0, 1e-38, 1e-29, 1e30] {
            let engine = engine(1, Level::detect(), Profile::Fast, Activations::Int8);
            let out = product(&engine, &[&matrix], &vec![size; cols]).remove(0);
            assert!(out.iter().all(|y| y.is_finite()), "{} × {size:e}", golden.dtype);
        }
    }
}

#[test]
fn nothing_to_do_is_done() {
    let matrix = float_matrix(2, 3, &[1.0; 6]);
    let engine = engine(2, Level::detect(), Profile::Fast, Activations::Int8);
    assert_eq!(product(&engine, &[&matrix], &[]), [Vec::<f32>::new()]);
}

#[test]
fn sizes_that_disagree_are_shape_errors() {
    for (dtype, rows, cols, len) in [
        (Dtype::F32, 2, 3, 23),
        (Dtype::F32, 0, 3, 0),
        (Dtype::F32, 3, 0, 0),
        (Dtype::Q4_1, 1, 16, 20),
        (Dtype::Q6K, 1, 32, 210),
        (Dtype::Q8_0, usize::MAX, 32, 34),
        (Dtype::Q8_0, 1, usize::MAX - 31, 34),
    ] {
        let error = Matrix::new(dtype, rows, cols, &vec![0; len]).expect_err("sizes disagree");
        assert_eq!(error.kind(), ErrorKind::Shape, "{error}");
    }
}

#[test]
fn bad_engine_options_are_parameter_errors() {
    for threads in [0, 1025] {
        let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
        let error = Engine::new(options).expect_err("outside the range");
        assert_eq!(error.kind(), ErrorKind::Parameter);
    }
    for level in Level::ALL {
        let options = EngineOptions { level: Some(level), ..EngineOptions::default() };
        let lacking = !level.is_available();
        assert_eq!(Engine::new(options).is_err(), lacking);
    }
}

#[test]
fn memory_has_a_speed() {
    let engine = engine(2, Level::detect(), Profile::Fast, Activations::Int8);
    let rate = bandwidth_probe(&engine);
    assert!(rate.is_finite() && rate > 0.0);
}

/// All rows of a matrix.
fn rows_of(matrix: &Matrix) -> Vec<Vec<f32>> {
    let row = |index: usize| {
        let mut out = vec![0.0; matrix.cols()];
        matrix.row(index, &mut out);
        out
    };
    (0..matrix.rows()).map(row).collect()
}

#[test]
fn every_format_is_cast_to_f32_exactly_whatever_the_shape() {
    let mut numbers = Numbers(11);
    for golden in goldens() {
        let block = golden.dtype.block_len();
        for (rows, cols) in [(1, 1), (15, 2), (16, 1), (17, 3), (40, 4)] {
            let (matrix, values) = random_matrix(&golden, rows, cols * block, &mut numbers);
            let cast = matrix.cast(Dtype::F32).expect("f32 holds every number");
            assert_eq!(cast.dtype(), Dtype::F32);
            assert_eq!(rows_of(&cast).concat(), values, "{} {rows} x {cols}", golden.dtype);
        }
    }
}

#[test]
fn casting_rounds_each_number_once_and_is_settled_by_it() {
    let golden = goldens().into_iter().find(|it| it.dtype == Dtype::Q6K).expect("in the file");
    let (matrix, values) = random_matrix(&golden, 33, 512, &mut Numbers(12));
    for (dtype, bits) in [(Dtype::F16, 11), (Dtype::BF16, 8), (Dtype::Q8_0, 7)] {
        let cast = matrix.clone().cast(dtype).expect("numbers of ordinary size");
        let found = rows_of(&cast).concat();
        for (block, expected) in found.chunks(32).zip(values.chunks(32)) {
            let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            for (found, expected) in block.iter().zip(expected) {
                let scale = if dtype == Dtype::Q8_0 { 1.01 * largest } else { expected.abs() };
                let error = (found - expected).abs();
                let subnormal = if dtype == Dtype::F16 { 2_f32.powi(-25) } else { 0.0 };
                assert!(error <= scale * 2_f32.powi(-bits) + subnormal, "{dtype}: {expected}");
            }
        }
        let again = cast.cast(Dtype::F32).expect("exact").cast(dtype).expect("exact");
        assert_eq!(rows_of(&again).concat(), found, "{dtype}");
    }
    let error = matrix.cast(Dtype::Q4_0).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn numbers_that_a_format_cannot_hold_are_refused_wherever_they_are() {
    for at in [0, 100, 4095] {
        let mut numbers = vec![1.0_f32; 4096];
        numbers[at] = 1e6;
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let matrix = Matrix::new(Dtype::F32, 64, 64, &bytes).expect("sound");
        let error = matrix.cast(Dtype::F16).expect_err("beyond 65504");
        assert_eq!(error.to_string(), "1000000 is beyond the largest number of F16, 65504");
    }
}
