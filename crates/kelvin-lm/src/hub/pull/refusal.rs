//! What the hub says no with, or the host that keeps its files, and what a user can do about it.

use std::time::Duration;

use ureq::http::{HeaderMap, header};

use super::http::{Http, Trouble, host, text};
use crate::hub::{FileName, RepoId, Revision};
use crate::{Error, ErrorKind};

/// Characters of a server's own words that are shown.
const LONGEST_WORDS: usize = 200;
/// The longest pause that is waited because a server asks for it.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What was asked of the hub.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) repo: &'a RepoId,
    pub(super) revision: &'a Revision,
    /// A file of it, or the list of its files.
    pub(super) file: Option<&'a FileName>,
}

/// The error for an answer of the hub that is neither a file nor the way to one.
pub(super) fn of(status: u16, headers: &HeaderMap, http: &Http, asked: &Asked<'_>) -> Trouble {
    let code = text(headers, "x-error-code").unwrap_or_default();
    let error = match (status, code) {
        (401 | 403, "GatedRepo") => gated(http, asked),
        (_, "RevisionNotFound") => no_revision(http, asked),
        (404, _) if asked.file.is_some() => no_file(asked),
        (401 | 404, _) => no_repo(status, http, asked),
        (403, _) => forbidden(http, asked),
        (429, _) => too_many(http),
        (500..=599, _) => {
            let hint = "the hub has trouble of its own; try again later";
            plain(format!("{} answers with an error of its own ({status})", http.endpoint()))
                .hint(hint)
        }
        _ => plain(format!("{} answers {status}, which means nothing here", http.endpoint())),
    };
    let error = match words(headers) {
        Some(words) => error.caused_by(format!("the hub says: {words}")),
        None => error,
    };
    if status == 429 || status >= 500 { passing(error, headers) } else { Trouble::Lasting(error) }
}

/// The error for such an answer of another host, which the hub sends us to for a file's bytes. It
/// knows nothing of repositories and tokens: its links are signed, and each try is given a new one.
pub(super) fn elsewhere(
    status: u16,
    headers: &HeaderMap,
    place: &str,
    asked: &Asked<'_>,
) -> Trouble {
    let (host, kept) = (host(place), asked.file.map_or("its list of files", FileName::as_str));
    let error = plain(format!("{host}, where the hub keeps {kept}, answers {status}"))
        .hint("pull again; if it persists, a proxy or firewall is in between");
    passing(error, headers)
}

/// An error that the next try may not meet: after the pause that the server asks for, if it does. A
/// pause too long to wait is the user's to know.
fn passing(error: Error, headers: &HeaderMap) -> Trouble {
    match pause(headers) {
        None => Trouble::Passing(error),
        Some(pause) if pause <= LONGEST_WAIT => Trouble::Later(error, pause),
        Some(pause) => {
            let hint = format!("pull again in {} s, as it asks", pause.as_secs());
            Trouble::Lasting(error.hint(hint))
        }
    }
}

/// The pause that a server asks for in seconds; a date counts as none.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text(headers, header::RETRY_AFTER.as_str())?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn too_many(http: &Http) -> Error {
    let hint = match http.token() {
        None => "wait some minutes; with HF_TOKEN set the hub allows more",
        Some(_) => "wait some minutes",
    };
    plain(format!("{} answers that there were too many requests (429)", http.endpoint())).hint(hint)
}

fn gated(http: &Http, asked: &Asked<'_>) -> Error {
    let Asked { repo, .. } = asked;
    let page = format!("{}/{repo}", http.endpoint());
    let error = plain(format!("{repo} is gated: its owner decides who may download it"));
    error.hint(match http.token() {
        None => format!(
            "accept its terms at {page}, then set HF_TOKEN to a token of {}/settings/tokens",
            http.endpoint()
        ),
        Some(token) => format!(
            "the token from {} has no access: accept the terms at {page} with its account, and let \
             the token read gated repositories",
            token.origin()
        ),
    })
}

fn no_revision(http: &Http, asked: &Asked<'_>) -> Error {
    let Asked { repo, revision, .. } = asked;
    missing(format!("{repo} has no revision {:?}", revision.as_str())).hint(format!(
        "leave it out for main; {}/{repo}/tree/main lists branches and tags",
        http.endpoint()
    ))
}

fn no_file(asked: &Asked<'_>) -> Error {
    let name = asked.file.map(FileName::as_str).unwrap_or_default();
    missing(format!("{} lists {name}, but does not have it (404)", asked.repo))
}

/// The hub tells nobody whether a repository exists that they may not see.
fn no_repo(status: u16, http: &Http, asked: &Asked<'_>) -> Error {
    let Asked { repo, .. } = asked;
    let endpoint = http.endpoint();
    match http.token() {
        None => missing(format!("{endpoint} has no public repository {repo} ({status})")).hint(
            "check the spelling; a private or gated one needs HF_TOKEN, a token of somebody who may \
             read it",
        ),
        Some(token) => {
            let origin = token.origin();
            missing(format!("{endpoint} has no repository {repo} for the token from {origin} ({status})"))
                .hint(format!("check the spelling, and that the token from {origin} is valid and may read it"))
        }
    }
}

fn forbidden(http: &Http, asked: &Asked<'_>) -> Error {
    let error = plain(format!("{} does not let us read {} (403)", http.endpoint(), asked.repo));
    error.hint(match http.token() {
        None => "a token of somebody who may read it goes in HF_TOKEN".to_owned(),
        Some(token) => {
            format!("the token from {} may not read it: give it that right", token.origin())
        }
    })
}

fn plain(detail: String) -> Error {
    Error::new(ErrorKind::Network, detail)
}

fn missing(detail: String) -> Error {
    Error::new(ErrorKind::Missing, detail)
}

/// The server's own words, as far as a terminal may have them.
fn words(headers: &HeaderMap) -> Option<String> {
    let words = text(headers, "x-error-message")?;
    let shown: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
    (!shown.trim().is_empty()).then_some(shown)
}
