//! What happens to checkpoints when the disk does not do as it is told.

mod crashes;
mod disk;
mod faults;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Checkpoints, Provenance, TokenizerFiles};
use crate::kernel::Profile;
use crate::tokenizer::Characters;
use crate::train::{Layout, Params, Size, State};

/// A folder of its own for one test, removed at the end.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        let name = format!("kelvin-checkpoint-{name}-{}", std::process::id());
        // in memory, where there is such a place: tens of thousands of folders are made
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = root.join(name);
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.run(), 2).expect("two")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Removes what is in a folder.
fn empty(path: &Path) {
    fs::remove_dir_all(path).expect("a folder of this test");
    fs::create_dir(path).expect("likewise");
}

/// The smallest state there is, its numbers other ones at each step.
fn state(step: u32) -> State {
    let size = Size { n_layers: 1, n_heads: 1, d_model: 2, max_seq: 2, ..Size::all()[0].clone() };
    let mut settings = size.settings.clone();
    settings.block_size = 2;
    let config = size.config(3).expect("sound");
    let layout = Layout::new(&config).expect("sound");
    let params = |offset: f32| {
        let mut params = Params::zeros(&layout);
        for (x, index) in params.as_mut_slice().iter_mut().zip(0_u16..) {
            *x = f32::from(index) * 0.25 + offset;
        }
        params
    };
    let offset = 1000.0 * step as f32;
    let [params, exp_avg, exp_avg_sq] = [0.1, 0.2, 0.3].map(|part| params(offset + part));
    State { config, settings, layout, step, params, exp_avg, exp_avg_sq }
}

fn provenance() -> Provenance {
    let json = Characters::of("tea").expect("three").tokenizer_json();
    Provenance {
        data: super::digest::of(b"tea eat ate"),
        data_files: vec!["tea.txt".to_owned()],
        tokenizer: TokenizerFiles::new(json.into(), None).expect("sound"),
        profile: Profile::Portable,
    }
}
