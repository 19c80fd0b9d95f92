use kelvin_lm::tokenizer::{SpecialTokens, Tokenizer};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let unit = std::env::args().nth(2);
    let bytes = std::fs::read(&path).unwrap();
    let start = std::time::Instant::now();
    let t = if path.ends_with("json") {
        Tokenizer::from_json(&bytes, None).unwrap()
    } else {
        let g = kelvin_lm::format::gguf::Gguf::parse(bytes).unwrap();
        println!("gguf {:?}", start.elapsed());
        Tokenizer::from_gguf(&g).unwrap()
    };
    println!("{} {:?}", t.vocab_size(), start.elapsed());
    let rss = std::fs::read_to_string("/proc/self/status").unwrap();
    for l in rss.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")) {
        println!("{l}");
    }
    if let Some(unit) = unit {
        let text = unit.repeat((4 << 20) / unit.len());
        let start = std::time::Instant::now();
        let n = t.encode(&text, SpecialTokens::Text).map(|i| i.len());
        println!("{n:?} {:?}", start.elapsed());
        let rss = std::fs::read_to_string("/proc/self/status").unwrap();
        for l in rss.lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")) {
            println!("{l}");
        }
    }
}
