//! A policy in one argument: `greedy`, `balanced`, `T=0.7,top_p=0.9`, `temperature(1.2) | min-p(0.1)`, and
//! behind the name of a dialect `hf: T=0.7`.

use std::collections::BTreeMap;

use anyhow::Result;
use kelvin::stage::{self, StageInfo};
use kelvin::{Dialect, Pipeline, dialect, nearest, pipeline::Pick, preset};

use crate::exit::Failure;
use crate::settings::find_dialect;

/// A policy, and what the user called it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// As it was typed.
    pub(crate) label: String,
    /// The recipe.
    pub(crate) pipeline: Pipeline,
}

/// Policies from their texts, each under each of the dialects, where any are named.
///
/// # Errors
///
/// Something typed, with the text it is in.
pub(crate) fn all<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    dialects: &[&str],
) -> Result<Vec<Named>> {
    let under = |text: &str| match dialects {
        [] => vec![text.to_owned()],
        dialects => dialects.iter().map(|dialect| format!("{dialect}: {text}")).collect(),
    };
    texts.into_iter().flat_map(under).map(|text| named(&text)).collect()
}

fn named(text: &str) -> Result<Named> {
    let text = text.trim();
    let blame = |failure: Failure| failure.inside(&format!("-s {text:?}"));
    let (dialect, rest) = split(text).map_err(blame)?;
    let pipeline = match rest {
        rest if rest.contains(['(', '|']) => of_pipeline(dialect, rest),
        "greedy" => dialect.pipeline(&[], Pick::Greedy).map_err(|error| typed(&error)),
        "neutral" => dialect.pipeline(&[], Pick::Draw).map_err(|error| typed(&error)),
        rest => of_values(dialect, rest),
    };
    Ok(Named { label: text.to_owned(), pipeline: pipeline.map_err(blame)? })
}

/// The dialect before a colon, the native one without one, and the rest. A colon behind a parenthesis or
/// an equals sign belongs to a stage.
fn split(text: &str) -> Result<(&'static Dialect, &str), Failure> {
    match text.split_once(':') {
        Some((name, rest)) if !name.contains(['(', '=', '|']) => {
            Ok((find_dialect(name.trim())?, rest.trim()))
        }
        _ => Ok((&dialect::NATIVE, text)),
    }
}

/// A pipeline's text, which no dialect changes.
fn of_pipeline(dialect: &Dialect, text: &str) -> Result<Pipeline, Failure> {
    if dialect.name != dialect::NATIVE.name {
        let what = format!("dialect {} has no say in a pipeline", dialect.name);
        return Err(Failure::typed(what).hint("its text holds order and rules; give NAME=VALUE,…"));
    }
    text.parse().map_err(|error| typed(&error))
}

fn typed(error: &kelvin::Error) -> Failure {
    Failure::typed(error.to_string())
}

/// Values between commas, behind the name of a preset if any, in the dialect's order.
fn of_values(dialect: &Dialect, text: &str) -> Result<Pipeline, Failure> {
    let mut pieces = text.split(',').map(str::trim).peekable();
    let mut values = Values::default();
    if let Some(preset) = pieces.next_if(|piece| !piece.contains('=')) {
        values.add_preset(preset)?;
    }
    for piece in pieces {
        values.add(piece)?;
    }
    values.pipeline(dialect)
}

/// Arguments of stages, by the stages' names.
#[derive(Default)]
struct Values {
    preset: BTreeMap<&'static str, String>,
    typed: BTreeMap<&'static str, Vec<(&'static str, String)>>,
}

impl Values {
    fn add_preset(&mut self, name: &str) -> Result<(), Failure> {
        let preset = preset::find(name).ok_or_else(|| unknown_word(name))?;
        self.preset.insert("temperature", preset.temperature.to_string());
        self.preset.insert("top-p", preset.top_p.to_string());
        Ok(())
    }

    fn add(&mut self, piece: &str) -> Result<(), Failure> {
        let (name, value) = piece.split_once('=').ok_or_else(|| {
            Failure::typed(format!("expected NAME=VALUE, found {piece:?}"))
                .hint("T=0.7,top_p=0.9: values between commas; a pipeline has parentheses")
        })?;
        let (info, param) = parameter(name.trim()).ok_or_else(|| unknown_value(name.trim()))?;
        let values = self.typed.entry(info.name).or_default();
        if values.iter().any(|(known, _)| *known == param) {
            return Err(Failure::typed(format!("{} is given twice", name.trim())));
        }
        values.push((param, value.trim().to_owned()));
        Ok(())
    }

    fn pipeline(self, dialect: &Dialect) -> Result<Pipeline, Failure> {
        let given: Vec<(&str, String)> =
            stage::ALL.iter().filter_map(|info| Some((info.name, self.arguments(info)?))).collect();
        let given: Vec<(&str, &str)> =
            given.iter().map(|(name, arguments)| (*name, arguments.as_str())).collect();
        dialect.pipeline(&given, Pick::Draw).map_err(|error| typed(&error))
    }

    /// The arguments of a stage; none where nobody gave a value.
    fn arguments(&self, info: &StageInfo) -> Option<String> {
        let first = info.params[0].name;
        let mut arguments = self.typed.get(info.name).cloned().unwrap_or_default();
        if let Some(value) = self.preset.get(info.name)
            && arguments.iter().all(|(name, _)| *name != first)
        {
            arguments.push((first, value.clone()));
        }
        let text = |(name, value): &(&str, String)| {
            if info.takes_list() { value.clone() } else { format!("{name}={value}") }
        };
        let arguments: Vec<String> = arguments.iter().map(text).collect();
        (!arguments.is_empty()).then(|| arguments.join(", "))
    }
}

/// The stage and parameter that a name stands for: a stage's own first one by any of its names, the
/// others as their flags are called.
fn parameter(name: &str) -> Option<(&'static StageInfo, &'static str)> {
    let name = if name == "T" { "temperature".to_owned() } else { name.replace('_', "-") };
    if let Some(info) = stage::find(&name) {
        return Some((info, info.params[0].name));
    }
    let mut flags =
        stage::ALL.iter().flat_map(|info| info.params[1..].iter().map(move |param| (*info, param)));
    let (info, param) = flags.find(|(info, param)| {
        name == format!("{}-{}", info.name, param.name) || param.aliases.contains(&name.as_str())
    })?;
    Some((info, param.name))
}

fn unknown_value(name: &str) -> Failure {
    let known = stage::ALL.iter().map(|info| info.name);
    let hint = nearest(name, known).map_or_else(
        || "`kelvin stages` lists the names".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Failure::typed(format!("no stage {name:?}")).hint(hint)
}

fn unknown_word(name: &str) -> Failure {
    let presets = preset::ALL.iter().map(|preset| preset.name);
    let known: Vec<&str> = ["greedy", "neutral"].into_iter().chain(presets).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("{}, NAME=VALUE,… or a pipeline", known.join(", ")),
    };
    Failure::typed(format!("no policy {name:?}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(text: &str) -> String {
        named(text).expect(text).pipeline.to_string()
    }

    fn refusal(text: &str) -> String {
        named(text).expect_err(text).to_string()
    }

    #[test]
    fn a_policy_is_a_word_values_or_a_pipeline() {
        assert_eq!(pipeline("greedy"), "greedy");
        assert_eq!(pipeline("neutral"), "neutral");
        assert_eq!(pipeline("balanced"), "temperature(0.7) | top-p(0.9)");
        assert_eq!(pipeline("top_p=0.9, T=0.7"), "temperature(0.7) | top-p(0.9)");
        assert_eq!(pipeline("temp=0.7,nucleus=0.9"), "temperature(0.7) | top-p(0.9)");
        assert_eq!(
            pipeline("balanced,top-p=0.5,min_p=0.1"),
            "temperature(0.7) | top-p(0.5) | min-p(0.1)"
        );
        assert_eq!(pipeline("min-p(0.1) | temperature(2)"), "min-p(0.1) | temperature(2)");
        let penalty = "repeat_penalty=1.1,repetition_penalty_last=64";
        assert_eq!(pipeline(penalty), "repetition-penalty(1.1, last=64, scope=all)");
    }

    #[test]
    fn a_dialect_stands_before_a_colon_or_before_all() {
        let hf = "temperature(0.7) | top-k(50, ties=all)";
        assert_eq!(pipeline("hf: T=0.7"), hf);
        assert_eq!(pipeline("hf:neutral"), "top-k(50, ties=all)");
        assert_eq!(pipeline("hf: greedy"), "greedy");
        assert_eq!(pipeline("logit-bias(1:2.5)"), "logit-bias(1=2.5)");
        let labels = |dialects: &[&str]| -> Vec<String> {
            let all = all(["T=0.7", "greedy"], dialects).expect("sound");
            all.into_iter().map(|named| named.label).collect()
        };
        assert_eq!(labels(&[]), ["T=0.7", "greedy"]);
        let each = ["native: T=0.7", "seed4: T=0.7", "native: greedy", "seed4: greedy"];
        assert_eq!(labels(&["native", "seed4"]), each);
        assert_eq!(refusal("hg: T=1"), "-s \"hg: T=1\": no dialect \"hg\"");
        let no_say = "-s \"hf: top-k(5)\": dialect hf has no say in a pipeline";
        assert_eq!(refusal("hf: top-k(5)"), no_say);
    }

    #[test]
    fn what_is_no_policy_is_said_with_its_text() {
        assert_eq!(refusal("balance"), "-s \"balance\": no policy \"balance\"");
        assert_eq!(refusal("top_q=1"), "-s \"top_q=1\": no stage \"top_q\"");
        assert_eq!(refusal("T=1,T=2"), "-s \"T=1,T=2\": T is given twice");
        let outside = "top-p: p = 1.5 is outside 0 < p ≤ 1 (use 1 to keep every token)";
        assert_eq!(refusal("top_p=1.5"), format!("-s \"top_p=1.5\": {outside}"));
        assert!(refusal("").contains("no policy"));
        assert!(refusal("T=1,,").contains("expected NAME=VALUE"));
    }
}
