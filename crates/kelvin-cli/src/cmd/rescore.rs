//! `kelvin rescore`: whether a text could have come under other settings.

mod subject;

use anyhow::Result;
use clap::ArgMatches;
use kelvin::pipeline::Shown;
use kelvin::{Pipeline, Verdict, stats};
use kelvin_lab::rescore::Answer;
use serde_json::{Value, json};

use self::subject::{Judged, Subject};
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::Code;
use crate::settings::{self, Policy};
use crate::term::number::{count, counted, percent};
use crate::term::table::{Align, Table};
use crate::term::text::cut;
use crate::vocab::Names;

/// Columns of a token.
const TOKEN: usize = 20;
/// Impossible tokens that the summary names.
const NAMED: usize = 8;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let policy = Policy::resolve(matches, None)?;
    console.warn_all(&policy.warnings)?;
    let subject = match text(matches, "text") {
        None => Subject::of_trace(&policy.pipeline, matches, console)?,
        Some(text) => Subject::of_text(text, &policy.pipeline, matches, console)?,
    };
    if matches.get_flag("json") {
        console.json(&object(&subject, &policy.pipeline))?;
    } else {
        write(&subject, &policy, matches.get_flag("bits"), console)?;
    }
    Ok(Code::Done)
}

fn write(subject: &Subject, policy: &Policy, bits: bool, console: &mut Console<'_>) -> Result<()> {
    let (scale, unit) = if bits { (stats::bits(1.0), "bits") } else { (1.0, "nats") };
    writeln!(console.out, "{}", subject.facts.join(" · "))?;
    if let Some(recorded) = &subject.recorded {
        writeln!(console.out, "then  {recorded}")?;
    }
    writeln!(console.out, "now   {}\n", policy.pipeline)?;
    table(subject, &policy.pipeline, scale).write(console.out)?;
    writeln!(console.out, "\n{}", summary(subject, scale, unit))?;
    let origins = settings::origins(&policy.settings, |setting| setting.name);
    writeln!(console.out, "{}", origins.join(" · "))?;
    Ok(())
}

fn table(subject: &Subject, pipeline: &Pipeline, scale: f64) -> Table {
    let mut table = Table::new(&[
        ("#", Align::Right),
        ("token", Align::Left),
        ("raw p", Align::Right),
        ("p then", Align::Right),
        ("p now", Align::Right),
        ("cost now", Align::Right),
        ("", Align::Left),
    ]);
    for (at, token) in subject.tokens.iter().enumerate() {
        let (p, cost, note) = match token.answer {
            Answer::Exact(Verdict::Possible { logprob }) | Answer::Within { logprob, .. } => {
                let p = percent(kelvin::math::exp(logprob));
                (p, format!("{:.2}", 0.0 - logprob * scale), String::new())
            }
            Answer::Exact(verdict) => {
                ("–".to_owned(), "∞".to_owned(), format!("✗ {}", why(verdict, pipeline)))
            }
            Answer::NeedsModel(reason) => {
                ("?".to_owned(), "?".to_owned(), format!("? {}", reason.as_str()))
            }
        };
        table.row([
            (at + 1).to_string(),
            cut(&subject.names.visible(token.id), TOKEN),
            percent(kelvin::math::exp(token.raw_logprob)),
            token.logprob.map_or("–".to_owned(), |then| percent(kelvin::math::exp(then))),
            p,
            cost,
            note,
        ]);
    }
    table
}

/// What rules a token out.
fn why(verdict: Verdict, pipeline: &Pipeline) -> String {
    match verdict {
        Verdict::Possible { .. } => String::new(),
        Verdict::Removed { stage } => match pipeline.stages().get(stage) {
            Some(stage) => format!("{} removes it", Shown(stage.as_ref())),
            None => "removed".to_owned(),
        },
        Verdict::Outranked => "greedy takes another".to_owned(),
        Verdict::TooRare => "too rare to be drawn".to_owned(),
        Verdict::Banned => "the model rules it out".to_owned(),
    }
}

/// `could not have happened: 2 of 30 tokens are impossible (17, 24); the other 28 cost 21.6 nats, 25.1 then`.
fn summary(subject: &Subject, scale: f64, unit: &str) -> String {
    let of = |is: fn(&Answer) -> bool| -> Vec<usize> {
        let places = subject.tokens.iter().enumerate();
        places.filter(|(_, token)| is(&token.answer)).map(|(at, _)| at + 1).collect()
    };
    let impossible = of(
        |answer| matches!(answer, Answer::Exact(verdict) if verdict.surprisal_nats().is_infinite()),
    );
    let open = of(|answer| matches!(answer, Answer::NeedsModel(_)));
    let n = subject.tokens.len();
    let cost = format!("{:.2} {unit}", subject.nats() * scale);
    let then =
        subject.nats_then().map_or(String::new(), |then| format!(" (then {:.2})", then * scale));
    let mut parts = Vec::new();
    if impossible.is_empty() {
        let could = if open.is_empty() {
            "this text could have happened"
        } else {
            "nothing rules this text out"
        };
        parts.push(format!("{could}: {} cost {cost}{then}", counted(n - open.len(), "token")));
    } else {
        let named: Vec<String> = impossible.iter().take(NAMED).map(usize::to_string).collect();
        let more = if impossible.len() > NAMED { ", …" } else { "" };
        let are = if impossible.len() == 1 { "is" } else { "are" };
        parts.push(format!(
            "this text could not have happened: {} of {} {are} impossible ({}{more}); the rest cost {cost}",
            count(impossible.len()),
            counted(n, "token"),
            named.join(", "),
        ));
    }
    if !open.is_empty() {
        parts.push(format!("{} undecided without the model", counted(open.len(), "token")));
    }
    parts.join(" · ")
}

fn object(subject: &Subject, pipeline: &Pipeline) -> Value {
    let token = |token: &Judged| {
        let (logprob, error, removed_by) = match token.answer {
            Answer::Exact(Verdict::Possible { logprob }) => (Some(logprob), 0.0, None),
            Answer::Within { logprob, error } => (Some(logprob), error, None),
            Answer::Exact(verdict) => (None, 0.0, Some(why(verdict, pipeline))),
            Answer::NeedsModel(_) => (None, 0.0, None),
        };
        json!({
            "id": token.id,
            "token": subject.names.json(token.id),
            "raw_logprob": token.raw_logprob,
            "logprob_then": token.logprob,
            "logprob": logprob,
            "error": error,
            "impossible": removed_by,
            "decided": !matches!(token.answer, Answer::NeedsModel(_)),
        })
    };
    json!({
        "pipeline": pipeline.to_string(),
        "recorded_pipeline": subject.recorded,
        "nats": subject.nats(),
        "nats_then": subject.nats_then(),
        "asked_model": subject.n_asked,
        "tokens": subject.tokens.iter().map(token).collect::<Vec<_>>(),
    })
}

/// The names of a loaded model's tokens.
fn names(loaded: crate::load::Loaded) -> Names {
    Names::Model(Box::new(loaded.tokenizer))
}
