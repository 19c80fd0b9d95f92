#!/usr/bin/env python3
"""Small tokenizers in Hugging Face layout, each with the components of a published family.

    python scripts/golden/tokenizer_files.py [OUT]

OUT is the folder for them (default crates/kelvin-lm/tests/golden/tokenizers). Needs tokenizers. Merges are
trained on the strings of crates/kelvin-lm/tests/golden/tokenizer-strings.json; the rest of each file is
written here as the published files have it, oddities included. A second run writes the same bytes.
"""

import json
import os
import sys
from collections import Counter

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../../crates/kelvin-lm/tests/golden")

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SPACE = "\u2581"


def strings():
    with open(os.path.join(GOLDEN, "tokenizer-strings.json"), encoding="utf-8") as file:
        return json.load(file)


def trained(pre_tokenizer, size, alphabet, normalizer=None):
    """Pieces and merges of a BPE over the strings."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet,
                                  limit_alphabet=len(alphabet))
    tokenizer.train_from_iterator(strings(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [tuple(merge) for merge in model["merges"]]


def byte_level(size, pre_tokenizer=None):
    steps = ([pre_tokenizer] if pre_tokenizer else []) + [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre_tokenizer is None)]
    return trained(pre_tokenizers.Sequence(steps), size, sorted(pre_tokenizers.ByteLevel.alphabet()))


def sentence_piece(size):
    counts = Counter("".join(strings()).replace(" ", SPACE))
    alphabet = sorted(counts, key=lambda char: (-counts[char], char))[:200]
    return trained(pre_tokenizers.Split(SPACE, "merged_with_next"), size, sorted(alphabet),
                   normalizers.Replace(" ", SPACE))


def added(tokens, first=None, **flags):
    """Entries of added_tokens for (id, content) or, from `first` on, for contents."""
    if first is not None:
        tokens = list(enumerate(tokens, first))
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": id, "content": content} | plain | flags for id, content in tokens]


def ids(*lists):
    pieces = [piece for pieces in lists for piece in pieces]
    assert len(set(pieces)) == len(pieces)
    return {piece: id for id, piece in enumerate(pieces)}


def template(before):
    token = {"SpecialToken": {"id": before[0], "type_id": 0}}
    a, b = ({"Sequence": {"id": name, "type_id": type_id}} for name, type_id in (("A", 0), ("B", 1)))
    return {
        "type": "TemplateProcessing", "single": [token, a], "pair": [token, a, token, b],
        "special_tokens": {before[0]: {"id": before[0], "ids": [before[1]], "tokens": [before[0]]}},
    }


def bpe(vocab, merges, **fields):
    return {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
    } | fields | {"vocab": vocab, "merges": merges}


def file(**parts):
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
    } | parts


def spelled(merges):
    return [" ".join(merge) for merge in merges]


def lists(merges):
    return [list(merge) for merge in merges]


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def gpt2():
    """As openai-community/gpt2: no type in the model, an end of text that is normalized."""
    pieces, merges = byte_level(1500)
    vocab = ids(pieces, ["<|endoftext|>"])
    model = bpe(vocab, spelled(merges), continuing_subword_prefix="", end_of_word_suffix="")
    for absent in ("type", "byte_fallback", "ignore_merges"):
        del model[absent]
    plain = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return file(added_tokens=added(["<|endoftext|>"], len(pieces), normalized=True), pre_tokenizer=plain,
                post_processor=plain | {"trim_offsets": False}, decoder=plain, model=model)


def smollm2():
    """As HuggingFaceTB/SmolLM2-135M-Instruct: special tokens first, digits apart, bytes missing."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"]
    pieces, merges = byte_level(1500, pre_tokenizers.Digits(individual_digits=True))
    lacking = [chr(0x100 + byte) for byte in (0x01, 0x04, 0x0B, 0x13)]
    pieces = [piece for piece in pieces if not any(symbol in piece for symbol in lacking)]
    merges = [merge for merge in merges if "".join(merge) in pieces]
    steps = [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL | {"add_prefix_space": False}]
    return file(added_tokens=added(specials, 0),
                pre_tokenizer={"type": "Sequence", "pretokenizers": steps}, decoder=BYTE_LEVEL,
                model=bpe(ids(specials, pieces), spelled(merges)))


def llama3():
    """As meta-llama/Llama-3.2-1B: special tokens beyond the vocabulary, words that are pieces taken whole."""
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|eot_id|>"]
    pieces, merges = byte_level(1500, pre_tokenizers.Split(Regex(LLAMA3), "isolated"))
    # Without some merges, pieces are only reached as whole words.
    merges = [merge for at, merge in enumerate(merges) if at % 9 != 4]
    steps = [{"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
             BYTE_LEVEL | {"add_prefix_space": False, "use_regex": False}]
    after = [BYTE_LEVEL | {"trim_offsets": False}, template(("<|begin_of_text|>", len(pieces)))]
    return file(added_tokens=added(specials, len(pieces)),
                pre_tokenizer={"type": "Sequence", "pretokenizers": steps},
                post_processor={"type": "Sequence", "processors": after}, decoder=BYTE_LEVEL,
                model=bpe(ids(pieces), lists(merges), ignore_merges=True))


def sp_decoder(*more):
    steps = [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"},
             {"type": "Fuse"}, *more]
    return {"type": "Sequence", "decoders": steps}


STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def llama():
    """As TinyLlama/TinyLlama-1.1B-Chat-v1.0: SentencePiece by way of a normalizer, bytes, a prefix."""
    specials = ["<unk>", "<s>", "</s>"]
    pieces, merges = sentence_piece(1200)
    steps = [{"type": "Prepend", "prepend": SPACE},
             {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]
    return file(added_tokens=added(specials, 0), normalizer={"type": "Sequence", "normalizers": steps},
                post_processor=template(("<s>", 1)), decoder=sp_decoder(STRIP),
                model=bpe(ids(specials, BYTES, pieces), spelled(merges), unk_token="<unk>", fuse_unk=True,
                          byte_fallback=True))


def metaspace():
    """As Llama files of today: the prefix and the spaces by Metaspace, before the first word only; a
    vocabulary that lacks bytes, so that the unknown token comes up; added tokens of every kind."""
    specials = ["<unk>", "<s>", "</s>"]
    kinds = [("<mask>", {"lstrip": True}), ("<sep>", {"rstrip": True}), ("\n\n", {"special": False}),
             ("word", {"special": False, "single_word": True}), ("<both>", {"lstrip": True, "rstrip": True}),
             ("<tool call>", {"special": False, "normalized": True}), ("\t", {"special": False})]
    pieces, merges = sentence_piece(1000)
    pieces = [piece for piece in pieces if piece not in dict(kinds)]
    vocab = ids(specials, BYTES[:0xE2] + BYTES[0xF0:], pieces)
    merges = [merge for merge in merges if {*merge, "".join(merge)} <= vocab.keys()]
    more = [entry for at, (content, flags) in enumerate(kinds, len(vocab))
            for entry in added([(at, content)], **flags)]
    first = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}
    return file(added_tokens=added(specials, 0) + more, pre_tokenizer=first,
                post_processor=template(("<s>", 1)), decoder=sp_decoder(STRIP),
                model=bpe(vocab, lists(merges), unk_token="<unk>", fuse_unk=True, byte_fallback=True))


def gemma3():
    """As google/gemma-3-270m: spaces by a normalizer, then a split that finds none; tokens of the user's,
    runs of newlines and of spaces among them."""
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "[multimodal]", "<unused0>"]
    defined = ["\n", "\n\n", "\n\n\n", "\n\n\n\n", SPACE * 2, SPACE * 3, "<table>", "<tr>", "</s>", "<i>"]
    turns = ["<start_of_turn>", "<end_of_turn>"]
    pieces, merges = sentence_piece(1000)
    pieces = [piece for piece in pieces if piece not in specials + turns + defined]
    vocab = ids(specials, turns, defined, BYTES, pieces)
    merges = [merge for merge in merges if {*merge, "".join(merge)} <= vocab.keys()]
    listed = added(specials + turns, 0) + added(defined, len(specials + turns), special=False)
    return file(added_tokens=listed + added(["<image_soft_token>"], len(vocab)),
                normalizer={"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
                pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                               "invert": False},
                post_processor=template(("<bos>", 2)), decoder=sp_decoder(),
                model=bpe(vocab, lists(merges), unk_token="<unk>", fuse_unk=True, byte_fallback=True))


def characters():
    """A tokenizer of characters: each is a word, and words are tokens."""
    specials = ["<unk>", "<|endoftext|>"]
    chars = sorted({char for text in strings()[:700] for char in text})
    split = {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": False}
    return file(added_tokens=added(specials, 0), pre_tokenizer=split, decoder={"type": "Fuse"},
                model={"type": "WordLevel", "vocab": ids(specials, chars), "unk_token": "<unk>"})


FILES = [gpt2, smollm2, llama3, llama, metaspace, gemma3, characters]


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(GOLDEN, "tokenizers")
    os.makedirs(out, exist_ok=True)
    for make in FILES:
        value = make()
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        Tokenizer.from_str(text)  # the library takes it
        write(os.path.join(out, f"{make.__name__}.json"), text)
        if make is gpt2:
            model = value["model"]
            write(os.path.join(out, "gpt2-vocab.json"), json.dumps(model["vocab"]) + "\n")
            write(os.path.join(out, "gpt2-merges.txt"), "\n".join(["#version: 0.2", *model["merges"], ""]))


main()
