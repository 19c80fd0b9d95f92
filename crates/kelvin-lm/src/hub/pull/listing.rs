//! What the hub says is in a repository, and what of it a model needs.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::format::json::{self, Limits};
use crate::hub::FileName;
use crate::hub::choice::{self, CONFIG, Choice, INDEX, SINGLE, TOKENIZER, VOCABULARY};
use crate::hub::name::is_commit;
use crate::{Error, ErrorKind, Result};

/// The texts beside the weights, in the order they are brought: the small and telling ones first.
const TEXTS: [&str; 6] = [
    CONFIG,
    "generation_config.json",
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];

/// A list of files: those of the largest repositories have a hundred thousand names.
const LIST: Limits = Limits { bytes: 1 << 25, keys: 1 << 21, items: 1 << 19 };

/// A revision's commit, and the names of its files.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<FileName>,
}

impl Listing {
    /// Reads the hub's answer about a revision.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] for an answer of another form, or with a name that leads out of its
    /// folder.
    pub(super) fn parse(json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Revision {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let Revision { sha, siblings } = read(json, "the hub's list of files", LIST)?;
        if !is_commit(&sha) {
            let detail =
                format!("the hub names commit {sha:?}, which has not 40 hexadecimal digits");
            return Err(Error::new(ErrorKind::Network, detail));
        }
        let names = siblings.into_iter().map(|sibling| file_name(&sibling.rfilename));
        let files = names.collect::<Result<BTreeSet<FileName>>>()?;
        Ok(Self { commit: sha, files: files.into_iter().collect() })
    }

    /// What a model needs of these, and of an index's shards the index; `wanted` names a GGUF file,
    /// in full or by its end.
    ///
    /// # Errors
    /// Those of [`choice::choose`].
    pub(super) fn needed(&self, wanted: Option<&FileName>) -> Result<Vec<FileName>> {
        match choice::choose(&self.files, wanted)? {
            Choice::Gguf(file) => Ok(vec![file]),
            Choice::Folder => {
                let is_single = choice::has(&self.files, SINGLE);
                let has_tokenizer = choice::has(&self.files, TOKENIZER);
                let vocabulary = VOCABULARY.into_iter().filter(|_| !has_tokenizer);
                let weights = [if is_single { SINGLE } else { INDEX }];
                let names = TEXTS.into_iter().chain(vocabulary).chain(weights);
                names.filter(|name| choice::has(&self.files, name)).map(str::parse).collect()
            }
        }
    }

    /// The files that an index names, once each.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] for an index of another form, with a name that leads out of its folder
    /// or that the repository lacks.
    pub(super) fn shards(&self, index: &[u8]) -> Result<Vec<FileName>> {
        let names = choice::shards(index).map_err(|error| unexpected(INDEX, error))?;
        let shards = names.iter().map(|name| file_name(name)).collect::<Result<Vec<_>>>()?;
        let lacking = shards.iter().find(|shard| {
            let is_plain = shard.ends_with(".safetensors") && shard.depth() == 0;
            !is_plain || !choice::has(&self.files, shard.as_str())
        });
        match lacking {
            Some(lacking) => {
                let detail =
                    format!("{INDEX} names {lacking}, no safetensors file of the repository");
                Err(Error::new(ErrorKind::Network, detail))
            }
            None => Ok(shards),
        }
    }
}

/// A name that a server gave.
fn file_name(name: &str) -> Result<FileName> {
    name.parse().map_err(|_| {
        let detail = format!("the hub lists a file {name:?}, which leads out of its folder");
        Error::new(ErrorKind::Network, detail).hint("nothing of this repository was written")
    })
}

/// JSON from a server, typed; keys that mean nothing here are passed over.
fn read<T: DeserializeOwned>(bytes: &[u8], what: &str, limits: Limits) -> Result<T> {
    json::object(bytes, what, limits).map_err(|error| unexpected(what, error))
}

fn unexpected(what: &str, error: Error) -> Error {
    Error::new(ErrorKind::Network, format!("{what} is not what was expected")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

    fn listing(files: &[&str]) -> Result<Listing> {
        let siblings: Vec<String> = files
            .iter()
            .map(|name| format!("{{\"rfilename\":{name:?},\"blobId\":\"x\"}}"))
            .collect();
        let json =
            format!("{{\"id\":1,\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", siblings.join(","));
        Listing::parse(json.as_bytes())
    }

    fn needed(files: &[&str]) -> Vec<String> {
        let needed = listing(files).expect("a list").needed(None).expect("a model");
        needed.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_model_needs_its_texts_and_safetensors_and_nothing_else() {
        let files = [
            "README.md",
            "model.safetensors",
            "tf_model.h5",
            "tokenizer.json",
            "config.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "model.safetensors.index.json",
            "vocab.json",
            "special_tokens_map.json",
        ];
        let expected =
            ["config.json", "tokenizer.json", "special_tokens_map.json", "model.safetensors"];
        assert_eq!(needed(&files), expected);
    }

    #[test]
    fn older_tokenizers_come_in_two_files_and_only_where_they_are_needed() {
        let files = ["vocab.json", "merges.txt", "config.json", "model.safetensors"];
        assert_eq!(
            needed(&files),
            ["config.json", "vocab.json", "merges.txt", "model.safetensors"]
        );
        let files = [&files[..], &["tokenizer.json"]].concat();
        assert_eq!(needed(&files), ["config.json", "tokenizer.json", "model.safetensors"]);
    }

    #[test]
    fn shards_come_from_the_index() {
        let files = [
            "config.json",
            "tokenizer.json",
            INDEX,
            "a-1.safetensors",
            "a-2.safetensors",
            "b.bin",
            "a/c.safetensors",
        ];
        let listing = listing(&files).expect("a list");
        let needed = listing.needed(None).expect("a model");
        assert_eq!(needed.last().map(FileName::as_str), Some(INDEX));
        let index = br#"{"metadata":{},"weight_map":{"x":"a-2.safetensors","y":"a-1.safetensors","z":"a-2.safetensors"}}"#;
        let shards = listing.shards(index).expect("two");
        assert_eq!(shards.iter().map(FileName::as_str).collect::<Vec<_>>(), &files[3..5]);
        for (name, words) in [
            ("../x.safetensors", "leads out"),
            ("c.safetensors", "no safetensors"),
            ("b.bin", "no safetensors"),
            ("a/c.safetensors", "no safetensors"),
        ] {
            let index = format!("{{\"weight_map\":{{\"x\":{name:?}}}}}");
            let error = listing.shards(index.as_bytes()).expect_err(name);
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn names_that_lead_out_are_refused_with_all_the_rest() {
        for evil in ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", "", "."] {
            let error = listing(&["config.json", evil]).expect_err(evil);
            assert!(error.to_string().contains(&format!("{evil:?}, which leads out")), "{error}");
        }
    }

    #[test]
    fn answers_of_another_form_are_refused() {
        let deep = "[".repeat(1000);
        let bad_commit = format!("{{\"sha\":\"{}\",\"siblings\":[]}}", "../".repeat(13));
        for json in [
            "",
            "{}",
            "[]",
            "null",
            "<html>",
            "{\"sha\":\"x\",\"siblings\":[]}",
            &bad_commit,
            &deep,
        ] {
            assert!(Listing::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
