//! Short names of well-known models whose architectures Kelvin knows.

use super::{ModelName, RepoId};

/// Who may download a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who has accepted its terms on the hub, and sends a token.
    Gated,
}

/// A short name for a repository on the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// The short name: `gpt2`.
    pub name: &'static str,
    /// The repository: `openai-community/gpt2`.
    pub repo: &'static str,
    /// Who may download it.
    pub access: Access,
}

impl Alias {
    const fn open(name: &'static str, repo: &'static str) -> Self {
        Self { name, repo, access: Access::Open }
    }

    const fn gated(name: &'static str, repo: &'static str) -> Self {
        Self { name, repo, access: Access::Gated }
    }

    /// The repository's id.
    ///
    /// # Panics
    /// Never: every id of [`ALIASES`] is one, as a test holds.
    pub fn repo_id(&self) -> RepoId {
        self.repo.parse().expect("every alias names a repository, a test holds it")
    }

    /// The model: the repository's main revision.
    pub fn model(&self) -> ModelName {
        self.repo_id().into()
    }
}

/// Every alias: GPT-2, Llama and Gemma 3 text models, by family and size.
pub const ALIASES: [Alias; 22] = [
    Alias::open("gpt2", "openai-community/gpt2"),
    Alias::open("gpt2-medium", "openai-community/gpt2-medium"),
    Alias::open("gpt2-large", "openai-community/gpt2-large"),
    Alias::open("gpt2-xl", "openai-community/gpt2-xl"),
    Alias::open("distilgpt2", "distilbert/distilgpt2"),
    Alias::open("smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    Alias::open("smollm2-135m", "HuggingFaceTB/SmolLM2-135M"),
    Alias::open("smollm2-135m-it", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    Alias::open("smollm2-360m", "HuggingFaceTB/SmolLM2-360M"),
    Alias::open("smollm2-360m-it", "HuggingFaceTB/SmolLM2-360M-Instruct"),
    Alias::open("smollm2-1.7b", "HuggingFaceTB/SmolLM2-1.7B"),
    Alias::open("smollm2-1.7b-it", "HuggingFaceTB/SmolLM2-1.7B-Instruct"),
    Alias::open("tinyllama", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
    Alias::gated("llama-3.2-1b", "meta-llama/Llama-3.2-1B"),
    Alias::gated("llama-3.2-1b-it", "meta-llama/Llama-3.2-1B-Instruct"),
    Alias::gated("llama-3.2-3b", "meta-llama/Llama-3.2-3B"),
    Alias::gated("llama-3.2-3b-it", "meta-llama/Llama-3.2-3B-Instruct"),
    Alias::gated("llama-3.1-8b", "meta-llama/Llama-3.1-8B"),
    Alias::gated("gemma3-270m", "google/gemma-3-270m"),
    Alias::gated("gemma3-270m-it", "google/gemma-3-270m-it"),
    Alias::gated("gemma3-1b", "google/gemma-3-1b-pt"),
    Alias::gated("gemma3-1b-it", "google/gemma-3-1b-it"),
];

/// The alias of that name.
///
/// ```
/// use kelvin_lm::hub::alias;
///
/// assert_eq!(alias("gpt2-xl").unwrap().repo, "openai-community/gpt2-xl");
/// assert!(alias("gpt5").is_none());
/// ```
pub fn alias(name: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|alias| alias.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_names_a_repository_once() {
        for (at, one) in ALIASES.iter().enumerate() {
            assert!(one.repo.contains('/') && one.repo.parse::<RepoId>().is_ok(), "{}", one.repo);
            // a name without a slash can be told from a repository, and from a file
            assert!(!one.name.contains(['/', '@', ':', '\\']), "{}", one.name);
            assert_eq!(one.name, one.name.to_lowercase());
            assert!(ALIASES[..at].iter().all(|other| other.name != one.name), "{}", one.name);
        }
    }
}
