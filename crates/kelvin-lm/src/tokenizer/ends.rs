//! The tokens that end a generation.

use kelvin::TokenId;

use super::TokenKind;
use super::parts::Parts;

/// A token that ends a generation, and why it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The token.
    pub token: TokenId,
    /// The reason, for people.
    pub why: &'static str,
}

/// Spellings that end a generation where the file types them as control tokens. Files name one or two
/// such tokens by key and leave out the others; llama.cpp finds them by the same spellings
/// (`special_eog_ids`).
const SPELLINGS: [(&str, &str); 15] = [
    ("<eos>", "ends a sequence"),
    ("</s>", "ends a sequence"),
    ("<|endoftext|>", "ends a sequence"),
    ("<|end_of_text|>", "ends a sequence"),
    ("<end_of_turn>", "ends a turn (Gemma)"),
    ("<|im_end|>", "ends a turn (ChatML)"),
    ("<|eot_id|>", "ends a turn (Llama 3)"),
    ("<|end|>", "ends a turn (Phi)"),
    ("<EOT>", "ends a turn"),
    ("<end_of_utterance>", "ends a turn"),
    ("<|eom_id|>", "ends a message to a tool (Llama 3)"),
    ("<fim_pad>", "pads a filled-in middle"),
    ("<|fim_pad|>", "pads a filled-in middle"),
    ("<reponame>", "begins another repository's files"),
    ("<|file_sep|>", "begins another file"),
];

/// Whether a control token of this spelling ends a generation.
pub(super) fn is_end(spelling: &str) -> bool {
    SPELLINGS.iter().any(|(end, _)| *end == spelling)
}

/// The ends of a vocabulary, by id, each once.
///
/// llama.cpp retypes a token with one of these spellings that the file does not call control, and so
/// takes Gemma 3's HTML tag `</s>` for an end; here the file is believed.
pub(super) fn ends(parts: &Parts) -> Vec<End> {
    let named = [
        (parts.roles.eos, "the file's end of sequence"),
        (parts.roles.eot, "the file's end of turn"),
        (parts.roles.eom, "the file's end of message"),
    ];
    let named = named.into_iter().filter_map(|(token, why)| Some(End { token: token?, why }));
    let spelled = parts.pieces.of_kind(TokenKind::Control).filter_map(|(token, piece)| {
        let (_, why) = SPELLINGS.iter().find(|(spelling, _)| *spelling == piece)?;
        Some(End { token, why })
    });
    joined(named.chain(spelled))
}

/// Ends by id, each once, with the first reason given.
pub(super) fn joined(ends: impl Iterator<Item = End>) -> Vec<End> {
    let mut ends: Vec<End> = ends.collect();
    ends.sort_by_key(|end| end.token); // stable
    ends.dedup_by_key(|end| end.token);
    ends
}
