//! Everything that can go wrong: a setting, a text form, or a row of logits.

use alloc::string::String;
use core::fmt;

use crate::TokenId;

/// The result of everything in this crate that can fail.
pub type Result<T> = core::result::Result<T, Error>;

/// An error of this crate. A failed call leaves the value it was made on as it was.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is outside its range.
    Parameter {
        /// The stage, by its canonical name.
        stage: &'static str,
        /// The parameter, by its canonical name.
        name: &'static str,
        /// The value as it was given.
        given: String,
        /// The rule, and the way out.
        range: &'static str,
    },
    /// A pipeline's text cannot be read.
    Spec {
        /// Byte offset in the text.
        at: usize,
        /// What is wrong there and what may stand there.
        expected: String,
    },
    /// A dialect lacks a stage.
    NotInDialect {
        /// The dialect's name.
        dialect: &'static str,
        /// The stage, by its canonical name.
        stage: &'static str,
        /// The stages that the dialect has, in its order.
        has: String,
    },
    /// A logit is not a number, or +∞: neither can be ordered against the rest.
    NotANumber {
        /// The first such token.
        token: TokenId,
        /// How many such tokens the row holds.
        count: usize,
    },
    /// Every token is banned.
    NothingLeft {
        /// The stage that banned the last one; `"logits"` when the row came that way.
        stage: &'static str,
    },
    /// A row of logits has another length than the vocabulary.
    VocabMismatch {
        /// The vocabulary's size.
        expected: usize,
        /// The row's length.
        found: usize,
    },
    /// A token id in a parameter or history lies outside the vocabulary.
    TokenOutOfRange {
        /// The id.
        token: TokenId,
        /// The vocabulary's size.
        vocab_size: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { stage, name, given, range } if stage == name => {
                write!(f, "{stage}: {given} is outside {range}")
            }
            Self::Parameter { stage, name, given, range } => {
                write!(f, "{stage}: {name} = {given} is outside {range}")
            }
            Self::Spec { at, expected } => write!(f, "pipeline, column {}: {expected}", at + 1),
            Self::NotInDialect { dialect, stage, has } => {
                write!(f, "dialect {dialect} has no {stage}; it has {has}")
            }
            Self::NotANumber { token, count: 1 } => {
                write!(f, "the logit of token {token} is not a finite number or -inf")
            }
            Self::NotANumber { token, count } => write!(
                f,
                "{count} logits are not finite numbers or -inf, the first at token {token}"
            ),
            Self::NothingLeft { stage: "logits" } => {
                f.write_str("nothing left to draw: every logit is -inf")
            }
            Self::NothingLeft { stage } => {
                write!(f, "nothing left to draw: every token is banned after {stage}")
            }
            Self::VocabMismatch { expected, found } => {
                write!(f, "a row of {found} logits does not fit a vocabulary of {expected} tokens")
            }
            Self::TokenOutOfRange { token, vocab_size } => {
                write!(f, "token {token} is outside the vocabulary of {vocab_size} tokens")
            }
        }
    }
}

impl core::error::Error for Error {}
