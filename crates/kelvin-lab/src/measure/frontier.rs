//! How far the bytes of texts are from those of a reference, as the area under a divergence frontier.

use kelvin::math;

/// How strongly divergences count: that of Pillutla et al.
const SCALE: f64 = 5.0;
/// Mixtures between the two ends.
const MIXTURES: u32 = 100;

/// How often each pair of neighbouring bytes occurs in texts; no pair spans two of them.
#[derive(Debug, Clone)]
pub struct ByteBigrams {
    /// One count for each pair, the first byte's 256 apart.
    counts: Vec<u64>,
    total: u64,
}

impl ByteBigrams {
    /// Counts the pairs of these texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut counts, mut total) = (vec![0; 1 << 16], 0);
        for text in texts {
            for pair in text.as_bytes().windows(2) {
                counts[usize::from(pair[0]) << 8 | usize::from(pair[1])] += 1;
                total += 1;
            }
        }
        Self { counts, total }
    }

    /// How many pairs were counted.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// The area under the divergence frontier of two histograms of byte pairs: 1 for equal shares, 1/252
/// for two without a pair in common. `None` where either is empty.
///
/// For λ between 0 and 1 and R = λP + (1 − λ)Q the frontier has the points (exp(−5 KL(Q|R)), exp(−5
/// KL(P|R))); its ends are (1, 0) and (0, 1), and the area is that of the trapezoids between 101 values
/// of λ.
///
/// This is **not MAUVE**. The frontier, the scale 5 and the area are those of Pillutla et al., *MAUVE*
/// (2021), but the features there are embeddings of a large language model, quantised; here they
/// are neighbouring bytes. It sees language, spelling, punctuation and how common words are. It does not
/// see sense, style beyond the byte or order beyond a pair. Two short samples of one source score below
/// 1 because each lacks pairs that the other has: compare numbers for texts of the same size only.
///
/// ```
/// use kelvin_lab::measure::{ByteBigrams, frontier};
///
/// let (same, other) = (ByteBigrams::of(["to be"]), ByteBigrams::of(["XYZ"]));
/// assert!((frontier(&same, &same).unwrap() - 1.0).abs() < 1e-12);
/// assert!(frontier(&same, &other).unwrap() < 0.005);
/// ```
pub fn frontier(texts: &ByteBigrams, reference: &ByteBigrams) -> Option<f64> {
    if texts.total == 0 || reference.total == 0 {
        return None;
    }
    let shares = |of: &ByteBigrams| -> Vec<f64> {
        of.counts.iter().map(|&count| count as f64 / of.total as f64).collect()
    };
    let (p, q) = (shares(texts), shares(reference));
    let live: Vec<(f64, f64)> =
        p.into_iter().zip(q).filter(|(p, q)| *p > 0.0 || *q > 0.0).collect();
    let point = |step: u32| match step {
        0 => (1.0, 0.0),
        MIXTURES => (0.0, 1.0),
        step => point_at(&live, f64::from(step) / f64::from(MIXTURES)),
    };
    let trapezoid = |step: u32| {
        let ((x0, y0), (x1, y1)) = (point(step), point(step + 1));
        (x0 - x1) * (y0 + y1) / 2.0
    };
    Some((0..MIXTURES).map(trapezoid).sum())
}

/// The point of the frontier where the mixture has this share of P.
fn point_at(live: &[(f64, f64)], lambda: f64) -> (f64, f64) {
    let mut kl = (0.0, 0.0);
    for &(p, q) in live {
        let mixed = math::ln(lambda * p + (1.0 - lambda) * q);
        if q > 0.0 {
            kl.0 += q * (math::ln(q) - mixed);
        }
        if p > 0.0 {
            kl.1 += p * (math::ln(p) - mixed);
        }
    }
    (math::exp(-SCALE * kl.0.max(0.0)), math::exp(-SCALE * kl.1.max(0.0)))
}
