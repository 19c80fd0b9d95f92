//! `kelvin examples`.

use anyhow::Result;
use clap::ArgMatches;
use serde_json::json;

use crate::args::policy::text;
use crate::console::Console;
use crate::examples::{self, ALL, Example};
use crate::exit::Code;
use crate::term::number::count;
use crate::term::table::{Align, Table};

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    if let Some(name) = text(matches, "name") {
        write!(console.out, "{}", examples::find(name)?.json)?;
        return Ok(Code::Done);
    }
    if matches.get_flag("json") {
        let object = |example: &Example| {
            let vocab_size = example.row().logits.len();
            json!({"name": example.name, "vocab_size": vocab_size, "summary": example.summary})
        };
        console.json(&ALL.iter().map(object).collect())?;
        return Ok(Code::Done);
    }
    let mut table =
        Table::new(&[("example", Align::Left), ("tokens", Align::Right), ("", Align::Left)]);
    for example in ALL {
        let tokens = count(example.row().logits.len());
        table.row([example.name.into(), tokens, example.summary.into()]);
    }
    table.write(console.out)?;
    console
        .talk("\nkelvin next --example NAME looks at one; kelvin examples NAME prints its file")?;
    Ok(Code::Done)
}
