//! Matrix products on the shapes of two models, beside the machine's memory bandwidth.
//!
//! `cargo bench -p kelvin-lm --bench kernels [-- FILTER]`: per model one decode step (one row) and a
//! prefill of 64 rows, products only, at every thread count from 1 to all; then each format alone.
//! Medians; a figure means something only beside the bandwidth of the same run.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Instant;

use kelvin_lm::dtype::Dtype;
use kelvin_lm::kernel::{Engine, EngineOptions, Matrix, Prepared, bandwidth_probe};

/// Matrices of one layer that share their input, or the output head: (dtype, rows) each.
type Group = (usize, &'static [(Dtype, usize)]);

/// A model's products: name, groups of each kind of layer with how many layers there are.
struct Shapes {
    name: &'static str,
    layers: &'static [(usize, &'static [Group])],
    head: Group,
}

const MODELS: [Shapes; 2] = [
    Shapes {
        name: "smollm2-135m-q4_1",
        layers: &[(
            30,
            &[
                (576, &[(Dtype::Q4_1, 576), (Dtype::Q4_1, 192), (Dtype::Q4_1, 192)]),
                (576, &[(Dtype::Q4_1, 576)]),
                (576, &[(Dtype::Q4_1, 1536), (Dtype::Q4_1, 1536)]),
                (1536, &[(Dtype::Q4_1, 576)]),
            ],
        )],
        head: (576, &[(Dtype::Q8_0, 49152)]),
    },
    Shapes {
        name: "gemma-3-270m-q4_k_m",
        layers: &[
            (
                9,
                &[
                    (640, &[(Dtype::Q5_0, 1024), (Dtype::Q5_0, 256), (Dtype::Q8_0, 256)]),
                    (1024, &[(Dtype::Q4K, 640)]),
                    (640, &[(Dtype::Q5_0, 2048), (Dtype::Q5_0, 2048)]),
                    (2048, &[(Dtype::Q6K, 640)]),
                ],
            ),
            (
                9,
                &[
                    (640, &[(Dtype::Q5_0, 1024), (Dtype::Q5_0, 256), (Dtype::Q5_0, 256)]),
                    (1024, &[(Dtype::Q4K, 640)]),
                    (640, &[(Dtype::Q5_0, 2048), (Dtype::Q5_0, 2048)]),
                    (2048, &[(Dtype::Q4K, 640)]),
                ],
            ),
        ],
        head: (640, &[(Dtype::Q8_0, 262_144)]),
    },
];

/// A matrix of small bytes, so that no scale is infinite.
fn weights(dtype: Dtype, rows: usize, cols: usize) -> Matrix {
    let len = rows * cols / dtype.block_len() * dtype.block_bytes();
    let bytes: Vec<u8> = (0..31).cycle().take(len).collect();
    Matrix::new(dtype, rows, cols, &bytes).expect("whole blocks")
}

/// Products that share their input.
struct Step {
    cols: usize,
    matrices: Vec<Matrix>,
    x: Vec<f32>,
    prepared: Prepared,
    out: Vec<Vec<f32>>,
}

impl Step {
    fn new((cols, matrices): Group, n: usize) -> Self {
        Self {
            cols,
            matrices: matrices.iter().map(|&(dtype, rows)| weights(dtype, rows, cols)).collect(),
            x: (0..n * cols).map(|i| (i % 13) as f32 - 6.0).collect(),
            prepared: Prepared::default(),
            out: matrices.iter().map(|&(_, rows)| vec![0.0; n * rows]).collect(),
        }
    }

    fn run(&mut self, engine: &Engine) {
        let matrices: Vec<&Matrix> = self.matrices.iter().collect();
        let mut out: Vec<&mut [f32]> = self.out.iter_mut().map(Vec::as_mut_slice).collect();
        engine.prepare(black_box(&self.x), self.cols, &matrices, &mut self.prepared);
        engine.product(&matrices, &self.prepared, &mut out);
        black_box(&self.out);
    }

    fn n_bytes(&self) -> usize {
        self.matrices.iter().map(Matrix::n_bytes).sum()
    }
}

/// Median seconds of `runs` runs of all steps.
fn median_seconds(engine: &Engine, steps: &mut [Step], runs: usize) -> f64 {
    let mut seconds: Vec<f64> = engine.install(|| {
        (0..runs)
            .map(|_| {
                let start = Instant::now();
                for step in &mut *steps {
                    step.run(engine);
                }
                start.elapsed().as_secs_f64()
            })
            .collect()
    });
    seconds.sort_by(f64::total_cmp);
    seconds[runs / 2]
}

fn all_steps(model: &Shapes, n: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for &(n_layers, groups) in model.layers {
        for _ in 0..n_layers {
            steps.extend(groups.iter().map(|&group| Step::new(group, n)));
        }
    }
    if n == 1 {
        steps.push(Step::new(model.head, n));
    }
    steps
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let max = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in 1..=max {
        let options = EngineOptions { threads: Some(threads), ..EngineOptions::default() };
        let engine = Engine::new(options).expect("the machine's own level and threads");
        let bandwidth = bandwidth_probe(&engine);
        println!("{threads} threads, {}: memory {:.1} GB/s", engine.level(), bandwidth / 1e9);
        for model in MODELS.iter().filter(|model| model.name.contains(&filter)) {
            let mut steps = all_steps(model, 1);
            let n_bytes: usize = steps.iter().map(Step::n_bytes).sum();
            let seconds = median_seconds(&engine, &mut steps, 31);
            println!(
                "  {}/decode: {:.1} tokens/s, {:.1} GB/s, {:.0} % of memory",
                model.name,
                1.0 / seconds,
                n_bytes as f64 / seconds / 1e9,
                100.0 * n_bytes as f64 / seconds / bandwidth
            );
            let mut steps = all_steps(model, 64);
            let seconds = median_seconds(&engine, &mut steps, 9);
            println!("  {}/prefill64: {:.0} tokens/s", model.name, 64.0 / seconds);
        }
        for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.name().contains(&filter)) {
            let mut one = [Step::new((1024, &[]), 1)];
            one[0].matrices = vec![weights(dtype, 16384, 1024)];
            one[0].out = vec![vec![0.0; 16384]];
            let decode = one[0].n_bytes() as f64 / median_seconds(&engine, &mut one, 15);
            let mut many = [Step::new((1024, &[]), 64)];
            many[0].matrices = vec![weights(dtype, 1024, 1024)];
            many[0].out = vec![vec![0.0; 64 * 1024]];
            let products = f64::from(1 << 26) / median_seconds(&engine, &mut many, 15);
            println!(
                "  {dtype}: one row {:.1} GB/s, 64 rows {:.1} G products/s",
                decode / 1e9,
                products / 1e9
            );
        }
    }
}
