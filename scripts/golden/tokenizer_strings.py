#!/usr/bin/env python3
"""What llama.cpp makes of 2,000 strings: the golden files of the tokenizer tests.

    python scripts/golden/tokenizer_strings.py [MODELS] [OUT]

MODELS is the folder of the two model files (default ~/.cache/kelvin/models), OUT the folder of the
golden files (default crates/kelvin-lm/tests/golden). Needs llama-cpp-python and gguf; reads only the
vocabularies. The strings come from a fixed seed: a second run writes the same bytes.

Written:

* tokenizer-strings.json: the strings.
* tokenizer-{smollm2,gemma3}.json: "text", the ids of each string with control tokens as text
  (parse_special false, no BOS), null where the vocabulary lacks a byte of it (llama.cpp drops such
  bytes, Kelvin refuses the string); "parse", the ids with control tokens parsed, for the strings that
  spell some; "ends", the ids llama.cpp ends a generation at.
* in tokenizer-smollm2.json also "splitters": the same merges under other word splitters
  (tokenizer.ggml.pre), for every 16th string.
"""

import json
import os
import random
import sys
import tempfile

import gguf
import llama_cpp

COUNT = 2000
SPLITTER_STRIDE = 16
FILES = {
    "smollm2": "smollm2-135m-instruct-q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
}
SPLITTERS = ["gpt-2", "default", "llama-bpe"]

SENTENCES = [
    "The quick brown fox jumps over the lazy dog; it's 5 o'clock, they'll say we've won.",
    "Racconta una breve storia su un gatto magico. Perché no? È già l'una!",
    "Où est-elle allée ? Elle n'a pas dit « adieu » à son frère aîné, hélas…",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Qué? ¡Ñandú!",
    "À noite, vovô Kowalsky vê o ímã cair no pé do pinguim queixoso.",
    "Pchnąć w tę łódź jeża lub ośm skrzyń fig. Zażółć gęślą jaźń.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Árvíztűrő tükörfúrógép. Pijamalı hasta yağız şoföre çabucak güvendi: İIıi.",
    "Kæmi ný öxi hér, ykist þjófum nú bæði víl og ádrepa.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів! Ђаци Џон Љубав.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Ἐν ἀρχῇ ἦν ὁ λόγος.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر، ١٢٣٤٥ كِتَابٌ.",
    "دیدهٔ منّت‌پذیر نیست، قهوه‌ای می‌خواهم ۱۴۰۳ پسر چاق",
    "דג סקרן שט בים מאוכזב ולפתע מצא לו חברה, שָׁלוֹם ״עולם״.",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश १२३।",
    "আমি বাংলায় গান গাই, ঋষি ক্ষুধার্ত ১২৩৪ টাকা দিল।",
    "யாமறிந்த மொழிகளிலே தமிழ்மொழி போல் இனிதாவது எங்கும் காணோம்.",
    "నేను తెలుగు మాట్లాడతాను, స్త్రీ శక్తి. ಕನ್ನಡ ನಾಡು ಚೆಲುವ ನಾಡು.",
    "മലയാളം ഒരു ദ്രാവിഡ ഭാഷയാണ്. ගැහැනු ළමයා සිංහල. ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ ਗੁਜરાતી ભાષા.",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓",
    "ພາສາລາວ ສະບາຍດີ ខ្ញុំអាចញ៉ាំកញ្ចក់បាន မြန်မာဘာသာ စကား བོད་སྐད།",
    "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。我爱北京天安门！",
    "視野無限廣，窗外有藍天。微風迎客，軟語伴茶：「繁體」。𠮷野家 㐀 𪚥",
    "いろはにほへと ちりぬるを、わかよたれそ。コンピューター ﾊﾝｶｸ ｶﾞ ヴェ 々〆",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. ㅋㅋㅋ 한글",
    "የኢትዮጵያ ሕዝብ በአማርኛ ይናገራል። ፩፪፫ ሰላም ለዓለም።",
    "ქართული ენა მსოფლიოში. Հայերեն լեզու և գրականություն։ Ⴀⴀ",
    "Монгол хэл ᠮᠣᠩᠭᠣᠯ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ⵜⴰⵎⴰⵣⵉⵖⵜ ߒߞߏ ꦗꦮ ᚠᚢᚦᚨᚱᚲ 𐌰𐍄𐍄𐌰 𓀀𓁐 𒀀𒁀",
    "Tiếng Việt: Con sói nâu nhảy qua con chó lười biếng. Đặng Nguyễn Ườm.",
    "Ọmọ Yorùbá ń jẹ ẹ̀fọ́; Hausa ɓaɗaƙa; Ŋanga ŋɔ Ɔkyerɛ. IPA: [ˈfəʊnɪks] ʘ ǃ",
    "Math: ∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α∧¬β, ∑ᵢ₌₁ⁿ i² ≈ ⅓n³, 𝒜𝔅ℂ𝕯 ½ Ⅷ ⑨ ²³",
    "Punct: “quotes” ‘single’ „low“ ‹a› – — … ‽ § ¶ † ‡ • ‰ ′ ″ № ™ © ® € £ ¥ ₹ ₿ ¢",
    "Boxes ┌─┬─┐ │█│▓│ └─┴─┘ arrows ← ↑ → ↓ ⇒ ⟶ ✓ ✗ ★ ☃ ♥ ♫ ⚡ ☯",
]

EMOJI = (
    "😀 😂 🤣 😭 🥺 👍 👍🏽 🙏🏿 ❤️ ❤️‍🔥 👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 🏴‍☠️ 🧑🏻‍🤝‍🧑🏿 🇮🇹 🇫🇷 🇯🇵 🇺🇸 🏴󠁧󠁢󠁳󠁣󠁴󠁿 "
    "1️⃣ #️⃣ ☺️ ☺ 🤷🏼‍♀️ 🐈‍⬛ 🫠 🪿 🔥🔥🔥 🎉 🚀 ⚠️ ⏰ 🀄 🃏 🈁"
).split()

CODE = [
    "def f(x):\n    return [i**2 for i in range(x) if i % 2 == 0]\n",
    "fn main() {\n\tlet v: Vec<u8> = vec![0x1F; 16];\n\tprintln!(\"{v:?}\\n\");\n}\n",
    "#include <stdio.h>\nint main(void){for(;;)++i;return 0;}/* ok */",
    "SELECT a.id, COUNT(*) FROM t AS a WHERE x <> 'it''s' GROUP BY 1;",
    "const f = async (a=1) => ({...a, b: `x${a}`}) ?? null; // TODO",
    "for i in $(seq 1 10); do echo \"$i\" >> /dev/null 2>&1; done",
    "{\"key\": [1, 2.5e-3, true, null], \"é\\u00e9\": \"\\n\"}",
    "\\begin{equation} \\frac{\\partial f}{\\partial x} = x_{i}^{2} \\end{equation}",
    "<html><body><h1>Title</h1><p class=\"a\">T&eacute;xt<br/></p></body></html>",
    "<table><tr><td>1</td><th>2</th></tr></table><ul><li>a</li></ul><s>x",
    "<div><span>a</span></div><img src='x'><code>b</code><strong>c</strong><em>d</em>",
    "https://example.org/a/b?c=d&e=%20f#g user@mail.com C:\\Windows\\x.exe ../a/./b",
    "| a | b |\n|---|:-:|\n| 1 | 2 |\n\n## Head\n\n- [x] *it* **b** ~~s~~ `c`\n```\n",
    "====----____****####////\\\\\\\\....,,,,!!!!????~~~~++++<<<<>>>>",
    "0x1F 0b101 1e10 3.14159 -273.15 1,234,567.89 12:34:56 2024-02-29 +39 06 1234567 ١٢٣ ४५६ ๗๘ Ⅻ ½ ²",
]

SPACES = [" ", " ", " ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2003", "\u2009",
          "\u200b", "\u200c", "\u200d", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u180e", "\u2060"]

SPECIALS = [
    "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<unused0>", "<unused12>", "<unused6241>", "<start_of_turn>",
    "<end_of_turn>", "<start_of_image>", "<end_of_image>", "[multimodal]", "[toxicity]", "[@BOS@]", "<|endoftext|>",
    "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>", "<filename>", "<gh_stars>",
    "<issue_start>", "<issue_comment>", "<jupyter_code>", "<jupyter_output>", "<empty_output>", "<0x0A>", "<0x41>",
    "<0xE2><0x82><0xAC>", "<|eot_id|>", "<|begin_of_text|>", "[INST]", "<<SYS>>", "<image_soft_token>",
]
SPECIAL_PARTS = ["<|im", "_start|>", "<|", "|>", "<bos", "bos>", "im_end", "<", ">", "<<bos>>", "< bos >", "<BOS>", "\u2581"]

# First and last code points of what is drawn from at random; the last three reach private use,
# noncharacters and the replacement character.
RANGES = [
    (0x20, 0x7E), (0x80, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F),
    (0x531, 0x586), (0x591, 0x5F4), (0x600, 0x6FF), (0x710, 0x74A), (0x904, 0x97F), (0x985, 0x9FE), (0xA05, 0xA74),
    (0xA85, 0xAF1), (0xB85, 0xBFA), (0xC05, 0xC6F), (0xE01, 0xE5B), (0xE81, 0xEDF), (0xF00, 0xFDA), (0x1000, 0x109F),
    (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x135A), (0x13A0, 0x13F5), (0x1780, 0x17E9), (0x1E00, 0x1FFE),
    (0x2010, 0x205E), (0x2070, 0x20C0), (0x2100, 0x218B), (0x2190, 0x23FF), (0x2500, 0x27BF), (0x2C80, 0x2CFF),
    (0x3001, 0x30FF), (0x3131, 0x318E), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFE00, 0xFE6F),
    (0xFF01, 0xFFEE), (0x10330, 0x1034A), (0x12000, 0x12399), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F),
    (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF), (0x20000, 0x2A6DF), (0xE000, 0xE0FF), (0xFDD0, 0xFDEF), (0xFFF9, 0xFFFF),
]


def piece_of(rng, text, most):
    start = rng.randrange(len(text))
    return text[start:start + rng.randint(1, most)]


def sentence(rng):
    return piece_of(rng, rng.choice(SENTENCES), 50)


def words(rng):
    pool = [rng.choice(rng.choice(SENTENCES).split()) for _ in range(rng.randint(1, 6))]
    return rng.choice(["", " "]) + rng.choice([" ", "  ", "\n", "", "-", ", "]).join(pool)


def emoji(rng):
    return rng.choice(["", " ", "a"]).join(rng.choice(EMOJI) for _ in range(rng.randint(1, 6)))


def spaces(rng):
    parts = []
    for _ in range(rng.randint(1, 4)):
        parts.append(rng.choice(SPACES) * rng.choice([1, 1, 2, 3, 4, 7, 16, 33]))
        parts.append(rng.choice(["", "a", "é", "1", ".", "日", "'s", "\u0301"]))
    return "".join(parts)


def code(rng):
    return piece_of(rng, rng.choice(CODE), 60)


def digits(rng):
    pools = ["0123456789", "0123456789", "0123456789.,:-/ ", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "๐๑๒๓", "½¼²³Ⅷ⑨", "0123456789aé"]
    return "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 20)))


def controls(rng):
    pool = [chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)]]
    return "".join(rng.choice(pool if rng.random() < 0.5 else "ab c") for _ in range(rng.randint(1, 10)))


def latin1(rng):
    return bytes(rng.randrange(256) for _ in range(rng.randint(1, 16))).decode("latin-1")


def drawn(rng):
    low, high = rng.choice(RANGES)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 14)))


def marks(rng):
    parts = []
    for _ in range(rng.randint(1, 6)):
        parts.append(rng.choice("aeoun zAE1кא日"))
        parts.extend(chr(rng.randint(0x300, 0x36F)) for _ in range(rng.randint(0, 4)))
    return "".join(parts)


def special(rng):
    parts = []
    for _ in range(rng.randint(1, 4)):
        parts.append(rng.choice(SPECIALS if rng.random() < 0.8 else SPECIAL_PARTS))
        parts.append(rng.choice(["", "", " ", "\n", "user\n", "a", "é", " x "]))
    return "".join(parts)


def repeated(rng):
    unit = rng.choice([*"ab=-_*#.é日ا0!?/~ ", "ha", "la ", "\n", "\t", "😀", "ab\n", "no ", "  x", "\r\n", "\u0301", "=-"])
    return unit * rng.choice([1, 2, 3, 5, 8, 13, 21, 34, 55, 70])


def mixture(rng):
    return "".join(rng.choice([sentence, emoji, spaces, code, digits, drawn, latin1, special])(rng)[:12]
                   for _ in range(rng.randint(2, 5)))


# How many strings of each kind; the sum with the sentences, codes and fixed strings is COUNT.
MIX = [
    (sentence, 500), (words, 180), (emoji, 90), (spaces, 170), (code, 170), (digits, 70), (controls, 70),
    (latin1, 80), (drawn, 240), (marks, 60), (special, 140), (repeated, 70),
]
FIXED = ["", " ", "  ", "\n", "\t", "\r\n", "\ufffd", "\u2581", "\u2581\u2581a", "a\u2581b", "\x00", "\x00\x00a", "\ufeffBOM",
         "'s", "I'M", "'\u017f", "a\u0301", "\U0010fffd", "\U000e0001"]


def strings():
    rng = random.Random(20240229)
    texts = FIXED + SENTENCES + EMOJI + CODE + SPECIALS
    for make, count in MIX:
        texts.extend(make(rng) for _ in range(count))
    # Gemma's </s> is an HTML tag that llama.cpp takes for an end of sequence: a test has its own word on it.
    texts = [text.replace("</s>", "</i>") for text in texts]
    while len(texts) < COUNT:
        texts.append(mixture(rng).replace("</s>", "</i>"))
    assert len(texts) == COUNT, len(texts)
    return texts


def load(path):
    return llama_cpp.Llama(path, vocab_only=True, verbose=False)


def encoded(model, text, parse_special):
    return model.tokenize(text.encode(), add_bos=False, special=parse_special)


def line(ids):
    return None if ids is None else " ".join(map(str, ids))


def field(reader, key):
    return reader.fields["tokenizer.ggml." + key].contents()


def lacking_bytes(reader):
    """The bytes that a byte-level vocabulary has no token for."""
    if field(reader, "model") != "gpt2":
        return set()
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    symbols = {b: chr(b) for b in plain} | {b: chr(0x100 + n) for n, b in enumerate(rest)}
    tokens = set(field(reader, "tokens"))
    return {b for b, symbol in symbols.items() if symbol not in tokens}


def with_splitter(reader, pre, path):
    """A vocabulary-only copy of the file under another word splitter."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(field(reader, "tokens"))
    writer.add_token_types(field(reader, "token_type"))
    writer.add_token_merges(field(reader, "merges"))
    writer.add_bos_token_id(field(reader, "bos_token_id"))
    writer.add_eos_token_id(field(reader, "eos_token_id"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def golden(path, texts):
    model, reader = load(path), gguf.GGUFReader(path)
    lacking = lacking_bytes(reader)
    spells = [not lacking.intersection(text.encode()) for text in texts]

    def ids(model, index, parse_special):
        return line(encoded(model, texts[index], parse_special) if spells[index] else None)

    text = [ids(model, i, False) for i in range(len(texts))]
    parsed = {str(i): ids(model, i, True) for i in range(len(texts)) if spells[i]}
    ends = [i for i in range(model.n_vocab())
            if llama_cpp.llama_vocab_is_eog(llama_cpp.llama_model_get_vocab(model.model), i)]
    result = {
        "ends": ends,
        "text": text,
        "parse": {i: line for i, line in parsed.items() if line != text[int(i)]},
    }
    if field(reader, "model") == "gpt2":
        result["splitters"] = {}
        with tempfile.TemporaryDirectory() as folder:
            for pre in SPLITTERS:
                copy = os.path.join(folder, "vocabulary.gguf")
                with_splitter(reader, pre, copy)
                other = load(copy)
                result["splitters"][pre] = [ids(other, i, False) for i in range(0, len(texts), SPLITTER_STRIDE)]
    return result


def write(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, indent=0)
        file.write("\n")


def main():
    models = sys.argv[1] if len(sys.argv) > 1 else os.path.expanduser("~/.cache/kelvin/models")
    here = os.path.dirname(os.path.abspath(__file__))
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(here, "../../crates/kelvin-lm/tests/golden")
    texts = strings()
    write(os.path.join(out, "tokenizer-strings.json"), texts)
    for name, file in FILES.items():
        write(os.path.join(out, f"tokenizer-{name}.json"), golden(os.path.join(models, file), texts))


main()
