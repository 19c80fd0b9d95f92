//! A run that is not the saved one (T9 of the promises).

use kelvin_lm::kernel::Profile;
use kelvin_lm::train::{Provenance, Saved, Settings};
use kelvin_lm::{Config, ErrorKind};

use super::{Scene, config, provenance, settings, sha256, tokenizer};

/// What is said of a run of these parts; none where it is the saved one.
fn verdict(config: &Config, settings: &Settings, made_of: &Provenance) -> Option<String> {
    let scene = Scene::new(&format!("drift-{:?}", std::thread::current().id()));
    let saved = Saved::open(&scene.save(500)).expect("it is whole");
    let error = saved.check(config, settings, made_of).err()?;
    assert_eq!(error.kind(), ErrorKind::Parameter);
    let hint = "leave these as they were to go on, or start a run of its own in another folder";
    assert_eq!(error.way_out(), Some(hint));
    Some(error.to_string())
}

#[test]
fn the_run_itself_goes_on() {
    assert_eq!(verdict(&config(), &settings(), &provenance()), None);
    // the same tokens from a file of another name
    let renamed = Provenance { data_files: vec!["coffee.txt".to_owned()], ..provenance() };
    assert_eq!(verdict(&config(), &settings(), &renamed), None);
}

#[test]
fn each_change_is_a_line() {
    let config = Config { n_layers: 2, tied_head: false, norm_eps: 1e-6, ..config() };
    let settings = Settings {
        learning_rate: 3e-3,
        max_grad_norm: f64::INFINITY,
        dropout: 0.1,
        seed: 7,
        ..settings()
    };
    let made_of = Provenance {
        data: "ce013625030ba8dba906f756967f9e9ca394464a0000000000000000000000aa".to_owned(),
        data_files: vec!["tea.txt".to_owned(), "coffee.txt".to_owned()],
        tokenizer: tokenizer("coffee"),
        profile: Profile::Fast,
    };
    let text = verdict(&config, &settings, &made_of).expect("another run");
    let [old, new] =
        [&provenance(), &made_of].map(|it| sha256(it.tokenizer.json())[..12].to_owned());
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(
        lines,
        [
            "the run saved at step 500 was another:",
            "  layer_norm_epsilon: 0.00001 → 1e-6",
            "  n_layer: 1 → 2",
            "  tie_word_embeddings: true → false",
            "  dropout: 0.0 → 0.1",
            "  learning-rate: 0.30000000000000004 → 0.003",
            "  max-grad-norm: 1.0 → off",
            "  seed: 1337 → 7",
            "  numerics profile: portable → fast",
            &format!("  tokenizer.json: SHA-256 {old}… → SHA-256 {new}…"),
            "  data: tea.txt (SHA-256 5891b5b522d5…) → tea.txt, coffee.txt (SHA-256 ce013625030b…)",
        ]
    );
}

#[test]
fn each_setting_counts() {
    let of = settings();
    for changed in [
        Settings { batch_size: of.batch_size + 1, ..of.clone() },
        Settings { block_size: of.block_size - 1, ..of.clone() },
        Settings { grad_accum: of.grad_accum + 1, ..of.clone() },
        Settings { learning_rate: of.learning_rate.next_up(), ..of.clone() },
        Settings { min_learning_rate: of.min_learning_rate.next_down(), ..of.clone() },
        Settings { warmup_steps: of.warmup_steps + 1, ..of.clone() },
        Settings { decay_steps: of.decay_steps + 1, ..of.clone() },
        Settings { weight_decay: of.weight_decay + 0.1, ..of.clone() },
        Settings { beta1: of.beta1.next_up(), ..of.clone() },
        Settings { beta2: of.beta2.next_down(), ..of.clone() },
        Settings { eps: of.eps.next_up(), ..of.clone() },
        Settings { max_grad_norm: 2.0, ..of.clone() },
        Settings { dropout: 0.5, ..of.clone() },
        Settings { seed: of.seed + 1, ..of.clone() },
    ] {
        let text = verdict(&config(), &changed, &provenance()).expect("another run");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
