//! Undoing a request's `Content-Encoding`, bounded.
//!
//! gzip: RFC 1952, members joined. zstd: RFC 8878, frames joined, window of at most 8 MiB as RFC 9659 asks of
//! HTTP. Invariant: no more than the limit (and one buffer) is ever unpacked, so that a bomb costs what an honest
//! body of that size costs.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use indelible_event::{Code, Problem, excerpt};

/// What a request's body may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes of a body after unpacking, inclusive.
    pub body_bytes_max: usize,
    /// Events in a body, inclusive.
    pub events_max: usize,
}

impl Default for BodyLimits {
    /// 64 MiB and 10,000 events.
    fn default() -> Self {
        Self { body_bytes_max: 64 << 20, events_max: 10_000 }
    }
}

/// The window that RFC 9659 lets a sender of `Content-Encoding: zstd` use: 2^23 bytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Returns the body as it was before its `Content-Encoding`; a body without one is borrowed.
///
/// # Errors
/// `unsupported_encoding` for anything but identity, gzip (also by its old name x-gzip), zstd, or for several of
/// them; `invalid_encoding` for a body that is not what the header says, is cut, or has bytes after its end;
/// `batch_too_large` where more than `limits.body_bytes_max` comes out.
pub fn unpack<'b>(
    content_encoding: Option<&str>,
    body: &'b [u8],
    limits: &BodyLimits,
) -> Result<Cow<'b, [u8]>, Problem> {
    let header = content_encoding.unwrap_or("");
    let codings: Vec<String> = header
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    let coding = match codings.as_slice() {
        [] => {
            let fits = body.len() <= limits.body_bytes_max;
            return if fits { Ok(Cow::Borrowed(body)) } else { Err(too_large(limits)) };
        }
        [coding] => coding.as_str(),
        _ => {
            return Err(Problem::new(
                Code::UnsupportedEncoding,
                "",
                format!("content encoding {} is a list; send one of gzip, zstd, identity", excerpt(header)),
            ));
        }
    };
    if body.is_empty() && matches!(coding, "gzip" | "x-gzip" | "zstd") {
        return Ok(Cow::Borrowed(body));
    }
    let unpacked = match coding {
        "gzip" | "x-gzip" => read_bounded(MultiGzDecoder::new(body), "gzip", body.len(), limits)?,
        "zstd" => {
            let invalid = |error| invalid("zstd", &error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(invalid)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(invalid)?;
            read_bounded(decoder, "zstd", body.len(), limits)?
        }
        other => {
            let message = format!("content encoding {} is not one of gzip, zstd, identity", excerpt(other));
            return Err(Problem::new(Code::UnsupportedEncoding, "", message));
        }
    };
    Ok(Cow::Owned(unpacked))
}

fn read_bounded(
    mut reader: impl Read,
    coding: &str,
    packed_len: usize,
    limits: &BodyLimits,
) -> Result<Vec<u8>, Problem> {
    // Audit records pack about five to one; a bomb may not choose how much is set aside at first.
    let mut out = Vec::with_capacity(packed_len.saturating_mul(5).min(limits.body_bytes_max));
    let mut buffer = vec![0_u8; 64 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(out),
            Ok(count) => {
                if out.len() + count > limits.body_bytes_max {
                    return Err(too_large(limits));
                }
                out.extend_from_slice(&buffer[..count]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(invalid(coding, &error)),
        }
    }
}

fn invalid(coding: &str, error: &std::io::Error) -> Problem {
    let message = match error.kind() {
        ErrorKind::UnexpectedEof => format!("the body ends before its {coding} data is complete"),
        _ => format!("the body is not valid {coding}: {}", excerpt(&error.to_string())),
    };
    Problem::new(Code::InvalidEncoding, "", message)
}

fn too_large(limits: &BodyLimits) -> Problem {
    let message = format!("the body is over {} bytes unpacked; send less at a time", limits.body_bytes_max);
    Problem::new(Code::BatchTooLarge, "", message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn limits(body_bytes_max: usize) -> BodyLimits {
        BodyLimits { body_bytes_max, ..BodyLimits::default() }
    }

    fn code(encoding: &str, body: &[u8]) -> Code {
        unpack(Some(encoding), body, &limits(1000)).unwrap_err().code
    }

    #[test]
    fn joins_members_and_frames() {
        for (encoding, pack) in
            [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("GZIP, identity", gzip), ("zstd", zstd)]
        {
            let mut two = pack(b"hello ");
            two.extend(pack(b"world"));
            assert_eq!(&*unpack(Some(encoding), &two, &limits(11)).unwrap(), b"hello world", "{encoding}");
        }
        assert_eq!(&*unpack(None, b"as it is", &limits(8)).unwrap(), b"as it is");
        assert_eq!(&*unpack(Some("identity"), b"as it is", &limits(8)).unwrap(), b"as it is");
        assert_eq!(&*unpack(Some("gzip"), b"", &limits(8)).unwrap(), b"");
    }

    #[test]
    fn refuses_every_cut_and_everything_after_the_end() {
        for (encoding, packed) in [("gzip", gzip(b"hello hello hello")), ("zstd", zstd(b"hello hello hello"))]
        {
            for len in 1..packed.len() {
                assert_eq!(code(encoding, &packed[..len]), Code::InvalidEncoding, "{encoding} cut at {len}");
            }
            for tail in [&b"X"[..], b"XX", b"\0\0\0\0\0\0\0\0\0\0\0\0"] {
                let trailing = [&packed[..], tail].concat();
                assert_eq!(code(encoding, &trailing), Code::InvalidEncoding, "{encoding} with {tail:?}");
            }
            assert_eq!(code(encoding, b"{\"action\":\"x\"}"), Code::InvalidEncoding);
        }
    }

    #[test]
    fn stops_at_the_limit() {
        let spaces = vec![b' '; 5 << 20];
        for (encoding, packed) in
            [("gzip", gzip(&spaces)), ("zstd", zstd(&spaces)), ("identity", spaces.clone())]
        {
            let problem = unpack(Some(encoding), &packed, &limits((5 << 20) - 1)).unwrap_err();
            assert_eq!(problem.code, Code::BatchTooLarge, "{encoding}");
            assert_eq!(
                unpack(Some(encoding), &packed, &limits(5 << 20)).unwrap().len(),
                5 << 20,
                "{encoding}"
            );
        }
    }

    #[test]
    fn refuses_a_zstd_window_above_8_mib() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(b"hello").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(code("zstd", &packed), Code::InvalidEncoding);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for encoding in ["br", "deflate", "gzip, gzip", "zstd,gzip", "*"] {
            assert_eq!(code(encoding, b"x"), Code::UnsupportedEncoding, "{encoding}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 1..4000)) {
            for (encoding, packed) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
                let out = unpack(Some(encoding), &packed, &limits(4000)).unwrap();
                prop_assert_eq!(&*out, &bytes[..]);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), flip in any::<proptest::sample::Index>()) {
            for encoding in ["gzip", "zstd"] {
                let _ = unpack(Some(encoding), &bytes, &limits(1 << 20));
                let mut packed = if encoding == "gzip" { gzip(&bytes) } else { zstd(&bytes) };
                let at = flip.index(packed.len());
                packed[at] ^= 0x55;
                let _ = unpack(Some(encoding), &packed, &limits(1 << 20));
            }
        }
    }
}
