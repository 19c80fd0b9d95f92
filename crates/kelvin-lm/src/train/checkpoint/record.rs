//! `state.json`: what a run goes on from, besides numbers and tokenizer.

use serde::{Deserialize, Serialize};

use super::contents;
use super::provenance::Provenance;
use crate::format::json::{self, Limits};
use crate::kernel::Profile;
use crate::train::{Settings, State};
use crate::{Error, ErrorKind, Result};

/// The version of this layout of folders.
pub(super) const VERSION: u32 = 1;

/// What `state.json` says. Nothing in it depends on the machine but for the numerics profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) version: u32,
    /// The version of Kelvin that wrote it.
    pub(super) kelvin: String,
    /// Steps taken.
    pub(super) step: u32,
    /// The name of the numerics profile.
    profile: String,
    pub(super) data: Data,
    pub(super) tokenizer: Hash,
    pub(super) settings: Settings,
}

/// The tokens that are trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    pub(super) sha256: String,
    pub(super) files: Vec<String>,
}

/// A file by its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hash {
    pub(super) sha256: String,
}

impl Record {
    pub(super) fn new(state: &State, provenance: &Provenance) -> Self {
        let Provenance { data, data_files, tokenizer, profile } = provenance;
        Self {
            version: VERSION,
            kelvin: env!("CARGO_PKG_VERSION").to_owned(),
            step: state.step,
            profile: profile.name().to_owned(),
            data: Data { sha256: data.clone(), files: data_files.clone() },
            tokenizer: Hash { sha256: tokenizer.hash() },
            settings: state.settings.clone(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        contents::json(self)
    }

    /// # Errors
    ///
    /// [`ErrorKind::Format`] where these are not such bytes, [`ErrorKind::Unsupported`] for those of
    /// another version.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        check_version(bytes, "state.json")?;
        json::object(bytes, "state.json", Limits::SETTINGS)
    }

    /// The numerics profile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a name that is none.
    pub(super) fn profile(&self) -> Result<Profile> {
        let known = [Profile::Fast, Profile::Portable];
        known.into_iter().find(|profile| profile.name() == self.profile).ok_or_else(|| {
            let given = crate::format::Text(self.profile.as_bytes());
            let detail = format!("profile = \"{given}\", but only fast and portable are known");
            Error::new(ErrorKind::Unsupported, detail)
        })
    }
}

/// What every version of a file says.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Whether a file is of the version that is read here.
///
/// # Errors
///
/// As [`Record::read`].
pub(super) fn check_version(bytes: &[u8], what: &str) -> Result<()> {
    let Version { version } = json::object(bytes, what, Limits::SETTINGS)?;
    if version == VERSION {
        return Ok(());
    }
    let detail = format!("version = {version}, but only {VERSION} is known");
    Err(Error::new(ErrorKind::Unsupported, detail).hint("use the version of Kelvin that wrote it"))
}
