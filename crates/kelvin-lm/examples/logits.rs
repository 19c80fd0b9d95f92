//! The logits of a model after each of some tokens, as JSON: the other side of `scripts/check-export`.
//!
//! ```sh
//! cargo run -q --release -p kelvin-lm --example logits -- FOLDER 18 47 56 57 58 > logits.json
//! scripts/check-export FOLDER logits.json
//! ```

use std::error::Error;
use std::path::Path;

use kelvin_lm::{Checkpoint, EngineOptions, Model, Session, TokenId};

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("a folder is expected, and token ids")?;
    let ids = args.map(|id| id.parse()).collect::<Result<Vec<TokenId>, _>>()?;
    let checkpoint = Checkpoint::open(Path::new(&folder))?;
    let model = Model::open(&checkpoint, EngineOptions::default())?;
    let mut rows: Vec<Vec<f32>> = Vec::new();
    Session::new(&model).feed_all(&ids, |_, row| rows.push(row.to_vec()))?;
    println!("{}", serde_json::json!({ "ids": ids, "logits": rows }));
    Ok(())
}
