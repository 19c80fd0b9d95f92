//! Randomness as a pure function: Philox4x32-10 of a key and a counter, and nothing that advances.
//!
//! Because every draw is named by (seed, stream, choice) and (position, block, attempt, domain), neither
//! batching, nor order, nor a cancelled neighbour, nor a replay can move it.
//!
//! Source: Salmon et al., *Parallel random numbers: as easy as 1, 2, 3* (SC 2011), and its published
//! known-answer vectors.

use crate::TokenId;

/// What a random number is for. Numbers of two domains never meet; a value is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Domain {
    /// The draw of a token.
    Pick = 0,
    /// Coins of stages that draw.
    Stage = 1,
    /// Keyed noise, one number a token.
    Noise = 2,
    /// A drafter's draws.
    Draft = 3,
    /// Acceptance of drafted tokens.
    Accept = 4,
    /// Draws from what a rejected draft leaves.
    Residual = 5,
    /// Dropout masks.
    Dropout = 6,
    /// Order of training data.
    Shuffle = 7,
    /// Initial weights.
    Init = 8,
    /// Which samples a bootstrap picks again.
    Resample = 9,
}

/// Which random stream: the request's seed, the prompt's stream, the sample's number.
///
/// ```
/// use kelvin::Seed;
///
/// let first = Seed::new(7).with_prompt(&[3, 1, 4]);
/// let second = first.with_choice(1);
/// assert_ne!(first.key(), second.key());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seed {
    /// What the user typed; 0 is a seed like any other.
    pub seed: u64,
    /// Separates prompts; 0 for bare logits and for common random numbers.
    pub stream: u64,
    /// Separates the samples of one request, 0-based.
    pub choice: u32,
}

impl Seed {
    /// Stream 0, choice 0.
    pub const fn new(seed: u64) -> Self {
        Self { seed, stream: 0, choice: 0 }
    }

    /// The same seed on this stream.
    #[must_use]
    pub const fn with_stream(self, stream: u64) -> Self {
        Self { stream, ..self }
    }

    /// The same seed on the stream of this prompt.
    #[must_use]
    pub fn with_prompt(self, prompt: &[TokenId]) -> Self {
        self.with_stream(stream_of(prompt))
    }

    /// The same seed for another sample of the request.
    #[must_use]
    pub const fn with_choice(self, choice: u32) -> Self {
        Self { choice, ..self }
    }

    /// The Philox key: a SplitMix64 chain over seed, stream and choice, low word first.
    pub const fn key(self) -> [u32; 2] {
        let chain = splitmix64(self.seed);
        let chain = splitmix64(chain ^ self.stream);
        let chain = splitmix64(chain ^ self.choice as u64);
        words(chain)
    }
}

/// The stream of a prompt: FNV-1a-64 of its ids as little-endian u32.
pub fn stream_of(prompt: &[TokenId]) -> u64 {
    let bytes = prompt.iter().flat_map(|id| id.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One step of SplitMix64 from this state (Steele, Lea and Flood, OOPSLA 2014).
const fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
const fn words(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// Which number of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Absolute position of the token drawn, 0-based, prompt counted.
    pub position: u32,
    /// Number within the position: a coin's or token's index ÷ 4.
    pub block: u32,
    /// Attempt of the rejection step, 0-based.
    pub attempt: u32,
    /// What the number is for.
    pub domain: Domain,
}

impl Counter {
    /// The first attempt at the first block.
    pub const fn new(position: u32, domain: Domain) -> Self {
        Self { position, block: 0, attempt: 0, domain }
    }
}

/// Philox4x32-10: four random words for a key and a counter.
///
/// ```
/// // the first of the published known-answer vectors
/// assert_eq!(kelvin::rng::philox4x32([0; 2], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
pub const fn philox4x32(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut k0, mut k1] = key;
    let mut c = counter;
    let mut round = 0;
    while round < 10 {
        let [low0, high0] = words(c[0] as u64 * 0xd251_1f53);
        let [low1, high1] = words(c[2] as u64 * 0xcd9e_8d57);
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0];
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
        round += 1;
    }
    c
}

/// The four words of one counter of one stream.
pub const fn block(seed: Seed, counter: Counter) -> [u32; 4] {
    let place = [counter.position, counter.block, counter.attempt, counter.domain as u32];
    philox4x32(seed.key(), place)
}

/// A uniform integer in a range, and the random word it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Uniform in [0, `total`).
    pub r: u64,
    /// The size of the range.
    pub total: u64,
    /// The 64 random bits behind it.
    pub word: u64,
}

impl Draw {
    /// Uniform in [0, `total`): multiply-high with rejection (Lemire 2019), so the bias is 0.
    ///
    /// # Panics
    ///
    /// If `total` is 0: there is no integer to draw.
    pub fn below(total: u64, seed: Seed, counter: Counter) -> Self {
        assert!(total > 0, "a draw needs a range of at least one integer");
        let mut counter = counter;
        loop {
            let [low, high, ..] = block(seed, counter);
            let word = u64::from(high) << 32 | u64::from(low);
            let product = u128::from(word) * u128::from(total);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the two halves are what is wanted"
            )]
            let (r, rest) = ((product >> 64) as u64, product as u64);
            if rest >= total.wrapping_neg() % total {
                return Self { r, total, word };
            }
            counter.attempt += 1;
        }
    }

    /// The random word as a fraction of 1, in [0, 1): what people are shown. Its last 11 bits are cut, so
    /// that none rounds to 1.
    pub fn u(&self) -> f64 {
        (self.word >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What a token's draw depends on, besides the weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coin {
    pub(crate) seed: Seed,
    pub(crate) position: u32,
}

impl Coin {
    pub(crate) fn draw(self, total: u64) -> Draw {
        Draw::below(total, self.seed, Counter::new(self.position, Domain::Pick))
    }
}
