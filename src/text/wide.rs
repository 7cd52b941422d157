//! Integers beyond 128 bits: the unscaled ones of wide DECIMALs.
//!
//! Takes decimal digits in groups, gives the form of Java's `BigInteger.toByteArray`. Never allocates.

use crate::text::json;

/// 81 digits take 270 bits, the sign one more.
const LIMBS: usize = 9;

/// An integer that grows by groups of decimal digits; more than 81 of them wrap around.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wide([u32; LIMBS]);

impl Wide {
    /// Appends the digits of `value`; `power` is ten to their number.
    pub fn push(&mut self, power: u32, value: u32) {
        let mut carry = u64::from(value);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(power);
            (*limb, carry) = (low(carry), carry >> 32);
        }
    }

    /// Changes the sign.
    pub fn negate(&mut self) {
        let mut carry = 1;
        for limb in &mut self.0 {
            carry += u64::from(!*limb);
            (*limb, carry) = (low(carry), carry >> 32);
        }
    }

    /// Appends, as base64 in quotes, the two's-complement big-endian integer of the fewest bytes.
    pub fn write_base64(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; LIMBS * 4];
        for (place, limb) in bytes.as_chunks_mut::<4>().0.iter_mut().rev().zip(self.0) {
            *place = limb.to_be_bytes();
        }
        json::write_base64(out, minimal(&bytes));
    }
}

fn low(number: u64) -> u32 {
    (number & u64::from(u32::MAX)) as u32
}

/// Cuts leading bytes that only repeat the sign; one byte always stays.
fn minimal(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let sign = tail
            .first()
            .map(|next| if next & 0x80 == 0 { 0 } else { 0xff });
        if sign != Some(*first) {
            break;
        }
        rest = tail;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_narrow_integers_look_the_same() {
        for number in [
            0_i128,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            32_767,
            -32_768,
            1 << 70,
            -(1 << 71),
        ] {
            let mut wide = Wide::default();
            for digit in number.unsigned_abs().to_string().bytes() {
                wide.push(10, u32::from(digit - b'0'));
            }
            if number < 0 {
                wide.negate();
            }
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            wide.write_base64(&mut found);
            json::write_integer_base64(&mut expected, number);
            assert_eq!(found, expected, "{number}");
        }
    }
}
