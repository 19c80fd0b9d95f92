//! The incomplete beta function.

use super::gamma::{MAX_TERMS, binomial, nonzero};

/// The regularised incomplete beta function Iₓ(a, b) and its complement, for a, b > 0 and 0 ≤ x ≤ 1; NaN
/// outside.
///
/// By the continued fraction, on the side where it converges fast; the smaller of the two keeps its
/// digits.
///
/// ```
/// use kelvin_lab::compare::incomplete_beta;
///
/// let (below, above) = incomplete_beta(2.0, 1.0, 0.5); // x²
/// assert!((below - 0.25).abs() < 1e-14 && (above - 0.75).abs() < 1e-14);
/// ```
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> (f64, f64) {
    let sound = a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite() && (0.0..=1.0).contains(&x);
    if !sound {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 || x >= 1.0 {
        return (x, 1.0 - x);
    }
    // xᵃ (1 − x)ᵇ / B(a, b)
    let front = a / (a + b) * b * binomial(a, b, (x, 1.0 - x));
    if x * (a + b + 2.0) < a + 1.0 {
        let below = (front / a * fraction(a, b, x)).min(1.0);
        (below, 1.0 - below)
    } else {
        let above = (front / b * fraction(b, a, 1.0 - x)).min(1.0);
        (1.0 - above, above)
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method (DLMF 8.17.22).
#[expect(clippy::many_single_char_names, reason = "the letters of the formula and of the method")]
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..MAX_TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / nonzero(1.0 + coefficient * d);
            c = nonzero(1.0 + coefficient / c);
            last = c * d;
            value *= last;
        }
        if (last - 1.0).abs() <= 1e-16 {
            break;
        }
    }
    value
}
