//! `tests/golden/statistics.json`, made by `scripts/golden/lab_statistics.py`, and comparing with it.

use serde_json::Value;

/// The golden values.
pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/statistics.json")).expect("the script writes JSON")
}

/// The number in a value.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Fails unless the two are within `tolerance`, relative to the larger of 1e-300 and the expected one.
pub(crate) fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    let apart = (found - expected).abs();
    let allowed = tolerance * expected.abs().max(1e-300);
    assert!(
        apart <= allowed || apart < 1e-300,
        "{what}: {found:e}, expected {expected:e}, apart {apart:e}"
    );
}
