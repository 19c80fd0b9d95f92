//! The journal of a sweep: a line for each sample, added as they come, whole whatever happens.
//!
//! A run that is killed leaves at most one torn line at the end, which is cut off before more are added.
//! A sample is named by its key, so none is there twice.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::sweep::Manifest;
use crate::{Error, Key, Result, Sample};

/// A sample as its line, the line's end included.
///
/// # Errors
///
/// A number that JSON has no word for: a model's logit that is not finite.
pub fn line(sample: &Sample) -> Result<String> {
    let lists = [&sample.raw_logprobs, &sample.logprobs, &sample.raw_entropies, &sample.entropies];
    if let Some(number) = lists.into_iter().flatten().find(|number| !number.is_finite()) {
        return Err(Error::new(format!("a sample with the number {number}")));
    }
    let json = serde_json::to_string(sample)
        .map_err(|cause| Error::new("a sample that cannot be written as JSON").caused_by(cause))?;
    Ok(json + "\n")
}

/// A line as its sample.
///
/// # Errors
///
/// A line that is no sample, or one whose lists have different lengths.
pub fn read(line: &str) -> Result<Sample> {
    let sample: Sample =
        serde_json::from_str(line).map_err(|cause| Error::new("not a sample").caused_by(cause))?;
    let n = sample.token_ids.len();
    let Sample { raw_logprobs, logprobs, raw_entropies, entropies, kept, .. } = &sample;
    let lists = [raw_logprobs.len(), logprobs.len(), raw_entropies.len(), entropies.len()];
    if lists.into_iter().chain([kept.len()]).any(|len| len != n) {
        return Err(Error::new(format!("a sample with {n} tokens and other numbers of numbers")));
    }
    Ok(sample)
}

/// Where each sample stands in a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    places: BTreeMap<Key, Range<u64>>,
    /// Bytes of whole lines.
    len: u64,
}

impl Index {
    /// Reads a journal. What follows [`len`](Self::len) is torn, and to be cut off.
    ///
    /// # Errors
    ///
    /// A line, with a whole one behind it, that is no sample of this part of this sweep; a sample that is
    /// there twice.
    pub fn of(bytes: &[u8], manifest: &Manifest) -> Result<Self> {
        let mut index = Self::default();
        let mut torn = None;
        for (at, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let sample = std::str::from_utf8(line).ok().filter(|line| line.ends_with('\n'));
            let sample = match sample {
                Some(line) => read(line),
                None => Err(Error::new("a torn line")),
            };
            match (sample, torn.take()) {
                (Err(error), None) => torn = Some(error.in_line(at + 1)),
                (Err(_), earlier) => torn = earlier,
                (Ok(_), Some(error)) => return Err(error),
                (Ok(sample), None) => {
                    let key = sample.key();
                    if !manifest.has(key) {
                        let what = format!("{key:?} is no sample of this sweep");
                        return Err(Error::new(what).in_line(at + 1));
                    }
                    index.add(key, line.len()).map_err(|error| error.in_line(at + 1))?;
                }
            }
        }
        Ok(index)
    }

    /// Notes a sample whose line was added, with so many bytes.
    ///
    /// # Errors
    ///
    /// A sample that is there already.
    pub fn add(&mut self, key: Key, n_bytes: usize) -> Result<()> {
        let end = self.len + n_bytes as u64;
        if self.places.insert(key, self.len..end).is_some() {
            return Err(Error::new(format!("{key:?} is there twice")));
        }
        self.len = end;
        Ok(())
    }

    /// Bytes of the whole lines.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many samples there are.
    pub fn n_samples(&self) -> usize {
        self.places.len()
    }

    /// Where the line of a sample is, in bytes.
    pub fn place(&self, key: Key) -> Option<Range<u64>> {
        self.places.get(&key).cloned()
    }

    /// The samples, in the order of their keys.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.places.keys().copied()
    }
}
