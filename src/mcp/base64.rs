//! Base64 (RFC 4648), both alphabets.

/// Decodes the standard alphabet (section 4); padding may be left out.
pub(super) fn standard(encoded: &[u8]) -> Option<Vec<u8>> {
    let padding = encoded.iter().rev().take_while(|&&byte| byte == b'=').count();
    if padding > 2 || (padding > 0 && !encoded.len().is_multiple_of(4)) {
        return None;
    }
    decode(&encoded[..encoded.len() - padding], [b'+', b'/'])
}

/// Decodes the alphabet for URLs (section 5) without padding, as RFC 7515 writes it.
pub(super) fn url(encoded: &[u8]) -> Option<Vec<u8>> {
    decode(encoded, [b'-', b'_'])
}

fn decode(digits: &[u8], last: [u8; 2]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let bits = group.iter().try_fold(0_u32, |bits, &byte| Some((bits << 6) | sextet(byte, last)?))?;
        let [_, first, second, third] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        match group.len() {
            4 => decoded.extend([first, second, third]),
            3 => decoded.extend([first, second]),
            2 => decoded.push(first),
            _ => return None,
        }
    }
    Some(decoded)
}

/// What a digit stands for; the alphabets differ in the last two.
fn sextet(byte: u8, last: [u8; 2]) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        _ if byte == last[0] => 62,
        _ if byte == last[1] => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabets_differ_in_their_last_two_digits() {
        assert_eq!(standard(b"+/+/"), Some(vec![0xFB, 0xFF, 0xBF]));
        assert_eq!(url(b"-_-_"), Some(vec![0xFB, 0xFF, 0xBF]));
        assert_eq!((standard(b"-_-_"), url(b"+/+/")), (None, None));
    }

    #[test]
    fn padding_is_for_the_standard_alphabet() {
        assert_eq!((standard(b"Zg=="), standard(b"Zg")), (Some(b"f".to_vec()), Some(b"f".to_vec())));
        assert_eq!((url(b"Zg=="), url(b"Zg")), (None, Some(b"f".to_vec())));
        assert_eq!((url(b""), url(b"Z")), (Some(Vec::new()), None));
    }
}
