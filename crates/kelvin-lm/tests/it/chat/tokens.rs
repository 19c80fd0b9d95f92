//! A small tokenizer for templates to write with.

use kelvin_lm::tokenizer::{Scheme, TokenKind, Tokenizer, Vocabulary};

/// Control tokens of [`small`].
pub(super) const CONTROL: [&str; 6] =
    ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "[INST]", "<start_of_turn>"];

/// A SentencePiece tokenizer that knows these control tokens and every byte; BOS `<s>`, EOS `</s>`.
pub(super) fn small() -> Tokenizer {
    let control = CONTROL.map(str::to_owned);
    let bytes = (0..=255_u8).map(|byte| format!("<0x{byte:02X}>"));
    let pieces: Vec<String> = control.into_iter().chain(bytes).collect();
    let kinds = (0..pieces.len())
        .map(|at| if at < CONTROL.len() { TokenKind::Control } else { TokenKind::Byte })
        .collect();
    let scores = vec![0.0; pieces.len()];
    Tokenizer::new(Vocabulary {
        pieces,
        kinds,
        scheme: Scheme::SentencePiece { scores, space_prefix: false },
        bos: Some(0),
        eos: Some(1),
        eot: None,
        eom: None,
        add_bos: true,
        add_eos: false,
    })
    .expect("a sound vocabulary")
}
