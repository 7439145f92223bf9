//! What reading may take: the peak of what one call allocates, held against a budget.

/// Calls `read`; panics when it held more than `bytes_max` at once on this thread.
pub fn within<T>(bytes_max: usize, read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(read()));
    assert!(info.bytes_max <= bytes_max as u64, "{} bytes at once, of {bytes_max}", info.bytes_max);
    result.expect("was called")
}
