#![expect(
    clippy::disallowed_methods,
    reason = "the platform's f64 functions are the yardstick here"
)]

use super::super::simd::{Kernel, LANES, Level, Profile, Simd};
use super::{exp, gelu_erf, gelu_tanh, silu, tanh};

#[derive(Clone, Copy)]
enum Function {
    Exp,
    Silu,
    GeluTanh,
    GeluErf,
    Tanh,
}

/// Sixteen values of a function.
struct Apply<'a>(Function, &'a mut [f32; LANES]);

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let x = simd.load(self.1);
        let y = match self.0 {
            Function::Exp => exp(simd, x),
            Function::Silu => silu(simd, x),
            Function::GeluTanh => gelu_tanh(simd, x),
            Function::GeluErf => gelu_erf(simd, x),
            Function::Tanh => tanh(simd, x),
        };
        simd.store(y, self.1);
    }
}

fn apply(level: Level, profile: Profile, function: Function, x: [f32; LANES]) -> [f32; LANES] {
    let mut y = x;
    level.dispatch(profile, Apply(function, &mut y));
    y
}

/// Distance of `y` from `exact` in units of the last place of f32 at `exact`.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn ulps(y: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if rounded.is_infinite() || y.is_infinite() {
        return if rounded.to_bits() == y.to_bits() { 0.0 } else { f64::INFINITY };
    }
    let magnitude = rounded.abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(magnitude.next_up()) - f64::from(magnitude);
    (f64::from(y) - exact).abs() / unit
}

/// Sixteen f32 from bit patterns `step` apart.
fn patterns(first: u32, step: u32) -> [f32; LANES] {
    let mut x = [0.0; LANES];
    for (x, lane) in x.iter_mut().zip(0..) {
        *x = f32::from_bits(first.wrapping_add(step.wrapping_mul(lane)));
    }
    x
}

fn check_exp(profile: Profile, first: u32, step: u32) {
    let x = patterns(first, step);
    let y = apply(Level::detect(), profile, Function::Exp, x);
    for (x, y) in x.into_iter().zip(y) {
        if x.is_nan() {
            assert!(y.is_nan(), "exp(NaN) = {y}");
        } else {
            let error = ulps(y, f64::from(x).exp());
            assert!(error <= 0.9, "exp({x:e}) = {y:e} is off by {error} ulp ({profile})");
        }
    }
}

#[test]
fn exp_is_accurate() {
    for profile in [Profile::Fast, Profile::Portable] {
        for first in (0..=u32::MAX).step_by(LANES * 1021) {
            check_exp(profile, first, 1021);
        }
    }
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn exp_is_accurate_everywhere() {
    for profile in [Profile::Fast, Profile::Portable] {
        for first in (0..=u32::MAX).step_by(LANES) {
            check_exp(profile, first, 1);
        }
    }
}

#[test]
fn exp_of_special_values() {
    let mut x = [0.0; LANES];
    x[..8].copy_from_slice(&[
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        89.0,
        -104.0,
        88.72,
        -87.3,
    ]);
    let y = apply(Level::Scalar, Profile::Fast, Function::Exp, x);
    assert_eq!(y[..6], [1.0, 1.0, f32::INFINITY, 0.0, f32::INFINITY, 0.0]);
    assert!(y[6].is_finite() && y[7] > 0.0);
}

#[test]
fn functions_have_the_same_bits_on_every_level() {
    for profile in [Profile::Fast, Profile::Portable] {
        for function in
            [Function::Exp, Function::Silu, Function::GeluTanh, Function::GeluErf, Function::Tanh]
        {
            for first in (0..=u32::MAX).step_by(LANES * 40_009) {
                let x = patterns(first, 40_009);
                let scalar = apply(Level::Scalar, profile, function, x);
                for level in Level::available() {
                    let y = apply(level, profile, function, x);
                    for i in 0..LANES {
                        let same = y[i].to_bits() == scalar[i].to_bits();
                        assert!(
                            same || y[i].is_nan() && scalar[i].is_nan(),
                            "{level} at {:e}",
                            x[i]
                        );
                    }
                }
            }
        }
    }
}

/// The absolute error, relative to the larger of 1e-3 and the value.
fn relative(y: f32, exact: f64) -> f64 {
    (f64::from(y) - exact).abs() / exact.abs().max(1e-3)
}

#[test]
fn activations_are_close_to_their_definitions() {
    for first in (-12_000_i16..12_000).step_by(LANES) {
        let x: [f32; LANES] = std::array::from_fn(|i| (f32::from(first) + i as f32) / 1000.0);
        let silu = apply(Level::detect(), Profile::Fast, Function::Silu, x);
        let gelu = apply(Level::detect(), Profile::Fast, Function::GeluTanh, x);
        for i in 0..LANES {
            let z = f64::from(x[i]);
            let exact = z / (1.0 + (-z).exp());
            assert!(relative(silu[i], exact) < 4e-7, "silu({z}) = {}, not {exact}", silu[i]);
            let u = (2.0 / std::f64::consts::PI).sqrt() * (z + 0.044_715 * z * z * z);
            let exact = 0.5 * z * (1.0 + u.tanh());
            assert!(relative(gelu[i], exact) < 2e-6, "gelu({z}) = {}, not {exact}", gelu[i]);
        }
    }
}

#[test]
fn tanh_is_accurate() {
    for profile in [Profile::Fast, Profile::Portable] {
        for first in (0..=u32::MAX).step_by(LANES * 4093) {
            let x = patterns(first, 4093);
            let y = apply(Level::detect(), profile, Function::Tanh, x);
            for (x, y) in x.into_iter().zip(y) {
                if x.is_nan() {
                    assert!(y.is_nan(), "tanh(NaN) = {y}");
                } else {
                    let error = ulps(y, f64::from(x).tanh());
                    assert!(error <= 2.0, "tanh({x:e}) = {y:e} is off by {error} ulp ({profile})");
                }
            }
        }
    }
}

/// Φ(x) at points, by mpmath 1.4 with 40 digits.
const NORMAL: [(f32, f64); 12] = [
    (0.000_976_562_5, 0.500_389_592_008_780_5),
    (0.062_5, 0.524_917_669_029_247_2),
    (0.25, 0.598_706_325_682_923_7),
    (0.5, 0.691_462_461_274_013_1),
    (0.75, 0.773_372_647_623_131_8),
    (1.0, 0.841_344_746_068_542_9),
    (1.5, 0.933_192_798_731_141_9),
    (2.0, 0.977_249_868_051_820_8),
    (2.75, 0.997_020_236_764_945_4),
    (3.5, 0.999_767_370_920_964_5),
    (5.0, 0.999_999_713_348_428_1),
    (9.0, 1.0),
];

#[test]
fn gelu_by_the_error_function_is_close_to_its_definition() {
    for profile in [Profile::Fast, Profile::Portable] {
        for (x, phi) in NORMAL {
            let [gelu, mirrored, ..] = apply(Level::detect(), profile, Function::GeluErf, {
                let mut lanes = [0.0; LANES];
                (lanes[0], lanes[1]) = (x, -x);
                lanes
            });
            let z = f64::from(x);
            let error = relative(gelu, z * phi);
            assert!(error < 4e-7, "gelu({x}) = {gelu:e} is off by {error:e}");
            let error = relative(mirrored, -z * (1.0 - phi));
            assert!(error < 4e-7, "gelu({}) = {mirrored:e} is off by {error:e}", -x);
        }
        let mut x = [f32::NAN; LANES];
        (x[0], x[1], x[2]) = (f32::INFINITY, f32::NEG_INFINITY, 0.0);
        let y = apply(Level::Scalar, profile, Function::GeluErf, x);
        assert_eq!(y[..3], [f32::INFINITY, 0.0, 0.0]);
        assert!(y[3].is_nan());
    }
}
