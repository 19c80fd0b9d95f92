//! Character tokenizers: the same ids here and in the `tokenizers` crate, and every text back.

use kelvin::Softmax;
use kelvin_lm::tokenizer::{Characters, ShowSpecial, SpecialTokens, Tokenizer};
use kelvin_lm::{ErrorKind, Result, TokenId};

use super::steps::PASSAGE;

/// What goes wrong elsewhere: blanks, line ends, marks that join their neighbours, quotes, specials of JSON,
/// a zero byte, the byte order mark, the ends of Unicode.
const NASTY: &str = "a Z\t\n\r\"\\'<|>\u{0}\u{7f}\u{a0}é\u{301}ß猫👩\u{200d}🏳\u{fe0f}\u{202e}\u{2028}\u{feff}\u{d7ff}\u{e000}\u{10ffff}";

/// One tokenizer, twice.
struct Pair {
    characters: Characters,
    ours: Tokenizer,
    theirs: tokenizers::Tokenizer,
}

impl Pair {
    fn new(text: &str) -> Self {
        let characters = Characters::of(text).expect("not empty");
        let json = characters.tokenizer_json();
        let theirs = tokenizers::Tokenizer::from_bytes(json).expect("the crate takes it");
        Self { ours: characters.tokenizer().expect("ours takes it"), characters, theirs }
    }

    /// Both give each character its place among all, and the text back.
    fn check(&self, text: &str) {
        let all = self.characters.as_slice();
        let place = |c| all.binary_search(&c).ok().and_then(|at| TokenId::try_from(at).ok());
        let expected: Vec<TokenId> = text.chars().filter_map(place).collect();
        assert_eq!(expected.len(), text.chars().count(), "{text:?} is of the alphabet");
        for special in [SpecialTokens::Text, SpecialTokens::Parse] {
            let ids = self.ours.encode(text, special).expect("of the alphabet");
            assert_eq!(ids, expected, "{text:?}");
            assert_eq!(self.ours.encode_prompt(text, special).expect("the same"), ids, "{text:?}");
        }
        let theirs = self.theirs.encode_fast(text, true).expect("of the alphabet");
        assert_eq!(theirs.get_ids(), expected, "{text:?}");
        let back = self.ours.text_bytes(&expected, ShowSpecial::Hide);
        assert_eq!(back, text.as_bytes(), "{text:?}");
        assert_eq!(self.theirs.decode(&expected, true).expect("ids of its own"), text);
    }
}

#[test]
fn ids_are_places_in_the_alphabet_and_every_text_comes_back() {
    let pair = Pair::new(NASTY);
    let all: Vec<char> = NASTY.chars().collect();
    assert_eq!(pair.characters.as_slice().len(), all.len());
    assert_eq!(pair.ours.vocab_size(), all.len());
    pair.check("");
    for a in &all {
        for b in &all {
            pair.check(&String::from_iter([a, b]));
            pair.check(&String::from_iter([a, b, a, a, b]));
        }
    }
    for text in [
        "  a  Z  ",
        "\r\n\r\n",
        "\n\n a\n",
        "<|a|>",
        "👩\u{200d}👩\u{200d}👩",
        "é\u{301}\u{301}",
        NASTY,
    ] {
        pair.check(text);
    }
}

#[test]
fn one_character_is_enough_and_many_are_not_too_many() {
    Pair::new("\n").check("\n\n\n");
    // one in thirteen of all there are, which is more than any script has
    let many: String = ('\0'..=char::MAX).step_by(13).collect();
    let pair = Pair::new(&many);
    assert_eq!(pair.ours.vocab_size(), 85_544);
    pair.check(&many);
    pair.check(&many.chars().rev().collect::<String>());
}

#[test]
fn an_unknown_character_is_named_with_its_place_and_never_dropped() {
    let pair = Pair::new("ab\u{301} ");
    for (text, told) in [
        ("c", "U+0063 'c' (byte 0)"),
        ("ab é", "U+00E9 'é' (byte 3)"),
        ("b\u{301}\n", "U+000A (byte 3)"),
        ("a\u{a0}", "U+00A0 (byte 1)"),
        ("a\u{302}", "U+0302 (byte 1)"),
        ("\u{1f469}\u{200d}", "U+1F469 '👩' (byte 0)"),
        ("<unk>", "U+003C '<' (byte 0)"),
    ] {
        let error = pair.ours.encode(text, SpecialTokens::Parse).expect_err(told);
        assert_eq!(error.kind(), ErrorKind::Tokenizer);
        assert_eq!(error.to_string(), format!("the vocabulary has no token for {told}"));
        assert!(pair.theirs.encode_fast(text, true).is_err(), "{text:?} in the tokenizers crate");
    }
    assert_eq!(Characters::of("").expect_err("no character").kind(), ErrorKind::Tokenizer);
}

#[test]
fn the_file_depends_on_the_characters_alone() -> Result<()> {
    let json = Characters::of("tea\ntea \"\\")?.tokenizer_json();
    assert_eq!(json, Characters::of("\\\"t ae\n")?.tokenizer_json());
    assert_ne!(json, Characters::of("tea\ntea")?.tokenizer_json());
    let vocab = "    \"vocab\": {\n      \"\\n\": 0,\n      \" \": 1,\n      \"\\\"\": 2,\n      \"\\\\\": 3,\n      \
                 \"a\": 4,\n      \"e\": 5,\n      \"t\": 6\n    },\n";
    assert!(json.contains(vocab), "{json}");
    assert!(!Characters::of("tea")?.tokenizer()?.is_end(0), "no token ends a text");
    Ok(())
}

/// The entropy of a token that comes as often as it is counted here.
fn entropy(counts: &[u32]) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "a logit")]
    let ln = |count: &u32| kelvin::math::ln(f64::from(*count)) as f32;
    let logits: Vec<f32> = counts.iter().filter(|count| **count > 0).map(ln).collect();
    Softmax::new(&logits).expect("counts").entropy_nats()
}

/// What a model of the second seed's corpus begins from (all characters alike), and what it reaches by
/// knowing how often each comes, and which stands before it.
#[test]
fn the_seeds_corpus_has_its_alphabet_and_its_entropies() -> Result<()> {
    let text = PASSAGE.repeat(10);
    let characters = Characters::of(&text)?;
    assert_eq!(String::from_iter(characters.as_slice()), " .TWabcdefghiklmnopqrstuwy");
    let ids = characters.tokenizer()?.encode(&text, SpecialTokens::Text)?;
    assert_eq!((ids.len(), ids[..4].to_vec()), (2620, vec![2, 17, 0, 5]));

    let mut single = vec![0; 26];
    let mut pairs = vec![vec![0; 26]; 26];
    for id in &ids {
        single[*id as usize] += 1;
    }
    ids.windows(2).for_each(|pair| pairs[pair[0] as usize][pair[1] as usize] += 1);
    let of = |counts: &Vec<u32>| f64::from(counts.iter().sum::<u32>()) * entropy(counts);
    let conditional = pairs.iter().map(of).sum::<f64>() / 2619.0;
    for (got, wanted) in [
        (entropy(&[1; 26]), 3.258_096_538_021_482),
        (entropy(&single), 2.757_161_996_508_16),
        (conditional, 1.671_983_868_357_519_9),
    ] {
        assert!((got - wanted).abs() < 1e-6, "{got}, not {wanted}");
    }
    Ok(())
}
