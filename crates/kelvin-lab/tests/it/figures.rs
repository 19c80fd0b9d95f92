//! `tests/golden/*.svg`: figures, byte for byte. `KELVIN_BLESS=1 cargo test -p kelvin-lab` renews them.

use std::fs;
use std::path::Path;

use kelvin_lab::Figure;
use kelvin_lab::figure::{Axis, Bars, Cells, Corner, Ink, LossCurves, Panel, Point, Theme};

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
    let empty = || Panel::new("nothing").with_axes(Axis::log("x"), Axis::log("y"));
    let odd = empty()
        .line("", Ink::Blue, [(f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, 1.0), (1.0, -1.0)])
        .dots("", Ink::Green, [(1.0, 0.0)])
        .across("", Ink::Orange, 0.0)
        .upright("", Ink::Orange, f64::NAN)
        .points(Ink::Blue, vec![Point { name: "a".into(), x: (1.0, 0.0, 1.0), y: (1.0, 1.0, 1.0) }])
        .bars("", Ink::Blue, Bars::new([f64::NAN]));
    let svg = |panel: Panel| Figure::from(panel).to_svg(Theme::Light);
    let bars = empty().bars("", Ink::Blue, Bars::new([f64::INFINITY]));
    assert!(svg(odd).contains("nothing") && svg(bars).ends_with("</svg>"));
    let band = empty().band("", Ink::Grey, [(1.0, 0.0, 1.0), (1.0, 1.0, f64::NAN)]);
    assert_eq!(svg(band), svg(empty()));
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
            let panel = Panel::new("").with_axes(axis("x"), axis("y")).with_right(axis("z"));
            let panel = panel.line("a", Ink::Blue, [(low, low), (high, high)]);
            let panel = panel.line("b", Ink::Blue, [(low, low), (high, high)]).at_right();
            let svg = Figure::from(panel).to_svg(Theme::Dark);
            assert!(svg.ends_with("</svg>") && !svg.contains("NaN"), "{low} to {high}");
        }
    }
}

/// Everything that a panel can hold, in one figure.
fn sampler() -> Figure {
    let words = ["the", " cat", "a very long name indeed", "$x$ <&>", "\n"];
    let names = || Axis::categories("Token", words);
    let bars = Panel::new("Bars\nand a second line")
        .with_axes(names(), Axis::probability("Probability"))
        .with_right(Axis::probability("Cumulative"))
        .with_note(Corner::TopRight, "5 tokens\nH=1.25")
        .bars("kept (hollow: removed)", Ink::Blue, {
            let bars = Bars::new([0.5, 0.25, 0.125, 0.0625, 0.0]);
            bars.hollow([false, false, true, true, true]).with_texts(["0.50".to_owned()])
        })
        .dashes("cumulative", Ink::Orange, [(1.0, 0.5), (2.0, 0.75), (3.0, 0.875)])
        .at_right()
        .across("p", Ink::Purple, 0.9);
    let lying = Panel::new("Lying bars")
        .with_axes(Axis::linear("Logit"), names())
        .bars("before", Ink::Grey, Bars::new([3.0, 2.0, 1.0, -1.0, -2.0]).all_hollow())
        .bars("after", Ink::Green, Bars::new([2.0, 2.5, 0.5, -2.0, 1.0]).narrow());
    let point = |name: &str, x: f64| Point {
        name: name.to_owned(),
        x: (x - 0.05, x, x + 0.05),
        y: (1.0, 1.0 + x, 1.0 + 2.0 * x),
    };
    let points = Panel::new("Points")
        .with_axes(Axis::linear("diversity"), Axis::linear("nats per token"))
        .points(Ink::Blue, vec![point("greedy", 0.2), point("T=1", 0.8)])
        .upright("T=1", Ink::Grey, 0.5);
    let cells = Panel::new("Cells")
        .with_axes(Axis::categories("k", ["1", "2"]), Axis::categories("T", ["0.5", "1.0"]))
        .cells(Ink::Blue, Cells { rows: vec![vec![1.0, 0.75], vec![0.5, 0.0]], range: (0.0, 1.0) });
    Figure::new("Everything", vec![bars, lying, points, cells])
        .with_columns(2)
        .with_caption("a caption with settings, and seed 7")
}

#[test]
fn everything_that_a_panel_can_hold() {
    hold("everything", &sampler());
    let dark = sampler().to_svg(Theme::Dark);
    assert!(!dark.contains("#ffffff\" />"), "the page is dark");
    assert_eq!(dark, sampler().to_svg(Theme::Dark));
}

/// A page without panels, and panels without anything, are pages.
#[test]
fn nothing_is_drawn_as_nothing() {
    for figure in [Figure::new("", vec![]), Figure::new("x", vec![Panel::new("")]).with_columns(0)]
    {
        assert!(figure.to_svg(Theme::Light).ends_with("</svg>"));
    }
}

fn hold(name: &str, figure: &Figure) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.svg"));
    let svg = figure.to_svg(Theme::Light);
    if std::env::var_os("KELVIN_BLESS").is_some() {
        fs::write(&path, &svg).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(svg == written, "{} is stale; KELVIN_BLESS=1 renews it", path.display());
}
