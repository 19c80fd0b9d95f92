//! A temperature that depends on how far the text has come.

use kelvin::stage::{Shape, TemperatureSchedule};
use kelvin::{Error, Sampler};

use crate::conformance::read;
use crate::rows::{self, Kind};

fn sampler(pipeline: &str) -> Sampler {
    Sampler::new(pipeline.parse().expect("a valid pipeline"), 300).expect("names no ids")
}

/// At every token the policy is that of a fixed temperature, whatever the prompt.
#[test]
fn a_schedule_is_a_temperature_for_each_token() {
    let logits = rows::row(Kind::Flat, 300, 23);
    for shape in [Shape::Linear, Shape::Exponential, Shape::Cosine] {
        let schedule = TemperatureSchedule::new(2.0, 0.5, 6, shape).expect("in range");
        let text = format!("temperature-schedule(2, end=0.5, steps=6, shape={shape}) | top-p(0.9)");
        let mut scheduled = sampler(&text).with_prompt(&[7; 9]).expect("inside");
        let temperatures = (0..9).map(|i| schedule.temperature_at(i).expect("a schedule"));
        for t in temperatures.clone() {
            let mut fixed = sampler(&format!("temperature({t}) | top-p(0.9)"));
            assert_eq!(scheduled.weights(&logits), fixed.weights(&logits), "{shape}, T = {t}");
            scheduled.accept(1).expect("inside");
        }
        let temperatures: Vec<f64> = temperatures.collect();
        assert!(temperatures.is_sorted_by(|a, b| a >= b) && temperatures[0] == 2.0);
        assert!(temperatures[5] > 0.5 && temperatures[6..] == [0.5; 3], "{temperatures:?}");
    }
}

#[test]
fn temperatures_are_those_of_the_oracle() {
    let file = read("stages.json");
    let cases = file["schedules_start_end_steps_shape_i_temperature"].as_array().expect("cases");
    assert!(cases.len() > 80);
    for case in cases {
        let number = |at: usize| case[at].as_f64().expect("a number");
        let count = |at: usize| case[at].as_u64().and_then(|n| n.try_into().ok()).expect("a count");
        let (start, end, i) = (number(0), number(1), count(4));
        let shape = case[3].as_str().expect("a word").parse().expect("a shape");
        let schedule = TemperatureSchedule::new(start, end, count(2), shape).expect("in range");
        let found = schedule.temperature_at(i).expect("a schedule");
        assert!((found / number(5) - 1.0).abs() < 1e-12, "{case}: {found}");
        assert!(i > 0 || found == start, "{case}: {found}");
        assert!(i < count(2) || found == end, "{case}: {found}");
    }
}

#[test]
fn a_schedule_has_a_way_to_go() {
    let refused =
        |start, end, steps| match TemperatureSchedule::new(start, end, steps, Shape::Linear) {
            Err(Error::Parameter { name, .. }) => name,
            other => panic!("{other:?}"),
        };
    assert_eq!(refused(0.0, 1.0, 1), "start");
    assert_eq!(refused(1.0, f64::INFINITY, 1), "end");
    assert_eq!(refused(1.0, 1.0, 0), "steps");
}
