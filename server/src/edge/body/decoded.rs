//! What was compressed, in pieces: so much comes out at once, never more than a limit in all, and never far more than was
//! sent.

use std::{
    io::{self, BufRead, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use crate::{
    edge::{coding::BodyCoding, fault::Fault},
    limits::BODY_RATIO_MAX,
};

/// What comes out at once. Bodies up to it may grow as they like, and take nothing of what all bodies share.
pub const PIECE: usize = 64 * 1024;
/// What is read at once: of members and frames that hold nothing there can be as many as bytes allow.
const SENT_PIECE: usize = 16 * 1024;
/// Eight MiB, of which RFC 8878 says that every reader should have them: what a frame may look back.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What was sent, as far as it may be read at this step.
struct Fed<'b> {
    rest: &'b [u8],
    left: Arc<AtomicUsize>,
}

impl Read for Fed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Fed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.left.load(Ordering::Relaxed) {
            0 if !self.rest.is_empty() => Err(ErrorKind::WouldBlock.into()),
            left => Ok(&self.rest[..left.min(self.rest.len())]),
        }
    }

    fn consume(&mut self, read: usize) {
        self.rest = &self.rest[read..];
        self.left.fetch_sub(read, Ordering::Relaxed);
    }
}

/// A body on its way to what it was.
pub struct Decoding<'b> {
    reader: Box<dyn Read + Send + 'b>,
    /// How much of what was sent may be read until the end of this step.
    left: Arc<AtomicUsize>,
    decoded: Vec<u8>,
    sent: usize,
    bytes_max: usize,
}

impl<'b> Decoding<'b> {
    pub fn new(coding: BodyCoding, sent: &'b [u8], bytes_max: usize) -> Result<Self, Fault> {
        let left = Arc::new(AtomicUsize::new(0));
        let fed = Fed { rest: sent, left: Arc::clone(&left) };
        let reader: Box<dyn Read + Send + 'b> = match coding {
            BodyCoding::Gzip => Box::new(MultiGzDecoder::new(fed)),
            BodyCoding::Zstd => {
                let frames = zstd::stream::read::Decoder::with_buffer(fed);
                let mut frames = frames.map_err(|_| Fault::Internal)?;
                frames.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Fault::Internal)?;
                Box::new(frames)
            }
        };
        Ok(Self { reader, left, decoded: Vec::new(), sent: sent.len(), bytes_max })
    }

    /// The next piece: by how much it takes more than the first one, or `None` after the last.
    pub fn step(&mut self) -> Result<Option<usize>, Fault> {
        let before = self.decoded.len();
        let room = PIECE.min(self.bytes_max + 1 - before);
        if self.decoded.capacity() - before < room {
            let more = before.max(room).min(self.bytes_max + 1 - before);
            self.decoded.reserve_exact(more);
        }
        self.left.store(SENT_PIECE, Ordering::Relaxed);
        let goes_on = match (&mut self.reader).take(room as u64).read_to_end(&mut self.decoded) {
            Ok(read) => read == room,
            // What came out before stays.
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(_) => return Err(Fault::NotAsCoded),
        };
        let length = self.decoded.len();
        if length > self.bytes_max {
            return Err(Fault::TooLarge { bytes_max: self.bytes_max });
        }
        if length > PIECE && length / BODY_RATIO_MAX > self.sent {
            return Err(Fault::Swollen);
        }
        let beyond = |length: usize| length.saturating_sub(PIECE);
        Ok(goes_on.then_some(beyond(length) - beyond(before)))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.decoded
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const MAX: usize = 1024 * 1024;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).expect("compressed");
        gzip.finish().expect("compressed")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("compressed")
    }

    fn decode(coding: BodyCoding, sent: &[u8], bytes_max: usize) -> Result<Vec<u8>, Fault> {
        let mut decoding = Decoding::new(coding, sent, bytes_max)?;
        while decoding.step()?.is_some() {}
        Ok(decoding.into_bytes())
    }

    /// Bytes that grow smaller, and not by much.
    fn words(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let word = |()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefgh"[(state >> 29) as usize]
        };
        std::iter::repeat_n((), length).map(word).collect()
    }

    type Compress = fn(&[u8]) -> Vec<u8>;
    const CODINGS: [(BodyCoding, Compress); 2] = [(BodyCoding::Gzip, gzip), (BodyCoding::Zstd, zstd)];

    #[test]
    fn what_was_compressed_comes_back_up_to_the_limit_and_not_a_byte_beyond() {
        for (coding, compress) in CODINGS {
            for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, MAX] {
                let plain = words(length);
                assert_eq!(
                    decode(coding, &compress(&plain), MAX).as_ref(),
                    Ok(&plain),
                    "{coding:?} {length}"
                );
            }
            let beyond = decode(coding, &compress(&words(MAX + 1)), MAX);
            assert_eq!(beyond, Err(Fault::TooLarge { bytes_max: MAX }), "{coding:?}");
            let two = [compress(b"one, "), compress(b"two")].concat();
            assert_eq!(decode(coding, &two, MAX).as_deref(), Ok(&b"one, two"[..]), "{coding:?}");
        }
    }

    #[test]
    fn many_members_that_hold_nothing_are_read_in_many_steps() {
        for (coding, compress) in CODINGS {
            let sent = [compress(b"").repeat(20_000), compress(b"the end")].concat();
            let mut decoding = Decoding::new(coding, &sent, MAX).expect("begun");
            let mut steps = 1;
            while decoding.step().expect("well-formed").is_some() {
                steps += 1;
            }
            assert_eq!(decoding.into_bytes(), b"the end", "{coding:?}");
            assert!(steps >= sent.len() / SENT_PIECE, "{coding:?}: {steps}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_large() {
        for (coding, compress) in CODINGS {
            let bomb = compress(&vec![b' '; 16 * MAX]);
            let taken = allocation_counter::measure(|| {
                assert_eq!(decode(coding, &bomb, 16 * MAX), Err(Fault::Swollen), "{coding:?}");
            });
            assert!(taken.bytes_max < 12 * MAX as u64, "{coding:?}: {}", taken.bytes_max);
            let small = vec![b' '; PIECE];
            assert_eq!(decode(coding, &compress(&small), MAX), Ok(small), "{coding:?}: what is small may");
        }
    }

    #[test]
    fn what_is_broken_or_looks_back_too_far_is_refused() {
        for (coding, compress) in CODINGS {
            let whole = compress(&words(1000));
            let broken =
                [&whole[..whole.len() - 9], b"not compressed", &[whole.as_slice(), b"rest"].concat()];
            for sent in broken {
                assert_eq!(decode(coding, sent, MAX), Err(Fault::NotAsCoded), "{coding:?}");
            }
        }
        let mut far = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        far.set_parameter(zstd::zstd_safe::CParameter::WindowLog(27)).expect("a window");
        far.write_all(&words(PIECE)).expect("compressed");
        let far = far.finish().expect("compressed");
        assert_eq!(decode(BodyCoding::Zstd, &far, MAX), Err(Fault::NotAsCoded));
    }
}
