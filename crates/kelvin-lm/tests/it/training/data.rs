//! Windows of a corpus: where they begin, and what names them.

use kelvin::rng::{Counter, Domain, Draw};
use kelvin::{Seed, TokenId};
use kelvin_lm::train::{Corpus, Settings, Size};
use kelvin_lm::{ErrorKind, Result};

fn settings(seed: u64, block_size: usize) -> Settings {
    let size = Size::from_name("char-tiny").expect("a size");
    Settings { seed, block_size, ..size.settings }
}

/// Tokens that say where they stand.
fn counting(n: usize, n_train: usize) -> Corpus {
    let n = TokenId::try_from(n).expect("a small number");
    Corpus::new((0..n).collect(), n_train).expect("not empty")
}

#[test]
fn the_parts_are_where_the_split_says() -> Result<()> {
    let corpus = Corpus::new(vec![3, 1, 4, 1, 5], 3)?;
    assert_eq!((corpus.train(), corpus.validation()), (&[3, 1, 4][..], &[1, 5][..]));
    assert_eq!(corpus.largest_id(), 5);
    assert_eq!(Corpus::new(vec![9], 1)?.validation(), [0; 0]);
    for (ids, n_train, kind, told) in [
        (vec![], 0, ErrorKind::Format, "the data is empty, nothing to train on"),
        (
            vec![1, 2],
            0,
            ErrorKind::Parameter,
            "0 tokens to train on, outside 1 to 2, all there are",
        ),
        (
            vec![1, 2],
            3,
            ErrorKind::Parameter,
            "3 tokens to train on, outside 1 to 2, all there are",
        ),
    ] {
        let error = Corpus::new(ids, n_train).expect_err(told);
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, told));
    }
    Ok(())
}

/// `python3 -c 'import hashlib,struct; print(hashlib.sha256(struct.pack("<5IQ",3,1,4,1,5,3)).hexdigest())'`
#[test]
fn the_hash_is_that_of_the_ids_and_the_split() -> Result<()> {
    let hash =
        |ids: &[TokenId], n_train| Corpus::new(ids.to_vec(), n_train).map(|c| c.hash().to_owned());
    assert_eq!(
        hash(&[3, 1, 4, 1, 5], 3)?,
        "7137ae5d063fc700ce795d19973c1f616dfcbb0173d7c9ff0d8fe736587a87e8"
    );
    let others = [(vec![3, 1, 4, 1, 5], 4), (vec![3, 1, 4, 5, 1], 3), (vec![3, 1, 4, 1], 3)];
    for (ids, n_train) in others {
        assert_ne!(hash(&ids, n_train)?, hash(&[3, 1, 4, 1, 5], 3)?, "{ids:?} {n_train}");
    }
    let long: Vec<TokenId> = (0..40_000).collect(); // more than are hashed at a time
    assert_eq!(
        hash(&long, 36_000)?,
        "ebeb27025d4cc586e65a19f310ec7a38f909d718725acbf1a854bb08244d3dae"
    );
    Ok(())
}

#[test]
fn a_block_longer_than_the_training_part_is_refused_with_the_numbers() {
    let corpus = counting(100, 48);
    assert!(corpus.fits(47).is_ok());
    let error = corpus.fits(48).expect_err("48 tokens and the one after them are 49");
    assert_eq!(error.kind(), ErrorKind::Parameter);
    let told =
        "block-size = 48 takes 48 tokens and the one after them, but the data has 48 to train on";
    assert_eq!(error.to_string(), told);
    assert_eq!(error.way_out(), Some("train on more text, or with --block-size 47"));
    assert_eq!(counting(9, 1).fits(1).expect_err("one").way_out(), Some("train on more text"));
    assert!(corpus.fits(usize::MAX).is_err());
}

/// Every place of every small corpus is reached, none outside: none reads a token of validation.
#[test]
fn windows_begin_everywhere_and_end_inside_the_training_part() {
    for (n_train, block_size) in [(2, 1), (9, 8), (30, 8), (30, 1), (17, 16), (40, 13)] {
        let (corpus, settings) = (counting(n_train + 20, n_train), settings(7, block_size));
        corpus.fits(block_size).expect("longer than a block");
        let n_places = n_train - block_size;
        let mut begun = vec![0; n_places];
        for index in 0..400 * n_places as u64 {
            let window = corpus.window(&settings, index);
            assert_eq!(window.len(), block_size + 1);
            assert!(window.is_sorted_by(|a, b| a + 1 == *b), "neighbours");
            begun[window[0] as usize] += 1;
        }
        // Binomial with mean 400: nine standard deviations, in a run that is always the same
        let bound = 9.0 * (400.0 * (1.0 - 1.0 / n_places as f64)).sqrt();
        let off = |n: &i32| (f64::from(*n) - 400.0).abs();
        assert!(begun.iter().all(|n| off(n) <= bound), "{n_train} {block_size}: {begun:?}");
    }
}

/// The promise of the module's page: a place is a function of seed, epoch and index within it.
#[test]
fn a_window_is_named_by_seed_epoch_and_index() {
    let (corpus, settings) = (counting(100, 90), settings(5, 8));
    let per_epoch = 12; // ⌈90 ÷ 8⌉
    for index in [0, 1, 11, 12, 13, 12 * 7 + 5, (1 << 40) + 1] {
        let epoch = u32::try_from(index / per_epoch).unwrap_or(u32::MAX);
        let position = u32::try_from(index % per_epoch).expect("below 12");
        let counter = Counter { position, block: epoch, attempt: 0, domain: Domain::Shuffle };
        let start = Draw::below(90 - 8, Seed::new(5), counter).r;
        assert_eq!(u64::from(corpus.window(&settings, index)[0]), start, "{index}");
    }
    let last = u64::from(u32::MAX) * per_epoch + 3; // epochs beyond 32 bits are that one
    assert_eq!(corpus.window(&settings, last), corpus.window(&settings, last + 12));
    assert_ne!(corpus.window(&settings, last), corpus.window(&settings, last - 12));
    assert_eq!(corpus.window(&settings, u64::MAX).len(), 9);
}

/// Which window a seed gives is part of what is promised: a change is value-breaking.
/// The figures are those of Philox written down again in Python.
#[test]
fn windows_are_the_same_in_every_version() {
    let corpus = counting(1_000_000, 900_000);
    let begins = |seed, at: u64| {
        (at..at + 6).map(|index| corpus.window(&settings(seed, 48), index)[0]).collect::<Vec<_>>()
    };
    assert_eq!(begins(1337, 0), [3249, 441_247, 30_848, 566_124, 88_598, 866_140]);
    let last_two_of_the_epoch = begins(1337, 18_748);
    assert_eq!(last_two_of_the_epoch, [692_770, 737_267, 282_588, 452_009, 170_660, 794_859]);
    assert_eq!(begins(0, 0), [507_893, 36_589, 398_345, 161_079, 353_148, 328_011]);
}
