//! Compressed bodies are read from a copy: gzip, deflate, br and zstd, frame by frame, within a limit.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};

use super::lock;

/// Undoes one content encoding.
pub(super) struct Decoder {
    input: Input,
    output: Box<dyn Read + Send>,
    left: u64,
    stopped: bool,
    /// About how much memory it may take, in bytes.
    pub(super) weight: usize,
}

impl Decoder {
    /// A decoder for a `Content-Encoding`, or `None` for one that is unknown. It stops after `max` bytes.
    pub(super) fn new(encoding: &str, max: u64) -> Option<Self> {
        let input = Input::default();
        let copy = input.clone();
        let (output, weight): (Box<dyn Read + Send>, usize) = match encoding {
            "gzip" | "x-gzip" => (Box::new(flate2::read::MultiGzDecoder::new(copy)), 48 << 10),
            "deflate" => (Box::new(flate2::read::ZlibDecoder::new(copy)), 48 << 10),
            "br" => (Box::new(brotli::Decompressor::new(copy, 4096)), 4 << 20),
            "zstd" => {
                let mut decoder = zstd::stream::read::Decoder::new(copy).ok()?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
                (Box::new(decoder), 8 << 20)
            }
            _ => return None,
        };
        Some(Self { input, output, left: max, stopped: false, weight })
    }

    /// Shows what `data` unpacks to; false when it gave up, now or before.
    pub(super) fn feed(&mut self, data: &Bytes, sink: &mut dyn FnMut(&[u8])) -> bool {
        if self.stopped {
            return false;
        }
        *lock::lock(&self.input.0) = data.clone();
        let mut buffer = [0; 8192];
        loop {
            match self.output.read(&mut buffer) {
                // The end of the compressed data; whatever follows is not ours to judge.
                Ok(0) => return true,
                Ok(count) => {
                    sink(buffer.get(..count).unwrap_or_default());
                    self.left = self.left.saturating_sub(count as u64);
                    if self.left == 0 {
                        return self.give_up();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.give_up(),
            }
        }
    }

    /// Whether it unpacked to more than the limit and stopped there.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    fn give_up(&mut self) -> bool {
        self.stopped = true;
        self.output = Box::new(io::empty());
        false
    }
}

/// RFC 8878 asks decoders for at least 8 MiB; more is refused.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The bytes at hand; when they are used up the reader would block.
#[derive(Clone, Default)]
struct Input(Arc<Mutex<Bytes>>);

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = lock::lock(&self.0);
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(buffer.len());
        bytes.copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn decoded(encoding: &str, packed: &[u8], chunk: usize, max: u64) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::new(encoding, max).unwrap();
        let mut out = Vec::new();
        let mut good = true;
        for piece in packed.chunks(chunk) {
            good &= decoder.feed(&Bytes::copy_from_slice(piece), &mut |bytes| out.extend_from_slice(bytes));
        }
        (out, good)
    }

    fn packed(encoding: &str, plain: &[u8]) -> Vec<u8> {
        match encoding {
            "gzip" => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                writer.write_all(plain).unwrap();
                writer.finish().unwrap()
            }
            "deflate" => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                writer.write_all(plain).unwrap();
                writer.finish().unwrap()
            }
            "br" => {
                let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
                writer.write_all(plain).unwrap();
                writer.into_inner()
            }
            _ => zstd::encode_all(plain, 3).unwrap(),
        }
    }

    #[test]
    fn every_encoding_is_read_at_every_chunking() {
        let plain: Vec<u8> = (0..40_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            let packed = packed(encoding, &plain);
            for chunk in [1, 7, 1000, packed.len()] {
                let (out, good) = decoded(encoding, &packed, chunk, u64::MAX);
                assert!(good && out == plain, "{encoding} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn a_bomb_is_given_up() {
        let packed = packed("gzip", &vec![0; 10_000_000]);
        let (out, good) = decoded("gzip", &packed, 1000, 100_000);
        assert!(!good && out.len() < 120_000);
    }

    #[test]
    fn junk_is_given_up() {
        assert!(!decoded("gzip", b"this is no gzip at all", 5, u64::MAX).1);
        assert!(Decoder::new("lzma", 1).is_none());
    }
}
