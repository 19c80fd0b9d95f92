//! Text files: read as they are, split by characters, refused by name.

use kelvin_lm::ErrorKind;
use kelvin_lm::tokenizer::{Characters, SpecialTokens, Tokenizer};
use kelvin_lm::train::{Corpus, TextFiles};

use crate::real;
use crate::scene::Scene;

fn corpus(files: &TextFiles, tokenizer: &Tokenizer, share: f64) -> kelvin_lm::Result<Corpus> {
    files.corpus(tokenizer, SpecialTokens::Text, share)
}

#[test]
fn files_stand_one_behind_the_other_byte_for_byte() {
    let scene = Scene::new("text-files");
    let (one, two) = (scene.write("1.txt", "\u{feff}a\r\n"), scene.write("2.txt", " b\n\n"));
    let read = |paths: &[_]| TextFiles::read(paths).expect("two sound files").text().to_owned();
    assert_eq!(read(&[&one, &two]), "\u{feff}a\r\n b\n\n");
    assert_eq!(read(&[&two, &one, &two]), " b\n\n\u{feff}a\r\n b\n\n");
}

#[test]
fn what_is_no_text_is_refused_with_path_and_byte() {
    let scene = Scene::new("no-text");
    let sound = scene.write("sound.txt", "tea");
    let convert = "convert the file to UTF-8 first";
    for (name, bytes, told, hint) in [
        ("empty", &b""[..], "the file is empty, expected text", None),
        ("latin-1", b"caf\xe9 ", "0xE9 is no UTF-8 there (byte 3)", Some(convert)),
        (
            "cut",
            "tea\u{1f375}".as_bytes().split_at(5).0,
            "0xF0 is no UTF-8 there (byte 3)",
            Some(convert),
        ),
        (
            "zeros",
            b"GGUF\x03\0\0\0",
            "the file looks like binary data: it has a zero byte, which no text has (byte 5)",
            Some("name a file of plain text"),
        ),
        (
            "utf-16",
            b"\xff\xfet\0",
            "the file looks like UTF-16, expected UTF-8 (byte 0)",
            Some(convert),
        ),
    ] {
        let path = scene.write(name, bytes);
        let error = TextFiles::read(&[&sound, &path]).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Format, "{name}");
        assert_eq!(error.to_string(), format!("{}: {told}", path.display()));
        assert_eq!(error.way_out(), hint, "{name}");
    }
    let absent = scene.0.join("absent.txt");
    let error = TextFiles::read(&[&sound, &absent]).expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), format!("{}: no such file", absent.display()));
    let error = TextFiles::read(&[&scene.0]).expect_err("a folder");
    assert_eq!(
        error.to_string(),
        format!("{}: is a folder, expected a text file", scene.0.display())
    );
    let error = TextFiles::read::<&str>(&[]).expect_err("none");
    assert_eq!(error.kind(), ErrorKind::Parameter);
}

/// Byte pairs that would reach across the split if the parts were not encoded apart.
#[test]
fn no_token_stands_on_both_sides_of_the_split() -> kelvin_lm::Result<()> {
    let json = br#"{
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
        "decoder": {"type": "Fuse"}
    }"#;
    let tokenizer = Tokenizer::from_json(json, None)?;
    let scene = Scene::new("split");
    let files = TextFiles::read(&[scene.write("ab.txt", "ababab")])?;
    for (share, train, validation) in [
        (1.0, &[2, 2, 2][..], &[][..]),
        (0.99, &[2, 2, 0], &[1]),
        (0.7, &[2, 2], &[2]),
        (0.5, &[2, 0], &[1, 2]),
        (0.17, &[0], &[1, 2, 2]),
    ] {
        let corpus = corpus(&files, &tokenizer, share)?;
        assert_eq!((corpus.train(), corpus.validation()), (train, validation), "{share}");
    }
    Ok(())
}

#[test]
fn a_share_is_above_nothing_and_leaves_something() -> kelvin_lm::Result<()> {
    let scene = Scene::new("share");
    let files = TextFiles::read(&[scene.write("tea.txt", "äöü")])?;
    let tokenizer = Characters::of(files.text())?.tokenizer()?;
    for share in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
        let error = corpus(&files, &tokenizer, share).expect_err("outside");
        assert_eq!(error.kind(), ErrorKind::Parameter);
        assert_eq!(error.to_string(), format!("split = {share} is outside 0 < share ≤ 1"));
    }
    let error = corpus(&files, &tokenizer, 0.3).expect_err("not one of three");
    assert_eq!(error.to_string(), "split = 0.3 of 3 characters leaves none to train on");
    Ok(())
}

#[test]
fn an_unknown_character_is_named_with_file_line_and_column() -> kelvin_lm::Result<()> {
    let scene = Scene::new("unknown");
    let (one, two) = (scene.write("1.txt", "tea\n"), scene.write("2.txt", "ä\nate tê\n"));
    let files = TextFiles::read(&[&one, &two])?;
    let tokenizer = |text: &str| Characters::of(text).and_then(|all| all.tokenizer());
    let told = |share, known: &str| {
        let error = corpus(&files, &tokenizer(known)?, share).expect_err("a character is unknown");
        assert_eq!(error.kind(), ErrorKind::Tokenizer);
        Ok::<String, kelvin_lm::Error>(error.to_string())
    };
    let (one, two) = (one.display(), two.display());
    let lacks = "the vocabulary has no token for";
    for share in [0.1, 0.5, 1.0] {
        // the byte is that of the file, in whichever part the character is
        let circumflex = format!("{two}: line 2, column 6: {lacks} U+00EA 'ê' (byte 8)");
        assert_eq!(told(share, "tea\nä ")?, circumflex);
        assert_eq!(
            told(share, "tea\n ")?,
            format!("{two}: line 1, column 1: {lacks} U+00E4 'ä' (byte 0)")
        );
        assert_eq!(
            told(share, "teaä ê")?,
            format!("{one}: line 1, column 4: {lacks} U+000A (byte 3)")
        );
    }
    Ok(())
}

/// The split and the vocabulary that everybody's first character model has: nanoGPT's.
#[test]
fn tiny_shakespeare_has_the_tokens_that_it_has_elsewhere() -> kelvin_lm::Result<()> {
    let Some(text) = real::text("tiny-shakespeare.txt") else { return Ok(()) };
    let scene = Scene::new("shakespeare");
    let files = TextFiles::read(&[scene.write("input.txt", &text)])?;
    let characters = Characters::of(files.text())?;
    assert_eq!(characters.as_slice().len(), 65);
    let corpus = corpus(&files, &characters.tokenizer()?, 0.9)?;
    assert_eq!((corpus.train().len(), corpus.validation().len()), (1_003_854, 111_540));
    assert_eq!(corpus.train()[..10], [18, 47, 56, 57, 58, 1, 15, 47, 58, 47]); // "First Citi"
    Ok(())
}
