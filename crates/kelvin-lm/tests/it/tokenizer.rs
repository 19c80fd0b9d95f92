//! Tokenizers against llama.cpp's golden ids, and on small vocabularies.

use std::fs;
use std::path::PathBuf;

use kelvin_lm::format::gguf::Gguf;
use kelvin_lm::tokenizer::{Scheme, ShowSpecial, SpecialTokens, TokenId, TokenKind, Tokenizer, Vocabulary};
use kelvin_lm::{Error, ErrorKind};
use serde_json::Value;

const SMOLLM2: &str = "smollm2-135m-instruct-q4_1.gguf";
const GEMMA3: &str = "gemma-3-270m-q4_k_m.gguf";

fn golden(name: &str) -> Value {
    let path = [env!("CARGO_MANIFEST_DIR"), "tests/golden", name].iter().collect::<PathBuf>();
    let text = fs::read_to_string(&path).expect("a golden file of this repository");
    serde_json::from_str(&text).expect("golden files are JSON")
}

fn strings() -> Vec<String> {
    let list = golden("tokenizer-strings.json");
    list.as_array().expect("a list").iter().map(|s| s.as_str().expect("strings").to_owned()).collect()
}

/// Ids as the golden files hold them; none where the vocabulary lacks a byte of the string.
fn ids(line: &Value) -> Option<Vec<TokenId>> {
    let line = line.as_str()?;
    Some(line.split_ascii_whitespace().map(|id| id.parse().expect("an id")).collect())
}

#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "where test models lie; a skip is said")]
fn vocabulary(file: &str) -> Option<Vocabulary> {
    let folder = match std::env::var_os("KELVIN_MODELS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache/kelvin/models"),
    };
    let path = folder.join(file);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    let gguf = Gguf::read(&path).expect("a model file");
    Some(Vocabulary::from_gguf(&gguf).expect("a tokenizer in it"))
}

#[test]
fn tmp_time() {
    for f in [SMOLLM2, GEMMA3] {
        let Some(v) = vocabulary(f) else {continue};
        let t = std::time::Instant::now();
        let tk = Tokenizer::new(v).unwrap();
        eprintln!("{f} {:?} {tk:?}", t.elapsed());
        let g = golden(if f==SMOLLM2 {"tokenizer-smollm2.json"} else {"tokenizer-gemma3.json"});
        let mut bad=0;
        for (i,s) in strings().iter().enumerate() {
            let a = tk.encode(s, SpecialTokens::Text).ok();
            let b = ids(&g["text"][i]);
            if a!=b { bad+=1; eprintln!("{i} {s:?} {a:?} {b:?}"); }
            let a = tk.encode(s, SpecialTokens::Parse).ok();
            let b = g["parse"].get(i.to_string()).and_then(ids).or(b);
            if a!=b { bad+=1; eprintln!("P {i} {s:?} {a:?} {b:?}"); }
            if let Some(a)=a { let d=tk.text_bytes(&a, ShowSpecial::Show); if d!=s.as_bytes() {eprintln!("RT {i} {s:?} {:?}", String::from_utf8_lossy(&d));} }
        }
        eprintln!("bad {bad}");
        if f==SMOLLM2 { for pre in ["gpt-2","default","llama-bpe"] { let mut v=vocabulary(f).unwrap(); let Scheme::ByteLevel{pre:p,..}=&mut v.scheme else {panic!()}; *p=pre.into(); let tk=Tokenizer::new(v).unwrap();
          let mut n=0; for (k,line) in g["splitters"][pre].as_array().unwrap().iter().enumerate() { let s=&strings()[k*16]; let a=tk.encode(s,SpecialTokens::Text).ok(); n+=1; if a!=ids(line) {eprintln!("{pre} {s:?} {a:?} {line:?}");} } eprintln!("{pre} {n}"); } }
    }
}
