//! The built-in rows of logits, from five courses on decoding.

use crate::exit::Failure;
use crate::input::Row;
use crate::suggest;

/// A built-in row, in the form that `--logits` reads.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) summary: &'static str,
    /// The file's text.
    pub(crate) json: &'static str,
}

macro_rules! examples {
    ($($name:literal: $summary:literal,)*) => {
        &[$(Example {
            name: $name,
            summary: $summary,
            json: include_str!(concat!("../data/", $name, ".json")),
        }),*]
    };
}

/// Every example.
pub(crate) static ALL: &[Example] = examples! {
    "paris": "The capital of France is … : one clear favourite",
    "reppen": "five words of which two were said before: for repetition penalties",
    "large1000": "1000 tokens, a few good ones and a long noisy tail",
    "test10": "ten logits in even steps",
    "viz10": "ten logits, somewhat uncertain",
    "confident": "one token towers over nine",
    "uncertain": "ten tokens, nearly equal",
    "todo1": "eight logits of an exercise",
    "seq0": "step 1 of five successive steps",
    "seq1": "step 2 of five successive steps",
    "seq2": "step 3 of five successive steps",
    "seq3": "step 4 of five successive steps",
    "seq4": "step 5 of five successive steps",
    "pizza": "what to eat: five dishes",
    "cat8": "the cat … : eight words",
    "couch": "The cat sat on the … : probabilities that leave a rest",
};

impl Example {
    /// The row.
    pub(crate) fn row(&self) -> Row {
        Row::parse(self.json).expect("the built-in examples are well-formed, a test reads them all")
    }
}

/// The example of this name.
///
/// # Errors
///
/// A [`Failure`] that suggests the nearest name.
pub(crate) fn find(name: &str) -> Result<&'static Example, Failure> {
    let unknown = || suggest::unknown("example", name, ALL.iter().map(|example| example.name));
    ALL.iter().find(|example| example.name == name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_row() {
        assert!(ALL.iter().all(|example| !example.row().logits.is_empty()));
        assert_eq!(find("couch").expect("built in").row().tokens.expect("named").len(), 7);
    }
}
