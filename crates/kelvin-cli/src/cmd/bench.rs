//! `kelvin bench`: how fast a model runs here, beside what the memory allows.

use std::time::Instant;

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::kernel::bandwidth_probe;
use kelvin_lm::{Model, Session, TokenId};
use serde_json::{Value, json};

use crate::console::Console;
use crate::exit::Code;
use crate::load::{self, Loaded};
use crate::memory;
use crate::term::number::bytes;
use crate::term::table::{Align, Table};

/// Rounds; in each, what is measured takes turns, so that a disturbance meets all.
const ROUNDS: usize = 5;
/// Tokens of a prompt: the length that llama.cpp's own benchmark takes.
const PREFILL: usize = 512;
/// Tokens decoded one by one from an empty cache, likewise.
const DECODE: usize = 128;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let (checkpoint, card) = load::open(matches, console)?;
    let options = load::model_options(matches)?;
    memory::check(&checkpoint, &card, options.dtype, console)?;
    let loaded = load::assemble(&checkpoint, card, options)?;
    drop(checkpoint); // of a GGUF file, a copy of all weights
    let mut facts = loaded.facts();
    facts.push(format!("{} threads", loaded.model.engine().threads()));
    facts.push(loaded.model.engine().level().name().to_owned());
    console.talk(&format!("{}\n", facts.join(" · ")))?;
    let figures = Figures::take(&loaded.model)?;
    if matches.get_flag("json") {
        console.json(&figures.json(&loaded))?;
    } else {
        figures.table().write(console.out)?;
    }
    Ok(Code::Done)
}

/// The middle of several measurements, and how far they spread.
#[derive(Debug, Clone, Copy)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Self { median: values[last / 2], least: values[0], most: values[last] }
    }

    fn json(self) -> Value {
        json!({"median": self.median, "min": self.least, "max": self.most})
    }
}

/// What was measured.
struct Figures {
    prefill: Spread,
    decode: Spread,
    /// Without a cache of keys and values.
    uncached: Spread,
    /// Bytes per second.
    bandwidth: Spread,
    bytes_per_token: usize,
    n_prefill: usize,
    n_decode: usize,
}

impl Figures {
    fn take(model: &Model) -> Result<Self> {
        let max_seq = model.config().max_seq;
        let (n_prefill, n_decode) = (PREFILL.min(max_seq), DECODE.min(max_seq));
        let ids = tokens(model, n_prefill);
        prefill(model, &ids)?; // warms pages and threads
        let [mut prefills, mut decodes, mut uncached, mut bandwidths] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            bandwidths.push(bandwidth_probe(model.engine()));
            prefills.push(prefill(model, &ids)?);
            decodes.push(decode(model, &ids[..n_decode])?);
            uncached.push(prefill(model, &ids[..n_decode])? / n_decode as f64);
        }
        Ok(Self {
            prefill: Spread::of(prefills),
            decode: Spread::of(decodes),
            uncached: Spread::of(uncached),
            bandwidth: Spread::of(bandwidths),
            bytes_per_token: model.bytes_per_token(),
            n_prefill,
            n_decode,
        })
    }

    /// The share of the memory's bandwidth that reading the weights takes while decoding.
    fn share(&self) -> f64 {
        self.decode.median * self.bytes_per_token as f64 / self.bandwidth.median
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            ("", Align::Left),
            ("median", Align::Right),
            ("min – max", Align::Right),
            ("", Align::Left),
        ]);
        let speed = |spread: Spread| {
            let range = format!("{:.1} – {:.1}", spread.least, spread.most);
            (format!("{:.1}", spread.median), range)
        };
        let (median, range) = speed(self.prefill);
        let unit = format!("tokens per second, {} at once", self.n_prefill);
        table.row(["prefill".into(), median, range, unit]);
        let (median, range) = speed(self.decode);
        let unit = format!("tokens per second, {} one by one", self.n_decode);
        table.row(["decode".into(), median, range, unit]);
        let (median, range) = speed(self.uncached);
        let unit = format!("tokens per second at {} tokens, all read anew for each", self.n_decode);
        table.row(["no cache".into(), median, range, unit]);
        let Spread { median, least, most } = self.bandwidth;
        let [median, least, most] = [median, least, most].map(|bytes| bytes / 1e9);
        let range = format!("{least:.1} – {most:.1}");
        table.row(["memory".into(), format!("{median:.1}"), range, "GB/s read by a probe".into()]);
        let read = bytes(self.bytes_per_token as u64);
        table.row(["weights".into(), read, String::new(), "read for each token".into()]);
        let share = format!("{:.0}%", 100.0 * self.share());
        let what = "of the probe's bandwidth, while decoding";
        table.row(["share".into(), share, String::new(), what.into()]);
        table
    }

    fn json(&self, loaded: &Loaded) -> Value {
        json!({
            "model": loaded.json(),
            "rounds": ROUNDS,
            "prefill_tokens": self.n_prefill,
            "decode_tokens": self.n_decode,
            "prefill_tokens_per_second": self.prefill.json(),
            "decode_tokens_per_second": self.decode.json(),
            "uncached_tokens_per_second": self.uncached.json(),
            "bytes_per_token": self.bytes_per_token,
            "probe_bytes_per_second": self.bandwidth.json(),
            "bandwidth_share": self.share(),
        })
    }
}

/// Tokens per second of a prompt that is fed at once.
fn prefill(model: &Model, ids: &[TokenId]) -> Result<f64> {
    let mut session = Session::new(model);
    let start = Instant::now();
    session.feed(ids)?;
    Ok(ids.len() as f64 / start.elapsed().as_secs_f64())
}

/// Tokens per second of tokens fed one by one, sampling not counted.
fn decode(model: &Model, ids: &[TokenId]) -> Result<f64> {
    let mut session = Session::new(model);
    let start = Instant::now();
    for id in ids {
        session.feed(&[*id])?;
    }
    Ok(ids.len() as f64 / start.elapsed().as_secs_f64())
}

/// Tokens from all over the vocabulary, the same in each run.
fn tokens(model: &Model, n: usize) -> Vec<TokenId> {
    let vocab_size = model.config().vocab_size as u64;
    #[expect(clippy::cast_possible_truncation, reason = "below the size of a vocabulary")]
    let token = |at: u64| (at * 7919 % vocab_size) as TokenId;
    (0..n as u64).map(token).collect()
}
