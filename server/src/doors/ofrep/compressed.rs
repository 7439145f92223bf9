//! Answers about all flags in fewer bytes: compressed when the client asks and there is something to gain, cheaply, and
//! kept for a while: whoever asks again without naming its ETag gets the same bytes.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::{
    edge::coding::accepts,
    limits::{COMPRESSED_BYTES_MIN, COMPRESSED_KEPT_BYTES_MAX},
};

/// How an answer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    Zstd,
    Gzip,
    Brotli,
}

impl Coding {
    /// What costs least first: an answer is for one subject and compressed while it waits.
    const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];
    const ZSTD_LEVEL: i32 = 1;
    const BROTLI_LEVEL: i32 = 1;
    const BROTLI_WINDOW: i32 = 18;

    /// The cheapest one that the client accepts.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        Self::ALL.into_iter().find(|coding| accepts(headers, coding.as_str()))
    }

    /// Its name in the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }

    fn compress(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let room = Vec::with_capacity(plain.len() / 4);
        match self {
            Self::Zstd => zstd::bulk::compress(plain, Self::ZSTD_LEVEL),
            Self::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(room, flate2::Compression::fast());
                gzip.write_all(plain)?;
                gzip.finish()
            }
            Self::Brotli => {
                let mut out = room;
                let params = brotli::enc::BrotliEncoderParams {
                    quality: Self::BROTLI_LEVEL,
                    lgwin: Self::BROTLI_WINDOW,
                    size_hint: plain.len(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &*plain, &mut out, &params)?;
                Ok(out)
            }
        }
    }
}

/// The latest compressed answers, by ETag: it says everything that an answer depends on.
#[derive(Default)]
pub struct Compressed(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<(HeaderValue, Coding), Bytes>,
    /// Oldest first.
    order: VecDeque<(HeaderValue, Coding)>,
    bytes: usize,
}

impl Compressed {
    /// The answer that is kept, or what `make` makes, compressed and kept from now on. `Err`, with what was made, where
    /// compressing gains nothing.
    pub fn find_or_make(
        &self,
        etag: &HeaderValue,
        coding: Coding,
        make: impl FnOnce() -> Vec<u8>,
    ) -> Result<Bytes, Vec<u8>> {
        let kept = self.kept().answers.get(&(etag.clone(), coding)).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let plain = make();
        self.compress(etag, coding, &plain).ok_or(plain)
    }

    fn compress(&self, etag: &HeaderValue, coding: Coding, plain: &[u8]) -> Option<Bytes> {
        if plain.len() < COMPRESSED_BYTES_MIN {
            return None;
        }
        let smaller = coding.compress(plain).inspect_err(|error| {
            tracing::error!(%error, coding = coding.as_str(), "an answer cannot be compressed");
        });
        let smaller = Bytes::from(smaller.ok().filter(|smaller| smaller.len() < plain.len())?);
        self.kept().keep((etag.clone(), coding), smaller.clone());
        Some(smaller)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, key: (HeaderValue, Coding), answer: Bytes) {
        self.bytes += answer.len();
        // Two requests may have made the same.
        match self.answers.insert(key.clone(), answer) {
            Some(same) => self.bytes -= same.len(),
            None => self.order.push_back(key),
        }
        while self.bytes > COMPRESSED_KEPT_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.answers.remove(&oldest).map_or(0, |answer| answer.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::header::ACCEPT_ENCODING;

    use super::*;

    fn etag(n: usize) -> HeaderValue {
        HeaderValue::try_from(format!("\"{n}\"")).expect("a value")
    }

    fn plain(n: usize) -> Vec<u8> {
        format!("{{\"flags\":[{}]}}", "{\"key\":\"a\",\"value\":true},".repeat(n)).into_bytes()
    }

    fn read(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Zstd => out = zstd::stream::decode_all(bytes).expect("zstd"),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).expect("gzip")),
            Coding::Brotli => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out).expect("br")),
        }
        out
    }

    #[test]
    fn what_is_compressed_reads_back_and_is_kept() {
        let compressed = Compressed::default();
        for coding in Coding::ALL {
            let smaller = compressed.find_or_make(&etag(1), coding, || plain(500)).expect("smaller");
            assert!(smaller.len() * 10 < plain(500).len(), "{coding:?}: {}", smaller.len());
            assert_eq!(read(coding, &smaller), plain(500));
            let again = compressed.find_or_make(&etag(1), coding, || panic!("it is not made again"));
            assert_eq!(again, Ok(smaller));
            let other = compressed.find_or_make(&etag(3), coding, || plain(400)).expect("smaller");
            assert_eq!(read(coding, &other), plain(400), "another tag, another answer");
        }
        let small = compressed.find_or_make(&etag(2), Coding::Gzip, || b"{}".to_vec());
        assert_eq!(small, Err(b"{}".to_vec()), "nothing to gain");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let mut kept = Kept::default();
        let answer = || Bytes::from(vec![0; COMPRESSED_KEPT_BYTES_MAX / 4]);
        for n in 0..20 {
            kept.keep((etag(n), Coding::Gzip), answer());
            kept.keep((etag(n), Coding::Gzip), answer());
            assert!(kept.bytes <= COMPRESSED_KEPT_BYTES_MAX);
            let held: usize = kept.answers.values().map(Bytes::len).sum();
            assert_eq!((held, kept.order.len()), (kept.bytes, kept.answers.len()));
        }
        assert!(kept.answers.contains_key(&(etag(19), Coding::Gzip)));
        assert!(!kept.answers.contains_key(&(etag(0), Coding::Gzip)));
    }

    #[test]
    fn the_cheapest_coding_that_is_accepted_is_chosen() {
        for (accept, coding) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, br", Some(Coding::Brotli)),
            ("gzip;q=0.5, zstd;q=0", Some(Coding::Gzip)),
            ("identity", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            assert_eq!(Coding::accepted(&headers), coding, "{accept}");
        }
    }
}
