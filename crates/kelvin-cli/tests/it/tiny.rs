//! A small random model in a GGUF file of its own: every letter and every byte is a token.

use std::path::{Path, PathBuf};

/// What a test wants of its model.
#[derive(Debug, Clone)]
pub(crate) struct Tiny {
    /// Positions of the longest sequence.
    pub(crate) context: u32,
    /// Whether a prompt begins with BOS.
    pub(crate) add_bos: bool,
    /// Whether the model has lost its mind: all weights are NaN.
    pub(crate) broken: bool,
    /// `general.sampling.*`, as numbers.
    pub(crate) sampling: Vec<(&'static str, f32)>,
    /// `tokenizer.chat_template`.
    pub(crate) template: Option<&'static str>,
}

impl Default for Tiny {
    fn default() -> Self {
        Self { context: 128, add_bos: true, broken: false, sampling: Vec::new(), template: None }
    }
}

const WIDTH: usize = 64;
const HEADS: usize = 2;
const LAYERS: usize = 2;
const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];
const FIRST_LETTER: usize = SPECIAL.len() + 256;
const VOCABULARY: usize = FIRST_LETTER + 27;

impl Tiny {
    /// Writes the file into a folder of this name, `tiny.gguf`; the folder.
    pub(crate) fn write(&self, folder: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(folder.join("tiny.gguf"), self.bytes()).expect("the file can be written");
        folder
    }

    fn bytes(&self) -> Vec<u8> {
        let pairs = self.pairs();
        let tensors = tensors();
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((tensors.len() as u64).to_le_bytes());
        file.extend((pairs.len() as u64).to_le_bytes());
        file.extend(pairs.concat());
        let mut offset = 0_u64;
        for (name, dims) in &tensors {
            file.extend(string(name));
            file.extend(u32::try_from(dims.len()).expect("one or two").to_le_bytes());
            dims.iter().rev().for_each(|&dim| file.extend((dim as u64).to_le_bytes()));
            file.extend(0_u32.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset += 4 * dims.iter().product::<usize>() as u64;
        }
        file.resize(file.len().next_multiple_of(32), 0);
        let mut state = 7_u64;
        for (_, dims) in &tensors {
            for _ in 0..dims.iter().product::<usize>() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let uniform = (state >> 40) as f32 / 8_388_608.0 - 1.0;
                let number = if dims.len() == 1 { 1.0 } else { 0.5 * uniform };
                file.extend((if self.broken { f32::NAN } else { number }).to_le_bytes());
            }
        }
        file
    }

    fn pairs(&self) -> Vec<Vec<u8>> {
        let size = |name: &str, n: usize| int(name, u32::try_from(n).expect("a small number"));
        let pieces = pieces();
        let byte = |at: usize| (SPECIAL.len()..FIRST_LETTER).contains(&at);
        let kind = |at: usize| match at {
            0 => 2_i32,
            1 | 2 => 3,
            _ if byte(at) => 6,
            _ => 1,
        };
        let mut pairs = vec![
            text("general.architecture", "llama"),
            size("llama.block_count", LAYERS),
            size("llama.embedding_length", WIDTH),
            size("llama.attention.head_count", HEADS),
            size("llama.feed_forward_length", 2 * WIDTH),
            int("llama.context_length", self.context),
            float("llama.attention.layer_norm_rms_epsilon", 1e-5),
            text("tokenizer.ggml.model", "llama"),
            list("tokenizer.ggml.tokens", 8, pieces.iter().map(|piece| string(piece))),
            list("tokenizer.ggml.scores", 6, pieces.iter().map(|_| 0_f32.to_le_bytes().to_vec())),
            list(
                "tokenizer.ggml.token_type",
                5,
                (0..VOCABULARY).map(|at| kind(at).to_le_bytes().to_vec()),
            ),
            int("tokenizer.ggml.bos_token_id", 1),
            int("tokenizer.ggml.eos_token_id", 2),
            bool("tokenizer.ggml.add_bos_token", self.add_bos),
            bool("tokenizer.ggml.add_space_prefix", false),
        ];
        pairs.extend(self.template.map(|template| text("tokenizer.chat_template", template)));
        pairs.extend(self.sampling.iter().map(|(name, value)| float(name, *value)));
        pairs
    }
}

fn pieces() -> Vec<String> {
    let special = SPECIAL.iter().map(|&piece| piece.to_owned());
    let bytes = (0..=255_u8).map(|byte| format!("<0x{byte:02X}>"));
    let letters = ('a'..='z').chain(['▁']).map(String::from);
    special.chain(bytes).chain(letters).collect()
}

fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("token_embd.weight".to_owned(), vec![VOCABULARY, WIDTH]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
        ("output.weight".to_owned(), vec![VOCABULARY, WIDTH]),
    ];
    for layer in 0..LAYERS {
        let parts = [
            ("attn_norm", vec![WIDTH]),
            ("attn_q", vec![WIDTH, WIDTH]),
            ("attn_k", vec![WIDTH, WIDTH]),
            ("attn_v", vec![WIDTH, WIDTH]),
            ("attn_output", vec![WIDTH, WIDTH]),
            ("ffn_norm", vec![WIDTH]),
            ("ffn_gate", vec![2 * WIDTH, WIDTH]),
            ("ffn_up", vec![2 * WIDTH, WIDTH]),
            ("ffn_down", vec![WIDTH, 2 * WIDTH]),
        ];
        all.extend(parts.map(|(part, dims)| (format!("blk.{layer}.{part}.weight"), dims)));
    }
    all
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A pair: its key, the code of its type, its value.
fn pair(key: &str, code: u32, value: &[u8]) -> Vec<u8> {
    [&string(key)[..], &code.to_le_bytes(), value].concat()
}

fn int(key: &str, value: u32) -> Vec<u8> {
    pair(key, 4, &value.to_le_bytes())
}

fn float(key: &str, value: f32) -> Vec<u8> {
    pair(key, 6, &value.to_le_bytes())
}

fn bool(key: &str, value: bool) -> Vec<u8> {
    pair(key, 7, &[u8::from(value)])
}

fn text(key: &str, value: &str) -> Vec<u8> {
    pair(key, 8, &string(value))
}

fn list(key: &str, code: u32, items: impl ExactSizeIterator<Item = Vec<u8>>) -> Vec<u8> {
    let head = [&code.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
    pair(key, 9, &[head, items.collect::<Vec<_>>().concat()].concat())
}
