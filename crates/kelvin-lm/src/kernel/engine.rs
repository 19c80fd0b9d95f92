//! The engine: which instructions, how many threads, which activations.

use std::mem;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::gemm::Blocking;
use super::matrix::{Matrix, TILE};
use super::prepared::Prepared;
use super::product::{Piece, reads_int8};
use super::simd::{Kernel, Level, Profile};
use crate::{Error, ErrorKind, Result};

/// Multiplications below which a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 19;
/// Pieces per thread.
const PIECES: usize = 4;

/// How activations meet weights in a block format. Plain float weights always meet f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activations {
    /// Quantised to 8-bit integers, one scale per row and 32 columns. The default: fast.
    #[default]
    Int8,
    /// Kept in f32: bit for bit the product with the dequantised weights. The reference: slow.
    F32,
}

/// What an [`Engine`] is made of. `None` means: the best this machine has.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineOptions {
    /// Threads, at least 1. Changes no bit.
    pub threads: Option<usize>,
    /// The instruction set. Changes no bit.
    pub level: Option<Level>,
    /// How multiply and add are rounded. Changes bits; see [`Profile`].
    pub profile: Option<Profile>,
    /// How activations meet weights in a block format. Changes bits.
    pub activations: Activations,
    /// How large products of training are cut. Changes no bit.
    pub blocking: Option<Blocking>,
}

/// Runs kernels: an instruction set, a numerics profile, a pool of threads.
///
/// ```
/// use kelvin_lm::dtype::Dtype;
/// use kelvin_lm::kernel::{Engine, EngineOptions, Matrix, Prepared};
///
/// let engine = Engine::new(EngineOptions::default())?;
/// let weights: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|w| w.to_le_bytes()).collect();
/// let matrix = Matrix::new(Dtype::F32, 2, 2, &weights)?;
/// let mut x = Prepared::default();
/// engine.prepare(&[10.0, 1.0], 2, &[&matrix], &mut x);
/// let mut out = [0.0; 2];
/// engine.product(&[&matrix], &x, &mut [&mut out]);
/// assert_eq!(out, [12.0, 34.0]);
/// # Ok::<(), kelvin_lm::Error>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    pool: ThreadPool,
    level: Level,
    profile: Profile,
    activations: Activations,
    blocking: Blocking,
}

impl Engine {
    /// An engine with its own threads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for no threads or more than 1024, or a level that this machine
    /// lacks; [`ErrorKind::Io`] where the operating system refuses a thread.
    pub fn new(options: EngineOptions) -> Result<Self> {
        let level = options.level.unwrap_or_else(Level::detect);
        if !level.is_available() {
            let names: Vec<_> = Level::available().map(Level::name).collect();
            let detail = format!("this machine lacks the instruction set {level}");
            return Err(Error::new(ErrorKind::Parameter, detail)
                .hint(format!("it has {}", names.join(", "))));
        }
        let threads = match options.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        if !(1..=1024).contains(&threads) {
            let detail = format!("{threads} threads is outside 1 to 1024");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("kernel-{index}"))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Io, format!("cannot start {threads} threads"))
                    .caused_by(error)
            })?;
        let profile = options.profile.unwrap_or_else(Profile::detect);
        let (activations, blocking) = (options.activations, options.blocking.unwrap_or_default());
        Ok(Self { pool, level, profile, activations, blocking })
    }

    /// The instruction set.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The numerics profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// How activations meet weights in a block format.
    pub fn activations(&self) -> Activations {
        self.activations
    }

    /// How large products of training are cut.
    pub(super) fn blocking(&self) -> Blocking {
        self.blocking
    }

    /// How many threads share the work.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// How many pieces work of so many multiplications is cut into, at most `most`: one where a second
    /// thread would cost more than it saves, else several a thread, so that one that was disturbed leaves
    /// its share to the others.
    pub(super) fn pieces(&self, multiplications: usize, most: usize) -> usize {
        match self.threads() {
            1 => 1,
            threads => {
                let worth_a_thread = multiplications / WORTH_A_THREAD;
                (PIECES * threads).min(worth_a_thread).clamp(1, most.max(1))
            }
        }
    }

    /// Runs `f` on a thread of the engine's pool. Entering costs some microseconds: wrap whole steps
    /// in it, or whole generations; inside, it is a plain call.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.pool.install(f)
    }

    /// Runs a kernel with the engine's instructions, on the calling thread.
    #[inline]
    pub(crate) fn dispatch<K: Kernel>(&self, kernel: K) -> K::Output {
        self.level.dispatch(self.profile, kernel)
    }

    /// Makes the rows `x`, `[n, cols]`, ready for products with `weights`, which all have `cols`
    /// columns. Allocates nothing once `into` has grown to its size.
    ///
    /// A number that is not finite makes its whole block, and so every output of its row, NaN.
    ///
    /// # Panics
    ///
    /// If a matrix has other than `cols` columns, or `x` is not whole rows.
    pub fn prepare(&self, x: &[f32], cols: usize, weights: &[&Matrix], into: &mut Prepared) {
        assert!(x.len().is_multiple_of(cols), "{} activations, {cols} columns", x.len());
        assert!(weights.iter().all(|weights| weights.cols() == cols), "as many columns");
        into.reset(x.len() / cols, cols);
        if weights.iter().any(|weights| reads_int8(weights.dtype(), self.activations)) {
            self.install(|| into.quantise(self.level, self.profile, x));
        }
        if weights.iter().any(|weights| !reads_int8(weights.dtype(), self.activations)) {
            into.keep_floats(x);
        }
    }

    /// `out[i]` = x · `weights[i]`ᵀ, row-major `[n, weights[i].rows()]`, for n prepared rows. One
    /// fork for all matrices.
    ///
    /// # Panics
    ///
    /// If `x` was not prepared for the matrices, or an output has another size.
    pub fn product(&self, weights: &[&Matrix], x: &Prepared, out: &mut [&mut [f32]]) {
        assert_eq!(weights.len(), out.len(), "one output per matrix");
        for (weights, out) in weights.iter().zip(&*out) {
            assert_eq!(weights.cols(), x.cols(), "x was prepared for other matrices");
            assert_eq!(out.len(), x.rows() * weights.rows(), "an output has n × rows numbers");
            let int8 = reads_int8(weights.dtype(), self.activations);
            assert!(if int8 { x.has_blocks() } else { x.has_floats() }, "x was not prepared so");
        }
        if x.rows() == 0 {
            return;
        }
        let n_bytes = weights.iter().map(|weights| weights.n_bytes()).sum();
        let piece_bytes = self.piece_bytes(n_bytes);
        let mut table = Vec::new();
        for (weights, out) in weights.iter().zip(out) {
            split_columns(out, weights.rows(), tiles_per_piece(weights, piece_bytes), &mut table);
        }
        let mut table = table.chunks_exact_mut(x.rows());
        let mut pieces = Vec::new();
        for &matrix in weights {
            let step = tiles_per_piece(matrix, piece_bytes);
            for first_tile in (0..matrix.n_tiles()).step_by(step) {
                let out = table.next().expect("the table was split by the same steps");
                let activations = self.activations;
                pieces.push(Some(Piece { matrix, first_tile, x, activations, out }));
            }
        }
        self.install(|| fork(&mut pieces, &|piece| self.dispatch(piece)));
    }

    /// Bytes of weights in a piece: several pieces a thread, so that a thread that was late or
    /// disturbed leaves its share to the others; none so small that the fork shows.
    fn piece_bytes(&self, n_bytes: usize) -> usize {
        match self.threads() {
            1 => n_bytes,
            threads => (n_bytes / (8 * threads)).clamp(1 << 14, 1 << 19),
        }
    }
}

/// Tiles of `matrix` in about `bytes` bytes; at least one.
fn tiles_per_piece(matrix: &Matrix, bytes: usize) -> usize {
    (bytes * matrix.n_tiles() / matrix.n_bytes()).max(1)
}

/// Splits `out`, `[n, cols]`, into runs of `tiles` tiles of columns; of each run the n rows, in
/// order.
fn split_columns<'a>(
    out: &'a mut [f32],
    cols: usize,
    tiles: usize,
    table: &mut Vec<&'a mut [f32]>,
) {
    let mut rows: Vec<&mut [f32]> = out.chunks_exact_mut(cols).collect();
    for first in (0..cols).step_by(tiles * TILE) {
        let width = (tiles * TILE).min(cols - first);
        for row in &mut rows {
            let (head, tail) = mem::take(row).split_at_mut(width);
            table.push(head);
            *row = tail;
        }
    }
}

/// Runs `work` on each piece, once; halves may run at the same time.
pub(super) fn fork<T: Send>(pieces: &mut [Option<T>], work: &(impl Fn(T) + Sync)) {
    match pieces {
        [] => {}
        [piece] => work(piece.take().expect("each piece is run once")),
        _ => {
            let (left, right) = pieces.split_at_mut(pieces.len() / 2);
            rayon::join(|| fork(left, work), || fork(right, work));
        }
    }
}
