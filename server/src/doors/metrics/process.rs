//! The process as its operating system sees it, under the names that all of Prometheus' clients use. Where that says nothing,
//! there is nothing.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// As it was a moment ago.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    pub cpu: Duration,
    pub resident_bytes: u64,
    pub virtual_bytes: u64,
    pub threads: u64,
    pub open_files: u64,
    pub open_files_max: u64,
}

impl Process {
    /// Reads a small file, and counts as many names as files are open.
    pub fn look() -> Option<Self> {
        let status = Status::of(&fs::read_to_string("/proc/self/status").ok()?)?;
        Some(Self {
            cpu: Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default(),
            resident_bytes: status.resident_bytes,
            virtual_bytes: status.virtual_bytes,
            threads: status.threads,
            open_files: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64,
            open_files_max: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        })
    }
}

/// What stands in `proc_pid_status(5)`.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
}

impl Status {
    fn of(text: &str) -> Option<Self> {
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            resident_bytes: number("VmRSS")? * 1024,
            virtual_bytes: number("VmSize")? * 1024,
            threads: number("Threads")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_names() {
        let text = "Name:\tfader\nVmSize:\t  4000 kB\nVmRSS:\t    77 kB\nThreads:\t21\n";
        let expected = Status { resident_bytes: 77 * 1024, virtual_bytes: 4_000 * 1024, threads: 21 };
        assert_eq!(Status::of(text), Some(expected));
        assert_eq!(Status::of("Name:\tVmRSS: 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_there() {
        let process = Process::look().expect("a process");
        assert!(process.resident_bytes > 0 && process.open_files > 0 && process.threads > 0, "{process:?}");
    }
}
