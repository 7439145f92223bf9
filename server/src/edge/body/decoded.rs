//! What was compressed, in pieces: so much comes out at once, never more than a limit in all, and never far more than was
//! sent.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::{
    edge::{coding::BodyCoding, fault::Fault},
    limits::BODY_RATIO_MAX,
};

/// What comes out at once. Bodies up to it may grow as they like, and take nothing of what all bodies share.
pub const PIECE: usize = 64 * 1024;
/// Eight MiB, of which RFC 8878 says that every reader should have them: what a frame may look back.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A body on its way to what it was.
pub struct Decoding<'b> {
    reader: Box<dyn Read + Send + 'b>,
    decoded: Vec<u8>,
    sent: usize,
    bytes_max: usize,
}

impl<'b> Decoding<'b> {
    pub fn new(coding: BodyCoding, sent: &'b [u8], bytes_max: usize) -> Result<Self, Fault> {
        let reader: Box<dyn Read + Send + 'b> = match coding {
            BodyCoding::Gzip => Box::new(MultiGzDecoder::new(sent)),
            BodyCoding::Zstd => {
                let frames = zstd::stream::read::Decoder::with_buffer(sent);
                let mut frames = frames.map_err(|_| Fault::Internal)?;
                frames.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Fault::Internal)?;
                Box::new(frames)
            }
        };
        Ok(Self { reader, decoded: Vec::new(), sent: sent.len(), bytes_max })
    }

    /// The next piece: by how much it takes more than the first one, or `None` after the last.
    pub fn step(&mut self) -> Result<Option<usize>, Fault> {
        let before = self.decoded.len();
        let room = PIECE.min(self.bytes_max + 1 - before);
        if self.decoded.capacity() - before < room {
            let more = before.max(room).min(self.bytes_max + 1 - before);
            self.decoded.reserve_exact(more);
        }
        let read = (&mut self.reader).take(room as u64).read_to_end(&mut self.decoded);
        let read = read.map_err(|_| Fault::NotAsCoded)?;
        let length = self.decoded.len();
        if length > self.bytes_max {
            return Err(Fault::TooLarge { bytes_max: self.bytes_max });
        }
        if length > PIECE && length / BODY_RATIO_MAX > self.sent {
            return Err(Fault::Swollen);
        }
        Ok((read == room).then_some(if before == 0 { 0 } else { read }))
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
