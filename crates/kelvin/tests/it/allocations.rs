//! After warm-up, a token allocates nothing.
#![expect(unsafe_code, reason = "a counting allocator is an unsafe trait; this is its only use")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kelvin::{Sampler, Seed, TokenId};

use crate::rows::{self, Kind};

struct Counting;

thread_local! {
    /// Counted per thread: the other tests of this binary run beside this one.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() -> usize {
    COUNT.with(Cell::get)
}

// SAFETY: every call goes to the system's allocator unchanged; the counter is a thread's own and
// allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations 200 tokens take, after ten to warm up.
fn allocations(pipeline: &str, rows: &[Vec<f32>]) -> usize {
    let prompt: Vec<TokenId> = (0..64).map(|at| at * 7 % 50).collect();
    let parsed = pipeline.parse().unwrap_or_else(|error| panic!("{pipeline}: {error}"));
    let sampler = Sampler::new(parsed, rows[0].len()).expect("ids inside the vocabulary");
    let mut sampler = sampler.with_seed(Seed::new(1)).with_prompt(&prompt).expect("inside");
    sampler.reserve(210);
    let mut step = |at: usize| {
        let token = sampler.sample(&rows[at % rows.len()]).expect("a usable row");
        sampler.accept(token).expect("inside the vocabulary");
    };
    (0..10).for_each(&mut step);
    let before = count();
    (10..210).for_each(&mut step);
    count() - before
}

#[test]
fn a_token_allocates_nothing_after_warm_up() {
    let rows = [rows::row(Kind::Flat, 50_000, 1), rows::row(Kind::Peaked, 50_000, 2)];
    let pipelines = [
        "neutral",
        "greedy",
        "logit-bias(3=1, 9=-2, 40000=-inf)",
        "allowed-tokens(1, 2, 3, 40000)",
        "banned-tokens(1, 2, 3, 40000)",
        "repetition-penalty(1.3)",
        "repetition-penalty(1.3, last=20) | greedy",
        "presence-penalty(0.5)",
        "frequency-penalty(0.5, last=32, scope=all)",
        "no-repeat-ngram-size(1)",
        "no-repeat-ngram-size(3)",
        "temperature(0.8)",
        "temperature-schedule(2, steps=5, shape=cosine)",
        "adaptive-temperature(1)",
        "edt(0.5)",
        "top-k(50)",
        "top-k(5000)",
        "top-p(0.9)",
        "min-p(0.05)",
        "typical-p(0.9)",
        "epsilon-cutoff(0.0003)",
        "eta-cutoff(0.0003)",
        "top-n-sigma(1)",
        "repetition-penalty(1.1) | temperature(0.8) | top-k(50) | top-p(0.95) | min-p(0.05)",
    ];
    for info in kelvin::stage::ALL {
        let tried = pipelines.iter().any(|pipeline| pipeline.starts_with(info.name));
        assert!(tried, "{} is new: try it here", info.name);
    }
    for pipeline in pipelines {
        assert_eq!(allocations(pipeline, &rows), 0, "{pipeline}");
    }
}

#[test]
fn the_counter_counts() {
    let before = count();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(count() - before, 1);
}
