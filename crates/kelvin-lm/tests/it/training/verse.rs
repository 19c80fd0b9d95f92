//! The embedded model's recipe: the same file on every machine of a numerics profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kelvin_lm::dtype::Dtype;
use kelvin_lm::kernel::{Blocking, Level, Profile};
use kelvin_lm::tokenizer::{Characters, SpecialTokens};
use kelvin_lm::train::{Settings, Size, State, TextFiles, TokenizerFiles, Trainer, export};
use kelvin_lm::{EngineOptions, Result};

use crate::real;
use crate::scene::Scene;
use crate::sha256::sha256;

/// The numbers of `fixtures/verse.toml`.
struct Recipe(BTreeMap<String, f64>);

impl Recipe {
    fn read() -> Self {
        let text = fs::read_to_string(fixtures().join("verse.toml")).expect("the recipe is there");
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        let number = |(name, value): (&str, &str)| Some((name.to_owned(), value.parse().ok()?));
        Self(lines.filter_map(number).collect())
    }

    fn real(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("the recipe names {name}"))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
    fn count(&self, name: &str) -> usize {
        self.real(name) as usize
    }

    fn size(&self) -> Result<Size> {
        let size = Size::from_name("char-medium")?;
        let decay_steps = u32::try_from(self.count("steps")).expect("a few thousand");
        let settings = Settings {
            batch_size: self.count("batch_size"),
            block_size: self.count("block_size"),
            learning_rate: self.real("learning_rate"),
            min_learning_rate: self.real("min_learning_rate"),
            warmup_steps: u32::try_from(self.count("warmup_steps")).expect("a few hundred"),
            decay_steps,
            weight_decay: self.real("weight_decay"),
            beta2: self.real("beta2"),
            max_grad_norm: self.real("max_grad_norm"),
            dropout: self.real("dropout"),
            seed: self.count("seed") as u64,
            ..size.settings.clone()
        };
        let (n_layers, n_heads) = (self.count("n_layers"), self.count("n_heads"));
        let (d_model, max_seq) = (self.count("d_model"), self.count("context"));
        Ok(Size { n_layers, n_heads, d_model, max_seq, settings, ..size })
    }
}

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

/// What `fixtures/MADE.md` says of the weights after 200 steps.
fn expected() -> String {
    let made = fs::read_to_string(fixtures().join("MADE.md")).expect("MADE.md is there");
    let line = made.lines().find_map(|line| line.strip_prefix("sha256 after 200 steps: "));
    line.expect("MADE.md has the hash").trim_matches('`').to_owned()
}

#[test]
#[ignore = "slow: 200 steps, on each vector instruction set with two cuts"]
fn two_hundred_steps_of_the_recipe_have_one_hash() -> Result<()> {
    let Some(path) = real::data("tiny-shakespeare.txt") else { return Ok(()) };
    let recipe = Recipe::read();
    let files = TextFiles::read(&[path])?;
    let characters = Characters::of(files.text())?;
    let tokenizer = characters.tokenizer()?;
    let corpus = files.corpus(&tokenizer, SpecialTokens::Text, recipe.real("split"))?;
    let (size, expected) = (recipe.size()?, expected());
    // as for caches of a quarter and of four times the size
    let small = Blocking { depth: 128, columns: 1024, strip: 128 };
    let large = Blocking { depth: 1024, columns: 16_384, strip: 2048 };
    let mut n_levels = 0;
    for level in Level::available().filter(|level| *level != Level::Scalar) {
        n_levels += 1;
        for (blocking, threads) in [(small, 1), (large, 3)] {
            let state = State::new(size.config(tokenizer.vocab_size())?, size.settings.clone())?;
            let options = EngineOptions {
                threads: Some(threads),
                level: Some(level),
                profile: Some(Profile::Fast),
                blocking: Some(blocking),
                ..EngineOptions::default()
            };
            let mut trainer = Trainer::new(state, options)?;
            trainer.steps(&corpus, 200, |_| ())?;
            let scene = Scene::new("verse");
            let folder = scene.0.join("model");
            let files = TokenizerFiles::new(characters.tokenizer_json().into_bytes(), None)?;
            let State { config, params, .. } = trainer.state();
            export(&folder, config, params, &files, Dtype::F16)?;
            let bytes = fs::read(folder.join("model.safetensors")).expect("it was written");
            assert_eq!(sha256(&bytes), expected, "{level}, {threads} threads, {blocking:?}");
        }
    }
    assert!(n_levels > 0, "this machine has no vector instructions, scalar ones take hours");
    Ok(())
}
