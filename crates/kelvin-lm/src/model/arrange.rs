//! Rows of a matrix in another order than a file has them.

use std::ops::Range;

use rayon::prelude::*;

/// Outputs that one thread turns at a time, and inputs between two of its visits to a row: small
/// enough that what it reads and writes stays in the nearest cache.
const BLOCK: usize = 64;

/// The columns `outputs` of a matrix `[inputs, n_outputs]` of plain floats of `width` bytes, as rows.
pub(super) fn transposed(
    bytes: &[u8],
    width: usize,
    n_outputs: usize,
    outputs: Range<usize>,
) -> Vec<u8> {
    let n_inputs = bytes.len() / (width * n_outputs);
    let mut rows = vec![0; outputs.len() * n_inputs * width];
    let part = |(index, rows): (usize, &mut [u8])| {
        let first = outputs.start + index * BLOCK;
        match width {
            2 => turn::<2>(bytes, n_outputs, first, rows),
            _ => turn::<4>(bytes, n_outputs, first, rows),
        }
    };
    rows.par_chunks_mut(BLOCK * n_inputs * width).enumerate().for_each(part);
    rows
}

/// Fills whole `rows` with the columns from `first` on.
fn turn<const W: usize>(bytes: &[u8], n_outputs: usize, first: usize, rows: &mut [u8]) {
    let (from, _) = bytes.as_chunks::<W>();
    let (to, _) = rows.as_chunks_mut::<W>();
    let n_inputs = from.len() / n_outputs;
    for start in (0..n_inputs).step_by(BLOCK) {
        for (column, row) in to.chunks_exact_mut(n_inputs).enumerate() {
            let end = n_inputs.min(start + BLOCK);
            for (input, number) in (start..end).zip(&mut row[start..end]) {
                *number = from[input * n_outputs + first + column];
            }
        }
    }
}

/// Rows of each head reordered from (0, 1), (2, 3), … pairs to halves: even rows first, then odd. A
/// row is `row_len` items.
pub(super) fn apart<T: Copy>(rows: &[T], row_len: usize, head_dim: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(row_len * head_dim) {
        let parity = |odd| head.chunks_exact(row_len).skip(odd).step_by(2);
        for row in parity(0).chain(parity(1)) {
            out.extend_from_slice(row);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{apart, transposed};

    #[test]
    fn pairs_side_by_side_become_halves_of_each_head() {
        let rows = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7];
        assert_eq!(apart(&rows, 2, 4), [0, 0, 2, 2, 1, 1, 3, 3, 4, 4, 6, 6, 5, 5, 7, 7]);
        assert_eq!(apart(&[0, 1, 2, 3], 1, 4), [0, 2, 1, 3]);
    }

    #[test]
    fn columns_become_rows_whatever_the_sizes() {
        for (n_inputs, n_outputs) in [(1, 1), (3, 2), (64, 65), (130, 200)] {
            let number = |i: usize, o: usize| u32::try_from(i * 1000 + o).expect("small");
            let all = (0..n_inputs).flat_map(|i| (0..n_outputs).map(move |o| (i, o)));
            let bytes: Vec<u8> = all.flat_map(|(i, o)| number(i, o).to_le_bytes()).collect();
            for outputs in [0..n_outputs, n_outputs / 2..n_outputs] {
                let rows = outputs.clone().flat_map(|o| (0..n_inputs).map(move |i| (i, o)));
                let expected: Vec<u8> =
                    rows.flat_map(|(i, o)| number(i, o).to_le_bytes()).collect();
                assert_eq!(transposed(&bytes, 4, n_outputs, outputs), expected);
            }
        }
        let halves: Vec<u8> = (0..6_u16).flat_map(u16::to_le_bytes).collect();
        let turned: Vec<u8> =
            [0_u16, 3, 1, 4, 2, 5].into_iter().flat_map(u16::to_le_bytes).collect();
        assert_eq!(transposed(&halves, 2, 3, 0..3), turned);
    }
}
