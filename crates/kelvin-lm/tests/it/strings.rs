//! Ten thousand strings to encode: those of `tests/golden/tokenizer-strings.json`, then cuts of them put
//! together with other characters, repetitions and spellings of special tokens.
//!
//! `scripts/golden/tokenizer_ids.py` makes the same strings, so both sides draw from the generator below.

use std::fs;

/// How many there are.
pub(crate) const COUNT: usize = 10_000;

/// A linear congruential generator (Knuth's MMIX), started for each string.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draw = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        draw.below(1);
        draw
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        usize::try_from(self.0 >> 33).expect("31 bits") % n
    }
}

/// What strings are cut from.
pub(crate) struct Strings {
    /// The first of the strings, in characters.
    base: Vec<Vec<char>>,
    /// Spellings that a tokenizer has a rule for.
    spellings: Vec<String>,
}

impl Strings {
    /// Strings that spell these texts now and then.
    pub(crate) fn with(spellings: Vec<String>) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokenizer-strings.json");
        let text = fs::read_to_string(path).expect("a golden file of this repository");
        let base: Vec<String> = serde_json::from_str(&text).expect("a list of strings");
        Self { base: base.iter().map(|text| text.chars().collect()).collect(), spellings }
    }

    /// The string of this number.
    pub(crate) fn get(&self, number: usize) -> String {
        if let Some(chars) = self.base.get(number) {
            return chars.iter().collect();
        }
        let mut draw = Draw::new(number as u64);
        (0..=draw.below(4)).map(|_| self.part(&mut draw)).collect()
    }

    fn part(&self, draw: &mut Draw) -> String {
        match draw.below(10) {
            0 => wild(draw).to_string(),
            1 => {
                let unit = self.cut(draw, 3);
                unit.repeat(1 + draw.below(60))
            }
            2 | 3 if !self.spellings.is_empty() => {
                let spaces = ["", "", " ", "\n\n"];
                let (before, after) = (spaces[draw.below(4)], spaces[draw.below(4)]);
                let spelling = &self.spellings[draw.below(self.spellings.len())];
                format!("{before}{spelling}{after}")
            }
            _ => self.cut(draw, 24),
        }
    }

    /// At most `most` characters of one of the base strings.
    fn cut(&self, draw: &mut Draw, most: usize) -> String {
        let chars = &self.base[draw.below(self.base.len())];
        if chars.is_empty() {
            return String::new();
        }
        let start = draw.below(chars.len());
        let end = (start + 1 + draw.below(most)).min(chars.len());
        chars[start..end].iter().collect()
    }
}

/// Any character.
fn wild(draw: &mut Draw) -> char {
    loop {
        let code = u32::try_from(draw.below(0x11_0000)).expect("21 bits");
        if let Some(c) = char::from_u32(code) {
            return c;
        }
    }
}
