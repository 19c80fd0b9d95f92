//! What transformers computed: `expected.safetensors`, as `scripts/golden/hf_folders.py` writes it.

use std::path::Path;

use kelvin_lm::format::Safetensors;

/// Ids, and logits after some of them.
pub(super) struct Expected {
    /// A prompt, then greedy tokens.
    pub(super) ids: Vec<u32>,
    /// The positions that the logits follow.
    rows: Vec<usize>,
    /// `[rows, vocab_size]`
    pub(super) logits: Vec<Vec<f32>>,
    /// The same weights in f32, where `logits` were computed in half precision.
    pub(super) upcast: Option<Vec<Vec<f32>>>,
}

impl Expected {
    pub(super) fn read(folder: &Path) -> Self {
        let file = Safetensors::open(&folder.join("expected.safetensors")).expect("sound");
        let bytes = |name: &str| file.tensor(name).map(|it| file.bytes(it).expect("readable"));
        let words =
            |name: &str| -> Vec<[u8; 4]> { bytes(name).unwrap_or_default().as_chunks().0.to_vec() };
        let ids = words("ids").into_iter().map(u32::from_le_bytes).collect();
        let rows: Vec<usize> =
            words("rows").into_iter().map(|row| u32::from_le_bytes(row) as usize).collect();
        let logits = |name: &str| {
            let numbers: Vec<f32> = words(name).into_iter().map(f32::from_le_bytes).collect();
            let width = numbers.len() / rows.len();
            (width > 0).then(|| numbers.chunks(width).map(<[f32]>::to_vec).collect())
        };
        let (all, upcast) = (logits("logits").expect("always there"), logits("upcast"));
        Self { ids, logits: all, upcast, rows }
    }

    /// The prompt, and the greedy tokens after it.
    pub(super) fn halves(&self) -> (&[u32], &[u32]) {
        self.ids.split_at(48)
    }

    /// `found` at the positions kept: whole where `found` holds those alone.
    fn pairs<'a>(
        &'a self,
        found: &'a [Vec<f32>],
        expected: &'a [Vec<f32>],
    ) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let found = self.rows.iter().map(|&row| found[row].as_slice());
        found.zip(expected.iter().map(Vec::as_slice))
    }

    /// The largest difference, relative to the standard deviation of the row it is in.
    pub(super) fn deviation(&self, found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
        let worst = |(found, expected): (&[f32], &[f32])| {
            let worst = differences(found, expected).fold(0.0_f64, |most, x| most.max(x.abs()));
            worst / spread(expected)
        };
        self.pairs(found, expected).map(worst).fold(0.0, f64::max)
    }

    /// In how many rows another token has the largest logit than transformers gave it.
    ///
    /// # Panics
    ///
    /// Where that token is further behind there than `gap` standard deviations of the row.
    pub(super) fn flips(&self, found: &[Vec<f32>], gap: f64) -> usize {
        let flip = |(found, expected): (&[f32], &[f32])| {
            let (best, chosen) = (super::best(expected), super::best(found));
            let behind = f64::from(expected[best as usize] - expected[chosen as usize]);
            assert!(behind < gap * spread(expected), "{chosen} instead of {best}, {behind} behind");
            best != chosen
        };
        self.pairs(found, &self.logits).filter(|pair| flip(*pair)).count()
    }

    /// The root mean square of all differences, each relative to its row's standard deviation.
    pub(super) fn rms(&self, found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
        let mean = |(found, expected): (&[f32], &[f32])| {
            let sum: f64 = differences(found, expected).map(|x| x * x).sum();
            sum / found.len() as f64 / spread(expected).powi(2)
        };
        let rows = self.rows.len() as f64;
        (self.pairs(found, expected).map(mean).sum::<f64>() / rows).sqrt()
    }
}

fn differences(found: &[f32], expected: &[f32]) -> impl Iterator<Item = f64> {
    assert_eq!(found.len(), expected.len(), "a row has one logit for each token");
    found.iter().zip(expected).map(|(found, expected)| f64::from(*found) - f64::from(*expected))
}

/// The standard deviation of a row.
fn spread(row: &[f32]) -> f64 {
    let n = row.len() as f64;
    let mean = row.iter().copied().map(f64::from).sum::<f64>() / n;
    (row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n).sqrt()
}
