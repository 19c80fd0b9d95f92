//! Indexes of tensors in several files: whatever they say, no file outside the folder is opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kelvin_lm::Result;
use kelvin_lm::format::Shards;

use super::safetensors::framed;
use super::{BESIDE, Verdict, verdict};

/// A cached repository, whose snapshot is the model's folder, and files around it. Each file inside
/// holds one tensor of its name's first letter; each outside is a pickle, so that a refusal tells
/// whether it was opened.
struct Scene {
    snapshot: PathBuf,
    blobs: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let temporary = option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from);
        let root = temporary.unwrap_or_else(std::env::temp_dir).join("kelvin-shards");
        let repository = root.join("models--org--name");
        let (snapshot, blobs) = (repository.join("snapshots/main"), repository.join("blobs"));
        for folder in [&snapshot, &snapshot.join("sub"), &blobs] {
            fs::create_dir_all(folder).expect("the temporary folder takes files");
        }
        let write = |path: PathBuf, bytes: &[u8]| {
            if fs::read(&path).is_ok_and(|there| there == bytes) {
                return; // as another process left it, which may be reading it now
            }
            fs::write(path, bytes).expect("the temporary folder takes files");
        };
        for (folder, name) in
            [(&snapshot, "a.safetensors"), (&snapshot, "b.safetensors"), (&blobs, "c")]
        {
            let header = format!(
                r#"{{"{}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#,
                &name[..1]
            );
            write(folder.join(name), &framed(header.as_bytes(), &[7]));
        }
        let outside = [
            repository.join("out.safetensors"),
            snapshot.join("../out.safetensors"),
            snapshot.join("sub/out.safetensors"),
            root.join("out.safetensors"),
        ];
        for path in outside {
            write(path, b"\x80\x04\x95}q\x00X\x05.");
        }
        link("../../blobs/c", &snapshot.join("c.safetensors"));
        link("../out.safetensors", &snapshot.join("l.safetensors"));
        link("../../out.safetensors", &snapshot.join("m.safetensors"));
        link("..", &snapshot.join("up"));
        Self { snapshot, blobs }
    }

    /// The one of this process.
    fn shared() -> &'static Self {
        static SCENE: OnceLock<Scene> = OnceLock::new();
        SCENE.get_or_init(Self::new)
    }

    /// The files that were opened, by name.
    fn opened(&self, shards: &Shards) -> String {
        let homes = [&self.snapshot, &self.blobs].map(|home| real(home));
        let files = shards.files().inspect(|file| {
            let lies_in = real(file);
            assert!(
                homes.iter().any(|home| lies_in.parent() == Some(home)),
                "{} was opened",
                file.display()
            );
        });
        files.filter_map(|file| file.file_name()?.to_str()).collect::<Vec<_>>().join(" ")
    }
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).expect("it is there")
}

#[cfg(unix)]
fn link(target: &str, at: &Path) {
    if fs::read_link(at).is_ok() {
        return;
    }
    std::os::unix::fs::symlink(target, at).expect("the temporary folder takes links");
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) {}

/// The verdict on an index whose tensors `a`, `b` and `c` lie in the files that the lines of `input`
/// name.
pub(crate) fn names(input: &[u8]) -> Verdict {
    let lines = input.split(|&byte| byte == b'\n').map(String::from_utf8_lossy);
    let map: serde_json::Map<_, _> = ["a", "b", "c"]
        .into_iter()
        .zip(lines)
        .map(|(tensor, file)| (tensor.to_owned(), file.into_owned().into()))
        .collect();
    index(serde_json::json!({ "weight_map": map }).to_string().as_bytes())
}

/// The folder that indexes lie in here.
pub(crate) fn folder() -> &'static str {
    Scene::shared().snapshot.to_str().expect("a path of this repository")
}

/// Opens what an index names.
pub(crate) fn open(index: &[u8]) -> Result<Shards> {
    Shards::indexed(&Path::new(folder()).join("model.safetensors.index.json"), index)
}

/// The verdict on an index.
pub(crate) fn index(index: &[u8]) -> Verdict {
    let read = |index: Vec<u8>| open(&index);
    let verdict = verdict(index, BESIDE, read, |shards| Scene::shared().opened(shards));
    let opened = |error: &String| error.contains("starts with \"\\x80"); // quotes of names are escaped
    assert!(!verdict.as_ref().is_err_and(opened), "{verdict:?}");
    verdict
}
