//! Checkpoints: what is saved comes back, what is damaged is found, what is another run is refused.

mod corruption;
mod drift;
mod exported;
mod sealed;

use std::fs;
use std::path::{Path, PathBuf};

use kelvin_lm::kernel::Profile;
use kelvin_lm::tokenizer::{Characters, Tokenizer};
use kelvin_lm::train::{
    Checkpoints, Layout, Params, Provenance, Saved, Settings, Size, State, TokenizerFiles,
};
use kelvin_lm::{Checkpoint, Config, ErrorKind};
use sha2::{Digest as _, Sha256};

use crate::counting;

/// A folder of its own for one test, removed at the end.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("checkpoints").join(name);
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(&self.0, 2).expect("two is enough")
    }

    fn save(&self, step: u32) -> PathBuf {
        self.checkpoints().save(&state(step), &provenance()).expect("it saves")
    }

    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("read"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn sha256(bytes: &[u8]) -> String {
    let bytes: Vec<String> =
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.concat()
}

fn config() -> Config {
    let size = Size { n_layers: 1, n_heads: 2, d_model: 8, max_seq: 4, ..Size::all()[0].clone() };
    size.config(5).expect("sound")
}

fn settings() -> Settings {
    Settings { block_size: 4, learning_rate: 0.1 + 0.2, ..Size::all()[0].settings.clone() }
}

/// A state whose numbers are of every kind that is finite.
fn state_of(config: Config, step: u32) -> State {
    let layout = Layout::new(&config).expect("sound");
    let odd = [0.0, -0.0, f32::MIN_POSITIVE, 1e-45, -1e-40, f32::MAX, f32::MIN, 0.1, 1.0 / 3.0];
    let params = |seed: u32| {
        let mut params = Params::zeros(&layout);
        for (x, index) in params.as_mut_slice().iter_mut().zip(0_u32..) {
            let bits = index.wrapping_mul(0x9E37_79B9).wrapping_add(seed.wrapping_mul(0x85EB_CA6B));
            let any = (bits >> 8) as f32 / 16_777_216.0 - 0.5;
            *x = odd.get(index as usize % 40).copied().unwrap_or(any);
        }
        params
    };
    let [params, exp_avg, exp_avg_sq] = [1, 2, 3].map(|kind| params(10 * step + kind));
    State { config, settings: settings(), step, params, exp_avg, exp_avg_sq, layout }
}

fn state(step: u32) -> State {
    state_of(config(), step)
}

/// A tokenizer of these letters.
fn tokenizer(letters: &str) -> TokenizerFiles {
    let json = Characters::of(letters).expect("letters").tokenizer_json();
    TokenizerFiles::new(json.into_bytes(), None).expect("sound")
}

fn provenance() -> Provenance {
    Provenance {
        data: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03".to_owned(),
        data_files: vec!["tea.txt".to_owned()],
        tokenizer: tokenizer("tomatea"),
        profile: Profile::Portable,
    }
}

fn bits(params: &Params) -> Vec<u32> {
    params.as_slice().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn what_is_saved_comes_back_to_the_bit() {
    let scene = Scene::new("round-trip");
    let untied = Config { tied_head: false, n_layers: 3, ..config() };
    for (step, config) in [(7, config()), (8, untied)] {
        let state = State {
            settings: Settings { max_grad_norm: f64::INFINITY, seed: u64::MAX, ..settings() },
            ..state_of(config, step)
        };
        let path = scene.checkpoints().save(&state, &provenance()).expect("it saves");
        let saved = Saved::open(&path).expect("it is whole");
        assert_eq!(saved.state, state);
        let all = |it: &State| [&it.params, &it.exp_avg, &it.exp_avg_sq].map(bits);
        assert_eq!(all(&saved.state), all(&state)); // −0 is not 0
        let Provenance { data, data_files, tokenizer, profile } = saved.provenance;
        let expected = provenance();
        assert_eq!(
            (data, data_files, profile),
            (expected.data, expected.data_files, expected.profile)
        );
        assert_eq!(tokenizer.json(), expected.tokenizer.json());
        assert_eq!(tokenizer.config(), expected.tokenizer.config());
        assert_eq!(saved.kelvin, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn every_float_of_the_settings_comes_back() {
    let scene = Scene::new("floats");
    let mut x = 0.1_f64;
    for step in 0..30 {
        x = (x * 3.999_1 * (1.0 - x)).abs(); // seventeen digits, other ones each time
        let mut state = state(step);
        state.settings.learning_rate = x;
        state.settings.min_learning_rate = x / 7.0;
        state.settings.eps = x * 1e-9;
        let path = scene.checkpoints().save(&state, &provenance()).expect("it saves");
        assert_eq!(Saved::open(&path).expect("it is whole").state.settings, state.settings);
    }
}

#[test]
fn equal_states_give_equal_bytes_wherever_they_are_saved() {
    let scenes = [Scene::new("equal-1"), Scene::new("equal-2")];
    let [one, two] = scenes.each_ref().map(|scene| scene.save(3));
    for name in names(&one) {
        let [one, two] = [&one, &two].map(|folder| fs::read(folder.join(&name)).expect("there"));
        assert!(one == two, "{name}");
    }
    let state = fs::read_to_string(one.join("state.json")).expect("text");
    assert!(!state.contains("thread") && !state.contains("equal-1"), "{state}");
}

/// Any program that reads a model in Hugging Face layout reads a checkpoint.
#[test]
fn a_checkpoint_is_a_model_folder() {
    let scene = Scene::new("model-folder");
    let path = scene.save(3);
    let checkpoint = Checkpoint::open(&path).expect("a folder");
    assert_eq!(checkpoint.config().expect("a blueprint"), config());
    assert_eq!(checkpoint.tensors().len(), state(3).layout.tensors().len());
    kelvin_lm::Model::open(&checkpoint, kelvin_lm::EngineOptions::default()).expect("a model");
    let tokenizer = Tokenizer::open(&checkpoint).expect("a tokenizer");
    assert_eq!(tokenizer.piece(4), Some("t"));
    checkpoint.generation_defaults().expect("settings");
}

#[test]
fn the_newest_that_is_whole_wins() {
    let scene = Scene::new("newest");
    let missing = scene.checkpoints().latest().expect_err("nothing is there");
    assert_eq!(missing.kind(), ErrorKind::Missing);
    assert!(missing.to_string().ends_with(": holds no checkpoint: no folder step-N"), "{missing}");

    for step in [9, 10] {
        scene.save(step);
    }
    fs::create_dir(scene.0.join("step-12.partial")).expect("made");
    fs::create_dir(scene.0.join("step-11")).expect("made");
    fs::create_dir(scene.0.join("step-99 copy")).expect("made");
    let latest = scene.checkpoints().latest().expect("one is whole");
    assert_eq!((latest.path, latest.saved.state), (scene.0.join("step-10"), state(10)));
    let reasons: Vec<String> =
        latest.passed_over.iter().map(|error| reason(&scene, error)).collect();
    let unfinished = "step-12.partial: is unfinished: its run was stopped while it saved";
    assert_eq!(reasons, [unfinished, "step-11/manifest.json: is not there"]);

    fs::remove_file(scene.0.join("step-10/tokenizer.json")).expect("removed");
    let latest = scene.checkpoints().latest().expect("one is whole");
    assert_eq!(latest.saved.state.step, 9);
    assert_eq!(reason(&scene, &latest.passed_over[2]), "step-10/tokenizer.json: is not there");

    fs::write(scene.0.join("step-9/state.json"), "{}").expect("written");
    let error = scene.checkpoints().latest().expect_err("none is whole");
    assert_eq!(error.kind(), ErrorKind::Missing);
    let text = "holds no checkpoint that is whole, but 4 damaged or unfinished";
    assert!(error.to_string().ends_with(text), "{error}");
    let all = ["step-10", "step-11", "step-12.partial", "step-9", "step-99 copy"];
    assert_eq!(scene.names(), all, "nothing was removed");
}

/// An error without the folder of the test.
fn reason(scene: &Scene, error: &kelvin_lm::Error) -> String {
    let scene = format!("{}/", scene.0.display());
    error.to_string().replace(&scene, "")
}

#[test]
fn a_folder_under_another_name_is_not_that_step() {
    let scene = Scene::new("renamed");
    scene.save(1);
    let path = scene.save(2);
    fs::rename(path, scene.0.join("step-7")).expect("renamed");
    let latest = scene.checkpoints().latest().expect("one is whole");
    assert_eq!(latest.saved.state.step, 1);
    let text = "step-7: holds step 2, and is named after another";
    assert_eq!(reason(&scene, &latest.passed_over[0]), text);
    Saved::open(&scene.0.join("step-7")).expect("by its path it is what it is");
}

#[test]
fn as_many_are_kept_as_asked_for() {
    let scene = Scene::new("keep");
    let three = Checkpoints::new(&scene.0, 3).expect("three");
    for step in [1, 2, 30, 4] {
        three.save(&state(step), &provenance()).expect("it saves");
    }
    assert_eq!(scene.names(), ["step-1", "step-2", "step-30", "step-4"], "30 is newer than 4");
    three.save(&state(5), &provenance()).expect("it saves");
    assert_eq!(scene.names(), ["step-2", "step-30", "step-4", "step-5"]);
    let error = Checkpoints::new(&scene.0, 1).expect_err("too few");
    assert_eq!(error.to_string(), "keep = 1 is outside 2 and more");
}

#[test]
fn a_damaged_one_neither_counts_nor_disappears() {
    let scene = Scene::new("damaged");
    scene.save(1);
    scene.save(2);
    fs::write(scene.0.join("step-2/config.json"), "{}").expect("written");
    scene.save(3);
    assert_eq!(scene.names(), ["step-1", "step-2", "step-3"]);
    scene.save(4);
    assert_eq!(scene.names(), ["step-2", "step-3", "step-4"]);
}

#[test]
fn what_a_killed_run_left_goes_and_what_is_not_ours_stays() {
    let scene = Scene::new("leftovers");
    for (folder, file) in [
        ("step-1.partial", "model.safetensors"),
        ("step-2.partial", "config.json"),
        ("step-3.old", "state.json"),
        ("step-4.partial", "notes.txt"),
        ("step-5.tmp", "config.json"),
    ] {
        fs::create_dir(scene.0.join(folder)).expect("made");
        fs::write(scene.0.join(folder).join(file), "cut off").expect("written");
    }
    fs::write(scene.0.join("step-6.old"), "a file").expect("written");
    scene.save(2);
    assert_eq!(scene.names(), ["step-2", "step-4.partial", "step-5.tmp", "step-6.old"]);

    // one that is in the way of a save is named
    let error = scene.checkpoints().save(&state(4), &provenance()).expect_err("it is not ours");
    let text = "step-4.partial: is in the way, and holds what no checkpoint has";
    assert_eq!(reason(&scene, &error), text);
    assert!(scene.0.join("step-4.partial/notes.txt").exists());
}

#[test]
fn the_same_state_again_is_fine_and_another_is_not() {
    let scene = Scene::new("again");
    let path = scene.save(3);
    let before = path.join("manifest.json").metadata().expect("there").modified().expect("a time");
    assert_eq!(scene.save(3), path);
    let after = path.join("manifest.json").metadata().expect("there").modified().expect("a time");
    assert_eq!(before, after, "it was left alone");

    let mut other = state(3);
    other.params.as_mut_slice()[100] += 1.0;
    let error = scene.checkpoints().save(&other, &provenance()).expect_err("another run's");
    assert_eq!(error.kind(), ErrorKind::Write);
    assert_eq!(reason(&scene, &error), "step-3: is there already, and holds another state");
    assert_eq!(
        (scene.names(), Saved::open(&path).expect("whole").state),
        (vec!["step-3".into()], state(3))
    );

    fs::write(path.join("config.json"), "{}").expect("written");
    assert_eq!(scene.save(3), path);
    assert_eq!(
        (scene.names(), Saved::open(&path).expect("whole").state),
        (vec!["step-3".into()], state(3))
    );
}

#[test]
fn numbers_that_are_none_are_never_saved() {
    let scene = Scene::new("poison");
    let parts: [fn(&mut State) -> &mut Params; 3] =
        [|it| &mut it.params, |it| &mut it.exp_avg, |it| &mut it.exp_avg_sq];
    let names = [
        "transformer.wpe.weight",
        "exp_avg.transformer.wpe.weight",
        "exp_avg_sq.transformer.wpe.weight",
    ];
    for (part, name) in parts.into_iter().zip(names) {
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut state = state(1);
            part(&mut state).as_mut_slice()[45] = poison;
            let error = scene.checkpoints().save(&state, &provenance()).expect_err("poisoned");
            assert_eq!(error.kind(), ErrorKind::Logits);
            let text = format!("number 5 of {name} is {poison}: such a state is not saved");
            assert_eq!(error.to_string(), text);
        }
    }
    assert!(scene.names().is_empty());
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let scene = Scene::new("parts");
    let refusal = |state: State| {
        scene.checkpoints().save(&state, &provenance()).expect_err("refused").to_string()
    };
    let other = Layout::new(&Config { n_layers: 2, ..config() }).expect("sound");
    assert_eq!(
        refusal(State { layout: other.clone(), ..state(1) }),
        "the state's layout is not that of its blueprint"
    );
    assert_eq!(
        refusal(State { exp_avg: Params::zeros(&other), ..state(1) }),
        "1832 numbers are given, but the blueprint has 960"
    );
    let long = Settings { block_size: 5, ..settings() };
    assert_eq!(refusal(State { settings: long, ..state(1) }), "block-size = 5 is outside 1 to 4");
    let small = Config { vocab_size: 4, ..config() };
    let text = refusal(state_of(small, 1));
    assert!(text.contains('5') && text.contains('4'), "{text}");
    assert!(scene.names().is_empty());
}

#[test]
fn folders_that_cannot_be_written_are_loud() {
    let scene = Scene::new("places");
    let file = scene.0.join("file");
    fs::write(&file, "a file").expect("written");
    for place in [file.clone(), file.join("below"), PathBuf::from("/proc/none")] {
        let checkpoints = Checkpoints::new(&place, 2).expect("two");
        let error = checkpoints.save(&state(1), &provenance()).expect_err("no folder");
        assert_eq!(error.kind(), ErrorKind::Write, "{error}");
        assert!(error.path().is_some(), "{error}");
    }
    // folders on the way are made
    let deep = Checkpoints::new(scene.0.join("a/b/c"), 2).expect("two");
    deep.save(&state(1), &provenance()).expect("it saves");
    assert_eq!(deep.latest().expect("whole").saved.state, state(1));
}

/// Beside the state, which may be most of the memory there is.
#[test]
fn saving_takes_little_memory_and_loading_little_more_than_the_state() {
    let scene = Scene::new("memory");
    let size = Size { n_layers: 2, n_heads: 4, d_model: 256, ..Size::all()[0].clone() };
    let state = state_of(size.config(5).expect("sound"), 1);
    let n_bytes = 12 * state.layout.n_params();
    assert!(n_bytes > 19_000_000);
    let provenance = provenance();
    let (path, peak) = counting::peak(|| scene.checkpoints().save(&state, &provenance));
    assert!(peak < 1_000_000, "{peak} bytes to save");
    let path = path.expect("it saves");
    let (saved, peak) = counting::peak(|| Saved::open(&path));
    assert_eq!(saved.expect("whole").state, state);
    assert!(peak < n_bytes + 1_000_000, "{peak} bytes to load {n_bytes}");
}

/// A disk of one megabyte, where this machine lets us have one.
#[test]
#[ignore = "mounts a disk in memory, which needs to be root"]
fn a_real_disk_that_is_full_is_loud_and_harms_nothing() {
    let scene = Scene::new("tmpfs");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&scene.0)
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        crate::real::say("SKIPPED: this machine does not let us mount a tmpfs");
        return;
    }
    let size = Size { n_layers: 1, n_heads: 1, d_model: 32, ..Size::all()[0].clone() };
    let state = |step| state_of(size.config(5).expect("sound"), step);
    let mut saved = 0;
    let error = loop {
        let keep = Checkpoints::new(&scene.0, 9).expect("nine");
        match keep.save(&state(saved + 1), &provenance()) {
            Ok(_) => saved += 1,
            Err(error) => break error,
        }
    };
    let latest = scene.checkpoints().latest();
    let names = scene.names();
    std::process::Command::new("umount").arg(&scene.0).status().expect("umount runs");
    assert!(error.to_string().contains("the disk is full: ") && saved >= 2, "{error}");
    let latest = latest.expect("whole");
    assert_eq!(latest.saved.state, state(saved));
    assert_eq!(names.len(), saved as usize, "what was begun is removed: {names:?}");
}
