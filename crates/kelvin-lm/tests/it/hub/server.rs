//! A small hub on this machine: repositories, commits, a second host for large files, and faults.
//!
//! It answers as the real one does: the list of files as JSON; small files behind a redirect on the
//! same host, with git's checksum as their tag; large files behind a signed link to another host,
//! which takes no HEAD and must see no token.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The commit of every repository, unless a test says otherwise.
pub(crate) const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

/// The server, and what it knows.
pub(crate) struct Hub {
    /// Its address: `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cdn: String,
    repos: Vec<Repo>,
    faults: Vec<(String, Fault)>,
    seen: Vec<Request>,
}

/// A repository with one commit.
#[derive(Clone)]
pub(crate) struct Repo {
    pub(crate) id: String,
    pub(crate) commit: String,
    pub(crate) revisions: Vec<String>,
    pub(crate) files: Vec<File>,
    /// The token that it wants.
    pub(crate) gate: Option<String>,
}

/// A file of a repository.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it lies on the other host.
    pub(crate) large: bool,
}

/// What goes wrong, once, with a request that brings bytes.
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// This status, with these headers; also where no bytes are brought.
    Status(u16, Vec<(String, String)>),
    /// The whole file, whatever range was asked for.
    IgnoreRange,
    /// The first so many bytes of the file, whatever range was asked for.
    CutWhole(usize),
    /// These bytes in place of the file's.
    Bytes(Vec<u8>),
    /// One more header.
    Header(&'static str, &'static str),
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) at_cdn: bool,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Repo {
    /// A repository whose files are small but for those that end in `.safetensors` or `.gguf`.
    pub(crate) fn new(id: &str, files: &[(&str, &[u8])]) -> Self {
        let file = |(name, bytes): &(&str, &[u8])| File {
            name: (*name).to_owned(),
            bytes: bytes.to_vec(),
            large: [".safetensors", ".gguf"].iter().any(|ending| name.ends_with(ending)),
        };
        Self {
            id: id.to_owned(),
            commit: COMMIT.to_owned(),
            revisions: vec!["main".to_owned()],
            files: files.iter().map(file).collect(),
            gate: None,
        }
    }

    /// Whether a part of a path names a revision: a branch, a tag, or the commit.
    fn knows(&self, revision: &str) -> bool {
        let mut known = self.revisions.iter().chain([&self.commit]);
        known.any(|known| known.replace('/', "%2F") == revision)
    }
}

impl File {
    /// Its checksum, as the hub sends it.
    pub(crate) fn etag(&self) -> String {
        if self.large {
            hex(Sha256::digest(&self.bytes))
        } else {
            let head = format!("blob {}\0", self.bytes.len());
            hex(Sha1::new_with_prefix(head).chain_update(&self.bytes).finalize())
        }
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes it");
        hex
    })
}

impl Hub {
    /// Starts a hub with these repositories.
    pub(crate) fn start(repos: Vec<Repo>) -> Self {
        let state = Arc::new(Mutex::new(State { repos, ..State::default() }));
        let serve = |at_cdn: bool| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("bound");
            let state = Arc::clone(&state);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&state);
                    thread::spawn(move || answer(&stream, &state, at_cdn));
                }
            });
            format!("http://{address}")
        };
        let (endpoint, cdn) = (serve(false), serve(true));
        state.lock().expect("nobody panicked").cdn = cdn;
        Self { endpoint, state }
    }

    /// The address of the other host, which keeps the large files.
    pub(crate) fn cdn(&self) -> String {
        self.state().cdn.clone()
    }

    /// Arms a fault for the next request of a path that ends so; faults of one path queue up.
    pub(crate) fn fault(&self, ending: &str, fault: Fault) {
        self.state().faults.push((ending.to_owned(), fault));
    }

    /// Changes a repository.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Repo)) {
        change(
            self.state().repos.iter_mut().find(|repo| repo.id == id).expect("a known repository"),
        );
    }

    /// The requests since this was last asked.
    pub(crate) fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().seen)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }
}

/// An answer: status, headers, the body and how long it claims to be.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: usize,
}

impl Reply {
    fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.to_vec(),
            length: body.len(),
        }
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>, at_cdn: bool) {
    let Some(mut request) = read(stream, at_cdn) else { return };
    let mut state = state.lock().expect("nobody panicked");
    state.seen.push(request.clone());
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let brings_bytes = at_cdn || path.starts_with("/cached/") || path.starts_with("/api/");
    let next = state.faults.iter().position(|(ending, _)| path.ends_with(ending.as_str()));
    let armed = next.filter(|&at| {
        let is_status = matches!(state.faults[at].1, Fault::Status(..));
        is_status || (brings_bytes && request.method == "GET")
    });
    let fault = armed.map(|at| state.faults.remove(at).1);
    if matches!(fault, Some(Fault::IgnoreRange | Fault::CutWhole(_))) {
        request.headers.retain(|(name, _)| name != "range");
    }
    let reply = reply(&state, &request, &path);
    drop(state);
    send(stream, &request, reply, fault);
}

fn read(stream: &TcpStream, at_cdn: bool) -> Option<Request> {
    let mut lines = BufReader::new(stream.take(1 << 16)).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    Some(Request { method, path, at_cdn, headers })
}

fn reply(state: &State, request: &Request, path: &str) -> Reply {
    let nothing = |status: u16, code: &str| {
        let words = "Nothing here. ".repeat(30);
        Reply::new(status, &[("x-error-code", code), ("x-error-message", &words)], b"{}")
    };
    if request.at_cdn {
        return from_cdn(state, request, path);
    }
    let (id, rest) = match path.strip_prefix("/api/models/") {
        Some(rest) => rest.split_once("/revision/").unwrap_or((rest, "")),
        None => path
            .trim_start_matches("/cached")
            .trim_start_matches('/')
            .split_once("/resolve/")
            .unwrap_or((path, "")),
    };
    let Some(repo) = state.repos.iter().find(|repo| repo.id == id) else {
        let status = if request.header("authorization").is_some() { 404 } else { 401 };
        return nothing(status, "RepoNotFound");
    };
    let token = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
    let may_read = repo.gate.as_deref().is_none_or(|gate| token == Some(gate));
    if path.starts_with("/api/") {
        return if repo.knows(rest) {
            Reply::new(200, &[], listing(repo).as_bytes())
        } else {
            nothing(404, "RevisionNotFound")
        };
    }
    if !may_read {
        return nothing(if token.is_some() { 403 } else { 401 }, "GatedRepo");
    }
    let (revision, name) = rest.split_once('/').unwrap_or((rest, ""));
    if !repo.knows(revision) {
        return nothing(404, "RevisionNotFound");
    }
    let file = repo.files.iter().find(|file| file.name == name);
    let Some(file) = file else { return nothing(404, "EntryNotFound") };
    let commit = repo.commit.as_str();
    let (etag, size) = (format!("\"{}\"", file.etag()), file.bytes.len().to_string());
    let facts = [("x-repo-commit", commit), ("x-linked-etag", &etag), ("x-linked-size", &size)];
    if file.large {
        let place = format!("{}/{}/{name}?signature=1", state.cdn, file.etag());
        Reply::new(302, &[&facts[..], &[("location", place.as_str())]].concat(), b"")
    } else if path.starts_with("/cached/") {
        bytes(request, &file.bytes, &[("etag", &etag), ("x-repo-commit", commit)])
    } else {
        let place = format!("/cached{path}?etag=1");
        Reply::new(307, &[("location", place.as_str()), ("x-repo-commit", commit)], b"")
    }
}

fn from_cdn(state: &State, request: &Request, path: &str) -> Reply {
    let files = || state.repos.iter().flat_map(|repo| &repo.files);
    let etag = path.trim_start_matches('/').split('/').next();
    let file = files().find(|file| etag == Some(file.etag().as_str()));
    match file {
        Some(file) if request.method == "GET" => {
            bytes(request, &file.bytes, &[("etag", "\"5d41402abc4b2a76b9719d911017c592\"")])
        }
        _ => Reply::new(403, &[], b"<Error>SignatureDoesNotMatch</Error>"),
    }
}

/// A file's bytes, or the range that was asked for.
fn bytes(request: &Request, all: &[u8], headers: &[(&str, &str)]) -> Reply {
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes="));
    match range.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok()) {
        Some(from) if from >= all.len() => {
            Reply::new(416, &[("content-range", &format!("bytes */{}", all.len()))], b"")
        }
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", all.len() - 1, all.len());
            Reply::new(206, &[headers, &[("content-range", range.as_str())]].concat(), &all[from..])
        }
        None => Reply::new(200, headers, all),
    }
}

fn listing(repo: &Repo) -> String {
    let names = repo.files.iter().map(|file| format!("{{\"rfilename\":{:?}}}", file.name));
    let (commit, names) = (&repo.commit, names.collect::<Vec<_>>().join(","));
    format!(
        "{{\"id\":{:?},\"private\":false,\"sha\":\"{commit}\",\"siblings\":[{names}]}}",
        repo.id
    )
}

fn send(mut stream: &TcpStream, request: &Request, mut reply: Reply, fault: Option<Fault>) {
    match fault {
        Some(Fault::Cut(n) | Fault::CutWhole(n)) => reply.body.truncate(n),
        Some(Fault::Status(status, headers)) => {
            reply = Reply { status, headers, body: Vec::new(), length: 0 };
        }
        Some(Fault::Bytes(body)) => reply = Reply { length: body.len(), body, ..reply },
        Some(Fault::Header(name, value)) => reply.headers.push((name.to_owned(), value.to_owned())),
        Some(Fault::IgnoreRange) | None => (),
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").expect("a String takes it");
    }
    write!(head, "content-length: {}\r\n\r\n", reply.length).expect("a String takes it");
    let body = if request.method == "HEAD" { &[][..] } else { &reply.body };
    // a client that has seen enough may be gone by now
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
    stream.shutdown(Shutdown::Both).ok();
}
