//! The arguments of a stage in the text form, still text: named, positional, or `off`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use crate::stage::{Param, StageInfo};
use crate::{Decimal, Error, Result, Scope, TokenId};

/// What stands between the parentheses, matched to the stage's parameters.
#[derive(Debug)]
pub struct Arguments<'a> {
    info: &'static StageInfo,
    /// One place for each parameter.
    values: Vec<Option<&'a str>>,
    /// Everything, for a stage that takes a list.
    items: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Reads the text between the parentheses. Errors say what is wrong; the caller adds where.
    pub(crate) fn read(
        info: &'static StageInfo,
        text: &'a str,
    ) -> core::result::Result<Self, String> {
        let mut arguments =
            Self { info, values: alloc::vec![None; info.params.len()], items: Vec::new() };
        let pieces: Vec<&str> = match text.trim() {
            "" => Vec::new(),
            text => text.split(',').map(str::trim).collect(),
        };
        if pieces.contains(&"") {
            return Err(format!("{} has an empty argument", info.name));
        }
        if info.takes_list() && !pieces.is_empty() {
            arguments.items = pieces;
            return Ok(arguments);
        }
        for (at, piece) in pieces.into_iter().enumerate() {
            let (place, value) = match piece.split_once('=') {
                Some((name, value)) => (info.place_of(name.trim())?, value.trim()),
                None if at < info.params.len() => (at, piece),
                None => return Err(format!("{} takes at most {}", info.name, count(info.params))),
            };
            if arguments.values[place].replace(value).is_some() {
                return Err(format!("{} is given twice", info.params[place].name));
            }
        }
        if let Some(at) = arguments.missing() {
            return Err(format!(
                "{} needs {}: {}",
                info.name, info.params[at].name, info.params[at].range
            ));
        }
        Ok(arguments)
    }

    fn missing(&self) -> Option<usize> {
        let pairs = self.values.iter().zip(self.info.params);
        pairs.into_iter().position(|(value, param)| value.is_none() && param.default.is_none())
    }

    /// Whether the first parameter is the word `off`.
    pub fn is_off(&self) -> bool {
        self.values[0] == Some("off") || self.items == ["off"]
    }

    /// Whether a parameter is this word.
    pub fn is_word(&self, at: usize, word: &str) -> bool {
        self.values[at] == Some(word)
    }

    fn text(&self, at: usize) -> &'a str {
        self.values[at].or(self.info.params[at].default).expect("`read` found none missing")
    }

    /// The error for a parameter's value.
    pub fn refuse(&self, at: usize) -> Error {
        self.info.refuse(at, self.text(at))
    }

    /// A number for which `allowed` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when the text is no number or outside the range.
    pub fn number(&self, at: usize, allowed: impl Fn(f64) -> bool) -> Result<f64> {
        let value = self.text(at).parse().ok().filter(|&value: &f64| allowed(value));
        value.ok_or_else(|| self.refuse(at))
    }

    /// A decimal fraction for which `allowed` holds, exact as typed.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when the text is no decimal of at most 17 digits or outside the range.
    pub fn decimal(&self, at: usize, allowed: impl Fn(f64) -> bool) -> Result<Decimal> {
        self.number(at, &allowed)?;
        let exact: Option<Decimal> = self.text(at).parse().ok();
        let exact = exact.ok_or_else(|| Error::Parameter {
            stage: self.info.name,
            name: self.info.params[at].name,
            given: self.text(at).to_string(),
            range: "the decimals of at most 17 significant digits (round it)",
        })?;
        if allowed(exact.to_f64()) { Ok(exact) } else { Err(self.refuse(at)) }
    }

    /// A whole number ≥ 0.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when the text is none.
    pub fn integer(&self, at: usize) -> Result<usize> {
        self.text(at).parse().map_err(|_| self.refuse(at))
    }

    /// One of the words of a choice.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when the text is none of them.
    pub fn choice<T: FromStr>(&self, at: usize) -> Result<T> {
        self.text(at).parse().map_err(|_| self.refuse(at))
    }

    /// The scope of a penalty: parameters 1 (`last`) and 2 (`scope`).
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when either cannot be read.
    pub fn scope(&self) -> Result<Scope> {
        let last = if self.text(1) == "off" { None } else { Some(self.integer(1)?) };
        Ok(Scope { part: self.choice(2)?, last })
    }

    /// Token ids, in id order without repeats.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when an item is no id.
    pub fn tokens(&self) -> Result<Vec<TokenId>> {
        let read = |item: &&str| item.parse().map_err(|_| self.refuse_item(item));
        let mut tokens = self.items.iter().map(read).collect::<Result<Vec<TokenId>>>()?;
        tokens.sort_unstable();
        tokens.dedup();
        Ok(tokens)
    }

    /// Token ids with a bias each (finite, or `-inf` to ban), in id order; a repeated id is an error.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] when an item is not `id=bias` or repeats an id.
    pub fn biases(&self) -> Result<Vec<(TokenId, f64)>> {
        let read = |item: &&str| {
            let (id, bias) = item.split_once(['=', ':'])?;
            let bias: f64 = bias.trim().parse().ok()?;
            let allowed = bias.is_finite() || bias == f64::NEG_INFINITY;
            Some((id.trim().parse().ok()?, bias)).filter(|_| allowed)
        };
        let read = |item: &&str| read(item).ok_or_else(|| self.refuse_item(item));
        let mut biases = self.items.iter().map(read).collect::<Result<Vec<(TokenId, f64)>>>()?;
        biases.sort_unstable_by_key(|&(id, _)| id);
        match biases.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(self.refuse_item(&format!("{}=…", pair[0].0))),
            None => Ok(biases),
        }
    }

    fn refuse_item(&self, item: &str) -> Error {
        self.info.refuse(0, item)
    }
}

impl StageInfo {
    fn place_of(&self, name: &str) -> core::result::Result<usize, String> {
        let place = self.params.iter().position(|param| param.name == name);
        place.ok_or_else(|| {
            let known: Vec<&str> = self.params.iter().map(|param| param.name).collect();
            format!("{} has no parameter {name:?}; it has {}", self.name, known.join(", "))
        })
    }
}

fn count(params: &[Param]) -> String {
    match params.len() {
        1 => "one argument".to_string(),
        n => format!("{n} arguments"),
    }
}
