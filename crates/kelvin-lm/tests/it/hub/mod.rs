//! The hub: pulls from a server of our own, and the cache that they leave.

mod cache;
mod faults;
mod pull;
mod server;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kelvin_lm::Result;
use kelvin_lm::hub::pull::{Client, Event, Patience};
use kelvin_lm::hub::{Environment, ModelName, Snapshot};

use self::server::{Hub, Repo};

/// A folder of this name for one test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hub").join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// An environment with these variables and no other.
fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::read(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

/// A hub, a cache, and what happened.
struct Bench {
    hub: Hub,
    cache: PathBuf,
    token: &'static str,
    tries: u32,
}

impl Bench {
    fn new(test: &str, repos: Vec<Repo>) -> Self {
        Self { hub: Hub::start(repos), cache: folder(test), token: "", tries: 3 }
    }

    fn client(&self) -> Client {
        let cache = self.cache.to_str().expect("a plain path");
        let variables = [
            ("HF_ENDPOINT", self.hub.endpoint.as_str()),
            ("HF_HUB_CACHE", cache),
            ("HF_TOKEN", self.token),
        ];
        let client = Client::new(&environment(&variables)).expect("an address");
        client.with_patience(Patience { tries: self.tries, pause: Duration::ZERO })
    }

    /// Plans and fetches; the snapshot, and a word for each thing that happened but for bytes.
    fn pull(&self, name: &str) -> (Result<Snapshot>, Vec<String>) {
        let mut events = Vec::new();
        let mut watch = |event: Event<'_>| events.extend(word(&event));
        let client = self.client();
        let name: ModelName = name.parse().expect("a name");
        let plan = client.plan(&name, &mut watch);
        let pulled = plan.and_then(|plan| client.fetch(&plan, &mut watch));
        (pulled, events)
    }

    /// Pulls what works.
    fn pulled(&self, name: &str) -> Snapshot {
        self.pull(name).0.expect("it works")
    }

    /// Pulls what fails: the error, its cause and its hint, as one text.
    fn refused(&self, name: &str) -> String {
        let error = self.pull(name).0.expect_err("it fails");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}\n{cause}\n{}", error.way_out().unwrap_or_default())
    }

    /// The requests that brought bytes of files, by path.
    fn brought(&self) -> Vec<String> {
        let brings = |request: &server::Request| {
            request.method == "GET" && (request.at_cdn || request.path.starts_with("/cached/"))
        };
        let name = |path: &str| path.split('?').next()?.rsplit('/').next().map(str::to_owned);
        self.hub.seen().into_iter().filter(brings).filter_map(|it| name(&it.path)).collect()
    }

    /// A file below the repository's folder.
    fn in_repo(&self, repo: &str, path: &str) -> PathBuf {
        self.cache.join(format!("models--{}", repo.replace('/', "--"))).join(path)
    }
}

fn word(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Begin { file, n_bytes } => format!("begin {} {n_bytes}", file.name),
        Event::Restart { file } => format!("restart {}", file.name),
        Event::Retry { cause, .. } => format!("retry: {cause}"),
        Event::Verify { file } => format!("verify {}", file.name),
        Event::Done { file } => format!("done {}", file.name),
        Event::Waiting { file } => format!("wait {}", file.name),
        _ => return None,
    })
}

/// Bytes that differ from place to place and from one salt to another.
fn bytes(salt: u64, len: usize) -> Vec<u8> {
    let mut state = salt.wrapping_mul(2).wrapping_add(1);
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()[7]
    };
    (0..len).map(step).collect()
}

/// A repository as people publish them: one file of weights among much else.
fn gpt2() -> Repo {
    Repo::new(
        "openai-community/gpt2",
        &[
            (".gitattributes", b"*.safetensors filter=lfs"),
            ("README.md", b"# GPT-2"),
            ("config.json", b"{\"model_type\": \"gpt2\"}"),
            ("generation_config.json", b"{}"),
            ("model.safetensors", &bytes(1, 300_000)),
            ("pytorch_model.bin", b"PK"),
            ("tokenizer.json", b"{\"version\": \"1.0\"}"),
            ("tokenizer_config.json", b"{\"a\": 1}"),
            ("special_tokens_map.json", b""),
            ("onnx/config.json", b"{}"),
        ],
    )
}

/// A safetensors file of one tensor.
fn safetensors(name: &str, numbers: usize) -> Vec<u8> {
    let header = format!(
        "{{\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{numbers}],\"data_offsets\":[0,{}]}}}}",
        4 * numbers
    );
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), &vec![0; 4 * numbers]].concat()
}

/// One whose weights lie in two files.
fn sharded() -> Repo {
    let index = br#"{"metadata": {"total_size": 7}, "weight_map": {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors"}}"#;
    Repo::new(
        "org/sharded",
        &[
            ("config.json", b"{\"model_type\": \"llama\"}"),
            ("tokenizer.json", b"{}"),
            ("model.safetensors.index.json", index),
            ("model-00001-of-00002.safetensors", &safetensors("a", 1250)),
            ("model-00002-of-00002.safetensors", &safetensors("b", 1500)),
        ],
    )
}

/// One with GGUF files only.
fn quantised() -> Repo {
    Repo::new(
        "org/quantised-GGUF",
        &[
            ("README.md", b"#"),
            ("model-Q4_K_M.gguf", &bytes(4, 4000)),
            ("model-Q8_0.gguf", &bytes(5, 8000)),
            ("BF16/model-BF16.gguf", &bytes(6, 9000)),
        ],
    )
}
