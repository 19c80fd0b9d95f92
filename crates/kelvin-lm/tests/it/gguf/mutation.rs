//! Files damaged at every byte, and in thousands of ways that a structured mutator finds.

use kelvin_lm::ErrorKind;

use super::writer::File;
use crate::oracle::gguf::{bytes, parse, structured};

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let file = File::small().bytes();
    for end in 0..file.len() {
        let error = parse(&file[..end]).expect_err("the last tensor is cut");
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        assert!(error.offset().is_some_and(|offset| offset <= end as u64), "{end}: {error}");
    }
}

#[test]
fn a_file_with_any_byte_changed_is_read_or_refused() {
    let mut file = File::small().bytes();
    let whole = bytes(&file);
    for at in 0..file.len() {
        let sound = file[at];
        for damage in (0..8).map(|bit| sound ^ (1 << bit)).chain([0, 0xff, !sound]) {
            file[at] = damage;
            let _ = bytes(&file);
        }
        file[at] = sound;
    }
    assert_eq!(bytes(&file), whole);
}

#[test]
fn twenty_thousand_damaged_files_are_read_or_refused() {
    let mut random = Random(20);
    let verdicts = (0..20_000).map(|_| structured(&random.bytes(256)));
    let accepted = verdicts.flatten().count();
    // neither branch may starve
    assert!((2000..18_000).contains(&accepted), "{accepted} accepted");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `8 * (n / 8)` bytes.
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n / 8).flat_map(|_| self.next().to_le_bytes()).collect()
    }
}
