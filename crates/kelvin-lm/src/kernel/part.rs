//! Slices of any length, sixteen numbers at a time; what the last vector lacks is zero.

use super::simd::{LANES, Simd};

/// Up to sixteen numbers as a vector.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, part: &[f32]) -> S::F32 {
    load_or(simd, part, 0.0)
}

/// Up to sixteen numbers as a vector, whose other lanes are `missing`.
#[inline(always)]
pub(super) fn load_or<S: Simd>(simd: S, part: &[f32], missing: f32) -> S::F32 {
    if let Some(full) = part.first_chunk() {
        return simd.load(full);
    }
    let mut lanes = [missing; LANES];
    lanes[..part.len()].copy_from_slice(part);
    simd.load(&lanes)
}

/// The first lanes of a vector, as many as `part` holds.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, x: S::F32, part: &mut [f32]) {
    if let Some(full) = part.first_chunk_mut() {
        return simd.store(x, full);
    }
    let mut lanes = [0.0; LANES];
    simd.store(x, &mut lanes);
    let len = part.len();
    part.copy_from_slice(&lanes[..len]);
}
