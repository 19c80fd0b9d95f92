//! Slices of any length, sixteen numbers at a time; what the last vector lacks is zero.

use super::simd::{LANES, Simd};

/// Up to sixteen numbers as a vector.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, part: &[f32]) -> S::F32 {
    match part.first_chunk() {
        Some(full) => simd.load(full),
        None => {
            let mut lanes = [0.0; LANES];
            lanes[..part.len()].copy_from_slice(part);
            simd.load(&lanes)
        }
    }
}

/// The first lanes of a vector, as many as `part` holds.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, x: S::F32, part: &mut [f32]) {
    match part.first_chunk_mut() {
        Some(full) => simd.store(x, full),
        None => {
            let mut lanes = [0.0; LANES];
            simd.store(x, &mut lanes);
            let len = part.len();
            part.copy_from_slice(&lanes[..len]);
        }
    }
}
