//! `kelvin merge`: shards of a sweep to the whole.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lab::sweep::{Manifest, Shard, Summary};

use super::sweep::{Folder, Journal, report};
use crate::args::policy::text;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::term::number::counted;

/// Shards that are missing and told, at most.
const TOLD: usize = 8;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let dirs = matches.get_many::<String>("dir").into_iter().flatten();
    let shards: Vec<Journal> = dirs.map(|dir| open(dir)).collect::<Result<_, _>>()?;
    let (first, _) = shards.split_first().expect("at least one folder is required");
    let whole = first.manifest().whole();
    let partial = matches.get_flag("partial");
    check(&shards, &whole, partial)?;
    let out = Folder::new(text(matches, "out").unwrap_or_default());
    let mut joined = Journal::open(&out, whole.clone())?;
    let missing = joined.missing();
    let mut n_missing = 0;
    for key in missing {
        match shards.iter().find(|shard| shard.has(key)) {
            Some(shard) => joined.add(&shard.sample(key)?)?,
            None => n_missing += 1,
        }
    }
    joined.sync()?;
    if n_missing > 0 {
        console.warn_all(&[format!("{} are missing", counted(n_missing, "sample"))])?;
    }
    let cells = out.tabulate(&joined)?;
    report(&Summary { manifest: &whole, cells }, matches.get_flag("json"), console)?;
    Ok(Code::Done)
}

fn open(dir: &str) -> Result<Journal, Failure> {
    let folder = Folder::new(dir);
    let manifest = folder.manifest()?.ok_or_else(|| {
        Failure::read(format!("{dir} holds no sweep")).hint("kelvin sweep -o DIR writes one")
    })?;
    Journal::read_only(&folder, manifest)
}

/// Whether these are the shards of one sweep, each once, none missing.
fn check(shards: &[Journal], whole: &Manifest, partial: bool) -> Result<(), Failure> {
    let mut seen: Vec<Shard> = Vec::new();
    for journal in shards {
        let manifest = journal.manifest();
        let differences = whole.differences(&manifest.whole());
        if let Some(difference) = differences.first() {
            let what = "these are shards of different sweeps";
            return Err(Failure::read(format!("{what}: {difference}")));
        }
        let shard = manifest.shard;
        if let Some(other) = seen.iter().find(|other| other.of() != shard.of()) {
            return Err(Failure::read(format!(
                "shard {shard} and shard {other} do not go together"
            )));
        }
        if seen.contains(&shard) {
            return Err(Failure::read(format!("shard {shard} is there twice")));
        }
        seen.push(shard);
    }
    if partial {
        return Ok(());
    }
    let hint = "--partial joins what is there";
    let of = seen.first().map_or(1, |shard| shard.of());
    let absent: Vec<String> = (1..=of)
        .filter(|&index| seen.iter().all(|shard| shard.index() != index))
        .map(|index| format!("{index}/{of}"))
        .collect();
    if !absent.is_empty() {
        let told = absent[..absent.len().min(TOLD)].join(", ");
        let more = match absent.len() - absent.len().min(TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return Err(Failure::read(format!("shards are missing: {told}{more}")).hint(hint));
    }
    for journal in shards {
        let missing = journal.missing().len();
        if missing > 0 {
            let (shard, missing) = (journal.manifest().shard, counted(missing, "sample"));
            let what = format!("shard {shard} is not whole: {missing} are missing");
            return Err(Failure::read(what).hint(hint));
        }
    }
    Ok(())
}
