"""llama.cpp through the plain C calls of llama-cpp-python: one model, one context, decode.

Golden files and the benchmark share it. Nothing samples here: `feed` runs `llama_decode` and hands
back the logits as a view of llama.cpp's own buffer, so Python adds a few microseconds a call.
"""

import ctypes
import os
import platform
from pathlib import Path

import llama_cpp as lib
import numpy as np

MODELS = {
    "smollm2": "smollm2-135m-instruct-q4_1.gguf",
    "gemma3": "gemma-3-270m-q4_k_m.gguf",
}
F32_COPIES = {
    "smollm2": "smollm2-135m-instruct-f32.gguf",
    "gemma3": "gemma-3-270m-f32.gguf",
}


@lib.llama_log_callback
def _log(level, text, _user_data):
    if level == 4:  # errors; the rest is talk
        os.write(2, text)


lib.llama_log_set(_log, ctypes.c_void_p(0))
lib.llama_backend_init()


def model_folder():
    """The cache folder that scripts/get-models fills."""
    return Path(os.environ.get("KELVIN_MODELS", Path.home() / ".cache/kelvin/models"))


def build_info():
    """What decides llama.cpp's bits: version, instruction sets, the machine's name for itself."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if "model name" in line),
        platform.processor(),
    )
    return {
        "llama_cpp_python": lib.__version__,
        "system_info": lib.llama_print_system_info().decode().strip(" |"),
        "cpu": cpu,
    }


class Model:
    """A GGUF file, loaded; frees itself with the process."""

    def __init__(self, path):
        self.handle = lib.llama_model_load_from_file(
            str(path).encode(), lib.llama_model_default_params()
        )
        if not self.handle:
            raise SystemExit(f"{path}: llama.cpp cannot load it (scripts/get-models brings it)")
        self.vocab = lib.llama_model_get_vocab(self.handle)
        self.vocab_size = lib.llama_vocab_n_tokens(self.vocab)

    def tokenize(self, text):
        """Ids with the model's own rule for BOS; control tokens in `text` stay plain text."""
        data = text.encode()
        room = len(data) + 8
        ids = (lib.llama_token * room)()
        count = lib.llama_tokenize(self.vocab, data, len(data), ids, room, True, False)
        return list(ids[:count])

    def adds_bos(self):
        return bool(lib.llama_vocab_get_add_bos(self.vocab))


class Context:
    """One sequence with its KV cache. Flash attention is off unless asked for: then attention is
    the plain product, softmax and product."""

    def __init__(self, model, n_ctx, n_threads, kv_type=lib.GGML_TYPE_F16, flash=False):
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = n_threads
        params.type_k = params.type_v = kv_type
        if not flash:
            params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.model = model
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise SystemExit("llama.cpp refuses the context")
        self.batch = lib.llama_batch_init(params.n_batch, 0, 1)
        self.position = 0

    def load_batch(self, ids, every_row=False):
        """Writes `ids` at the next positions into the batch; logits for the last row or for all."""
        batch = self.batch
        batch.n_tokens = len(ids)
        for row, token in enumerate(ids):
            batch.token[row] = token
            batch.pos[row] = self.position + row
            batch.n_seq_id[row] = 1
            batch.seq_id[row][0] = 0
            batch.logits[row] = every_row or row == len(ids) - 1
        self.position += len(ids)

    def decode(self):
        """Runs the batch; the logits are complete when it returns."""
        code = lib.llama_decode(self.handle, self.batch)
        if code:
            raise SystemExit(f"llama_decode returned {code} at position {self.position}")
        lib.llama_synchronize(self.handle)

    def feed(self, ids, every_row=False):
        """Feeds at most 512 ids; returns rows of logits, valid until the next call."""
        self.load_batch(ids, every_row)
        self.decode()
        rows = len(ids) if every_row else 1
        pointer = lib.llama_get_logits(self.handle)
        return np.ctypeslib.as_array(pointer, shape=(rows, self.model.vocab_size))

    def clear(self):
        """Back to position 0 with an empty cache."""
        lib.llama_memory_clear(lib.llama_get_memory(self.handle), False)
        self.position = 0

    def close(self):
        lib.llama_batch_free(self.batch)
        lib.llama_free(self.handle)
