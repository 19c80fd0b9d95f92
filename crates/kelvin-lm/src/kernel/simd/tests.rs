use super::{Kernel, LANES, Level, Profile, Simd};

/// Deterministic words that cover all bit patterns (SplitMix64).
fn words(count: usize) -> Vec<u32> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    };
    (0..count).map(|_| next()).collect()
}

/// Each operation of the trait on three operands; the bits of the results, in order.
struct Everything {
    operands: [[u32; LANES]; 3],
}

impl Everything {
    fn bytes(&self, operand: usize) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(self.operands[operand]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[inline(always)]
    fn floats<S: Simd>(&self, simd: S) -> Vec<S::F32> {
        let [a, b, c] = self.operands.map(|words| simd.load(&words.map(f32::from_bits)));
        let half = self.bytes(0);
        let half: &[u8; 32] = half.first_chunk().expect("32 of 64 bytes");
        let sum = simd.splat(simd.sum(c));
        let largest = simd.splat(simd.largest(simd.max(simd.splat(-1.0), a)));
        let turned = simd.transpose(std::array::from_fn(|i| {
            let shift = simd.splat(i as f32);
            simd.add(if i % 2 == 0 { a } else { b }, shift)
        }));
        let mut all = vec![
            simd.add(a, b),
            simd.sub(a, b),
            simd.mul(a, b),
            simd.div(a, b),
            simd.sqrt(a),
            simd.mul_add(a, b, c),
            simd.max(a, b),
            simd.min(a, b),
            simd.neg(a),
            simd.to_f32(simd.load_bytes(&self.bytes(1))),
            simd.load_f16(half),
            sum,
            largest,
        ];
        all.extend(turned);
        all
    }

    #[inline(always)]
    fn integers<S: Simd>(&self, simd: S) -> Vec<S::I32> {
        let [a, b, c] = [0, 1, 2].map(|operand| simd.load_bytes(&self.bytes(operand)));
        let bytes = self.bytes(0);
        let half = bytes.first_chunk().expect("32 of 64 bytes");
        let quarter = bytes.first_chunk().expect("16 of 64 bytes");
        let seven_bits = simd.and(a, simd.splat_i32(0x7f7f_7f7f));
        let low = simd.low_bytes(a).map(|byte| i32::from(byte).cast_unsigned());
        let low = simd.load(&low.map(f32::from_bits));
        vec![
            simd.add_i32(a, b),
            simd.sub_i32(a, b),
            simd.max_i32(a, b),
            simd.and(a, b),
            simd.or(a, b),
            simd.shl(a, 5),
            simd.shr(a, 27),
            simd.dot4(c, a, b),
            simd.dot4_u7(c, seven_bits, b),
            simd.load_u16(half),
            simd.load_u8(quarter),
            simd.load_i8(quarter),
            simd.to_bits(low),
            simd.splat_i32(-3),
        ]
    }
}

impl Kernel for Everything {
    type Output = Vec<[i32; LANES]>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<[i32; LANES]> {
        let mut results = Vec::new();
        for x in self.floats(simd) {
            let mut lanes = [0.0; LANES];
            simd.store(x, &mut lanes);
            // which NaN it is may differ
            results
                .push(lanes.map(|x: f32| if x.is_nan() { -1 } else { x.to_bits().cast_signed() }));
        }
        results.extend(self.integers(simd).into_iter().map(|x| simd.to_array(x)));
        results
    }
}

#[test]
fn every_operation_has_the_same_bits_on_every_level() {
    for (round, words) in words(3 * LANES * 2000).chunks_exact(3 * LANES).enumerate() {
        let operands = std::array::from_fn(|operand| {
            std::array::from_fn(|lane| {
                let word = words[operand * LANES + lane];
                // half of the rounds with floats of like size, where rounding matters
                if round % 2 == 0 { word } else { word & 0x83ff_ffff | 0x3c00_0000 }
            })
        });
        for profile in [Profile::Fast, Profile::Portable] {
            let scalar = Level::Scalar.dispatch(profile, Everything { operands });
            for level in Level::available() {
                let results = level.dispatch(profile, Everything { operands });
                assert_eq!(results, scalar, "{level}, {profile}, round {round}");
            }
        }
    }
}

/// All half-precision numbers, sixteen at a time.
struct Halves;

impl Kernel for Halves {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let bits: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let mut floats = vec![0.0; 1 << 16];
        let chunks = floats.as_chunks_mut::<LANES>().0.iter_mut().zip(bits.as_chunks().0);
        chunks.for_each(|(floats, bits)| simd.store(simd.load_f16(bits), floats));
        floats
    }
}

#[test]
fn half_precision_is_exact() {
    for level in Level::available() {
        let floats = level.dispatch(Profile::Fast, Halves);
        for (bits, &x) in (0..=u16::MAX).zip(&floats) {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let magnitude = match exponent {
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                0 => fraction * 2_f64.powi(-24),
                _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
            };
            let exact = if bits >> 15 == 0 { magnitude } else { -magnitude };
            let same = f64::from(x).to_bits() == exact.to_bits();
            assert!(same || x.is_nan() && exact.is_nan(), "{level}: {bits:#06x} is {x:e}");
        }
    }
}

#[test]
fn fused_and_unfused_differ() {
    struct Square;
    impl Kernel for Square {
        type Output = f32;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            let x = simd.splat(1.0 + f32::EPSILON);
            simd.largest(simd.mul_add(x, x, simd.splat(-1.0 - 2.0 * f32::EPSILON)))
        }
    }
    for level in Level::available() {
        let fused: f32 = level.dispatch(Profile::Fast, Square);
        assert_eq!(fused.to_bits(), (f32::EPSILON * f32::EPSILON).to_bits());
        let unfused: f32 = level.dispatch(Profile::Portable, Square);
        assert_eq!(unfused.to_bits(), 0);
    }
}

#[test]
fn levels_are_named() {
    for level in Level::ALL {
        assert_eq!(level.name().parse::<Level>().ok(), Some(level));
    }
    assert!("sse9".parse::<Level>().is_err());
}
