//! The ground truth's own rules: what each document's code keeps, under the dialect of that document.

use kelvin::dialect;
use kelvin::pipeline::Pick;
use serde_json::Value;

use super::{Case, Outcome, check_probabilities, ground_truth, number, numbers};

/// The rules of a nucleus in the ground truth, and the dialect that has each.
const NUCLEI: [(&str, &str); 5] = [
    ("S0_HF_ascending_cum_le_1_minus_p", "hf"),
    ("S1_searchsorted_left_plus1", "seed1"),
    ("S2_sampler_cum_minus_p_ge_p", "seed2"),
    ("S3_argmax_ge_plus1", "seed3"),
    ("S4_viz_cum_le_p_EXCLUDES_crossing", "seed4"),
];

/// The text of a pipeline under a dialect.
fn under(name: &str, given: &[(&str, String)]) -> String {
    let mut given: Vec<(&str, &str)> =
        given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if given.iter().all(|(name, _)| *name != "top-k") {
        given.push(("top-k", "off")); // the hidden default has no place here
    }
    let dialect = dialect::find(name).unwrap_or_else(|| panic!("no dialect {name}"));
    dialect.pipeline(&given, Pick::Draw).expect("valid").to_string()
}

/// What a vector sets.
fn given(case: Case<'_>) -> Vec<(&'static str, String)> {
    let names = [
        ("T", "temperature"),
        ("temperature", "temperature"),
        ("k", "top-k"),
        ("top_k", "top-k"),
        ("p", "top-p"),
        ("top_p", "top-p"),
    ];
    let set = names.into_iter().filter(|(theirs, _)| !case.param(theirs).is_null());
    set.map(|(theirs, ours)| (ours, case.param(theirs).to_string())).collect()
}

fn vectors(truth: &Value) -> impl Iterator<Item = Case<'_>> {
    let vectors = truth["vectors"].as_array().expect("a list").iter();
    vectors.map(move |vector| Case { truth, vector })
}

#[test]
fn each_document_has_its_own_law() {
    let Some(truth) = ground_truth() else { return };
    let mut ran = [0; 5];
    for case in vectors(&truth) {
        let seed = case.vector["seed"].as_u64().and_then(|seed| usize::try_from(seed).ok());
        let seed = seed.expect("a document's number");
        let holds = match case.op() {
            "temperature" | "top_k" | "hybrid_top_p_then_top_k" | "top_p_exclusive" => true,
            "top_p" | "pipeline" => seed != 4, // told apart below
            _ => false,
        };
        if !holds || !case.param("min_p").is_null() {
            continue;
        }
        case.check(&under(&format!("seed{seed}"), &given(case)));
        ran[seed] += 1;
    }
    assert!(ran[1..].iter().all(|&n| n > 0), "{ran:?}");
    assert!(ran.iter().sum::<i32>() > 200, "{ran:?}");
}

#[test]
fn the_figure_of_the_fourth_document_drops_the_crossing_token() {
    let Some(truth) = ground_truth() else { return };
    let mut kept = Vec::new();
    for case in vectors(&truth).filter(|case| case.op() == "top_p_exclusive") {
        let pipeline = under("seed4", &given(case));
        assert!(pipeline.ends_with("crossing=drop)"), "{pipeline}");
        case.check(&pipeline);
        kept.push(Outcome::of(&pipeline, &case.row()).trace.kept);
    }
    assert_eq!(kept, [1, 2, 4, 6], "as the figure's titles say");
    let mut variants = 0;
    for case in vectors(&truth).filter(|case| !case.expected()["exclusive_variant"].is_null()) {
        let variant = &case.expected()["exclusive_variant"];
        case.check_distribution(&under("seed4", &given(case)), &case.row(), variant);
        variants += 1;
    }
    assert_eq!(variants, 2);
}

#[test]
fn every_rule_of_a_nucleus_has_its_size() {
    let Some(truth) = ground_truth() else { return };
    let mut checked = 0;
    for case in vectors(&truth).filter(|case| matches!(case.op(), "top_p" | "nucleus_size")) {
        let expected = case.expected();
        let sizes = match case.op() {
            "top_p" => &expected["nucleus_size_by_rule"],
            _ => expected,
        };
        if number(case.param("p")) >= 1.0 {
            continue; // off, exactly; their float sums end elsewhere
        }
        for (rule, name) in NUCLEI {
            let kept = Outcome::of(&under(name, &given(case)), &case.row()).trace.kept;
            assert_eq!(kept as f64, number(&sizes[rule]), "{} under {name}", case.id());
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn ties_and_equality_fall_as_each_rule_says() {
    let Some(truth) = ground_truth() else { return };
    let mut checked = 0;
    for vector in truth["edge"].as_array().expect("a list") {
        let case = Case { truth: &truth, vector };
        let behaviour = &vector["seed_behaviour"];
        if let Some(rest) = case.id().strip_prefix("E-ties-topk-") {
            let (row, k) = rest.split_once("-k").expect("a list and k");
            let row: Vec<f32> = serde_json::from_str(row).expect("a list of numbers");
            let of = |name| Outcome::of(&under(name, &[("top-k", k.to_owned())]), &row);
            for (rule, name) in
                [("S2 threshold", "seed2"), ("S3 threshold", "seed3"), ("S3 threshold", "hf")]
            {
                check_probabilities(case.id(), &of(name).probabilities, &numbers(&behaviour[rule]));
            }
            // which of the tied tokens stay is left to the sort there, but not how many
            let some = numbers(&behaviour["S1 argsort[-k:]"]).iter().filter(|&&p| p > 0.0).count();
            assert_eq!(of("seed1").trace.kept, some, "{}", case.id());
            let some = behaviour["S4 torch.topk"].as_array().expect("a list").len();
            assert_eq!(of("seed4").trace.kept, some, "{}", case.id());
            checked += 1;
        }
        if let Some(p) = case.id().strip_prefix("E-uniform4-p=") {
            let value: f64 = p.parse().expect("a number");
            for (rule, name) in NUCLEI.iter().filter(|_| value > 0.0 && value < 1.0) {
                let kept =
                    Outcome::of(&under(name, &[("top-p", p.to_owned())]), &[0.0; 4]).trace.kept;
                assert_eq!(kept as f64, number(&behaviour["rules"][rule]), "{} {name}", case.id());
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 6 + 5 * 5);
}
