//! The gamma function, its incomplete integral, and what probabilities of counts are made of.

use kelvin::math::{exp, ln, sqrt};

/// ½ ln 2π.
const HALF_LN_2_PI: f64 = 0.918_938_533_204_672_7;
/// 2π.
const TWO_PI: f64 = 2.0 * core::f64::consts::PI;
/// From here on Stirling's series, cut after seven terms, is exact to a double's last digits.
const LARGE: f64 = 15.0;
/// Most terms of a series or a continued fraction; more than any argument that fits a count needs.
pub(super) const MAX_TERMS: u32 = 10_000_000;
/// Where terms no longer change a sum.
pub(super) const TINY: f64 = 1e-17;

/// ln Γ(x) for x > 0; ∞ at 0, NaN below.
///
/// ```
/// use kelvin_lab::compare::ln_gamma;
///
/// assert!((ln_gamma(5.0) - 24.0_f64.ln()).abs() < 1e-14);
/// ```
pub fn ln_gamma(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 || x == f64::INFINITY {
        return f64::INFINITY;
    }
    // Γ(x + 1) = x Γ(x), until the series holds
    let (mut large, mut product) = (x, 1.0);
    while large < LARGE {
        product *= large;
        large += 1.0;
    }
    (large - 0.5) * ln(large) - large + HALF_LN_2_PI + stirling_series(large) - ln(product)
}

/// What Stirling's formula √(2πx) (x/e)ˣ lacks of Γ(x + 1), as a logarithm; for x > 0.
fn stirling_error(x: f64) -> f64 {
    if x >= LARGE {
        return stirling_series(x);
    }
    ln_gamma(x) - ((x - 0.5) * ln(x) - x + HALF_LN_2_PI)
}

/// Σ B₂ₖ / (2k (2k − 1) x²ᵏ⁻¹), Bernoulli's numbers over powers.
fn stirling_series(x: f64) -> f64 {
    const TERMS: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let square = x * x;
    TERMS.iter().rev().fold(0.0, |sum, term| sum / square + term) / x
}

/// x ln(x/m) + m − x, without cancellation where x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    let ratio = (x - m) / (x + m);
    if ratio.abs() >= 0.1 {
        return x * ln(x / m) + m - x;
    }
    let (square, mut power) = (ratio * ratio, 2.0 * x * ratio);
    let mut sum = (x - m) * ratio;
    let mut odd = 3.0;
    loop {
        power *= square;
        let more = power / odd;
        if more.abs() <= TINY * sum.abs() {
            return sum + more;
        }
        sum += more;
        odd += 2.0;
    }
}

/// The Poisson probability e⁻ᵐ mˣ / Γ(x + 1), for any x ≥ 0.
///
/// Source: Loader, *Fast and accurate computation of binomial probabilities* (2000).
pub(super) fn poisson(x: f64, m: f64) -> f64 {
    if m == 0.0 {
        return if x == 0.0 { 1.0 } else { 0.0 };
    }
    if x == 0.0 {
        return exp(-m);
    }
    exp(-stirling_error(x) - deviance(x, m)) / sqrt(TWO_PI * x)
}

/// The binomial probability Γ(x + y + 1) / (Γ(x + 1) Γ(y + 1)) pˣ qʸ, for any x, y ≥ 0 and q = 1 − p.
///
/// Source: Loader, as above.
#[expect(clippy::many_single_char_names, reason = "the letters of the formula")]
pub(super) fn binomial(x: f64, y: f64, (p, q): (f64, f64)) -> f64 {
    let n = x + y;
    if p <= 0.0 || q <= 0.0 {
        let certain = if p <= 0.0 { x == 0.0 } else { y == 0.0 };
        return if certain { 1.0 } else { 0.0 };
    }
    // at the ends, pⁿ: through ln of the nearer of p and q to 1, so that nothing cancels
    if x == 0.0 {
        return exp(n * ln_share(p, q));
    }
    if y == 0.0 {
        return exp(n * ln_share(q, p));
    }
    let error = stirling_error(n) - stirling_error(x) - stirling_error(y);
    let log = error - deviance(x, n * p) - deviance(y, n * q);
    exp(log) * sqrt(n / (TWO_PI * x) / y)
}

/// ln q where p + q = 1.
fn ln_share(p: f64, q: f64) -> f64 {
    // ln(1 − p) = −2 artanh(p / (2 − p))
    if p > 0.1 {
        return ln(q);
    }
    let ratio = p / (2.0 - p);
    let (square, mut power, mut sum, mut odd) = (ratio * ratio, ratio, ratio, 3.0);
    loop {
        power *= square;
        let more = power / odd;
        if more <= TINY * sum {
            return -2.0 * (sum + more);
        }
        sum += more;
        odd += 2.0;
    }
}

/// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P, for a > 0 and x ≥ 0; NaN
/// outside.
///
/// The smaller of the two is computed (by the series for x < a + 1, else by the continued fraction), so
/// that far tails keep their digits.
///
/// ```
/// use kelvin_lab::compare::incomplete_gamma;
///
/// let (p, q) = incomplete_gamma(1.0, 2.0); // 1 − e⁻² and e⁻²
/// assert!((q - (-2.0_f64).exp()).abs() < 1e-15 && (p + q - 1.0).abs() < 1e-15);
/// ```
pub fn incomplete_gamma(a: f64, x: f64) -> (f64, f64) {
    let sound = a > 0.0 && a.is_finite() && x >= 0.0;
    if !sound {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    if x < a + 1.0 {
        let p = (poisson(a, x) * series(a, x)).min(1.0);
        return (p, 1.0 - p);
    }
    let q = (poisson(a, x) * a * fraction(a, x)).min(1.0);
    (1.0 - q, q)
}

/// Σ xᵏ / ((a + 1) … (a + k)).
fn series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut at) = (1.0, 1.0, a);
    for _ in 0..MAX_TERMS {
        at += 1.0;
        term *= x / at;
        sum += term;
        if term <= TINY * sum {
            break;
        }
    }
    sum
}

/// 1 / (x + 1 − a − 1(1 − a) / (x + 3 − a − …)), by Lentz's method.
#[expect(clippy::many_single_char_names, reason = "the letters of the formula and of the method")]
fn fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (f64::INFINITY, 1.0 / b);
    let mut value = d;
    for k in 1..MAX_TERMS {
        let k = f64::from(k);
        let numerator = -k * (k - a);
        b += 2.0;
        d = 1.0 / nonzero(numerator * d + b);
        c = nonzero(b + numerator / c);
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() <= 1e-16 {
            break;
        }
    }
    value
}

/// The number, or one that is next to nothing in place of 0.
pub(super) fn nonzero(x: f64) -> f64 {
    if x == 0.0 { f64::MIN_POSITIVE } else { x }
}
