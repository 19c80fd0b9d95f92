//! `tests/golden/*.svg`: figures, byte for byte. `KELVIN_BLESS=1 cargo test -p kelvin-lab` renews them.

use std::fs;
use std::path::Path;

use kelvin_lab::Figure;
use kelvin_lab::figure::{Axis, Ink, LossCurves};

/// A run whose loss is a law without noise, so that no machine's `exp` or `ln` has a say.
fn run(n_steps: u32, law: impl Fn(f64) -> f64, evaluated: &[(u32, f64)]) -> LossCurves {
    let mut losses = LossCurves::default();
    for step in 1..=n_steps {
        let ripple = 0.01 * f64::from(step * 7919 % 41 % 21);
        losses.train(step, law(f64::from(step)) + ripple);
    }
    for &(step, loss) in evaluated {
        losses.validate(step, loss);
    }
    losses
}

#[test]
fn a_short_run() {
    let evaluated = [(10, 2.9), (20, 2.3), (30, 2.1), (40, 2.15)];
    let losses = run(40, |step| 1.6 + 12.0 / (step + 5.0), &evaluated);
    hold("loss", &losses.figure("char-tiny on verse.txt & more"));
}

#[test]
fn a_long_run_that_falls_far() {
    let evaluated: Vec<(u32, f64)> = (1..=8)
        .map(|k| (250 * k, if k < 6 { 4.0 / f64::from(k) / f64::from(k) } else { 0.2 }))
        .collect();
    let losses = run(2000, |step| 0.05 + 120.0 / (step + 30.0), &evaluated);
    hold("loss-log", &losses.figure("char-small on verse.txt"));
}

#[test]
fn what_no_axis_can_show_is_left_out() {
    let axes = || (Axis::log("x"), Axis::log("y"));
    let [empty, odd] = [Figure::new("nothing"), Figure::new("nothing")].map(|figure| {
        let (x, y) = axes();
        figure.with_axes(x, y)
    });
    let odd = odd
        .line("a", Ink::Blue, [(f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, 1.0), (1.0, -1.0)])
        .dots("b", Ink::Green, [(1.0, 0.0)])
        .band("c", Ink::Grey, [(1.0, 0.0, 1.0), (1.0, 1.0, f64::NAN)]);
    assert_eq!(odd.to_svg(), empty.to_svg());
    assert!(empty.to_svg().contains("nothing"));
}

/// One point, equal points, tiny and huge ones: an axis is found for each.
#[test]
fn every_range_has_an_axis() {
    let ranges = [
        (1.0, 1.0),
        (0.0, 0.0),
        (-3.0, -3.0),
        (1e-9, 1e15),
        (-1e15, 1e15),
        (1e15, 1e15),
        (1e-300, 1e300),
        (-1e308, 1e308),
        (0.0, 5e-324),
        (1.0, 1.000_000_000_000_000_2),
    ];
    for (low, high) in ranges {
        for axis in [Axis::linear, Axis::log] {
            let figure = Figure::new("").with_axes(axis("x"), axis("y"));
            let svg = figure.line("a", Ink::Blue, [(low, low), (high, high)]).to_svg();
            assert!(svg.ends_with("</svg>"), "{low} to {high}");
        }
    }
}

fn hold(name: &str, figure: &Figure) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.svg"));
    let svg = figure.to_svg();
    if std::env::var_os("KELVIN_BLESS").is_some() {
        fs::write(&path, &svg).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(svg == written, "{} is stale; KELVIN_BLESS=1 renews it", path.display());
}
