//! One file, from wherever an earlier try ended to a verified blob.

use std::io::Read as _;

use ureq::Body;
use ureq::http::{Response, header};

use super::http::{Answer, Attempt, Http, Method, Trouble, text};
use super::patience::{Budget, Patience};
use super::refusal::Asked;
use super::store::{Partial, Store};
use super::{Event, FileState, Plan, PlannedFile, Watch};
use crate::{Error, ErrorKind, Result};

/// Bytes read at a time.
const PIECE: usize = 1 << 17;
/// Bytes that count as progress: a connection that brings them may break again and again.
const GROUND: u64 = 1 << 20;

/// A file of a plan, being brought.
pub(super) struct Download<'a, 'w> {
    pub(super) http: &'a Http,
    pub(super) patience: &'a Patience,
    pub(super) store: &'a Store,
    pub(super) plan: &'a Plan,
    pub(super) file: &'a PlannedFile,
    /// The file's path on the hub.
    pub(super) path: String,
    pub(super) watch: &'a mut Watch<'w>,
}

impl Download<'_, '_> {
    /// Brings the file, unless it is there; its blob then has its name.
    pub(super) fn run(&mut self) -> Result<()> {
        let (file, watch) = (self.file, &mut *self.watch);
        let _lock = self.store.lock(&file.checksum, || watch(Event::Waiting { file }))?;
        if self.store.state(&self.plan.commit, file) == FileState::Whole {
            self.begin(file.n_bytes.unwrap_or(0));
            return Ok(());
        }
        let mut partial = self.store.open_partial(&file.checksum)?;
        if partial.len() > file.limit() {
            partial.restart()?; // left by a server that said otherwise
        }
        let resumed = partial.len() > 0;
        self.begin(partial.len());
        self.complete(&mut partial)?;
        let mut wrong = self.mismatch(&mut partial)?;
        if wrong.is_some() && resumed {
            // what was there before may be what is wrong
            self.restart(&mut partial)?;
            self.complete(&mut partial)?;
            wrong = self.mismatch(&mut partial)?;
        }
        match wrong {
            Some(error) => {
                partial.remove();
                Err(error)
            }
            None => self.store.keep(partial, &file.checksum),
        }
    }

    fn begin(&mut self, n_bytes: u64) {
        (self.watch)(Event::Begin { file: self.file, n_bytes });
    }

    fn restart(&mut self, partial: &mut Partial) -> Result<()> {
        partial.restart()?;
        (self.watch)(Event::Restart { file: self.file });
        Ok(())
    }

    /// Brings bytes until all are there.
    fn complete(&mut self, partial: &mut Partial) -> Result<()> {
        let mut budget = Budget::new(self.patience);
        let mut furthest = partial.len();
        while Some(partial.len()) != self.file.n_bytes {
            match self.stream(partial) {
                Ok(()) => break,
                Err(trouble) => {
                    // a server that begins anew each time gains no ground
                    if partial.len() >= furthest.saturating_add(GROUND) {
                        furthest = partial.len();
                        budget.refill();
                    }
                    budget.spend(trouble, self.watch)?;
                }
            }
        }
        Ok(())
    }

    /// Brings bytes until the connection ends.
    fn stream(&mut self, partial: &mut Partial) -> Attempt<()> {
        let Plan { repo, revision, .. } = self.plan;
        let asked = Asked { repo, revision, file: Some(&self.file.name) };
        let from = partial.len();
        let Answer { mut response, .. } =
            self.http.ask(&self.path, Method::Get { from }, &asked)?;
        let status = response.status().as_u16();
        if status == 416 || (status == 206 && starts_at(&response) != Some(from)) {
            self.restart(partial)?;
            let detail = format!("the server does not go on at byte {from}");
            return Err(Trouble::Passing(Error::new(ErrorKind::Network, detail)));
        }
        if status == 200 && from > 0 {
            self.restart(partial)?;
        }
        refuse_encoding(&response)?;
        self.pour(response.body_mut(), partial)?;
        match self.file.n_bytes.filter(|n_bytes| partial.len() < *n_bytes) {
            Some(n_bytes) => Err(cut(partial.len(), n_bytes)),
            None => Ok(()),
        }
    }

    /// Writes what comes, up to the limit.
    fn pour(&mut self, body: &mut Body, partial: &mut Partial) -> Attempt<()> {
        let mut reader = body.as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let n = match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(error) => {
                    let detail = format!("the connection broke at byte {}", partial.len());
                    let broken = Error::new(ErrorKind::Network, detail).caused_by(error);
                    return Err(Trouble::Passing(broken));
                }
            };
            if partial.len() + n as u64 > self.file.limit() {
                partial.restart()?; // what came is not the file
                let (name, limit) = (&self.file.name, self.file.limit());
                let detail =
                    format!("{name}: the server sends more than the {limit} bytes expected");
                return Err(Error::new(ErrorKind::Network, detail).into());
            }
            partial.write(&piece[..n])?;
            (self.watch)(Event::Bytes(n as u64));
        }
    }

    /// The error of bytes that are not the ones promised.
    fn mismatch(&mut self, partial: &mut Partial) -> Result<Option<Error>> {
        let file = self.file;
        (self.watch)(Event::Verify { file });
        let found = partial.checksum(&file.checksum)?;
        if found == file.checksum {
            return Ok(None);
        }
        let (name, kind, expected) = (&file.name, found.kind(), &file.checksum);
        let detail = format!(
            "{name}: the bytes are not those the hub promised: {kind} is {found}, expected {expected}"
        );
        let hint = "the file was removed; pull again, and if that persists look for a proxy that changes \
                    what passes";
        Ok(Some(Error::new(ErrorKind::Network, detail).hint(hint)))
    }
}

/// The first byte of a partial answer.
fn starts_at(response: &Response<Body>) -> Option<u64> {
    let range = text(response.headers(), header::CONTENT_RANGE.as_str())?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// Checksums and ranges are of the bytes themselves: an answer in another encoding is of no use.
fn refuse_encoding(response: &Response<Body>) -> Result<()> {
    match text(response.headers(), header::CONTENT_ENCODING.as_str()) {
        None | Some("identity") => Ok(()),
        Some(encoding) => {
            let detail =
                format!("the server sends {encoding:?} encoded bytes, which nobody asked for");
            Err(Error::new(ErrorKind::Network, detail)
                .hint("check HF_ENDPOINT and the proxy: a hub sends files as they are"))
        }
    }
}

fn cut(n_bytes: u64, expected: u64) -> Trouble {
    let detail = format!("the connection ended after {n_bytes} of {expected} bytes");
    let hint = "pull again: what is there is kept, and the next pull goes on from it";
    Trouble::Passing(Error::new(ErrorKind::Network, detail).hint(hint))
}
