//! The law of text streaming: however bytes are divided among tokens, the text is the whole text's.

use kelvin_lm::generate::Detok;

/// Alphabets with stops over them: nested stops, stops that overlap themselves, characters of two to four
/// bytes whole and broken, and stops that share bytes with them.
const WORLDS: [(&[u8], usize, &[&str]); 8] = [
    (b"ab", 10, &["b", "abc"]),
    (b"ab", 9, &["abab", "bbb"]),
    (b"abc", 7, &["abc", "b"]),
    (b"abc", 7, &["cab", "abca", "bb"]),
    (b"a\xC3\xA9", 7, &["é", "aé"]),
    (b"a\xE2\x82\xAC", 6, &["a€", "€€"]),
    (b"\xF0\x9F\x90\x88", 6, &["🐈"]),
    (b"a\xC3\xED\xA0\xFF", 5, &[]),
];

/// What is certain once all of `bytes` is known and more may come: the text and the stop met.
fn certain(bytes: &[u8], stops: &[&str]) -> (String, Option<usize>) {
    for end in 1..=bytes.len() {
        let ends = |stop: &&str| bytes[..end].ends_with(stop.as_bytes());
        let met =
            (0..stops.len()).filter(|&i| ends(&stops[i])).max_by_key(|&i| (stops[i].len(), !i));
        if let Some(stop) = met {
            return (lossy(&bytes[..end - stops[stop].len()]), Some(stop));
        }
    }
    let begins = |held: usize| {
        let end = &bytes[bytes.len() - held..];
        stops.iter().any(|stop| stop.len() > held && stop.as_bytes().starts_with(end))
    };
    let held =
        (1..=bytes.len()).rev().find(|&held| begins(held) || waits(&bytes[bytes.len() - held..]));
    (lossy(&bytes[..bytes.len() - held.unwrap_or(0)]), None)
}

/// Whether some bytes could follow that make `end` one character: found by trying.
fn waits(end: &[u8]) -> bool {
    let finishes = |more: &[u8]| {
        let text = [end, more].concat();
        std::str::from_utf8(&text).is_ok_and(|text| text.chars().count() == 1)
    };
    let continuation = [0x80_u8, 0x8F, 0x90, 0x9F, 0xA0, 0xBF];
    let follow = |more: &[u8]| continuation.map(|byte| [more, &[byte]].concat());
    let one = follow(&[]);
    let two = one.iter().flat_map(|more| follow(more));
    let three = two.clone().flat_map(|more| follow(&more));
    end.len() < 4 && one.iter().cloned().chain(two).chain(three).any(|more| finishes(&more))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn machine(stops: &[&str]) -> Detok {
    Detok::new(stops.iter().map(|&stop| stop.to_owned()).collect()).expect("no empty stop")
}

/// Pushes `bytes` in the chunks that the bits of `cuts` say, and compares after each.
fn check(mut detok: Detok, bytes: &[u8], cuts: u32, certain: &[(String, Option<usize>)]) {
    let (mut text, mut from) = (String::new(), 0);
    for end in 1..=bytes.len() {
        if end < bytes.len() && cuts >> (end - 1) & 1 == 0 {
            continue;
        }
        let progress = detok.push(&bytes[from..end]);
        text += &progress.text;
        from = end;
        let (expected, stop) = &certain[end];
        assert!(
            text == *expected && progress.stop == *stop,
            "{bytes:x?}[..{end}] in {cuts:b}: {text:?}"
        );
    }
    let all = &certain[bytes.len()];
    let whole = if all.1.is_some() { all.0.clone() } else { lossy(bytes) };
    assert_eq!(text + &detok.finish(), whole, "{bytes:x?} in {cuts:b}");
}

#[test]
fn every_chunking_of_every_short_string_gives_the_whole_text() {
    for (alphabet, longest, stops) in WORLDS {
        let detok = machine(stops);
        for len in 0..=longest {
            for number in 0..alphabet.len().pow(u32::try_from(len).expect("short")) {
                let digit = |place: usize| {
                    number / alphabet.len().pow(u32::try_from(place).expect("short"))
                };
                let bytes: Vec<u8> =
                    (0..len).map(|place| alphabet[digit(place) % alphabet.len()]).collect();
                let certain: Vec<_> = (0..=len).map(|end| certain(&bytes[..end], stops)).collect();
                for cuts in 0..1 << len.saturating_sub(1) {
                    check(detok.clone(), &bytes, cuts, &certain);
                }
            }
        }
    }
}

#[test]
fn random_texts_in_random_chunks() {
    let alphabet = ["a", "b", "\n", "é", "€", "🐈", "STOP", "ST", "</s>", "\u{FFFD}", "日本"];
    let stops = ["STOP", "\n\n", "</s>", "🐈€", "本a"];
    let detok = machine(&stops);
    let mut state = 1_u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        usize::try_from(state >> 33).expect("31 bits") % n
    };
    for _ in 0..3000 {
        let mut bytes: Vec<u8> =
            (0..random(16)).flat_map(|_| alphabet[random(alphabet.len())].bytes()).collect();
        bytes.truncate(32);
        if !bytes.is_empty() && random(2) == 0 {
            let at = random(bytes.len());
            bytes[at] = u8::try_from(random(256)).expect("a byte");
        }
        let certain: Vec<_> = (0..=bytes.len()).map(|end| certain(&bytes[..end], &stops)).collect();
        for _ in 0..8 {
            let cuts = u32::try_from(random(1 << 31)).expect("31 bits");
            check(detok.clone(), &bytes, cuts, &certain);
        }
    }
}
