//! When a certificate ends.
//!
//! # Why
//! Nothing that is linked in anyway tells it, and a crate that reads all of X.509 (`x509-parser` and its ASN.1) brings a
//! dozen others for the one field that is wanted, the fifth of the certificate's first.

use rustls_pki_types::CertificateDer;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, which holds the version.
const VERSION: u8 = 0xa0;

/// `notAfter` in unix seconds (RFC 5280, 4.1.2.5); `None` where it cannot be read.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        (_, rest) = value(rest, VERSION)?;
    }
    // The serial number, the algorithm of the signature, the issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = value(rest, tag)?;
    }
    let (validity, _) = value(rest, SEQUENCE)?;
    let (_, _, after) = element(validity)?;
    let (tag, not_after, _) = element(after)?;
    moment(tag, not_after)
}

/// What is in the first element of `bytes`, which must have this tag, and what follows it.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = element(bytes)?;
    (found == tag).then_some((value, rest))
}

/// The first element of `bytes` in DER: its tag, what is in it, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > size_of::<u32>() {
            return None;
        }
        (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |text: &[u8]| text.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year), rest)
        }
        _ => return None,
    };
    let mut pairs = rest.chunks(2).map(number);
    let (month, day) = (pairs.next()?, pairs.next()?);
    let (hour, minute, second) = (pairs.next()?, pairs.next()?, pairs.next()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to this day of the Gregorian calendar. Years are counted from March, so that the leap day is the
/// last of a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let to_year = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719468 days lie between 0000-03-01 and 1970-01-01.
    to_year + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1969, 7, 20);
        params.not_after = date_time_ymd(year, month, day);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, month, day, expected) in [
            (1970, 1, 1, 0),
            (1999, 12, 31, 946_598_400),
            (2000, 2, 29, 951_782_400),
            (2026, 11, 28, 1_795_824_000),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2100, 3, 1, 4_107_542_400),
            (9999, 12, 31, 253_402_214_400),
        ] {
            assert_eq!(expiry(&certificate(year, month, day)), Some(expected), "{year}-{month}-{day}");
        }
        assert_eq!(moment(UTC_TIME, b"500101000000Z"), Some(-631_152_000));
        assert_eq!(moment(GENERALIZED_TIME, b"20261128182330Z"), Some(1_795_890_210));
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(2030, 1, 1);
        for length in 0..whole.len() {
            assert_eq!(expiry(&CertificateDer::from(whole[..length].to_vec())), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut other = whole.to_vec();
            other[at] ^= 0xff;
            // Whatever it says: it is read without a panic.
            let _ = expiry(&CertificateDer::from(other));
        }
        for text in
            ["", "Z", "2611281823Z", "26112818233Z", "261328182330Z", "260028182330Z", "2611281823300"]
        {
            assert_eq!(moment(UTC_TIME, text.as_bytes()), None, "{text}");
        }
    }
}
