//! A report of several policies on the same prompts.

use super::{Block, Report, Section, Story};
use crate::compare::{Estimate, N_RESAMPLES, estimate};
use crate::figure::{self, Figure, Theme};
use crate::measure::{self, Group, Metric};

/// The columns of the summary: metric and decimals. That of a judge is there where one was asked.
const COLUMNS: [(&str, usize); 8] = [
    ("distinct-2", 3),
    ("self-bleu", 3),
    ("rep-4", 3),
    ("unique-ratio", 2),
    ("nats-per-token", 3),
    (JUDGED, 3),
    ("kept", 1),
    ("length", 1),
];
/// How good a second model finds the texts.
const JUDGED: &str = "judge-bits-per-byte";

/// What a report of policies tells.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The title.
    pub title: String,
    /// One sentence on what was done.
    pub lead: String,
    /// The policies, with what they made.
    pub rows: Vec<Compared>,
    /// What ran: model, prompts, samples, seed.
    pub facts: Vec<(String, String)>,
    /// The command that does it again.
    pub command: String,
}

/// A policy and what it made.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What people call it.
    pub label: String,
    /// What it does.
    pub pipeline: String,
    /// Who set its values.
    pub origins: String,
    /// What is told of its samples.
    pub measured: Measured,
    /// Some of its texts.
    pub stories: Vec<Story>,
}

/// The numbers of a policy that a report has: all that it keeps of the samples.
#[derive(Debug, Clone)]
pub struct Measured {
    /// One for each of [`COLUMNS`].
    estimates: Vec<Option<Estimate>>,
    /// Samples of the prompt that has most.
    n_samples: usize,
}

impl Measured {
    /// The numbers of a policy's samples, by prompt.
    pub fn of(groups: &[Group<'_>]) -> Self {
        let of_metric = |(name, _)| estimate(measure::find(name)?, groups);
        let n_samples = groups.iter().map(|group| group.samples.len()).max();
        Self {
            estimates: COLUMNS.into_iter().map(of_metric).collect(),
            n_samples: n_samples.unwrap_or(0),
        }
    }

    fn get(&self, name: &str) -> Option<Estimate> {
        let at = COLUMNS.iter().position(|(known, _)| *known == name)?;
        self.estimates[at]
    }
}

impl Comparison {
    /// The report.
    pub fn report(&self) -> Report {
        Report::new(&self.title, &self.lead)
            .section(self.summary())
            .section(self.pareto())
            .section(self.texts())
            .section(self.settings())
            .section(self.again())
    }

    fn summary(&self) -> Section {
        let is_judged = self.is_judged();
        let columns = || {
            let columns = COLUMNS.into_iter().enumerate();
            columns.filter(move |(_, (name, _))| is_judged || *name != JUDGED)
        };
        let metrics: Vec<&Metric> =
            columns().filter_map(|(_, (name, _))| measure::find(name)).collect();
        let names = metrics.iter().map(|it| format!("{}{}", it.name, it.direction.sign()));
        let headings = ["policy".to_owned()].into_iter().chain(names).collect();
        let row = |row: &Compared| {
            let cells =
                columns().map(|(at, (_, decimals))| shown(row.measured.estimates[at], decimals));
            [row.label.clone()].into_iter().chain(cells).collect()
        };
        let n = self.rows.iter().map(|row| row.measured.n_samples).max();
        let legend = format!(
            "± is half a 95 % interval over the {} samples of each prompt: the bootstrap over whole samples \
             ({N_RESAMPLES} resamples), the jackknife for numbers of a set. ↓: less is more diverse.",
            n.unwrap_or(0)
        );
        let meaning = metrics.iter().map(|metric| {
            (metric.name.to_owned(), format!("{} ({})", metric.summary, metric.unit))
        });
        Section::new("Summary")
            .block(Block::Table { columns: headings, rows: self.rows.iter().map(row).collect() })
            .block(Block::Paragraph(legend))
            .block(Block::Facts(meaning.collect()))
    }

    /// What diversity costs in surprisal: under the model itself, and under the judge where there is one.
    fn pareto(&self) -> Section {
        let own = self.cost("nats-per-token", "the model itself (nats per token)");
        let caption = "Different pairs of tokens against the surprisal of the texts under the model itself, with \
                       95 % intervals. What lies lower and further right than another policy is worse in both: \
                       less diverse, and less like the model. Shares of different pairs compare only between \
                       equal numbers of samples of about equal length.";
        let section =
            Section::new("Diversity against surprisal").block(block(&own, caption.to_owned()));
        if !self.is_judged() {
            return section;
        }
        let judged = self.cost(JUDGED, "the judge (bits per byte)");
        let caption = "The same against the surprisal under the judge, a second model that had no part in the \
                       texts. It too finds loops likely: read it beside rep-4.";
        section.block(block(&judged, caption.to_owned()))
    }

    /// Diversity against one kind of surprisal; policies without either are left out.
    fn cost(&self, surprisal: &str, under: &str) -> Figure {
        let measured = |name: &str, row: &Compared| {
            let Estimate { value, interval } = row.measured.get(name)?;
            let (low, high) = interval.map_or((value, value), |it| (it.low, it.high));
            Some(figure::Estimate { low, value, high })
        };
        let points = self.rows.iter().filter_map(|row| {
            Some((row.label.clone(), measured(surprisal, row)?, measured("distinct-2", row)?))
        });
        figure::pareto((&format!("surprisal under {under}"), "distinct-2"), points)
    }

    fn is_judged(&self) -> bool {
        self.rows.iter().any(|row| row.measured.get(JUDGED).is_some())
    }

    fn texts(&self) -> Section {
        let legend = "Each token is coloured by how surprising the model itself found it: uncoloured below 0.5 \
                      nats, then 1, 2, 4, 7 and above; the two highest are underlined as well. Point at a token, \
                      or walk with Tab, to see what else could have come: its share of the draw, then its share \
                      of the model's distribution; – was removed.";
        let stories = self.rows.iter().flat_map(|row| &row.stories);
        Section::new("Texts")
            .block(Block::Paragraph(legend.to_owned()))
            .blocks(stories.cloned().map(Block::Story))
    }

    fn settings(&self) -> Section {
        let row =
            |row: &Compared| vec![row.label.clone(), row.pipeline.clone(), row.origins.clone()];
        let columns = ["policy", "pipeline", "values set by"].map(str::to_owned).to_vec();
        Section::new("What ran")
            .block(Block::Facts(self.facts.clone()))
            .block(Block::Table { columns, rows: self.rows.iter().map(row).collect() })
    }

    fn again(&self) -> Section {
        Section::new("Do it again").block(Block::Command(self.command.clone())).block(
            Block::Paragraph(
                "The same command with the same model gives this page, byte for byte, whatever the number of \
                 threads and however many samples run together."
                    .to_owned(),
            ),
        )
    }
}

/// `0.781 ±0.023`; a dash where it is not defined.
fn shown(estimate: Option<Estimate>, decimals: usize) -> String {
    let Some(Estimate { value, interval }) = estimate else { return "–".to_owned() };
    match interval {
        Some(interval) => format!("{value:.decimals$} ±{:.decimals$}", interval.half_width()),
        None => format!("{value:.decimals$}"),
    }
}

fn block(figure: &Figure, caption: String) -> Block {
    let [light, dark] = [Theme::Light, Theme::Dark].map(|theme| figure.to_svg(theme));
    Block::Figure { light, dark, caption }
}
