//! The crate's only transcendental code: `exp`, `ln` and `sqrt` in f64 from + − × and bit operations.
//!
//! The platform's functions differ in their last bits from one system to the next; these give the same
//! bits everywhere. No fused multiply-add is used, so a machine without one agrees too. The relative
//! error of [`exp`] and [`ln`] is below 2⁻⁴⁶ (a test holds both against a multiple-precision oracle).

/// 1 / ln 2.
pub(crate) const LOG2_E: f64 = core::f64::consts::LOG2_E;
/// The upper 33 bits of ln 2: its product with any exponent of an f64 is exact.
pub(crate) const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// What [`LN_2_HIGH`] leaves of ln 2.
pub(crate) const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding this rounds a small f64 to an integer, ties to even, which then stands in the low bits.
pub(crate) const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2, interpolated at the Chebyshev nodes; error of eʳ: 2⁻⁴⁹·⁶.
pub(crate) const EXP_POLYNOMIAL: [f64; 9] = [
    0.5,
    0.166_666_666_666_482_3,
    0.041_666_666_666_651_31,
    0.008_333_333_353_778_42,
    0.001_388_888_890_592_238_2,
    0.000_198_412_086_346_391_35,
    2.480_153_630_713_628e-5,
    2.762_516_988_352_066_7e-6,
    2.761_385_210_096_325_3e-7,
];

/// e to the x. NaN gives NaN.
///
/// ```
/// assert_eq!(kelvin::math::exp(0.0), 1.0);
/// assert!((kelvin::math::exp(1.0) - core::f64::consts::E).abs() < 1e-15);
/// ```
pub fn exp(x: f64) -> f64 {
    if x > 709.782_712_893_384 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    let shifted = x * LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut tail = EXP_POLYNOMIAL[8];
    for coefficient in EXP_POLYNOMIAL[..8].iter().rev() {
        tail = tail * r + coefficient;
    }
    let e_to_r = 1.0 + (r + (r * r) * tail);
    // two factors, because 2^n alone may be outside the normal range
    #[expect(clippy::cast_possible_truncation, reason = "|n| < 1100")]
    let n = n as i64;
    e_to_r * power_of_two(n / 2) * power_of_two(n - n / 2)
}

/// 2ⁿ for |n| ≤ 1022.
fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023).cast_unsigned()) << 52)
}

/// The natural logarithm of x. Zero gives −∞; a negative x or NaN gives NaN.
///
/// ```
/// assert_eq!(kelvin::math::ln(1.0), 0.0);
/// assert!((kelvin::math::ln(10.0) - core::f64::consts::LN_10).abs() < 1e-15);
/// ```
pub fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    let (mantissa, exponent) = split(x);
    // ln m = k/8 + ln(m · e^(−k/8)), with k chosen so that the rest e is within 1/16 or so of 0
    let guess = (mantissa - 1.0) * (1.0 - (mantissa - 1.0) * (0.5 - (mantissa - 1.0) * 0.31));
    let eighths = (guess * 8.0 + ROUNDER) - ROUNDER;
    #[expect(clippy::cast_possible_truncation, reason = "−3 ≤ eighths ≤ 3")]
    let e = mantissa * EXP_OF_MINUS_EIGHTHS[(eighths as isize + 3).cast_unsigned()] - 1.0;
    let exponent = exponent as f64;
    exponent * LN_2_HIGH + (eighths * 0.125 + (log1p_small(e) + exponent * LN_2_LOW))
}

/// e^(−k/8) for k = −3 … 3.
const EXP_OF_MINUS_EIGHTHS: [f64; 7] = [
    1.454_991_414_618_201_3,
    1.284_025_416_687_741_4,
    1.133_148_453_066_826_3,
    1.0,
    0.882_496_902_584_595_5,
    0.778_800_783_071_404_9,
    0.687_289_278_790_972_2,
];

/// x = mantissa · 2^exponent with the mantissa in [√½, √2).
fn split(x: f64) -> (f64, i64) {
    let (x, shift) =
        if x < f64::MIN_POSITIVE { (x * 18_014_398_509_481_984.0, 54) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = (bits >> 52).cast_signed() - 1023 - shift;
    let mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 1.0_f64.to_bits());
    if mantissa > core::f64::consts::SQRT_2 {
        (mantissa * 0.5, exponent + 1)
    } else {
        (mantissa, exponent)
    }
}

/// ln(1 + e) for |e| ≤ 0.08, by its series.
fn log1p_small(e: f64) -> f64 {
    let mut tail = 0.0;
    for coefficient in LOG1P_SERIES.iter().rev() {
        tail = tail * e + coefficient;
    }
    e + (e * e) * tail
}

/// −1/2, 1/3, −1/4 … 1/15: the series of ln(1 + e) after its first term.
const LOG1P_SERIES: [f64; 14] = [
    -1.0 / 2.0,
    1.0 / 3.0,
    -1.0 / 4.0,
    1.0 / 5.0,
    -1.0 / 6.0,
    1.0 / 7.0,
    -1.0 / 8.0,
    1.0 / 9.0,
    -1.0 / 10.0,
    1.0 / 11.0,
    -1.0 / 12.0,
    1.0 / 13.0,
    -1.0 / 14.0,
    1.0 / 15.0,
];

/// The square root of x, by Newton's iteration on 1/√x; a negative x or NaN gives NaN.
///
/// ```
/// assert!((kelvin::math::sqrt(2.0) - core::f64::consts::SQRT_2).abs() < 1e-15);
/// ```
pub fn sqrt(x: f64) -> f64 {
    if x == 0.0 || x == f64::INFINITY {
        return x;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    let (mantissa, exponent) = split(x);
    let odd = exponent & 1;
    let mantissa = if odd == 1 { mantissa * 2.0 } else { mantissa };
    // the classic first guess of 1/√m, good to 4 %; each step doubles its digits
    let mut y = f64::from_bits(0x5fe6_eb50_c7b5_37a9 - (mantissa.to_bits() >> 1));
    for _ in 0..5 {
        y = y * (1.5 - 0.5 * mantissa * y * y);
    }
    let root = mantissa * y;
    let root = root + 0.5 * y * (mantissa - root * root);
    let half = (exponent - odd) / 2;
    root * power_of_two(half / 2) * power_of_two(half - half / 2)
}
