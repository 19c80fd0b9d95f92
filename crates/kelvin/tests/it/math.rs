//! `exp`, `exp2`, `ln`, `sqrt` and `sin_cos` against values of 50 digits, rounded to the nearest double.

use kelvin::math::{exp, exp2, ln, sin_cos, sqrt};

use crate::conformance::read;

/// 2^-46, the bound that the law gives.
const BOUND: f64 = 1.0 / (1_u64 << 46) as f64;

/// Pairs of an argument and the value there.
fn golden(function: &str) -> Vec<(f64, f64)> {
    let file = read("math.json");
    let pairs = file[function].as_array().expect("pairs").iter();
    let float = |value: &serde_json::Value| f64::from_bits(value.as_u64().expect("bits"));
    pairs.map(|pair| (float(&pair[0]), float(&pair[1]))).collect()
}

/// The largest relative error, outside the subnormal results, which have fewer digits.
fn worst(function: fn(f64) -> f64, golden: &[(f64, f64)]) -> f64 {
    assert!(golden.len() > 300);
    let error = |&(x, y): &(f64, f64)| {
        let found = function(x);
        if y.abs() < f64::MIN_POSITIVE {
            assert!((found - y).abs() <= f64::from_bits(2), "f({x}) = {found}, not {y}");
            return 0.0;
        }
        ((found - y) / y).abs()
    };
    golden.iter().map(error).fold(0.0, f64::max)
}

#[test]
fn exp_is_within_2_to_the_minus_46() {
    let worst = worst(exp, &golden("exp_bits"));
    assert!(worst < BOUND, "{worst:e}");
    assert_eq!(exp(0.0), 1.0);
    assert_eq!(exp(-0.0), 1.0);
    assert_eq!((exp(710.0), exp(-746.0)), (f64::INFINITY, 0.0));
    assert_eq!((exp(f64::INFINITY), exp(f64::NEG_INFINITY)), (f64::INFINITY, 0.0));
    assert!(exp(f64::NAN).is_nan());
}

/// Against the oracle's values of `exp`, where y = x · log₂ e has lost little in its rounding.
#[test]
fn exp2_is_within_2_to_the_minus_46_of_exp() {
    let near = |y: &f64| y.abs() < 64.0;
    let pairs: Vec<(f64, f64)> = golden("exp_bits")
        .iter()
        .map(|&(x, e_to_x)| (x * std::f64::consts::LOG2_E, e_to_x))
        .filter(|(y, _)| near(y))
        .collect();
    let worst = worst(exp2, &pairs);
    assert!(worst < BOUND, "{worst:e}");
    for n in -1074..=1023 {
        let whole =
            if n < -1022 { 1_u64 << (n + 1074) } else { u64::try_from(n + 1023).unwrap() << 52 };
        assert_eq!(exp2(f64::from(n)), f64::from_bits(whole), "2^{n}");
    }
    assert_eq!((exp2(1024.0), exp2(-1075.1)), (f64::INFINITY, 0.0));
    assert_eq!((exp2(f64::INFINITY), exp2(f64::NEG_INFINITY)), (f64::INFINITY, 0.0));
    assert!(exp2(f64::NAN).is_nan());
}

#[test]
fn ln_is_within_2_to_the_minus_46() {
    let worst = worst(ln, &golden("ln_bits"));
    assert!(worst < BOUND, "{worst:e}");
    assert_eq!((ln(1.0), ln(0.0), ln(-0.0)), (0.0, f64::NEG_INFINITY, f64::NEG_INFINITY));
    assert_eq!(ln(f64::INFINITY), f64::INFINITY);
    assert!(ln(-1.0).is_nan() && ln(f64::NAN).is_nan());
}

#[test]
fn sqrt_is_within_2_to_the_minus_46() {
    let worst = worst(sqrt, &golden("sqrt_bits"));
    assert!(worst < BOUND, "{worst:e}");
    assert_eq!((sqrt(0.0), sqrt(1.0), sqrt(4.0)), (0.0, 1.0, 2.0));
    assert_eq!(sqrt(f64::INFINITY), f64::INFINITY);
    assert!(sqrt(-1.0).is_nan() && sqrt(f64::NAN).is_nan());
}

/// Nothing depends on it, as every cut ends in (logit, id); but a step of a thousandth is far above the
/// error, so a wrong table entry or branch would show here.
#[test]
fn all_ascend() {
    let grid = |from: f64| (0..60_000).map(move |step| from + f64::from(step) * 1e-3);
    let ascends = |values: Vec<f64>| values.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(ascends(grid(-50.0).map(exp).collect()));
    assert!(ascends(grid(-72.0).map(exp2).collect()));
    assert!(ascends(grid(1e-3).map(ln).collect()));
    assert!(ascends(grid(1e-3).map(sqrt).collect()));
}

/// At multiples of π/4, near 0 and as far as a position of 2^17 turns.
#[test]
fn sine_and_cosine_are_within_1e_15() {
    let off = |function: fn(f64) -> f64, name| {
        let error = |(x, y): (f64, f64)| (function(x) - y).abs();
        golden(name).into_iter().map(error).fold(0.0, f64::max)
    };
    let worst = [off(|x| sin_cos(x).0, "sin_bits"), off(|x| sin_cos(x).1, "cos_bits")];
    assert!(worst.iter().all(|&worst| worst < 1e-15), "{worst:?}");
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (sin, cos) = sin_cos(x);
        assert!(sin.is_nan() && cos.is_nan());
    }
}
