//! `kelvin explain --diff A B`: where two dialects differ on one row.

use std::io::{self, Write};

use anyhow::Result;
use clap::ArgMatches;
use kelvin::simd::Level;
use kelvin::trace::HeadToken;
use kelvin::{Dialect, TokenId, TraceStep, stats};
use serde_json::{Value, json};

use crate::args::randomness::Randomness;
use crate::cmd::next;
use crate::cmd::next::account::Subject;
use crate::console::Console;
use crate::exit::Code;
use crate::json::settings;
use crate::settings::{Origin, Policy, Setting, find_dialect};
use crate::term::number::{count, counted, percent, shortest};
use crate::term::paragraph;
use crate::term::table::{Align, Table};

/// Rows of the table on a terminal.
const ROWS: usize = 20;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let mut names = matches.get_many::<String>("diff").into_iter().flatten();
    let mut dialect = || find_dialect(names.next().map_or("", String::as_str));
    let dialects = [dialect()?, dialect()?];
    let (subject, policy, defaults) = next::subject(matches, console)?;
    let level = crate::engine::level(matches)?;
    let mut side = |dialect: &'static Dialect| -> Result<Side> {
        let own = Policy::resolve_under(dialect, matches, Some(&defaults))?;
        let new = own.warnings.iter().filter(|warning| !policy.warnings.contains(warning));
        console.warn_all(&new.cloned().collect::<Vec<_>>())?;
        Side::take(&subject, own, Randomness::from_matches(matches), level)
    };
    let [a, b] = [side(dialects[0])?, side(dialects[1])?];
    let difference = Difference::between(subject, a, b);
    let show = matches.get_one::<u32>("show").map(|&n| n as usize);
    if matches.get_flag("json") {
        console.json(&difference.json(show.unwrap_or(difference.subject.rows)))?;
    } else {
        difference.write(show.unwrap_or(ROWS), console.width, console.out)?;
    }
    Ok(Code::Done)
}

/// One dialect's law of the row.
#[derive(Debug)]
struct Side {
    policy: Policy,
    step: TraceStep,
    /// A probability for each token.
    law: Vec<f64>,
    /// The share of the model's distribution that lies on the support.
    raw_mass: f64,
}

impl Side {
    fn take(
        subject: &Subject,
        policy: Policy,
        randomness: Randomness,
        level: Level,
    ) -> Result<Self> {
        let seed = randomness.for_prompt(&subject.prompt);
        let mut sampler = subject.sampler(&policy.pipeline, seed, level)?;
        let step = subject.trace(&mut sampler)?;
        let raw_mass = subject.raw_mass(&mut sampler, &step)?;
        let law = sampler.probabilities(&subject.logits)?;
        Ok(Self { policy, step, law, raw_mass })
    }

    fn name(&self) -> &'static str {
        self.policy.dialect.name
    }

    /// The stage that removed a token of the model's head, or `greedy`; nothing for one that is kept, and
    /// where nobody looked.
    fn remover(&self, head: Option<&HeadToken>) -> Option<&'static str> {
        match head?.removed_by {
            Some(at) => Some(self.step.stages[at].name),
            None if self.step.draw.is_none() && head?.token != self.step.token => Some("greedy"),
            None => None,
        }
    }

    /// The setting of a stage, where the pipeline has it.
    fn setting(&self, name: &str) -> Option<&Setting> {
        self.policy.settings.iter().find(|setting| setting.name == name)
    }

    /// The first stage before this one that removed something, and that the other side lacks.
    fn cut_before(&self, stage: &str, other: &Self) -> Option<&Setting> {
        let before = self.step.stages.iter().take_while(|effect| effect.name != stage);
        let mut cuts = before.filter(|effect| effect.removed > 0).map(|effect| effect.name);
        self.setting(cuts.find(|name| other.setting(name).is_none())?)
    }

    fn order(&self) -> Vec<&'static str> {
        self.policy.pipeline.stages().iter().map(|stage| stage.info().name).collect()
    }

    fn json(&self) -> Value {
        json!({
            "dialect": self.name(),
            "version": self.policy.dialect.version,
            "pipeline": self.policy.pipeline.to_string(),
            "settings": settings(&self.policy.settings),
            "kept": self.step.kept,
            "support": self.step.support,
            "raw_mass": self.raw_mass,
            "entropy_nats": self.step.entropy_nats,
        })
    }
}

/// Two laws of one row, and how far apart they are.
#[derive(Debug)]
struct Difference {
    subject: Subject,
    a: Side,
    b: Side,
    /// What either can draw, in the order of the model's logits.
    tokens: Vec<TokenId>,
    total_variation: f64,
}

impl Difference {
    fn between(subject: Subject, a: Side, b: Side) -> Self {
        let logit = |token: TokenId| subject.logits[token as usize];
        let ids = (0..).take(subject.logits.len());
        let mut tokens: Vec<TokenId> = ids
            .filter(|&id: &TokenId| a.law[id as usize] > 0.0 || b.law[id as usize] > 0.0)
            .collect();
        tokens.sort_by(|&x, &y| (logit(y) + 0.0).total_cmp(&(logit(x) + 0.0)).then(x.cmp(&y)));
        let total_variation = stats::total_variation(&a.law, &b.law);
        Self { subject, a, b, tokens, total_variation }
    }

    /// The tokens that one side can draw and the other cannot.
    fn only<'a>(&'a self, own: &'a Side, other: &'a Side) -> impl Iterator<Item = TokenId> + 'a {
        let only = |&id: &TokenId| own.law[id as usize] > 0.0 && other.law[id as usize] == 0.0;
        self.tokens.iter().copied().filter(only)
    }

    /// The token among the model's best, where a trace has looked.
    fn head(side: &Side, token: TokenId) -> Option<&HeadToken> {
        side.step.head.iter().find(|head| head.token == token)
    }

    /// The tokens of a listing of `show` rows: the best, and those that only one side can draw first.
    fn listed(&self, show: usize) -> Vec<TokenId> {
        let differs =
            |id: TokenId| (self.a.law[id as usize] > 0.0) != (self.b.law[id as usize] > 0.0);
        let (mut one, mut both): (Vec<usize>, Vec<usize>) =
            (0..self.tokens.len()).partition(|&at| differs(self.tokens[at]));
        one.truncate(show.div_ceil(2).max(show.saturating_sub(both.len())));
        both.truncate(show - one.len());
        let mut places = [one, both].concat();
        places.sort_unstable();
        places.into_iter().map(|at| self.tokens[at]).collect()
    }

    fn json(&self, show: usize) -> Value {
        let Self { subject, a, b, .. } = self;
        let row = |token: TokenId| {
            let [head_a, head_b] = [a, b].map(|side| Self::head(side, token));
            json!({
                "id": token,
                "token": subject.names.json(token),
                "logit": shortest(subject.logits[token as usize]),
                "p_a": a.law[token as usize],
                "p_b": b.law[token as usize],
                "removed_by_a": a.remover(head_a),
                "removed_by_b": b.remover(head_b),
            })
        };
        let only = |own: &Side, other: &Side| {
            let p: f64 = self.only(own, other).map(|id| own.law[id as usize]).sum();
            json!({"count": self.only(own, other).count(), "p": p + 0.0})
        };
        let listed = self.listed(show);
        json!({
            "vocab_size": subject.logits.len(),
            "a": a.json(),
            "b": b.json(),
            "tokens": listed.iter().map(|&token| row(token)).collect::<Value>(),
            "rest": self.tokens.len() - listed.len(),
            "only_a": only(a, b),
            "only_b": only(b, a),
            "total_variation": self.total_variation,
            "kl_nats": {
                "a_to_b": finite(stats::kl_nats(&a.law, &b.law)),
                "b_to_a": finite(stats::kl_nats(&b.law, &a.law)),
            },
            "sentence": self.sentence(),
        })
    }

    fn write(&self, show: usize, columns: usize, out: &mut dyn Write) -> io::Result<()> {
        let Self { subject, a, b, .. } = self;
        let mut header = vec![subject.name.clone()];
        header.extend(subject.facts.iter().cloned());
        header.push(format!("{} against {}", a.name(), b.name()));
        writeln!(out, "{}\n", header.join(" · "))?;
        for side in [a, b] {
            paragraph::write(out, side.name(), &[side.policy.pipeline.to_string()], columns)?;
        }
        writeln!(out)?;
        self.write_table(show, out)?;
        writeln!(out)?;
        for (label, parts) in self.notes() {
            paragraph::write(out, label, &parts, columns)?;
        }
        writeln!(out)?;
        paragraph::write(out, "", &[self.sentence()], columns)
    }

    fn write_table(&self, show: usize, out: &mut dyn Write) -> io::Result<()> {
        let Self { subject, a, b, .. } = self;
        let share = |p: f64| if p > 0.0 { percent(p) } else { "–".to_owned() };
        let mut table = Table::new(&[
            ("token", Align::Left),
            ("raw p", Align::Right),
            (a.name(), Align::Right),
            (b.name(), Align::Right),
            ("", Align::Left),
        ]);
        let listed = self.listed(show);
        for &token in &listed {
            let [head_a, head_b] = [a, b].map(|side| Self::head(side, token));
            let raw =
                head_a.map_or(String::new(), |head| percent(head.raw_p * (1.0 - subject.other)));
            let removed = |side: &Side, head| {
                Some(format!("{} of {} removes it", side.remover(head)?, side.name()))
            };
            let note = match (a.law[token as usize] > 0.0, b.law[token as usize] > 0.0) {
                (true, false) => removed(b, head_b),
                (false, true) => removed(a, head_a),
                _ => None,
            };
            let [of_a, of_b] = [a, b].map(|side| share(side.law[token as usize]));
            table.row([subject.names.visible(token), raw, of_a, of_b, note.unwrap_or_default()]);
        }
        if listed.len() < self.tokens.len() {
            let rest = format!("… {} more", count(self.tokens.len() - listed.len()));
            table.row([rest, String::new(), String::new(), String::new(), String::new()]);
        }
        table.write(out)
    }

    fn notes(&self) -> [(&'static str, Vec<String>); 4] {
        let Self { a, b, .. } = self;
        let both = |of: &dyn Fn(&Side) -> String| {
            [a, b].map(|side| format!("{} {}", side.name(), of(side))).to_vec()
        };
        let kl = |p: &Side, q: &Side| {
            let nats = stats::kl_nats(&p.law, &q.law);
            let nats = if nats.is_finite() { format!("{nats:.3} nats") } else { "∞".to_owned() };
            format!("KL({}‖{}) {nats}", p.name(), q.name())
        };
        let apart = format!("total variation {}", percent(self.total_variation));
        [
            ("kept", both(&|side| counted(side.step.kept, "token"))),
            ("mass", both(&|side| format!("{} of the model's", percent(side.raw_mass)))),
            ("entropy", both(&|side| format!("{:.3} nats", side.step.entropy_nats))),
            ("apart", vec![apart, kl(a, b), kl(b, a)]),
        ]
    }

    /// What the difference is, in one plain sentence.
    fn sentence(&self) -> String {
        let Self { a, b, .. } = self;
        if self.total_variation == 0.0 {
            return format!("{} and {} draw from the same law here.", a.name(), b.name());
        }
        let parts: Vec<String> =
            [self.removes(b, a), self.removes(a, b)].into_iter().flatten().collect();
        if parts.is_empty() {
            let (kept, apart) = (counted(a.step.support, "token"), percent(self.total_variation));
            return format!(
                "Both can draw the same {kept}, but {apart} of the draws fall otherwise."
            );
        }
        format!("{}.", parts.join("; "))
    }

    /// `seed4's top-p removes perched, 5.8% of native's draws: it drops the token that crosses the mass`.
    fn removes(&self, remover: &Side, keeper: &Side) -> Option<String> {
        let tokens: Vec<TokenId> = self.only(keeper, remover).collect();
        let &best = tokens.first()?;
        let p: f64 = tokens.iter().map(|&id| keeper.law[id as usize]).sum();
        let more = match tokens.len() {
            1 => String::new(),
            n => format!(" and {} more", count(n - 1)),
        };
        let stage = remover.remover(Self::head(remover, best));
        let shown = stage.map(|stage| format!("'s {stage}")).unwrap_or_default();
        let why = stage.and_then(|stage| self.why(stage, best, remover, keeper));
        Some(format!(
            "{}{shown} removes {}{more}, {} of {}'s draws{}",
            remover.name(),
            self.subject.names.visible(best),
            percent(p),
            keeper.name(),
            why.map(|why| format!(": {why}")).unwrap_or_default(),
        ))
    }

    /// Why a stage of the one removes a token that the other keeps, where it shows.
    #[expect(clippy::float_cmp, reason = "tokens tie when their logits are equal")]
    fn why(&self, stage: &str, token: TokenId, remover: &Side, keeper: &Side) -> Option<String> {
        let own = remover.setting(stage)?;
        let Some(theirs) = keeper.setting(stage) else {
            let unasked = matches!(own.origin, Origin::Dialect(_));
            return unasked.then(|| "it is set unasked".to_owned());
        };
        let drops = |setting: &Setting| setting.shown.contains("crossing=drop");
        if drops(own) && !drops(theirs) {
            return Some("it drops the token that crosses the mass".to_owned());
        }
        let logit = |token: TokenId| self.subject.logits[token as usize];
        let stays = |other: &&TokenId| remover.law[**other as usize] > 0.0;
        let ties = self.tokens.iter().filter(stays).any(|&other| logit(other) == logit(token));
        if ties && own.shown != theirs.shown {
            return Some("it ties with one that stays".to_owned());
        }
        if let Some(before) = remover.cut_before(stage, keeper) {
            return Some(format!("{} has cut before it", before.shown));
        }
        (remover.order() != keeper.order()).then(|| "the stages run in another order".to_owned())
    }
}

/// A number as JSON has it: infinity is null.
fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
