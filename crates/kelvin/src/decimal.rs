//! A probability as it was typed: a decimal fraction, exact.

use alloc::format;
use core::fmt;
use core::str::FromStr;

/// `digits` / 10^`places`: 0.8 is 4/5, and not the binary number next to it.
///
/// At most 17 significant digits, so that its product with a sum of weights is exact in 128 bits.
///
/// ```
/// let p: kelvin::Decimal = "0.8".parse().unwrap();
/// assert_eq!(p.ceil_of(10), 8); // the binary 0.8 lies above 4/5 and would give 9
/// assert_eq!(kelvin::Decimal::nearest(0.8), Some(p));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: u64,
    places: u32,
}

impl Decimal {
    /// One: a probability that keeps everything.
    pub const ONE: Self = Self { digits: 1, places: 0 };
    /// Zero.
    pub const ZERO: Self = Self { digits: 0, places: 0 };

    /// The shortest decimal that reads back as `value`; `None` for a negative or non-finite one.
    pub fn nearest(value: f64) -> Option<Self> {
        if value.is_finite() && value >= 0.0 { format!("{value}").parse().ok() } else { None }
    }

    /// ⌈self · total⌉.
    pub fn ceil_of(self, total: u64) -> u64 {
        let product = u128::from(self.digits) * u128::from(total);
        let ceiling = match 10_u128.checked_pow(self.places) {
            Some(scale) => product.div_ceil(scale),
            None => u128::from(product > 0), // below 10^-21 of a sum below 2^63
        };
        u64::try_from(ceiling).unwrap_or(u64::MAX)
    }

    /// ⌊self · total⌋.
    pub fn floor_of(self, total: u64) -> u64 {
        let product = u128::from(self.digits) * u128::from(total);
        let floor = 10_u128.checked_pow(self.places).map_or(0, |scale| product / scale);
        u64::try_from(floor).unwrap_or(u64::MAX)
    }

    /// The value as a float.
    pub fn to_f64(self) -> f64 {
        format!("{self}").parse().unwrap_or(0.0)
    }
}

impl FromStr for Decimal {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| ())?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 400 {
            return Err(());
        }
        let (mut digits, mut places) = (0_u64, i32::try_from(fraction.len()).map_err(|_| ())?);
        let mut trailing_zeros = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            match byte {
                b'0' => trailing_zeros += 1,
                b'1'..=b'9' => {
                    for _ in 0..trailing_zeros {
                        digits = if digits == 0 { 0 } else { digits.checked_mul(10).ok_or(())? };
                    }
                    trailing_zeros = 0;
                    digits = digits.checked_mul(10).ok_or(())? + u64::from(byte - b'0');
                }
                _ => return Err(()),
            }
            if digits >= 100_000_000_000_000_000 {
                return Err(()); // an 18th significant digit
            }
        }
        if digits == 0 {
            return Ok(Self::ZERO);
        }
        places =
            places.checked_sub(trailing_zeros).and_then(|p| p.checked_sub(exponent)).ok_or(())?;
        while places < 0 {
            digits = digits.checked_mul(10).filter(|&d| d < 100_000_000_000_000_000).ok_or(())?;
            places += 1;
        }
        Ok(Self { digits, places: places.unsigned_abs() })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        if places == 0 {
            return write!(f, "{}", self.digits);
        }
        if places > 20 {
            return write!(f, "{}e-{}", self.digits, self.places);
        }
        let text = format!("{:0>width$}", self.digits, width = places + 1);
        write!(f, "{}.{}", &text[..text.len() - places], &text[text.len() - places..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn reads_what_people_type_and_prints_it_back() {
        for (text, printed) in [
            ("0.8", "0.8"),
            (".5", "0.5"),
            ("1", "1"),
            ("1.0", "1"),
            ("0.950", "0.95"),
            ("1e-3", "0.001"),
            ("3E-4", "0.0003"),
            ("0", "0"),
            ("0.000", "0"),
            ("100", "100"),
            ("1.5e2", "150"),
            ("1e-30", "1e-30"),
        ] {
            let decimal: Decimal = text.parse().unwrap_or_else(|()| panic!("{text}"));
            assert_eq!(decimal.to_string(), printed);
            assert_eq!(printed.parse(), Ok(decimal));
        }
    }

    #[test]
    fn refuses_what_is_not_a_plain_decimal_of_17_digits() {
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e",
            "0x1",
            "nan",
            "inf",
            "1.2.3",
            "0.123456789012345678",
            "1e17",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_floor_is_exact() {
        let p = |text: &str| text.parse::<Decimal>().expect("a decimal");
        assert_eq!(p("0.8").floor_of(5), 4);
        assert_eq!(p("0.8").floor_of(6), 4);
        assert_eq!(p("1").floor_of(u64::MAX), u64::MAX);
        assert_eq!(p("1e-60").floor_of(u64::MAX), 0);
        assert_eq!(p("0.99999999999999999").floor_of(1 << 63), (1 << 63) - 93);
    }

    #[test]
    fn a_ceiling_is_exact() {
        let p = |text: &str| text.parse::<Decimal>().expect("a decimal");
        assert_eq!(p("0.8").ceil_of(5), 4);
        assert_eq!(p("0.8").ceil_of(6), 5);
        assert_eq!(p("1").ceil_of(u64::MAX), u64::MAX);
        assert_eq!(p("1e-30").ceil_of(u64::MAX >> 1), 1);
        assert_eq!(p("1e-60").ceil_of(1), 1);
        assert_eq!(p("0").ceil_of(7), 0);
        assert_eq!(p("0.99999999999999999").ceil_of(1 << 63), (1 << 63) - 92);
    }
}
