//! Files damaged at every byte, and in thousands of ways that a structured mutator finds.

use kelvin_lm::ErrorKind;

use super::writer::{File, Piece, array_pair, pair, piece, tensor};
use super::{exercise, parse};

/// The verdict on a file as text; everything in it is asked for where it is accepted.
fn verdict(file: &[u8]) -> String {
    match parse(file) {
        Ok(gguf) => exercise(&gguf),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Format | ErrorKind::Unsupported));
            let offset = error.offset().expect("an error of the format says where");
            assert!(offset <= file.len() as u64, "{error}");
            error.to_string()
        }
    }
}

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
    let whole = verdict(&file);
    for at in 0..file.len() {
        let sound = file[at];
        for damage in (0..8).map(|bit| sound ^ (1 << bit)).chain([0, 0xff, !sound]) {
            file[at] = damage;
            verdict(&file);
        }
        file[at] = sound;
    }
    assert_eq!(verdict(&file), whole);
}

#[test]
fn twenty_thousand_mutants_are_read_or_refused() {
    let mut random = Random(20);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mutant = mutant(&mut random);
        let first = verdict(&mutant);
        assert_eq!(first, verdict(&mutant), "the same file, another verdict");
        *if parse(&mutant).is_ok() { &mut accepted } else { &mut refused } += 1;
    }
    // neither branch may starve
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
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

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("it is below a usize")
    }
}

/// A small file with one to three faults in its structure, then perhaps one in its bytes.
fn mutant(random: &mut Random) -> Vec<u8> {
    let mut file = File::small();
    for _ in 0..=random.below(3) {
        bend_structure(&mut file, random);
    }
    let mut piece = file.write();
    if random.below(2) == 0 {
        bend_number(&mut piece, random);
    }
    match random.below(8) {
        0 => piece.bytes.truncate(random.below(piece.bytes.len() + 1)),
        1 => {
            let at = random.below(piece.bytes.len());
            piece.bytes.insert(at, random.next().to_le_bytes()[0]);
        }
        2 => {
            let at = random.below(piece.bytes.len());
            piece.bytes.remove(at);
        }
        _ => {}
    }
    piece.bytes
}

fn bend_structure(file: &mut File, random: &mut Random) {
    let numbers =
        [0, 1, 4, 31, 32, 33, 64, 1 << 31, u64::from(u32::MAX), 1 << 40, 1 << 63, u64::MAX];
    let number = numbers[random.below(numbers.len())];
    let name = ["x", "norm", "flag", "", "general.alignment"][random.below(5)];
    let code = u32::try_from(random.below(14)).expect("it is small");
    match random.below(10) {
        0 => file.version = u32::try_from(random.below(5)).expect("it is small"),
        1 => file.n_pairs = Some(number),
        2 => file.n_tensors = Some(number),
        3 => file.pairs.push(pair(name, code, piece().u64(number))),
        4 => file.pairs.push(array_pair(name, code, number, piece().u64(number).u64(0))),
        5 => file.tensors.push(tensor(name, &[number, 1], code, number.wrapping_mul(32) % 256)),
        6 => file.data.extend([0; 200]),
        7 => drop(file.pairs.remove(random.below(file.pairs.len()))),
        8 => file.tensors.reverse(),
        _ => file.alignment = 1 << random.below(8),
    }
}

fn bend_number(piece: &mut Piece, random: &mut Random) {
    let at = piece.numbers[random.below(piece.numbers.len())].clone();
    let old =
        piece.bytes[at.clone()].iter().rev().fold(0_u64, |n, &byte| (n << 8) | u64::from(byte));
    let len = piece.bytes.len() as u64;
    let news = [
        0,
        1,
        old ^ 1,
        old.wrapping_add(1),
        old.wrapping_neg(),
        old << 8,
        len,
        1 << 31,
        1 << 63,
        u64::MAX,
        random.next(),
    ];
    let new = news[random.below(news.len())];
    let width = at.len();
    piece.bytes[at].copy_from_slice(&new.to_le_bytes()[..width]);
}
