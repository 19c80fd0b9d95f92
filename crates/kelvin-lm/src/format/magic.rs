//! The first bytes of a file: what was expected, or what else it may be.

use crate::{Error, ErrorKind, Result};

use super::text::Text;

/// The most bytes that are looked at.
pub(super) const SNIFFED: usize = 64;

/// The magic of a GGUF file.
pub(crate) const GGUF: &[u8] = b"GGUF";

/// Starts of files that are taken for models, what they are, and the way out.
const OTHERS: [(&[u8], &str, &str); 16] = [
    (GGUF, "in the GGUF format", "name the .gguf file itself"),
    (b"\x89HDF", "in the HDF5 format, as Keras writes", CONVERT),
    (
        b"version https://git-lfs",
        "a Git LFS pointer",
        "run `git lfs pull` to fetch the model itself",
    ),
    (b"<!DOCTYPE", "a web page", DOWNLOAD),
    (b"<!doctype", "a web page", DOWNLOAD),
    (b"<html", "a web page", DOWNLOAD),
    (b"PK\x03\x04", "a zip archive, as PyTorch and NumPy write", CONVERT),
    (b"\x80\x02", "a Python pickle, which is never read: it can run code", CONVERT),
    (b"\x80\x03", "a Python pickle, which is never read: it can run code", CONVERT),
    (b"\x80\x04", "a Python pickle, which is never read: it can run code", CONVERT),
    (b"\x80\x05", "a Python pickle, which is never read: it can run code", CONVERT),
    (b"lmgg", "in a GGML format older than GGUF", CONVERT),
    (b"fmgg", "in a GGML format older than GGUF", CONVERT),
    (b"tjgg", "in a GGML format older than GGUF", CONVERT),
    (b"\x1f\x8b", "compressed by gzip", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first"),
];
const CONVERT: &str = "convert the model to safetensors or GGUF, or take one that is";
const DOWNLOAD: &str = "the download failed: try it again";

/// Refuses what does not start as a GGUF file does; a longer file needs only its first bytes here.
pub(super) fn check_gguf(start: &[u8]) -> Result<()> {
    if start.starts_with(GGUF) {
        return Ok(());
    }
    let magic = Text(&start[..start.len().min(GGUF.len())]);
    Err(refusal(start, &format!("magic is \"{magic}\", expected \"GGUF\""), "a GGUF file"))
}

/// Refuses what does not start as a safetensors file does: eight bytes of length, then `{`.
pub(super) fn check_safetensors(start: &[u8]) -> Result<()> {
    if is_safetensors(start) {
        return Ok(());
    }
    let shown = Text(&start[..start.len().min(9)]);
    let detail = format!("starts with \"{shown}\", expected a length of 8 bytes and \"{{\"");
    Err(refusal(start, &detail, "a safetensors file"))
}

/// What is wrong with a file of another format, and the way out where it is known.
fn refusal(start: &[u8], detail: &str, expected: &str) -> Error {
    let start = &start[..start.len().min(SNIFFED)];
    let refused = |detail: String| Error::new(ErrorKind::Format, detail).at(0);
    if start.is_empty() {
        return refused(format!("the file is empty, expected {expected}")).hint(DOWNLOAD);
    }
    match other(start) {
        Some((what, hint)) => refused(format!("{detail}: the file is {what}")).hint(hint),
        None => refused(detail.to_owned()).hint(CONVERT),
    }
}

fn other(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = OTHERS.iter().find(|(magic, ..)| start.starts_with(magic));
    known.map(|&(_, what, hint)| (what, hint)).or_else(|| {
        if is_safetensors(start) {
            Some(("in the safetensors format", "name the folder that it lies in"))
        } else if start.iter().all(|&byte| byte == 0) {
            Some(("blank, as an unfinished download is", DOWNLOAD))
        } else if is_text(start) {
            Some(("text", "give the path of the model itself"))
        } else {
            None
        }
    })
}

/// A header has at most 100 MB, so the upper bytes of its length are zero.
fn is_safetensors(start: &[u8]) -> bool {
    start.get(8) == Some(&b'{') && start[..8].ends_with(&[0, 0])
}

/// Whether these may be the first bytes of a text; the last character may be cut.
fn is_text(start: &[u8]) -> bool {
    let plain = |text: &str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    match std::str::from_utf8(start) {
        Ok(text) => plain(text),
        Err(cut) if cut.error_len().is_none() => {
            start.utf8_chunks().next().is_some_and(|chunk| plain(chunk.valid()))
        }
        Err(_) => false,
    }
}
