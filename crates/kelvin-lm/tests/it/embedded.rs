//! The embedded model: what it is, and that it is what `fixtures/MADE.md` says.

use std::fs;
use std::path::Path;

use kelvin_lm::chat::ChatTemplate;
use kelvin_lm::format::Folder;
use kelvin_lm::tokenizer::{ShowSpecial, SpecialTokens, Tokenizer};
use kelvin_lm::{Architecture, Checkpoint, EngineOptions, Model, Session, embedded};

/// The most bytes of weights that a program carries unasked.
const MOST: u64 = 4 << 20;

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

fn opened() -> Checkpoint {
    embedded::checkpoint().expect("the embedded model is sound")
}

#[test]
fn it_is_a_small_decoder_of_characters() {
    let checkpoint = opened();
    let config = checkpoint.config().expect("a known architecture");
    assert_eq!(config.architecture, Architecture::Gpt2);
    assert_eq!((config.n_layers, config.d_model, config.n_heads), (4, 192, 6));
    assert_eq!((config.max_seq, config.vocab_size, config.tied_head), (256, 65, true));
    assert_eq!(config.n_params(), 1_841_472);
    assert!(checkpoint.n_bytes() <= MOST, "{} bytes", checkpoint.n_bytes());
    assert_eq!(checkpoint.layout(), "safetensors");
    assert!(checkpoint.tensors().iter().all(|tensor| tensor.dtype_name == "F16"));
    assert!(ChatTemplate::open(&checkpoint, None).expect("no template is no error").is_none());
    assert!(checkpoint.generation_defaults().expect("sound").ends().is_empty());
}

#[test]
fn its_alphabet_is_that_of_the_plays() {
    let tokenizer = Tokenizer::open(&opened()).expect("sound");
    let alphabet = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let ids = tokenizer.encode_prompt(alphabet, SpecialTokens::Text).expect("all are there");
    assert_eq!(ids, (0..65).collect::<Vec<_>>());
    assert_eq!(tokenizer.text_bytes(&ids, ShowSpecial::Hide), alphabet.as_bytes());
    let error = tokenizer.encode("ROMEO: ñ", SpecialTokens::Text).expect_err("no such letter");
    assert_eq!(error.to_string(), "the vocabulary has no token for U+00F1 'ñ' (byte 7)");
}

#[test]
fn its_files_are_those_that_were_made() {
    let bytes = fs::read(fixtures().join("verse/model.safetensors")).expect("it is there");
    assert_eq!(opened().n_bytes(), bytes.len() as u64);
    let hash = crate::sha256::sha256(&bytes);
    let made = fs::read_to_string(fixtures().join("MADE.md")).expect("it is there");
    let told: Vec<&str> = made.lines().filter_map(|line| line.strip_prefix("sha256: ")).collect();
    assert_eq!(told, [hash]);
}

#[test]
fn in_memory_and_on_disk_it_is_one_model() {
    let folder = fixtures().join("verse");
    let on_disk = Checkpoint::open(&folder).expect("a folder in Hugging Face layout");
    let logits = |checkpoint: &Checkpoint| {
        let model = Model::open(checkpoint, EngineOptions::default()).expect("sound");
        let tokenizer = Tokenizer::open(checkpoint).expect("sound");
        let ids = tokenizer.encode_prompt("ROMEO:", SpecialTokens::Text).expect("English");
        let mut session = Session::new(&model);
        let logits = session.feed(&ids).expect("it fits").iter();
        logits.map(|logit| logit.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(logits(&opened()), logits(&on_disk));
    assert_eq!(opened().tensors(), on_disk.tensors());
}

#[test]
fn files_in_memory_are_held_to_the_rules_of_those_on_disk() {
    type Files = &'static [(&'static str, &'static [u8])];
    const CONFIG: (&str, &[u8]) = ("config.json", b"{}");
    const INDEX: &[u8] = br#"{"weight_map": {"x": "1.safetensors"}}"#;
    let of = |files: Files| Folder::in_memory("tiny", files).expect_err("refused").to_string();
    assert_eq!(of(&[]), "tiny: the folder has no config.json");
    let told = of(&[CONFIG, ("model.pt", b"")]);
    assert_eq!(told, "tiny/model.pt: is a Python pickle, which is never read: it can run code");
    let told = of(&[CONFIG, ("model.safetensors", b"{}")]);
    assert!(told.starts_with("tiny/model.safetensors: "), "{told}");
    let told = of(&[CONFIG, ("model.safetensors.index.json", INDEX)]);
    assert_eq!(told, "tiny/1.safetensors: no such file");
}
