//! A policy in one argument: `greedy`, `balanced`, `T=0.7,top_p=0.9`, `temperature(1.2) | min-p(0.1)`.

use std::collections::BTreeMap;

use anyhow::Result;
use kelvin::stage::{self, StageInfo};
use kelvin::{Pipeline, nearest, pipeline::Pick, preset};

use crate::exit::Failure;

/// A policy, and what the user called it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// As it was typed.
    pub(crate) label: String,
    /// The recipe.
    pub(crate) pipeline: Pipeline,
}

/// Policies from their texts.
///
/// # Errors
///
/// Something typed, with the text it is in.
pub(crate) fn all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Named>> {
    texts.into_iter().map(named).collect()
}

fn named(text: &str) -> Result<Named> {
    let text = text.trim();
    let blame = |failure: Failure| failure.inside(&format!("-s {text:?}"));
    let pipeline = if text.contains(['(', '|']) || ["greedy", "neutral"].contains(&text) {
        text.parse().map_err(|error: kelvin::Error| blame(Failure::typed(error.to_string())))?
    } else {
        of_values(text).map_err(blame)?
    };
    Ok(Named { label: text.to_owned(), pipeline })
}

/// Values between commas, behind the name of a preset if any, in the default order.
fn of_values(text: &str) -> Result<Pipeline, Failure> {
    let mut pieces = text.split(',').map(str::trim).peekable();
    let mut values = Values::default();
    if let Some(preset) = pieces.next_if(|piece| !piece.contains('=')) {
        values.add_preset(preset)?;
    }
    for piece in pieces {
        values.add(piece)?;
    }
    values.pipeline()
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

    fn pipeline(self) -> Result<Pipeline, Failure> {
        let mut stages = Vec::new();
        for info in stage::ALL {
            let first = info.params[0].name;
            let mut arguments = self.typed.get(info.name).cloned().unwrap_or_default();
            if let Some(value) = self.preset.get(info.name)
                && arguments.iter().all(|(name, _)| *name != first)
            {
                arguments.push((first, value.clone()));
            }
            if arguments.is_empty() {
                continue;
            }
            let arguments: Vec<String> = arguments
                .iter()
                .map(
                    |(name, value)| {
                        if info.takes_list() { value.clone() } else { format!("{name}={value}") }
                    },
                )
                .collect();
            let stage = kelvin::build_stage(info.name, &arguments.join(", "));
            stages.push(stage.map_err(|error| Failure::typed(error.to_string()))?);
        }
        Ok(Pipeline::in_default_order(stages, Pick::Draw))
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
