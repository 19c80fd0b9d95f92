//! Brings what a model needs from the hub into the standard cache (feature `hub`).
//!
//! ```text
//! plan    GET  {endpoint}/api/models/{repo}/revision/{revision}     commit, names of files
//!         HEAD {endpoint}/{repo}/resolve/{commit}/{file}            size, checksum, of each file needed
//!         GET  config.json, the index                               whether it runs here, which shards
//! fetch   GET  the same, from the byte where an earlier try ended   into blobs/{checksum}.incomplete
//!         the checksum is computed from the disk; then the blob gets its name, the snapshot a link
//!         and, when all files are there, the revision its commit
//! ```
//!
//! The layout is `huggingface_hub`'s, byte for byte, so that either finds what the other brought.
//! Pickled weights are never fetched. The token goes to the hub's own address and nowhere else, also
//! when a redirect leads away from it. A server's lengths bound what is written and allocate nothing.
//!
//! ```no_run
//! use kelvin_lm::hub::pull::Client;
//! use kelvin_lm::hub::{Environment, ModelName};
//!
//! # fn main() -> kelvin_lm::Result<()> {
//! let environment = Environment::read(|name| std::env::var_os(name));
//! let client = Client::new(&environment)?;
//! let name: ModelName = "openai-community/gpt2".parse()?;
//! let plan = client.plan(&name, &mut |_| ())?;
//! let snapshot = client.fetch(&plan, &mut |event| println!("{event:?}"))?;
//! println!("{}", snapshot.model(name.file())?.display());
//! # Ok(())
//! # }
//! ```

mod address;
mod checksum;
mod download;
mod http;
mod listing;
mod patience;
mod refusal;
mod store;

use std::io::Read as _;

use self::address::{Slash, escape};
use self::download::Download;
use self::http::{Http, Method, Trouble};
use self::listing::Listing;
use self::patience::Budget;
use self::refusal::Asked;
use self::store::Store;
use super::choice::{CONFIG, INDEX, Weights};
use super::{Cache, Environment, FileName, ModelName, RepoId, Revision, Snapshot};
use crate::{Config, Error, ErrorKind, Result};

pub use checksum::Checksum;
pub use patience::Patience;

/// The longest answer that is kept in memory, in bytes: lists of files, an index of tensors.
const ANSWER_LIMIT: u64 = 32 << 20;
/// The longest file of which the hub does not say how long it is, in bytes.
const UNKNOWN_LIMIT: u64 = 64 << 20;

/// Who is told how a pull goes.
pub type Watch<'w> = dyn FnMut(Event<'_>) + 'w;

/// Something that happened during a pull.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file's turn has come; so many of its bytes are there already.
    Begin {
        /// The file.
        file: &'a PlannedFile,
        /// Bytes there.
        n_bytes: u64,
    },
    /// So many more bytes were written.
    Bytes(u64),
    /// The server does not go on in the middle of a file: it comes from its start again.
    Restart {
        /// The file.
        file: &'a PlannedFile,
    },
    /// Something failed and is tried again after a pause.
    Retry {
        /// What failed.
        cause: &'a Error,
        /// How long is waited.
        pause: std::time::Duration,
    },
    /// Another process is bringing this file.
    Waiting {
        /// The file.
        file: &'a PlannedFile,
    },
    /// All bytes are there; their checksum is computed.
    Verify {
        /// The file.
        file: &'a PlannedFile,
    },
    /// The file is whole and in its place.
    Done {
        /// The file.
        file: &'a PlannedFile,
    },
}

/// What is to be brought for a model, and what of it is there.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The repository.
    pub repo: RepoId,
    /// What was asked for.
    pub revision: Revision,
    /// The commit that it is.
    pub commit: String,
    /// The files, in the order they are brought.
    pub files: Vec<PlannedFile>,
}

/// A file of a [`Plan`].
#[derive(Debug, Clone)]
pub struct PlannedFile {
    /// Its name in the repository.
    pub name: FileName,
    /// Its size in bytes, where the hub says it.
    pub n_bytes: Option<u64>,
    /// What its bytes must hash to.
    pub checksum: Checksum,
    /// What of it is there.
    pub state: FileState,
}

/// What is there of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// All of it.
    Whole,
    /// So many bytes, 0 for none.
    Partial(u64),
}

impl Plan {
    /// Bytes of all files, as far as the hub says.
    pub fn n_bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.n_bytes).fold(0, u64::saturating_add)
    }

    /// Bytes still to come, as far as the hub says.
    pub fn n_missing(&self) -> u64 {
        self.files.iter().map(PlannedFile::n_missing).fold(0, u64::saturating_add)
    }
}

impl PlannedFile {
    /// Bytes still to come, as far as the hub says.
    pub fn n_missing(&self) -> u64 {
        match self.state {
            FileState::Whole => 0,
            FileState::Partial(n) => self.n_bytes.unwrap_or(0).saturating_sub(n),
        }
    }

    /// The most bytes that are accepted.
    fn limit(&self) -> u64 {
        self.n_bytes.unwrap_or(UNKNOWN_LIMIT)
    }
}

/// A connection to a hub, and the cache that it fills.
#[derive(Debug)]
pub struct Client {
    http: Http,
    cache: Cache,
    patience: Patience,
}

impl Client {
    /// A client for the hub and the cache of this environment; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] where the environment forbids the network, [`ErrorKind::Parameter`]
    /// where it names a hub, a proxy or a token that is none; [`ErrorKind::Io`] for a token or
    /// certificates that cannot be read.
    pub fn new(environment: &Environment) -> Result<Self> {
        if let Some(offline) = &environment.offline {
            let name = offline.split('=').next().unwrap_or(offline);
            return Err(Error::new(ErrorKind::Network, format!("{offline} forbids the network"))
                .hint(format!("{name}=0 allows it for one command")));
        }
        let cache = Cache::new(&environment.cache);
        Ok(Self { http: Http::new(environment)?, cache, patience: Patience::default() })
    }

    /// The same client, with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// The cache that is filled.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Asks the hub what a model needs, and looks what of it is there. Writes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] for a repository, revision or file that the hub does not have or show,
    /// or that holds no model; [`ErrorKind::Unsupported`] for weights that Kelvin does not read and
    /// those of [`Config::from_json`] for a model that it does not run; [`ErrorKind::Network`] for a
    /// hub that cannot be reached, refuses, or answers nonsense.
    pub fn plan(&self, name: &ModelName, watch: &mut Watch<'_>) -> Result<Plan> {
        let (repo, revision) = (name.repo(), name.revision());
        let listing = self.list(name, watch)?;
        let needed = listing.needed(name.file()).map_err(|error| advise(&error, name, &listing))?;
        let mut plan = Plan {
            repo: repo.clone(),
            revision: revision.clone(),
            commit: listing.commit.clone(),
            files: Vec::new(),
        };
        self.describe_all(&mut plan, needed, watch)?;
        if let Some(config) = self.content(&plan, CONFIG, watch)? {
            let config = Config::from_json(&config);
            config.map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))?;
        }
        if let Some(index) = self.content(&plan, INDEX, watch)? {
            self.describe_all(&mut plan, listing.shards(&index)?, watch)?;
        }
        Ok(plan)
    }

    /// Brings the files of a plan and puts them in their places; the snapshot.
    ///
    /// What is there already is not asked for again, and what an earlier try began is continued.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] where the hub cannot be reached or sends other bytes than promised,
    /// [`ErrorKind::Write`] where they cannot be kept, [`ErrorKind::Missing`] and
    /// [`ErrorKind::Io`] as for [`Client::plan`]. What is whole stays, what is begun can be
    /// continued, and the revision still means what it meant.
    pub fn fetch(&self, plan: &Plan, watch: &mut Watch<'_>) -> Result<Snapshot> {
        let store = Store::new(&self.cache, &plan.repo);
        store.create(&self.cache)?;
        for file in &plan.files {
            let path = resolve(&plan.repo, &plan.commit, &file.name);
            let Self { http, patience, .. } = self;
            let mut download = Download { http, patience, store: &store, plan, file, path, watch };
            download.run()?;
            store.link(&plan.commit, file)?;
            watch(Event::Done { file });
        }
        // only now: until here the revision means what was there before, whole
        store.point(&plan.revision, &plan.commit)?;
        let path = store.snapshot(&plan.commit);
        Ok(Snapshot::new(plan.repo.clone(), plan.commit.clone(), path))
    }

    fn list(&self, name: &ModelName, watch: &mut Watch<'_>) -> Result<Listing> {
        let (repo, revision) = (name.repo(), name.revision());
        let revision_part = escape(revision.as_str(), Slash::Escaped);
        let path = format!("/api/models/{repo}/revision/{revision_part}");
        let asked = Asked { repo, revision, file: None };
        Listing::parse(&self.read(&path, &asked, watch)?)
    }

    /// Reads an answer into memory.
    fn read(&self, path: &str, asked: &Asked<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>> {
        let mut budget = Budget::new(&self.patience);
        budget.persist(watch, || {
            let mut answer = self.http.ask(path, Method::Get { from: 0 }, asked)?;
            let mut bytes = Vec::new();
            let body = answer.response.body_mut().as_reader();
            body.take(ANSWER_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| {
                Trouble::Passing(
                    Error::new(
                        ErrorKind::Network,
                        "the connection ended in the middle of an answer",
                    )
                    .caused_by(error),
                )
            })?;
            if bytes.len() as u64 > ANSWER_LIMIT {
                let detail = format!("the hub's answer exceeds {ANSWER_LIMIT} bytes");
                return Err(Error::new(ErrorKind::Network, detail).into());
            }
            Ok(bytes)
        })
    }

    /// Adds files to a plan.
    fn describe_all(
        &self,
        plan: &mut Plan,
        names: Vec<FileName>,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let store = Store::new(&self.cache, &plan.repo);
        for name in names {
            let mut file = self.describe(plan, name, watch)?;
            file.state = store.state(&plan.commit, &file);
            plan.files.push(file);
        }
        Ok(())
    }

    /// The bytes of a planned text, from the cache or from the hub; `None` where it is not planned.
    fn content(&self, plan: &Plan, name: &str, watch: &mut Watch<'_>) -> Result<Option<Vec<u8>>> {
        let Some(file) = plan.files.iter().find(|file| file.name.as_str() == name) else {
            return Ok(None);
        };
        let cached = Store::new(&self.cache, &plan.repo).content(&plan.commit, file);
        if let Some(bytes) = cached {
            return Ok(Some(bytes));
        }
        let Plan { repo, revision, commit, .. } = plan;
        let asked = Asked { repo, revision, file: Some(&file.name) };
        self.read(&resolve(repo, commit, &file.name), &asked, watch).map(Some)
    }

    /// Asks for a file's size and checksum.
    fn describe(&self, plan: &Plan, name: FileName, watch: &mut Watch<'_>) -> Result<PlannedFile> {
        let asked = Asked { repo: &plan.repo, revision: &plan.revision, file: Some(&name) };
        let path = resolve(&plan.repo, &plan.commit, &name);
        let mut budget = Budget::new(&self.patience);
        let facts =
            budget.persist(watch, || Ok(self.http.ask(&path, Method::Head, &asked)?.facts))?;
        let etag = facts.etag.unwrap_or_default();
        let Some(checksum) = Checksum::from_etag(&etag) else {
            let detail =
                format!("{} gives {name} no checksum (etag {etag:?})", self.http.endpoint());
            return Err(Error::new(ErrorKind::Network, detail)
                .hint("check HF_ENDPOINT and the proxy: a hub gives every file one"));
        };
        Ok(PlannedFile { name, n_bytes: facts.n_bytes, checksum, state: FileState::Partial(0) })
    }
}

/// The path of a file at a commit.
fn resolve(repo: &RepoId, commit: &str, file: &FileName) -> String {
    format!("/{repo}/resolve/{commit}/{}", escape(file.as_str(), Slash::Kept))
}

/// The way out where a repository holds no model for Kelvin.
fn advise(error: &Error, name: &ModelName, listing: &Listing) -> Error {
    let repo = name.repo();
    let whole = name.clone().without_file();
    let detail = format!("{name}: {error}");
    let hint = match (Weights::among(&listing.files), name.file()) {
        (Weights::Gguf, _) if error.kind() == ErrorKind::Unsupported => {
            "name a whole file, or join the parts with llama.cpp's llama-gguf-split --merge"
                .to_owned()
        }
        (Weights::Gguf, _) => {
            format!("name one: kelvin models pull {whole}:FILE, or the end of its name")
        }
        (Weights::Safetensors, Some(file)) => {
            format!("leave :{file} out, as the weights are safetensors: kelvin models pull {whole}")
        }
        (Weights::Pickle, _) => format!(
            "many such repositories have a safetensors version as a pull request: {repo}@refs/pr/N; \
             or convert it with transformers' save_pretrained"
        ),
        (Weights::Safetensors, None) => {
            "Kelvin needs config.json and tokenizer.json beside the weights".to_owned()
        }
        (Weights::Missing, _) => {
            "a model has model.safetensors, its index and shards, or .gguf files".to_owned()
        }
    };
    Error::new(error.kind(), detail).hint(hint)
}
