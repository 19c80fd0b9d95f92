//! Which of a repository's files make a model: one rule for what lies in the cache and for what is
//! still to come.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::FileName;
use crate::format::json::{self, Limits};
use crate::{Error, ErrorKind, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// What a tokenizer is read from where there is no [`TOKENIZER`].
pub(super) const VOCABULARY: [&str; 2] = ["vocab.json", "merges.txt"];
pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Endings of weights that are pickled: reading them can run code.
const PICKLED: [&str; 5] = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];
/// Names shown in a message; the rest is counted.
const SHOWN: usize = 12;

/// What a model is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// A folder in Hugging Face layout, with its weights in safetensors.
    Folder,
    /// One GGUF file.
    Gguf(FileName),
}

/// What kind of weights a set of files has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Safetensors, in one file or several.
    Safetensors,
    /// GGUF.
    Gguf,
    /// Pickled tensors only, which Kelvin refuses: reading them can run code.
    Pickle,
    /// None.
    Missing,
}

impl Weights {
    /// The best kind among files of these names.
    pub(super) fn among(files: &[FileName]) -> Self {
        let is_pickled = |file: &FileName| PICKLED.iter().any(|ending| file.ends_with(ending));
        if has(files, SINGLE) || has(files, INDEX) {
            Self::Safetensors
        } else if ggufs(files).next().is_some() {
            Self::Gguf
        } else if files.iter().any(is_pickled) {
            Self::Pickle
        } else {
            Self::Missing
        }
    }
}

pub(super) fn has(files: &[FileName], name: &str) -> bool {
    files.iter().any(|file| file.as_str() == name)
}

/// The GGUF files of language models; projectors of images are none.
pub(super) fn ggufs(files: &[FileName]) -> impl Iterator<Item = &FileName> {
    let is_projector = |file: &FileName| base(file).starts_with("mmproj");
    files.iter().filter(move |file| file.ends_with(".gguf") && !is_projector(file))
}

/// The last part of a name.
fn base(file: &FileName) -> &str {
    file.as_str().rsplit('/').next().unwrap_or_default()
}

/// What to read of `files`; `wanted` names a GGUF file, in full or by its end.
///
/// # Errors
/// [`ErrorKind::Missing`] where no model is there, a part of it is missing, or it is not said which;
/// [`ErrorKind::Unsupported`] for weights that are not read here. The caller knows the way out.
pub(super) fn choose(files: &[FileName], wanted: Option<&FileName>) -> Result<Choice> {
    if let Some(wanted) = wanted {
        return gguf(files, wanted).map(Choice::Gguf);
    }
    match Weights::among(files) {
        Weights::Safetensors => match lacking(files) {
            Some(name) => Err(missing(format!("there is no {name} beside the weights"))),
            None => Ok(Choice::Folder),
        },
        Weights::Gguf => {
            let all: Vec<&FileName> = ggufs(files).collect();
            match all[..] {
                [one] => whole(one).map(Choice::Gguf),
                _ => Err(missing(format!("there are several GGUF files: {}", listed(&all)))),
            }
        }
        Weights::Pickle => Err(Error::new(
            ErrorKind::Unsupported,
            "the only weights are pickled, and reading a pickle can run code",
        )),
        Weights::Missing => Err(missing(format!("there is no {SINGLE} and no GGUF file"))),
    }
}

/// The names of the files that an index says the tensors are in, as they stand there.
///
/// # Errors
/// [`ErrorKind::Format`] for an index of another form, [`ErrorKind::Unsupported`] for one too large.
pub(super) fn shards(index: &[u8]) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let Index { weight_map } = json::object(index, INDEX, Limits::INDEX)?;
    Ok(weight_map.into_values().collect())
}

/// A file that an index names and that is not among these. What is no plain name is none that could
/// be there: the reader refuses it.
pub(super) fn lacking_shard(files: &[FileName], index: &[u8]) -> Option<FileName> {
    let mut named = shards(index).ok()?.into_iter().filter_map(|name| name.parse().ok());
    named.find(|name| !files.contains(name))
}

/// What a folder needs besides weights, and has not.
fn lacking(files: &[FileName]) -> Option<&'static str> {
    let has_tokenizer = has(files, TOKENIZER) || VOCABULARY.iter().all(|name| has(files, name));
    let needed = [(CONFIG, has(files, CONFIG)), (TOKENIZER, has_tokenizer)];
    needed.into_iter().find_map(|(name, is_there)| (!is_there).then_some(name))
}

fn gguf(files: &[FileName], wanted: &FileName) -> Result<FileName> {
    if let Some(exact) = files.iter().find(|file| *file == wanted) {
        let is_gguf = exact.ends_with(".gguf");
        return if is_gguf {
            whole(exact)
        } else {
            Err(missing(format!("{wanted} is no GGUF file")))
        };
    }
    let all: Vec<&FileName> = ggufs(files).collect();
    let matching: Vec<&FileName> =
        all.iter().copied().filter(|file| is_called(file, wanted.as_str())).collect();
    match matching[..] {
        [one] => whole(one),
        [] if all.is_empty() => {
            Err(missing(format!("there is no {wanted}, and no GGUF file at all")))
        }
        [] => Err(missing(format!("there is no {wanted}; the GGUF files are {}", listed(&all)))),
        _ => Err(missing(format!("{wanted} is not the name of one: {}", listed(&matching)))),
    }
}

/// Whether a file's name ends in `tag`, after a separator: `model-Q4_K_M.gguf` in `q4_k_m`.
fn is_called(file: &FileName, tag: &str) -> bool {
    let name = base(file).to_ascii_lowercase();
    let tag = tag.to_ascii_lowercase();
    let stem = name.trim_end_matches(".gguf");
    let before = stem.strip_suffix(tag.trim_end_matches(".gguf"));
    before.is_some_and(|before| before.is_empty() || before.ends_with(['-', '.', '_']))
}

/// The file, unless it is one part of several: `…-00001-of-00003.gguf`.
fn whole(file: &FileName) -> Result<FileName> {
    let stem = file.as_str().trim_end_matches(".gguf");
    let part = stem.rsplit_once("-of-").filter(|(_, count)| {
        count.len() == 5 && count.bytes().all(|byte| byte.is_ascii_digit()) && *count != "00001"
    });
    match part {
        Some((_, count)) => {
            let detail = format!("{file} is one of {} parts", count.trim_start_matches('0'));
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("{detail}, and a GGUF file must be whole"),
            ))
        }
        None => Ok(file.clone()),
    }
}

fn listed(files: &[&FileName]) -> String {
    let shown: Vec<&str> = files.iter().take(SHOWN).map(|file| file.as_str()).collect();
    match files.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn missing(detail: String) -> Error {
    Error::new(ErrorKind::Missing, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<FileName> {
        names.iter().map(|name| name.parse().expect("a plain name")).collect()
    }

    #[track_caller]
    fn refused(files: &[&str], wanted: Option<&str>, words: &str) {
        let wanted = wanted.map(|name| name.parse().expect("a plain name"));
        let error = choose(&names(files), wanted.as_ref()).expect_err("nothing to read");
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn safetensors_come_before_gguf_and_pickles() {
        let files =
            names(&["config.json", "tokenizer.json", SINGLE, "x.gguf", "pytorch_model.bin"]);
        assert_eq!(choose(&files, None).expect("a folder"), Choice::Folder);
        let files = names(&["config.json", "tokenizer.json", INDEX]);
        assert_eq!(choose(&files, None).expect("a folder"), Choice::Folder);
        refused(&["tokenizer.json", SINGLE], None, "no config.json");
        refused(&["config.json", INDEX], None, "no tokenizer.json");
        refused(&["config.json", INDEX, "vocab.json"], None, "no tokenizer.json");
        let old = names(&["config.json", INDEX, "vocab.json", "merges.txt"]);
        assert_eq!(choose(&old, None).expect("a folder"), Choice::Folder);
    }

    #[test]
    fn one_gguf_file_is_taken_and_several_are_listed() {
        let one = names(&["README.md", "mmproj-F16.gguf", "a-Q8_0.GGUF"]);
        assert_eq!(choose(&one, None).expect("one"), Choice::Gguf(one[2].clone()));
        refused(
            &["a-Q8_0.gguf", "a-Q4_0.gguf"],
            None,
            "several GGUF files: a-Q8_0.gguf, a-Q4_0.gguf",
        );
        let many: Vec<String> = (0..15).map(|at| format!("{at}.gguf")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        refused(&many, None, "11.gguf and 3 more");
    }

    #[test]
    fn a_gguf_file_has_its_name_and_the_end_of_it() {
        let files =
            ["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-IQ4_K_M.gguf", "BF16/m-BF16.gguf", "x.bin"];
        let take = |wanted: &str| {
            let wanted = wanted.parse().expect("a plain name");
            choose(&names(&files), Some(&wanted)).map(|choice| match choice {
                Choice::Gguf(file) => file.to_string(),
                Choice::Folder => unreachable!("a file was wanted"),
            })
        };
        for wanted in ["m-Q4_K_M.gguf", "Q4_K_M", "q4_k_m", "Q4_K_M.gguf"] {
            assert_eq!(take(wanted).expect(wanted), "m-Q4_K_M.gguf");
        }
        assert_eq!(take("bf16").expect("in a folder"), "BF16/m-BF16.gguf");
        refused(&files, Some("Q4"), "there is no Q4; the GGUF files are m-Q4_K_M.gguf");
        refused(&files, Some("x.bin"), "x.bin is no GGUF file");
        refused(&["a/m-Q8_0.gguf", "b/m-Q8_0.gguf"], Some("Q8_0"), "not the name of one: a/m-Q8_0");
        refused(&["config.json"], Some("Q8_0"), "no GGUF file at all");
    }

    #[test]
    fn parts_pickles_and_nothing_are_refused() {
        refused(&["m-00001-of-00003.gguf"], None, "one of 3 parts");
        let whole = names(&["m-00001-of-00001.gguf"]);
        assert_eq!(choose(&whole, None).expect("one of one"), Choice::Gguf(whole[0].clone()));
        refused(&["config.json", "pytorch_model.bin"], None, "can run code");
        refused(&["README.md"], None, "no model.safetensors and no GGUF file");
    }
}
