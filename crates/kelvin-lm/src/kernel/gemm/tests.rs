#![expect(clippy::many_single_char_names, reason = "the letters of C[m, n] = A[m, k] · B[k, n]")]

use super::{Blocking, Columns, Gemm, Start, View};
use crate::kernel::simd::{Level, Profile};
use crate::kernel::{Engine, EngineOptions};

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0).collect()
}

/// One chain per number, as the module's page says.
fn plain(a: View<'_>, b: View<'_>, start: Start<'_>, out: &mut [f32]) {
    let at = |view: View<'_>, row: usize, col: usize| {
        let part = view.part(row..row + 1, col..col + 1);
        if part.has_rows() { part.row(0)[0] } else { part.t().row(0)[0] }
    };
    for i in 0..a.rows() {
        for j in 0..b.cols() {
            let out = &mut out[i * b.cols() + j];
            let mut sum = match start {
                Start::Zero => 0.0,
                Start::Row(row) => row[j],
                Start::Keep => *out,
            };
            for k in 0..a.cols() {
                sum = at(a, i, k).mul_add(at(b, k, j), sum);
            }
            *out = sum;
        }
    }
}

fn engine(threads: usize, level: Level, blocking: Option<Blocking>) -> Engine {
    let options = EngineOptions {
        threads: Some(threads),
        level: Some(level),
        profile: Some(Profile::Fast),
        blocking,
        ..EngineOptions::default()
    };
    Engine::new(options).expect("this machine has the level")
}

const SHAPES: [(usize, usize, usize); 8] = [
    (1, 1, 1),
    (3, 5, 2),
    (8, 32, 16),
    (9, 33, 17),
    (48, 64, 30),
    (7, 300, 65),
    (130, 70, 90),
    (257, 40, 129),
];

#[test]
fn every_number_is_one_chain_in_order_whatever_runs_it() {
    for (m, k, n) in SHAPES {
        let (a, b, row) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
        let (straight_a, turned_a) = (View::new(&a, k), View::new(&a, m).t());
        let (straight_b, turned_b) = (View::new(&b, n), View::new(&b, k).t());
        for (a, b) in [(straight_a, straight_b), (straight_a, turned_b), (turned_a, straight_b)] {
            for start in [Start::Zero, Start::Row(&row), Start::Keep] {
                let mut expected = numbers(m * n, 4);
                plain(a, b, start, &mut expected);
                for level in Level::available() {
                    for threads in [1, 2] {
                        let engine = engine(threads, level, None);
                        let mut out = numbers(m * n, 4);
                        let gemm = Gemm { a, b, start };
                        engine.install(|| gemm.run(&engine, &mut out, &mut Columns::default()));
                        assert_eq!(out, expected, "{m} {k} {n}, {level}, {threads}");
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_of_any_size_change_no_bit() {
    let (m, k, n) = (70, 150, 110);
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let (a, b) = (View::new(&a, k), View::new(&b, n));
    let mut expected = vec![0.0; m * n];
    plain(a, b, Start::Zero, &mut expected);
    for (depth, columns, strip) in [(1, 1, 1), (7, 33, 5), (64, 64, 32), (1000, 1000, 1000)] {
        let engine = engine(2, Level::detect(), Some(Blocking { depth, columns, strip }));
        let mut out = vec![f32::NAN; m * n];
        let gemm = Gemm { a, b, start: Start::Zero };
        engine.install(|| gemm.run(&engine, &mut out, &mut Columns::default()));
        assert_eq!(out, expected, "{depth} {columns} {strip}");
    }
}

#[test]
fn two_products_onto_one_are_the_product_over_both() {
    let (m, k, n) = (20, 36, 40);
    let (a, b) = (numbers(m * k, 5), numbers(k * n, 6));
    let (whole_a, whole_b) = (View::new(&a, k), View::new(&b, n));
    let engine = engine(1, Level::detect(), None);
    let mut packs = Columns::default();
    let mut whole = vec![0.0; m * n];
    Gemm { a: whole_a, b: whole_b, start: Start::Zero }.run(&engine, &mut whole, &mut packs);
    let mut parts = vec![0.0; m * n];
    for (range, start) in [(0..10, Start::Zero), (10..k, Start::Keep)] {
        let (a, b) = (whole_a.part(0..m, range.clone()), whole_b.part(range, 0..n));
        Gemm { a, b, start }.run(&engine, &mut parts, &mut packs);
    }
    assert_eq!(parts, whole);
}
