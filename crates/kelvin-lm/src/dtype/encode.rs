//! f32 to the formats that weights are converted to, when they are loaded or written.

use super::Dtype;
use crate::{Error, ErrorKind, Result};

/// Appends a row of numbers in a format, in ggml's layout, little-endian.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] for a number that the format cannot hold, or a format that nothing is
/// converted to; [`ErrorKind::Shape`] for a row that is no whole number of blocks.
pub(crate) fn row(dtype: Dtype, numbers: &[f32], out: &mut Vec<u8>) -> Result<()> {
    match dtype {
        Dtype::F32 => out.extend(numbers.iter().flat_map(|x| x.to_le_bytes())),
        Dtype::BF16 => out.extend(numbers.iter().flat_map(|&x| bf16(x).to_le_bytes())),
        Dtype::F16 => {
            for &x in numbers {
                let half = f16(x);
                if x.is_finite() && half & 0x7fff == INFINITE_HALF {
                    return Err(too_large(x, "65504", Dtype::F16));
                }
                out.extend(half.to_le_bytes());
            }
        }
        Dtype::Q8_0 => return q8_row(numbers, out),
        other => {
            let detail = format!("weights are not converted to {other}");
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
    }
    Ok(())
}

/// The bits of infinity in half precision.
const INFINITE_HALF: u16 = 0x7c00;

fn too_large(x: f32, largest: &str, dtype: Dtype) -> Error {
    let detail = format!("{x} is beyond the largest number of {dtype}, {largest}");
    Error::new(ErrorKind::Unsupported, detail)
}

/// The bits of x in the upper half of single precision, rounded to nearest even; NaN stays NaN.
fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = if x.is_nan() {
        bits | 1 << 22 // what is cut off may be all that told it from infinity
    } else {
        bits + 0x7fff + (bits >> 16 & 1)
    };
    upper_half(rounded)
}

fn upper_half(bits: u32) -> u16 {
    let [_, _, low, high] = bits.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The bits of x in half precision, rounded to nearest even; beyond the largest is infinite.
fn f16(x: f32) -> u16 {
    let magnitude = x.abs();
    let sign = upper_half(x.to_bits()) & 0x8000;
    let bits = if x.is_nan() {
        0x7e00
    } else if magnitude >= 65_520.0 {
        INFINITE_HALF
    } else if magnitude < 6.103_515_6e-5 {
        // below 2⁻¹⁴ halves are multiples of 2⁻²⁴: adding 1/2 lines those up with the last bit
        lower_half((magnitude + 0.5).to_bits() - 0.5_f32.to_bits())
    } else {
        // exponents are 112 apart; 13 bits of the fraction are rounded away
        let bits = magnitude.to_bits() - (112 << 23);
        lower_half((bits + 0x0fff + (bits >> 13 & 1)) >> 13)
    };
    sign | bits
}

fn lower_half(bits: u32) -> u16 {
    let [low, high, ..] = bits.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Blocks of 32: the scale is the largest magnitude over 127, quants are rounded half away from
/// zero, as ggml's reference has it (`quantize_row_q8_0_ref`).
fn q8_row(numbers: &[f32], out: &mut Vec<u8>) -> Result<()> {
    let (blocks, rest) = numbers.as_chunks::<32>();
    if !rest.is_empty() {
        let detail = format!("a row of {} numbers is no multiple of 32", numbers.len());
        return Err(Error::new(ErrorKind::Shape, detail));
    }
    for block in blocks {
        if let Some(x) = block.iter().find(|x| !x.is_finite()) {
            let detail = format!("{x} is not finite, which {} cannot hold", Dtype::Q8_0);
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
        let largest = block.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let scale = largest / 127.0;
        let half = f16(scale);
        if half == INFINITE_HALF {
            return Err(too_large(largest, "8319008", Dtype::Q8_0));
        }
        out.extend(half.to_le_bytes());
        // a scale so small that its inverse overflows is 0 in half precision, whatever the quants
        let inverse = if (1.0 / scale).is_finite() { 1.0 / scale } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
        out.extend(block.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{bf16, f16, row};
    use crate::dtype::Dtype;

    /// The number of a half's bits, by the definition of the format.
    fn half(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let magnitude = match exponent {
            0 => fraction * 2_f64.powi(-24),
            _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
        };
        if bits >> 15 == 0 { magnitude } else { -magnitude }
    }

    #[expect(clippy::cast_possible_truncation, reason = "exact: the numbers are chosen so")]
    fn exact(x: f64) -> f32 {
        assert_eq!(f64::from(x as f32).to_bits(), x.to_bits());
        x as f32
    }

    #[test]
    fn every_half_comes_back_and_what_lies_between_goes_to_the_nearest() {
        for bits in 0..0x7c00_u16 {
            let (x, next) = (half(bits), half(bits + 1));
            assert_eq!(f16(exact(x)), bits);
            assert_eq!(f16(exact(-x)), bits | 0x8000);
            // the half way point goes to the even one, and its neighbours to their own side
            let middle = exact(f64::midpoint(x, next));
            assert_eq!(f16(middle), bits + (bits & 1), "{middle}");
            assert_eq!(f16(middle.next_down()), bits, "below {middle}");
            assert_eq!(f16(middle.next_up()), bits + 1, "above {middle}");
        }
        assert_eq!(f16(f32::INFINITY), 0x7c00);
        assert_eq!(f16(f32::NEG_INFINITY), 0xfc00);
        assert_eq!(f16(f32::MAX), 0x7c00);
        assert_eq!(f16(f32::NAN) & 0x7fff, 0x7e00);
    }

    #[test]
    fn every_bf16_comes_back_and_what_lies_between_goes_to_the_nearest() {
        let number = |bits: u16| f32::from_bits(u32::from(bits) << 16);
        for bits in (0..0x7f80_u16).chain(0x8000..0xff80) {
            let x = number(bits);
            assert_eq!(bf16(x), bits);
            let middle = f32::from_bits(x.to_bits() | 0x8000);
            assert_eq!(bf16(middle), bits + (bits & 1));
            assert_eq!(bf16(f32::from_bits(middle.to_bits() - 1)), bits);
            assert_eq!(bf16(f32::from_bits(middle.to_bits() + 1)), bits + 1);
        }
        assert_eq!((bf16(f32::INFINITY), bf16(f32::NEG_INFINITY)), (0x7f80, 0xff80));
        for nan in [f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            assert!(number(bf16(nan)).is_nan());
        }
    }

    /// `golden/ggml-encoded.json`, by `scripts/golden/ggml_encoded.py`.
    #[test]
    fn bytes_are_those_of_gguf_py() {
        let text = include_str!("../../tests/golden/ggml-encoded.json");
        let golden: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let bytes = |name: &str| -> Vec<u8> {
            let digits = golden[name].as_str().expect("hex").as_bytes().chunks_exact(2);
            digits
                .map(|pair| {
                    let pair = std::str::from_utf8(pair).expect("ASCII");
                    u8::from_str_radix(pair, 16).expect("two hex digits")
                })
                .collect()
        };
        let words = bytes("numbers");
        let numbers: Vec<f32> =
            words.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::Q8_0] {
            let mut found = Vec::new();
            for block in numbers.chunks_exact(32) {
                let clipped: Vec<f32> = block.iter().map(|x| x.clamp(-65504.0, 65504.0)).collect();
                let block = if dtype == Dtype::F16 { &clipped } else { block };
                row(dtype, block, &mut found).expect("in range");
            }
            assert_eq!(found, bytes(dtype.name()), "{dtype}");
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused() {
        let refusal =
            |dtype, x: f32| row(dtype, &[x; 32], &mut Vec::new()).expect_err("refused").to_string();
        assert_eq!(refusal(Dtype::F16, 7e4), "70000 is beyond the largest number of F16, 65504");
        assert_eq!(refusal(Dtype::Q8_0, f32::NAN), "NaN is not finite, which Q8_0 cannot hold");
        assert!(refusal(Dtype::Q8_0, 1e7).starts_with("10000000 is beyond the largest"));
        assert_eq!(refusal(Dtype::Q4_0, 1.0), "weights are not converted to Q4_0");
        let odd = row(Dtype::Q8_0, &[1.0; 33], &mut Vec::new()).expect_err("refused");
        assert_eq!(odd.to_string(), "a row of 33 numbers is no multiple of 32");
        row(Dtype::F16, &[65_519.0, f32::INFINITY], &mut Vec::new()).expect("it holds them");
    }

    #[test]
    fn a_block_of_nearly_nothing_is_zero() {
        let mut bytes = Vec::new();
        row(Dtype::Q8_0, &[1e-44; 32], &mut bytes).expect("it holds them");
        assert_eq!(bytes, [0; 34]);
    }
}
