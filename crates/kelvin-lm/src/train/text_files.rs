//! Text files, on their way to a [`Corpus`].

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::data::Corpus;
use crate::eval::first_bytes;
use crate::format::Source;
use crate::tokenizer::{SpecialTokens, Tokenizer};
use crate::{Error, ErrorKind, Result};

/// The most bytes of all files: their tokens take four times as much.
const MOST: usize = 1 << 30;

/// One or several text files, one behind the other with nothing between them.
///
/// ```
/// use kelvin_lm::train::TextFiles;
///
/// let path = std::env::temp_dir().join("kelvin-doc-text-files.txt");
/// std::fs::write(&path, "tea\r\n")?;
/// assert_eq!(TextFiles::read(&[&path, &path])?.text(), "tea\r\ntea\r\n");
/// std::fs::remove_file(&path)?;
/// assert!(TextFiles::read(&[&path]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TextFiles {
    text: String,
    files: Vec<Part>,
}

/// Where a file is in the text.
#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    start: usize,
}

impl TextFiles {
    /// The texts of these files, in this order, byte for byte: line ends and byte order marks stay.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] for one that is not there, no regular file or not readable, [`ErrorKind::Format`] for
    /// one that is empty, not UTF-8 or not text, [`ErrorKind::Unsupported`] for more than 1 GiB in all. They
    /// name the file. [`ErrorKind::Parameter`] for no files.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        if paths.is_empty() {
            return Err(Error::new(ErrorKind::Parameter, "no text files, nothing to train on"));
        }
        let mut all = Self { text: String::new(), files: Vec::new() };
        for path in paths {
            let path = path.as_ref();
            let room = MOST - all.text.len();
            let text = read(path, room).map_err(|error| error.in_file(path))?;
            all.files.push(Part { path: path.to_path_buf(), start: all.text.len() });
            all.text.push_str(&text);
        }
        Ok(all)
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tokens of the text, of which the first ⌊share · n⌋ characters of n are trained on. Both parts are
    /// encoded apart, without BOS and EOS.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parameter`] for a share outside 0 < share ≤ 1, or one that leaves nothing to train on.
    /// [`ErrorKind::Tokenizer`] for a character that the vocabulary cannot spell, with its file, line and
    /// column. Others are those of [`Tokenizer::encode`].
    pub fn corpus(
        &self,
        tokenizer: &Tokenizer,
        special: SpecialTokens,
        share: f64,
    ) -> Result<Corpus> {
        if !(share > 0.0 && share <= 1.0) {
            let detail = format!("split = {share} is outside 0 < share ≤ 1");
            return Err(Error::new(ErrorKind::Parameter, detail)
                .hint("0.9 trains on the first nine tenths and measures on the rest"));
        }
        let cut = first_bytes(&self.text, share);
        if cut == 0 {
            let n = self.text.chars().count();
            let detail = format!("split = {share} of {n} characters leaves none to train on");
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        let encode = |start: usize, part: &str| {
            let ids = tokenizer.encode(part, special);
            ids.map_err(|error| self.placed(error, start))
        };
        let (train, validation) = self.text.split_at(cut);
        let mut ids = encode(0, train)?;
        let n_train = ids.len();
        ids.extend(encode(cut, validation)?);
        Corpus::new(ids, n_train)
    }

    /// The error about a part of the text that begins at byte `start`, told by file, line and column.
    fn placed(&self, error: Error, start: usize) -> Error {
        let byte = error.offset().and_then(|at| usize::try_from(at).ok()).map(|at| start + at);
        let Some(byte) = byte.filter(|&byte| self.text.is_char_boundary(byte)) else {
            return error;
        };
        let index = self.files.partition_point(|part| part.start <= byte) - 1; // the first starts at 0
        let Part { path, start } = &self.files[index];
        let before = &self.text[*start..byte];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.chars().rev().take_while(|&c| c != '\n').count();
        let detail = format!("line {line}, column {column}: {}", error.detail());
        let placed = Error::new(error.kind(), detail).in_file(path).at((byte - start) as u64);
        match error.way_out() {
            Some(hint) => placed.hint(hint),
            None => placed,
        }
    }
}

/// The text of one file, of at most `room` bytes.
fn read(path: &Path, room: usize) -> Result<String> {
    let source = Source::open(path, "a text file")?;
    if source.len() > room as u64 {
        let detail = format!("the text is longer than {MOST} bytes, the most that is trained on");
        return Err(Error::new(ErrorKind::Unsupported, detail));
    }
    let bytes = source.all(room)?;
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::Format, "the file is empty, expected text"));
    }
    if let [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] = bytes[..] {
        let error = Error::new(ErrorKind::Format, "the file looks like UTF-16, expected UTF-8");
        return Err(error.at(0).hint("convert the file to UTF-8 first"));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        let detail = "the file looks like binary data: it has a zero byte, which no text has";
        let error = Error::new(ErrorKind::Format, detail).at(at as u64);
        return Err(error.hint("name a file of plain text"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[at];
        Error::new(ErrorKind::Format, format!("0x{byte:02X} is no UTF-8 there"))
            .at(at as u64)
            .hint("convert the file to UTF-8 first")
    })
}
