//! The crate's only transcendental code: `exp`, `exp2`, `ln`, `sqrt`, `sin_cos` in f64 from + − ×, a table and
//! bit operations.
//!
//! The platform's functions differ in their last bits from one system to the next; these give the same
//! bits everywhere. No fused multiply-add is used, so a machine without one agrees too. The relative
//! error of [`exp`], [`exp2`] and [`ln`] is below 2⁻⁴⁶ (a test holds both against a multiple-precision oracle).

/// 1 / ln 2.
pub(crate) const LOG2_E: f64 = core::f64::consts::LOG2_E;
/// The upper 33 bits of ln 2: its product with the sixteenths of any exponent of an f64 is exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// What [`LN_2_HIGH`] leaves of ln 2.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding this rounds a small f64 to an integer, ties to even.
const ROUNDER: f64 = 16.0 * SIXTEENTHS;
/// Adding this rounds a small f64 to a sixteenth, ties to even: the low bits then count sixteenths.
pub(crate) const SIXTEENTHS: f64 = 422_212_465_065_984.0; // 1.5 · 2^48

/// The bits of 2^(i/16), less i · 2^48: that adding a number of sixteenths, shifted by 48, makes whole.
pub(crate) static POWERS: [u64; 16] = [
    0x3ff0_0000_0000_0000,
    0x3fef_b558_6cf9_890f,
    0x3fef_72b8_3c7d_517b,
    0x3fef_387a_6e75_6238,
    0x3fef_06fe_0a31_b715,
    0x3fee_dea6_4c12_3422,
    0x3fee_bfda_d536_2a27,
    0x3fee_ab07_dd48_5429,
    0x3fee_a09e_667f_3bcd,
    0x3fee_a114_73eb_0187,
    0x3fee_ace5_422a_a0db,
    0x3fee_c491_82a3_f090,
    0x3fee_e89f_995a_d3ad,
    0x3fef_199b_dd85_529c,
    0x3fef_5818_dcfb_a487,
    0x3fef_a4af_a2a4_90da,
];

/// (2ʳ − 1) / r on |r| ≤ 1/32, interpolated at the Chebyshev nodes; error of 2ʳ: 2⁻⁵⁵·⁹.
pub(crate) const POLYNOMIAL: [f64; 6] = [
    0.693_147_180_559_945_7,
    0.240_226_506_959_100_75,
    0.055_504_108_656_639_3,
    0.009_618_129_106_919_537,
    0.001_333_378_157_678_426_8,
    0.000_154_037_239_807_492_56,
];

/// 2ʳ − 1 for |r| ≤ 1/32.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "part of the loops that are compiled for an instruction set"
)]
pub(crate) fn power_less_one(r: f64) -> f64 {
    let [c0, c1, c2, c3, c4, c5] = POLYNOMIAL;
    (((((c5 * r + c4) * r + c3) * r + c2) * r + c1) * r + c0) * r
}

/// 2 to the y, for a y split by [`SIXTEENTHS`]: `shifted` holds the sixteenths, `r` the rest.
fn power(shifted: f64, r: f64) -> f64 {
    let bits = shifted.to_bits();
    let n = (bits << 13).cast_signed() >> 17; // the sixteenths, of which four bits leave
    let i = bits & 15;
    let root = f64::from_bits(POWERS[i as usize] + (i << 48));
    // two factors, because 2^n alone may be outside the normal range
    (root + root * power_less_one(r)) * power_of_two(n / 2) * power_of_two(n - n / 2)
}

/// 2ⁿ for |n| ≤ 1022.
fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + 1023).cast_unsigned()) << 52)
}

/// 2 to the y. NaN gives NaN.
///
/// ```
/// assert_eq!(kelvin::math::exp2(10.0), 1024.0);
/// assert!((kelvin::math::exp2(0.5) - core::f64::consts::SQRT_2).abs() < 1e-15);
/// ```
pub fn exp2(y: f64) -> f64 {
    if y >= 1024.0 {
        return f64::INFINITY;
    }
    if y < -1076.0 {
        return 0.0;
    }
    let shifted = y + SIXTEENTHS;
    power(shifted, y - (shifted - SIXTEENTHS))
}

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
    let shifted = x * LOG2_E + SIXTEENTHS;
    let n = shifted - SIXTEENTHS;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    power(shifted, r * LOG2_E)
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

/// (sin x, cos x), within 1e-15 for |x| ≤ 2²⁰; less exact beyond, and no sine at all from 2⁵⁰ on. What is
/// not finite gives NaN.
///
/// ```
/// let (sin, cos) = kelvin::math::sin_cos(core::f64::consts::FRAC_PI_3);
/// assert!((sin - 0.75_f64.sqrt()).abs() < 1e-15 && (cos - 0.5).abs() < 1e-15);
/// ```
pub fn sin_cos(x: f64) -> (f64, f64) {
    const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
    // x = n · π/2 + r with |r| ≤ π/4, π/2 in two parts of which the first has 33 bits, so that n times
    // it is exact; the polynomials are those of fdlibm's `k_sin.c` and `k_cos.c`
    let n = (x * core::f64::consts::FRAC_2_PI + ROUNDER) - ROUNDER;
    let r = (x - n * 1.570_796_326_734_125_6) - n * 6.077_100_506_506_192e-11;
    let z = r * r;
    let series = |coefficients: [f64; 6]| {
        coefficients.into_iter().rev().fold(0.0, |sum, coefficient| sum * z + coefficient)
    };
    let sin = r + r
        * z
        * series([
            -1.666_666_666_666_663_2e-1,
            8.333_333_333_322_49e-3,
            -1.984_126_982_985_795e-4,
            2.755_731_370_707_006_8e-6,
            -2.505_076_025_340_686_3e-8,
            1.589_690_995_211_55e-10,
        ]);
    let cos = (1.0 - 0.5 * z)
        + z * z
            * series([
                4.166_666_666_666_66e-2,
                -1.388_888_888_887_411e-3,
                2.480_158_728_947_673e-5,
                -2.755_731_435_139_066_3e-7,
                2.087_572_321_298_175e-9,
                -1.135_964_755_778_819_5e-11,
            ]);
    #[expect(clippy::cast_possible_truncation, reason = "an integer; only its last two bits count")]
    match n as i64 & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}
