//! `kelvin plot`: each figure of five courses by one command, its numbers held to those that the courses'
//! own code draws (`vectors.json`, beside the repository where these tests are developed).

use std::fs;

use serde_json::Value;

use crate::binary::{in_crate, kelvin, skipped};

/// How far numbers may lie apart.
const NEAR: f64 = 1e-6;

/// The figures as the courses draw them.
struct Truth(Vec<Value>);

impl Truth {
    fn load() -> Option<Self> {
        let path = in_crate("../../../shared/seeds/vectors.json");
        let Ok(text) = fs::read_to_string(&path) else {
            skipped(&format!("no {}", path.display()));
            return None;
        };
        let all: Value = serde_json::from_str(&text).expect("vectors.json is JSON");
        Some(Self(all["figures"].as_array().expect("a list").clone()))
    }

    fn of(&self, id: &str) -> &Value {
        self.0.iter().find(|figure| figure["id"] == id).unwrap_or_else(|| panic!("no figure {id}"))
    }
}

/// The calls of this name that draw a panel.
fn calls<'a>(panel: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    panel["calls"].as_array().expect("a list").iter().filter(move |call| call[0] == name)
}

fn first<'a>(panel: &'a Value, names: &'a [&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| calls(panel, name).next())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|it| it.as_f64().expect("a number")).collect()
}

fn near(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= NEAR, "{what}, {at}: {got}, expected {want}");
    }
}

/// A figure's numbers.
fn plot(args: &str) -> Value {
    let args: Vec<&str> = args.split(' ').collect();
    kelvin(&[&["plot"], &args[..], &["--data"]].concat()).json()
}

fn layers<'a>(panel: &'a Value, shape: &'a str) -> impl Iterator<Item = &'a Value> {
    list(&panel["layers"]).iter().filter(move |layer| layer["shape"] == shape)
}

/// Whether each bar is hollow.
fn hollow(bars: &Value) -> Vec<bool> {
    match &bars["hollow"] {
        Value::Null => vec![false; list(&bars["values"]).len()],
        all => list(all).iter().map(|it| it.as_bool().expect("a bool")).collect(),
    }
}

/// Everything but what the callers say themselves: titles, bars, names, text boxes.
struct Held<'a> {
    id: &'a str,
    ours: &'a Value,
    theirs: &'a Value,
}

impl Held<'_> {
    /// The title of the whole, and as many panels.
    fn page(&self) {
        let title = self.theirs["suptitle"].as_str().unwrap_or_default();
        assert_eq!(self.ours["title"], title, "{}", self.id);
        let hidden = |panel: &&Value| calls(panel, "set_visible").next().is_none();
        let n_panels = list(&self.theirs["panels"]).iter().filter(hidden).count();
        assert_eq!(list(&self.ours["panels"]).len(), n_panels, "{}", self.id);
    }

    fn panels(&self) -> impl Iterator<Item = (String, &Value, &Value)> {
        let pairs = list(&self.ours["panels"]).iter().zip(list(&self.theirs["panels"]));
        pairs
            .enumerate()
            .map(|(at, (ours, theirs))| (format!("{}, panel {at}", self.id), ours, theirs))
    }

    fn titles(&self) {
        for (what, ours, theirs) in self.panels() {
            let title = first(theirs, &["set_title", "title"]).expect("it has a title");
            assert_eq!(ours["title"], title[1][0], "{what}");
        }
    }

    /// Every series of bars.
    fn bars(&self) {
        for (what, ours, theirs) in self.panels() {
            let series = calls(theirs, "bar").chain(calls(theirs, "barh"));
            let bars: Vec<&Value> = layers(ours, "bars").collect();
            let series: Vec<&Value> = series.collect();
            assert_eq!(bars.len(), series.len(), "{what}");
            for (bars, series) in bars.iter().zip(series) {
                near(&what, &numbers(&bars["values"]), &numbers(&series[1][1]));
            }
        }
    }

    /// The names of bars, where the course writes them: of the first `n` of each panel.
    fn names(&self, n: impl Fn(&Value) -> usize) {
        for (what, ours, theirs) in self.panels() {
            let of_axis =
                first(theirs, &["set_xticklabels", "set_yticklabels"]).map(|it| &it[1][0]);
            let of_bars = first(theirs, &["bar"]).map(|it| &it[1][0]);
            let names = of_axis.or(of_bars).expect("it has names");
            let y = &ours["y"]["categories"];
            let own = if y.is_null() { &ours["x"]["categories"] } else { y };
            let n = n(ours);
            assert_eq!(list(own)[..n], list(names)[..n], "{what}");
        }
    }

    /// Texts in corners. A course whose entropy rounds to −0 prints that; Kelvin has no −0.
    fn notes(&self) {
        for (what, ours, theirs) in self.panels() {
            let Some(text) = first(theirs, &["text"]) else { continue };
            let text = text[1][2].as_str().expect("a text");
            assert_eq!(ours["note"]["text"], text.replace("-0.00", "0.00"), "{what}");
        }
    }
}

fn n_full(panel: &Value) -> usize {
    let bars = layers(panel, "bars").next().expect("it has bars");
    hollow(bars).iter().filter(|&&hollow| !hollow).count()
}

fn all(panel: &Value) -> usize {
    list(&layers(panel, "bars").next().expect("it has bars")["values"]).len()
}

#[test]
fn logits_and_probabilities() {
    let Some(truth) = Truth::load() else { return };
    let ours = plot("logits --example paris");
    let held = Held {
        id: "S1-FIG1-logits-vs-probs",
        ours: &ours,
        theirs: truth.of("S1-FIG1-logits-vs-probs"),
    };
    held.page();
    held.titles();
    held.bars();
    held.names(all);
    let ours = plot("softmax --example cat8");
    let held = Held { id: "S4-FIG1-probs", ours: &ours, theirs: truth.of("S4-FIG1-probs") };
    held.titles();
    held.bars();
    held.names(all);
}

#[test]
fn temperature_panels_of_three_courses() {
    let Some(truth) = Truth::load() else { return };
    let cases = [
        ("S1-FIG2-temperature-panels", "temperature --example paris"),
        ("S1-FIG2-temperature-panels", "temperature"),
        ("S2-FIG1-temperature-panels", "temperature --example viz10"),
        (
            "S2-FIG1-temperature-panels",
            "temperature --example viz10 --temperature 0.3,0.5,1.0,2.0,5.0",
        ),
        ("S4-FIG2-temperature", "temperature --example cat8"),
    ];
    for (id, args) in cases {
        let ours = plot(args);
        let held = Held { id, ours: &ours, theirs: truth.of(id) };
        held.page();
        held.titles();
        held.bars();
        held.notes();
        if id.starts_with("S1") {
            held.names(all);
            let tops = held.panels().map(|(_, ours, theirs)| {
                let bars = layers(ours, "bars").next().expect("it has bars");
                (
                    bars["texts"][0].clone(),
                    calls(theirs, "annotate").next().expect("one")[1][0].clone(),
                )
            });
            tops.for_each(|(ours, theirs)| assert_eq!(ours, theirs));
        }
    }
    let ours = plot("temperature --example paris");
    let theirs = truth.of("S1-FIG2-temperature-panels");
    assert_eq!(first(&theirs["panels"][0], &["text"]).expect("one")[1][2], "H=-0.00");
    assert_eq!(ours["panels"][0]["note"]["text"], "H=0.00", "an entropy is never −0");
}

#[test]
fn curves_over_the_temperature() {
    let Some(truth) = Truth::load() else { return };
    let id = "S1-FIG3-entropy-and-mass-vs-T";
    let ours = plot("entropy --example paris");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    for (what, ours, theirs) in held.panels() {
        let lines: Vec<&Value> = layers(ours, "line").collect();
        let curves: Vec<&Value> = calls(theirs, "plot").collect();
        assert_eq!(lines.len(), curves.len(), "{what}");
        for (line, curve) in lines.iter().zip(curves) {
            for axis in 0..2 {
                let own =
                    list(&line["points"]).iter().map(|point| point[axis].as_f64().expect("one"));
                near(&what, &own.collect::<Vec<_>>(), &numbers(&curve[1][axis]));
            }
        }
        let limits = calls(theirs, "axhline").zip(layers(ours, "across"));
        limits.for_each(|(theirs, ours)| assert_eq!(ours["name"], theirs[2]["label"], "{what}"));
    }
}

#[test]
fn top_k_panels_of_two_courses() {
    let Some(truth) = Truth::load() else { return };
    let id = "S1-FIG4-topk-panels";
    let ours = plot("top-k --example paris");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    held.names(n_full); // the order of what was removed is an accident of that course's sort
    let id = "S4-FIG3-topk";
    let ours = plot("top-k --example cat8");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    held.names(all);
}

#[test]
fn top_p_panels_with_the_cumulative_mass() {
    let Some(truth) = Truth::load() else { return };
    let id = "S1-FIG5-topp-panels";
    let ours = plot("top-p --example paris");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    held.names(all);
    for (what, ours, theirs) in held.panels() {
        let colors = &calls(theirs, "bar").next().expect("bars")[2]["color"];
        let grey: Vec<bool> = list(colors).iter().map(|color| *color == "#cccccc").collect();
        assert_eq!(hollow(layers(ours, "bars").next().expect("bars")), grey, "{what}");
        let curve = &first(&theirs["twin"][0], &["plot"]).expect("a line")[1][1];
        let line = layers(ours, "line").next().expect("a line");
        let own = list(&line["points"]).iter().map(|point| point[1].as_f64().expect("one"));
        near(&what, &own.collect::<Vec<_>>(), &numbers(curve));
    }
}

/// One course's figure leaves out the token that reaches p, against its own text. Kelvin keeps it: one
/// token more in each panel. With that course's rule the numbers are that figure's.
#[test]
fn top_p_keeps_the_token_that_one_course_drops() {
    let Some(truth) = Truth::load() else { return };
    let ours = plot("top-p --example cat8");
    let theirs = truth.of("S4-FIG4-topp-EXCLUSIVE");
    for (at, p) in [0.5, 0.7, 0.9, 0.95].into_iter().enumerate() {
        let (ours, theirs) = (&ours["panels"][at], &theirs["panels"][at]);
        let series: Vec<Vec<f64>> = calls(theirs, "bar").map(|it| numbers(&it[1][1])).collect();
        let bars: Vec<Vec<f64>> = layers(ours, "bars").map(|it| numbers(&it["values"])).collect();
        near("the original", &bars[1], &series[1]);
        let count = |values: &[f64]| values.iter().filter(|&&value| value > 0.0).count();
        let (native, exclusive) = (count(&bars[0]), count(&series[0]));
        assert_eq!((native, exclusive), ([2, 3, 5, 7][at], [1, 2, 4, 6][at]));
        assert_eq!(ours["title"], format!("Top-p = {p} (nucleus size: {native})"));
        let mut order: Vec<usize> = (0..8).collect();
        order.sort_by(|&a, &b| bars[1][b].total_cmp(&bars[1][a]));
        let mut mass = 0.0;
        let mut kept = [0.0; 8];
        for (rank, &token) in order.iter().enumerate() {
            mass += bars[1][token];
            if rank == 0 || mass <= p {
                kept[token] = bars[1][token];
            }
        }
        let sum: f64 = kept.iter().sum();
        let kept: Vec<f64> = kept.iter().map(|p| p / sum).collect();
        near("the token that reaches p left out", &kept, &series[0]);
    }
}

/// The same by one command, under that course's dialect.
#[test]
fn a_dialect_draws_that_course_as_it_was() {
    let Some(truth) = Truth::load() else { return };
    let id = "S4-FIG4-topp-EXCLUSIVE";
    let ours = plot("top-p --example cat8 --dialect seed4");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    held.names(all);
}

#[test]
fn strategies_sampled_over_expected() {
    let Some(truth) = Truth::load() else { return };
    let id = "S1-FIG6-strategy-comparison";
    let ours = plot("strategies --example paris --seed 42");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    for (what, ours, theirs) in held.panels() {
        let bars: Vec<Vec<f64>> = layers(ours, "bars").map(|it| numbers(&it["values"])).collect();
        let expected = &calls(theirs, "bar").nth(1).expect("two series")[1][1];
        near(&what, &bars[1], &numbers(expected));
        for (got, p) in bars[0].iter().zip(&bars[1]) {
            let spread = (p * (1.0 - p) / 50_000.0).sqrt();
            assert!((got - p).abs() <= 5.0 * spread, "{what}: {got} drawn, {p} expected");
        }
        let unique = bars[0].iter().filter(|&&share| share > 0.0).count();
        assert_eq!(ours["note"]["text"], format!("{unique} unique"), "{what}");
    }
}

#[test]
fn scenarios_of_a_thousand_tokens() {
    let Some(truth) = Truth::load() else { return };
    let id = "S1-FIG8-1000-token-scenarios";
    let ours = plot("scenarios");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    held.notes();
    for (what, ours, theirs) in held.panels() {
        let colors = &calls(theirs, "bar").next().expect("bars")[2]["color"];
        let grey: Vec<bool> = list(colors).iter().map(|color| *color == "#cccccc").collect();
        assert_eq!(hollow(layers(ours, "bars").next().expect("bars")), grey, "{what}");
    }
}

#[test]
fn confident_and_uncertain() {
    let Some(truth) = Truth::load() else { return };
    let id = "S2-FIG2-confident-uncertain";
    let ours = plot("confident-uncertain");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    held.titles();
    held.bars();
    let counts = [2, 5].map(|at| n_full(&ours["panels"][at]));
    assert_eq!(counts, [1, 9], "that course prints 9 for both");
}

/// The draws are Kelvin's own; greedy has none.
#[test]
fn paths_of_tokens() {
    let Some(truth) = Truth::load() else { return };
    let id = "S2-FIG3-repetition-trace";
    let ours = plot("paths --seed 42");
    let held = Held { id, ours: &ours, theirs: truth.of(id) };
    held.page();
    for (at, (what, ours, theirs)) in held.panels().enumerate() {
        let line = layers(ours, "line").next().expect("a line");
        let own = list(&line["points"]).iter().map(|point| point[1].as_f64().expect("one"));
        let own: Vec<f64> = own.collect();
        let mut unique = own.clone();
        unique.sort_by(f64::total_cmp);
        unique.dedup();
        let title = ours["title"].as_str().expect("a title");
        let expected =
            calls(theirs, "set_title").next().expect("one")[1][0].as_str().expect("text");
        let name = expected.split('\n').next().expect("a first line");
        assert_eq!(title, format!("{name}\n{} unique out of 20", unique.len()), "{what}");
        if at == 0 {
            near(&what, &own, &numbers(&calls(theirs, "plot").next().expect("one")[1][0]));
        }
    }
}

#[test]
fn every_figure_draws_in_both_themes_and_twice_the_same() {
    let listed = kelvin(&["plot", "--json"]).json();
    let from = |name: &str| match name {
        "diversity" => Some(trace()),
        "uniqueness" | "pareto" => Some(sweep()),
        "loss" => Some(metrics()),
        _ => None,
    };
    for kind in list(&listed) {
        let name = kind["name"].as_str().expect("a name");
        let from = from(name);
        let from: Vec<&str> = from.iter().flat_map(|path| ["--from", path.as_str()]).collect();
        let draw = |theme| {
            let args = [&["plot", name, "--seed", "7", "--theme", theme, "-q"], &from[..]].concat();
            let run = kelvin(&args);
            assert_eq!(run.code, 0, "{name}: {}", run.stderr);
            assert!(run.stdout.starts_with("<svg ") && run.stdout.ends_with("</svg>\n"), "{name}");
            assert!(!run.stdout.contains("-0.00") && !run.stdout.contains("NaN"), "{name}");
            run.stdout
        };
        assert_eq!(draw("light"), draw("light"), "{name}");
        assert_ne!(draw("light"), draw("dark"), "{name}");
    }
}

/// A trace of six texts.
fn trace() -> String {
    let path = format!("{}/plot-trace.jsonl", env!("CARGO_TARGET_TMPDIR"));
    let args = ["generate", "ROMEO:", "-n", "6", "--max-new-tokens", "12", "--seed", "7", "--json"];
    fs::write(&path, kelvin(&args).stdout).expect("writable");
    path
}

/// The folder of a sweep of four temperatures.
fn sweep() -> String {
    let path = format!("{}/plot-sweep", env!("CARGO_TARGET_TMPDIR"));
    let metrics = |ratio: f64| {
        serde_json::json!({
            "unique_ratio": ratio, "unique_sequences": 20.0 * ratio, "mean_unique_tokens": 9.5,
            "distinct_2": 0.5 + 0.4 * ratio, "nats_per_token": 1.0 + ratio, "rep_2": null,
        })
    };
    let cell = |(t, ratio): (&str, f64)| {
        serde_json::json!({
            "cell": 0, "settings": {"temperature": t}, "pipeline": format!("temperature({t})"),
            "samples": 20, "tokens": 400, "finish": {"length": 20}, "metrics": metrics(ratio),
        })
    };
    let cells: Vec<Value> =
        [("1.5", 1.0), ("0.1", 0.05), ("0.7", 0.8), ("1.1", 1.0)].map(cell).to_vec();
    let report = serde_json::json!({
        "schema": "kelvin.sweep-report/1", "manifest": {"max_new_tokens": 20}, "cells": cells,
    });
    fs::create_dir_all(&path).expect("a folder");
    fs::write(format!("{path}/report.json"), report.to_string()).expect("writable");
    path
}

#[test]
fn a_sweep_is_drawn_from_its_folder() {
    let path = sweep();
    let data = |name: &str| kelvin(&["plot", name, "--from", &path, "--data"]).json();
    let points = &data("uniqueness")["panels"][0]["layers"][0]["points"];
    assert_eq!(*points, serde_json::json!([[0.1, 0.05], [0.7, 0.8], [1.1, 1.0], [1.5, 1.0]]));
    let bars = &data("diversity")["panels"][0]["layers"][0]["values"];
    assert_eq!(*bars, serde_json::json!([20.0, 1.0, 16.0, 20.0]));
    let dots = &data("pareto")["panels"][0]["layers"][0]["points"];
    assert_eq!(dots[1]["y"], serde_json::json!([1.05, 1.05, 1.05]));
}

/// A short run's metrics.
fn metrics() -> String {
    let path = format!("{}/plot-metrics.jsonl", env!("CARGO_TARGET_TMPDIR"));
    let line = |step: u32| {
        let loss = 1.0 + 4.0 / f64::from(step);
        format!("{{\"step\":{step},\"loss\":{loss},\"learning_rate\":0.001,\"grad_norm\":1.0}}\n")
    };
    fs::write(&path, (1..=20).map(line).collect::<String>()).expect("writable");
    path
}

#[test]
fn a_trace_is_drawn_from_its_file_as_from_its_run() {
    let path = trace();
    let read = kelvin(&["plot", "trace", "--from", &path, "--data"]).json();
    assert_eq!(list(&read["panels"][0]["x"]["categories"]).len(), 12);
    let args = ["plot", "trace", "ROMEO:", "--max-new-tokens", "12", "--seed", "7", "--data"];
    let live = kelvin(&args).json();
    assert_eq!(read["panels"], live["panels"]);
}

#[test]
fn a_png_has_a_font_of_its_own() {
    let path = format!("{}/plot.png", env!("CARGO_TARGET_TMPDIR"));
    let run = kelvin(&["plot", "softmax", "--theme", "dark", "-o", &path]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let bytes = fs::read(&path).expect("written");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let width = u32::from_be_bytes(bytes[16..20].try_into().expect("four bytes"));
    assert_eq!(width, 2 * 744, "two pixels for each");
}

#[test]
fn what_is_typed_wrong_is_said_before_anything_is_drawn() {
    let cases: [(&[&str], &str); 9] = [
        (
            &["temprature"],
            "no figure \"temprature\"\n\nhint: did you mean temperature? the figures ",
        ),
        (&["xyzzy"], "no figure \"xyzzy\"\n\nhint: the figures are logits, softmax, "),
        (&["softmax", "-o", "a.jpg"], "-o a.jpg: no kind of picture that is known"),
        (&["temperature", "--temperature", "1,hot"], "temperature"),
        (&["top-p", "--top-p", "1.5"], "top-p: p = 1.5 is outside 0 < p ≤ 1"),
        (&["grid", "--top-k", "0"], "--top-k 0: expected a whole number from 1 on"),
        (&["diversity"], "of traces or of a sweep, and none is given"),
        (&["loss"], "or its metrics.jsonl, and none is given"),
        (&["logits", "--example", "parsi"], "no example \"parsi\"\n\nhint: did you mean paris?"),
    ];
    for (args, expected) in cases {
        let run = kelvin(&[&["plot"], args].concat());
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{args:?}");
    }
}

/// `docs/guides/figures.md` shows figures with their commands; `KELVIN_BLESS=1` renews them.
#[test]
fn the_gallery_shows_what_its_commands_draw() {
    let page = fs::read_to_string(in_crate("../../docs/guides/figures.md")).expect("readable");
    let mut n_held = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("kelvin ")) {
        let Some((command, file)) = line.split_once(" -o docs/figures/") else { continue };
        let args = crate::transcripts::words(command);
        let run = kelvin(&args);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
        let path = in_crate("../../docs/figures").join(file);
        if std::env::var_os("KELVIN_BLESS").is_some() {
            fs::write(&path, &run.stdout).expect("writable");
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(run.stdout == written, "{} is stale; KELVIN_BLESS=1 renews it", path.display());
        assert!(page.contains(&format!("](../figures/{file})")), "{file} is not shown");
        n_held += 1;
    }
    let n_files =
        fs::read_dir(in_crate("../../docs/figures")).expect("the folder is there").count();
    assert_eq!(n_held, n_files, "a figure for each command");
}
