//! How much memory may be used.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::values::MEMORY;
use crate::cli::MemoryArgs;

/// Share of the memory that may be used for spans at most. The rest is for decoding, for the partitions that are being
/// analysed, and for results.
const SHARE_FOR_SPANS: f64 = 0.3;

/// The least memory that anything can be done in.
pub(super) const MIN_MEMORY_BYTES: u64 = 64 << 20;

/// About how many bytes of spans may be in memory, and where to put others aside, where there is no configuration file.
///
/// # Errors
/// If the limit is no size of memory.
pub(crate) fn memory_for_spans(args: &MemoryArgs) -> Result<(u64, PathBuf), ConfigError> {
    let limit = args.memory_limit.as_deref().map(|text| MEMORY.argument("--memory-limit", text)).transpose()?;
    let directory = args.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    Ok((bytes_for_spans(limit.unwrap_or_else(usable_memory_bytes)), directory))
}

/// How many bytes of `memory_bytes` in all are for spans.
pub(super) fn bytes_for_spans(memory_bytes: u64) -> u64 {
    (memory_bytes as f64 * SHARE_FOR_SPANS) as u64
}

/// Three quarters of the memory that the machine has, or that this process's group may use if that is less.
pub(super) fn usable_memory_bytes() -> u64 {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let of_machine = read(Path::new("/proc/meminfo")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    });
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let of_groups = memory_limit_files(&groups).into_iter().filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    // Where neither is told, as on other systems than Linux, this much is there on any machine that runs such jobs.
    const UNTOLD: u64 = 8 << 30;
    let all = of_machine.into_iter().chain(of_groups).min().unwrap_or(UNTOLD);
    (all / 4 * 3).max(MIN_MEMORY_BYTES)
}

/// The files that may limit the memory of a process, given what its `/proc/self/cgroup` says: one for its group and each
/// group around that. In a container the outermost is all that is there.
fn memory_limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        // Version 2 has one hierarchy, which names no controllers; version 1 has one for each.
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let groups = Path::new(path.trim_start_matches('/')).ancestors();
        files.extend(groups.map(|group| Path::new(root).join(group).join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_limited_by_all_groups_around_a_process() {
        let files = |groups| -> Vec<String> {
            memory_limit_files(groups).into_iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            files("0::/system.slice/night.service\n"),
            [
                "/sys/fs/cgroup/system.slice/night.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("4:memory:/job\n3:cpuset:/\n1:name=systemd:/\n"),
            ["/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert!(files("").is_empty());
    }
}
