"""Writes the golden vectors beside this file: the law, computed slowly and independently.

Reals are mpmath numbers of 50 digits, logits are exact, and nothing is shared with the Rust code. Where a
cut comes so near to an edge that the crate's fixed-point weights (45 bits) could decide otherwise, the
case is dropped and counted; the counts stand in each file. MADE.md says how to run this.
"""

import json
import struct
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np

mpmath.mp.dps = 50
HERE = Path(__file__).parent
MASK = (1 << 64) - 1
EDGE = mpmath.mpf("1e-10")  # nearer than this to an edge, a case is dropped
BAN = -np.inf


def write(name, data):
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    # one case a line, so that a change shows as the lines it changes
    text = text.replace(",{", ",\n{").replace(":[{", ":[\n{").replace(':[[', ':[\n[').replace("],[", "],\n[")
    (HERE / name).write_text(text + "\n")
    print(f"{name}: {len(text) // 1024} KiB")


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


# ---- randomness ----


def philox(key, counter):
    (k0, k1), c = key, list(counter)
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def splitmix(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def key_of(seed, stream, choice):
    chain = splitmix(splitmix(splitmix(seed) ^ stream) ^ choice)
    return [chain & 0xFFFFFFFF, chain >> 32]


def stream_of(prompt):
    chain = 0xCBF29CE484222325
    for byte in b"".join(struct.pack("<I", token) for token in prompt):
        chain = ((chain ^ byte) * 0x100000001B3) & MASK
    return chain


def draw(total, key, position, domain=0):
    attempt = 0
    while True:
        low, high, *_ = philox(key, [position, 0, attempt, domain])
        word = high << 32 | low
        if (word * total) & MASK >= (1 << 64) % total:
            return word * total >> 64, word, attempt
        attempt += 1


def write_rng():
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0]
    full = 0xFFFFFFFF
    # the known-answer vectors that the authors of Philox publish with their code
    known = [
        ([0, 0], [0] * 4, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([full] * 2, [full] * 4, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (pi[4:], pi[:4], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ]
    assert all(philox(key, counter) == words for key, counter, words in known)
    seeds = [(0, 0, 0), (1, 0, 0), (42, 0, 0), (42, 0, 1), (42, 7, 1), (MASK, MASK, full)]
    prompts = [[], [0], [1, 2, 3], [3, 2, 1], [50256], list(range(300, 340))]
    totals = [1, 2, 3, 1 << 20, (1 << 45) * 5 + 17, (1 << 63) - 1, (1 << 63) + 1, MASK]
    draws = []
    for seed in (0, 42):
        for position in (0, 1, 7, 4096):
            for total in totals:
                r, word, attempt = draw(total, key_of(seed, 0, 0), position)
                draws.append([seed, position, total, r, word, attempt])
    assert any(row[5] > 0 for row in draws), "no draw was rejected: choose other totals"
    write("rng.json", {
        "philox": [{"key": k, "counter": c, "words": w} for k, c, w in known],
        "keys": [{"seed": s, "stream": t, "choice": c, "key": key_of(s, t, c)} for s, t, c in seeds],
        "streams": [{"prompt": p, "stream": stream_of(p)} for p in prompts],
        "draws_seed_position_total_r_word_attempt": draws,
    })


# ---- functions ----


def write_math():
    rng = np.random.default_rng(1)
    xs = np.concatenate([
        -np.geomspace(1e-300, 700, 60), np.geomspace(1e-300, 709, 60), -rng.uniform(0, 50, 150),
        rng.uniform(-2, 2, 80), np.log(2) * (rng.integers(-60, 60, 40) + 0.5), [0.0, -0.0, -37.0],
    ])
    ys = np.concatenate([
        np.geomspace(5e-324, 1.7e308, 120), 1 + rng.uniform(-1e-3, 1e-3, 60), rng.uniform(0, 4, 100),
        1 + np.geomspace(3e-16, 1e-2, 20), 1 - np.geomspace(2e-16, 1e-2, 20), [1.0, 2.0, 0.5],
        np.exp(np.arange(-8, 9) / 16), np.sqrt(2) * np.array([0.5, 1, 2]),
    ])
    angles = np.concatenate([
        rng.integers(-131_072, 131_072, 120) * 10.0 ** rng.uniform(-6, 0, 120), rng.uniform(-4, 4, 120),
        np.arange(-1e6, 1e6, 25_013), np.pi / 4 * np.arange(-9, 10), [0.0, -0.0, 1e-300, 2.0**20, -(2.0**20)],
    ])
    table = lambda f, xs: [[bits(float(x)), bits(float(f(mpmath.mpf(float(x)))))] for x in xs]
    write("math.json", {
        "exp_bits": table(mpmath.exp, xs),
        "ln_bits": table(mpmath.log, ys),
        "sqrt_bits": table(mpmath.sqrt, ys),
        "sin_bits": table(mpmath.sin, angles),
        "cos_bits": table(mpmath.cos, angles),
    })


# ---- the law ----


class Undecided(Exception):
    """The intervals overlap."""


def decided(distance, exact=False):
    if not exact and abs(distance) < EDGE:
        raise Undecided


class Row:
    """What is left of a row, while stages are applied."""

    def __init__(self, logits, prompt=(), n_output=0):
        self.z = np.array(logits, dtype=np.float32)
        self.prompt, self.n_output, self.t = list(prompt), n_output, mpmath.mpf(1)
        self.cut, self.masked = set(), set()

    def alive(self):
        gone = self.cut | self.masked
        return [i for i in range(len(self.z)) if self.z[i] > BAN and i not in gone]

    def order(self):
        return sorted(self.alive(), key=lambda i: (-float(self.z[i]), i))

    def xs(self, t=None):
        """(z − max) / T of every token left."""
        alive, t = self.alive(), self.t if t is None else t
        best = max(float(self.z[i]) for i in alive)
        return {i: (mpmath.mpf(float(self.z[i])) - mpmath.mpf(best)) / t for i in alive}

    def probs(self, t=None):
        e = {i: mpmath.exp(x) for i, x in self.xs(t).items()}
        total = mpmath.fsum(e.values())
        return {i: v / total for i, v in e.items()}

    def entropy(self, t=None):
        return -mpmath.fsum(p * mpmath.log(p) for p in self.probs(t).values())

    def flat(self):
        """Whether every token left has the same logit: then sums of probabilities are fractions."""
        return len({float(self.z[i]) for i in self.alive()}) == 1

    def keep(self, kept):
        self.cut |= set(self.alive()) - set(kept)

    def revise(self, i, rule):
        t = float(self.t)
        revised = rule(float(self.z[i]) / t) * t
        limit = float(np.finfo(np.float32).max)
        self.z[i] = BAN if revised == BAN else np.float32(min(max(revised, -limit), limit))

    def keep_mass(self, p, order):
        probs, mass, kept = self.probs(), Fraction(0) if self.flat() else mpmath.mpf(0), []
        for i in order:
            kept.append(i)
            mass += Fraction(1, len(probs)) if self.flat() else probs[i]
            if self.flat():
                if mass >= p:
                    break
            else:
                gap = mass - mpmath.mpf(p.numerator) / p.denominator
                decided(gap)
                if gap > 0:
                    break
        self.keep(kept)

    def keep_prefix(self, fits):
        kept = []
        for i in self.order():
            if not fits(i):
                break
            kept.append(i)
        self.keep(kept or self.order()[:1])


def number(text):
    return Fraction(text)


def real(fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def top_k(row, k):
    row.keep(row.order()[: int(k)])


def top_p(row, p):
    row.keep_mass(number(p), row.order())


def min_p(row, m):
    bound, xs = mpmath.log(real(number(m))), row.xs()

    def fits(i):
        decided(xs[i] - bound, exact=xs[i] == 0)
        return xs[i] >= bound

    row.keep_prefix(fits)


def keep_above(row, floor, exact):
    probs = row.probs()

    def fits(i):
        decided((probs[i] - floor) / floor, exact)
        return probs[i] >= floor

    row.keep_prefix(fits)


def epsilon_cutoff(row, epsilon):
    epsilon = number(epsilon)
    if row.flat() and Fraction(1, len(row.alive())) == epsilon:
        return  # exactly at the floor
    keep_above(row, real(epsilon), exact=False)


def eta_cutoff(row, epsilon):
    epsilon = mpmath.mpf(float(epsilon))
    keep_above(row, min(epsilon, mpmath.sqrt(epsilon) * mpmath.exp(-row.entropy())), exact=False)


def typical_p(row, mass):
    entropy = row.entropy()
    score = {i: abs(-mpmath.log(p) - entropy) for i, p in row.probs().items()}
    order = sorted(row.order(), key=lambda i: score[i])  # stable: ties stay in the total order
    if row.flat():
        order = row.order()
    else:
        for a, b in zip(order, order[1:]):
            decided(score[b] - score[a], exact=row.z[a] == row.z[b])
    row.keep_mass(number(mass), order)


def top_n_sigma(row, n):
    z = [mpmath.mpf(float(v)) for i, v in enumerate(row.z) if v > BAN and i not in row.masked]
    mean = mpmath.fsum(z) / len(z)
    sigma = mpmath.sqrt(mpmath.fsum((v - mean) ** 2 for v in z) / len(z))
    best = max(float(row.z[i]) for i in row.alive())
    least = mpmath.mpf(best) - mpmath.mpf(float(n)) * sigma

    def fits(i):
        gap = mpmath.mpf(float(row.z[i])) - least
        decided(gap, exact=sigma == 0)
        return gap >= 0

    row.keep_prefix(fits)


def temperature(row, t):
    row.t *= mpmath.mpf(float(t))


def scheduled(start, end, steps, shape, n_output):
    start, end, q = mpmath.mpf(float(start)), mpmath.mpf(float(end)), min(mpmath.mpf(n_output) / int(steps), 1)
    return {
        "linear": start * (1 - q) + end * q,
        "exponential": start ** (1 - q) * end**q,
        "cosine": start * (1 + mpmath.cos(mpmath.pi * q)) / 2 + end * (1 - mpmath.cos(mpmath.pi * q)) / 2,
    }[shape]


def temperature_schedule(row, start, end, steps, shape):
    row.t *= scheduled(start, end, steps, shape, row.n_output)


def adaptive_temperature(row, base, low, high):
    base, low, high = (mpmath.mpf(float(v)) for v in (base, low, high))
    n = len(row.alive())
    h = row.entropy(mpmath.mpf(1)) / mpmath.log(n) if n > 1 else mpmath.mpf(0)
    row.t *= low + (base - low) * 2 * h if h <= 0.5 else base + (high - base) * (2 * h - 1)


def edt(row, theta, base):
    if row.entropy(mpmath.mpf(1)) < 1e-3:
        raise Undecided  # T would be 0.8 to a power of hundreds: the limit, tested in Rust
    row.t *= mpmath.mpf(float(base)) * mpmath.mpf("0.8") ** (mpmath.mpf(float(theta)) / row.entropy(mpmath.mpf(1)))


def repetition_penalty(row, alpha):
    a = float(alpha)
    for i in set(row.prompt):
        row.revise(i, lambda z: z / a if z > 0 else z * a)


def presence_penalty(row, penalty):
    for i in set(row.prompt):
        row.revise(i, lambda z: z - float(penalty))


def frequency_penalty(row, penalty):
    for i in set(row.prompt):
        row.revise(i, lambda z: z - row.prompt.count(i) * float(penalty))


def no_repeat_ngram_size(row, n):
    n, seen = int(n), row.prompt
    for i in range(len(row.z)):
        run = (seen + [i])[-n:]
        if len(run) == n and any(seen[at : at + n] == run for at in range(len(seen) - n + 1)):
            row.z[i] = BAN


def logit_bias(row, *pairs):
    for pair in pairs:
        i, bias = pair.split("=")
        row.revise(int(i), lambda z: z + float(bias))


def banned_tokens(row, *ids):
    for i in ids:
        row.z[int(i)] = BAN


def allowed_tokens(row, *ids):
    row.masked |= set(range(len(row.z))) - {int(i) for i in ids}


STAGES = {f.__name__.replace("_", "-"): f for f in (
    top_k, top_p, min_p, epsilon_cutoff, eta_cutoff, typical_p, top_n_sigma, temperature, temperature_schedule,
    adaptive_temperature, edt, repetition_penalty, presence_penalty, frequency_penalty, no_repeat_ngram_size,
    logit_bias, banned_tokens, allowed_tokens)}
SCOPED = ("presence-penalty", "frequency-penalty")


def text(stages):
    show = lambda name, *args: f"{name}({', '.join(args)}{', scope=all' if name in SCOPED else ''})"
    return " | ".join(show(*stage) for stage in stages)


# ---- cases ----


def rows():
    rng = np.random.default_rng(7)
    grid = lambda values: [float(v) for v in np.round(np.asarray(values) * 64) / 64]
    return {
        "one": [3.5],
        "two": [0.5, -0.25],
        "paris": [8.5, 5.1875, 4.125, 2.0, 1.5, 1.0, 3.75, 3.5, -2.0, -3.5],
        "uniform": [0.75] * 10,
        "ties": [2.0, 1.0, 1.0, 3.0, 1.0, 3.0, 0.0, 1.0],
        "zeros": [0.0, -0.0, 0.0, -0.0, -1.0],
        "negative": grid(rng.normal(-20, 2, 12)),
        "banned": [None, 2.0, None, 1.0, 0.5, None, -4.0],
        "peaked": [18.0] + grid(rng.normal(0, 1, 40)),
        "flat": grid(rng.normal(0, 3, 60)),
        "far": [0.0, -25.0, -31.0, -31.5, -40.0, -90.0, -900.0],
    }


PROMPT = [1, 1, 0, 1, 0]
SINGLE = [
    *[("top-k", k) for k in ("1", "2", "3", "7", "100")],
    *[("top-p", p) for p in ("0.05", "0.3", "0.5", "0.8", "0.9", "0.95", "0.999999")],
    *[("min-p", m) for m in ("0.001", "0.05", "0.3", "1")],
    *[("epsilon-cutoff", e) for e in ("0.0003", "0.02", "0.1", "0.9")],
    *[("eta-cutoff", e) for e in ("0.0003", "0.004", "0.3", "0.9")],
    *[("typical-p", m) for m in ("0.1", "0.5", "0.9", "0.99")],
    *[("top-n-sigma", n) for n in ("0.1", "1", "2.5")],
    *[("temperature", t) for t in ("0.01", "0.7", "3")],
    ("temperature-schedule", "2", "end=0.5", "steps=10", "shape=cosine"),
    ("adaptive-temperature", "1", "min=0.3", "max=1.5"),
    ("edt", "0.5", "base=1.2"),
    ("repetition-penalty", "1.3"), ("presence-penalty", "0.75"), ("frequency-penalty", "-0.5"),
    ("no-repeat-ngram-size", "2"), ("logit-bias", "0=-1.5"), ("banned-tokens", "0"), ("allowed-tokens", "0", "1"),
]
CHAINS = [
    [("temperature", "0.8"), ("top-p", "0.9")],
    [("top-p", "0.9"), ("temperature", "0.8")],
    [("temperature", "1.5"), ("top-k", "5"), ("top-p", "0.7"), ("min-p", "0.2")],
    [("top-p", "0.7"), ("top-k", "5")],
    [("temperature", "0.5"), ("repetition-penalty", "1.3"), ("top-p", "0.8")],
    [("typical-p", "0.4"), ("top-p", "0.6")],
    [("top-k", "3"), ("allowed-tokens", "0", "1"), ("top-n-sigma", "1")],
    [("banned-tokens", "0"), ("typical-p", "0.8"), ("temperature", "2"), ("epsilon-cutoff", "0.05")],
    [("adaptive-temperature", "1", "min=0.5", "max=2"), ("eta-cutoff", "0.1")],
]


def value(argument):
    return argument.split("=")[1] if argument[0].isalpha() else argument


def case(name, logits, stages):
    logits = [BAN if z is None else z for z in logits]
    row = Row(logits, [i for i in PROMPT if i < len(logits)])
    for stage, *arguments in stages:
        if stage in ("banned-tokens", "allowed-tokens", "logit-bias"):
            arguments = [a for a in arguments if int(a.split("=")[0]) < len(logits)]
        else:
            arguments = [value(a) for a in arguments]
        STAGES[stage](row, *arguments)
        if not row.alive():
            return {"row": name, "pipeline": text(stages), "nothing_left": stage}
    probs = row.probs()
    order = row.order()
    return {
        "row": name, "pipeline": text(stages), "kept": order, "temperature": float(row.t),
        "probs": [float(probs[i]) for i in order], "entropy_nats": float(row.entropy()) + 0.0,
    }


def write_stages():
    cases, undecided = [], 0
    for name, logits in rows().items():
        for stages in [[single] for single in SINGLE] + CHAINS:
            if len(logits) == 1 and any("1" in s[1:] and s[0].endswith("tokens") for s in stages):
                continue  # names a token that this row lacks
            try:
                cases.append(case(name, logits, stages))
            except Undecided:
                undecided += 1
    schedules = []
    for start, end, steps in ((2, 0.5, 100), (0.1, 0.7, 7), (1, 1.5, 1), (1e-17, 1, 12), (1e300, 1e-300, 9), (1e-300, 1e200, 9)):
        for shape in ("linear", "exponential", "cosine"):
            for i in sorted({0, 1, steps // 3, steps // 2, steps - 1, steps, steps + 50}):
                t = float(scheduled(start, end, steps, shape, i))
                schedules.append([float(start), float(end), steps, shape, i, t])
    shown = {name: [-1e300 if z is None else z for z in logits] for name, logits in rows().items()}
    write("stages.json", {
        "undecided": undecided, "rows_with_bans_as_minus_1e300": shown, "prompt": PROMPT, "cases": cases,
        "schedules_start_end_steps_shape_i_temperature": schedules,
    })
    print(f"  {len(cases)} cases, {undecided} undecided")


def write_streams():
    """Tokens of whole sequences: prompt, seed, choice and policy in, tokens out."""
    policies = [
        [], [("temperature", "0.8"), ("top-p", "0.9")],
        [("repetition-penalty", "1.3"), ("temperature", "1.5"), ("top-k", "12"), ("min-p", "0.05")],
        [("temperature-schedule", "2", "end=0.5", "steps=20", "shape=linear")],
        [("temperature-schedule", "0.5", "end=3", "steps=30", "shape=exponential"), ("top-p", "0.9")],
        [("temperature-schedule", "2", "end=0.5", "steps=16", "shape=cosine"), ("top-k", "30")],
    ]
    flat = rows()["flat"]
    streams = []
    for stages in policies:
        for seed, choice, prompt in ((0, 0, []), (42, 0, [5, 6, 7]), (42, 1, [5, 6, 7]), (MASK, 3, [59])):
            tokens, key = list(prompt), key_of(seed, stream_of(prompt), choice)
            for _ in range(24):
                shift = len(tokens) * 7 % len(flat)  # another row at each position
                row = Row(flat[shift:] + flat[:shift], tokens, len(tokens) - len(prompt))
                for stage, *arguments in stages:
                    STAGES[stage](row, *map(value, arguments))
                tokens.append(pick(row, key, len(tokens)))
            streams.append({
                "pipeline": text(stages) or "neutral", "seed": seed, "choice": choice, "prompt": prompt,
                "tokens": tokens[len(prompt):],
            })
    write("streams.json", {"row": flat, "row_at_position_starts_at": "7 · position mod 60", "streams": streams})


def pick(row, key, position):
    """The token of the draw; the weights here may differ from the crate's by one, so r must lie clear."""
    weights = {i: int(mpmath.nint(mpmath.exp(x) * 2**45)) for i, x in row.xs().items()}
    r, _, _ = draw(sum(weights.values()), key, position)
    mass = 0
    for i in sorted(weights):
        mass += weights[i]
        assert abs(mass - r) > 1000, "another row: this r lies at an edge"
        if mass > r:
            return i
    raise AssertionError


def write_weights():
    """w = round(2^45 · exp(x)), x = (z − max) · (1/T) in doubles as the law says, exp exact."""
    cases = []
    for name, logits in rows().items():
        for t in (0.5, 1.0, 1.7):
            z = [BAN if v is None else v for v in logits]
            best, inverse = max(z), 1.0 / t
            x = [(v - best) * inverse for v in z]
            weights = [int(mpmath.nint(mpmath.exp(mpmath.mpf(v)) * 2**45)) if v > BAN else 0 for v in x]
            cases.append({"row": name, "temperature": t, "weights": weights})
    write("weights.json", {"cases": cases})


if __name__ == "__main__":
    write_rng()
    write_math()
    write_weights()
    write_stages()
    write_streams()
