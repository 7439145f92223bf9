//! How many files the operating system lets this process open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for `wanted` open files, as far as the hard limit goes; how many there may be from now on.
pub fn raise(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let count = |limit: Option<u64>| limit.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let (soft, hard) = (count(current), count(maximum));
    let reachable = wanted.min(hard);
    if soft >= reachable {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(reachable as u64), maximum }) {
        Ok(()) => reachable,
        Err(error) => {
            tracing::warn!(%error, soft, "the limit of open files cannot be raised");
            soft
        }
    }
}
