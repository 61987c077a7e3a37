//! The memory that a running tree costs the machine, the kernel's and the processes' alike.

use std::thread;
use std::time::Duration;

use crate::shape::Shape;

/// Waits until the tree before has given its memory back, which the kernel does a little after the last process is gone;
/// without this the next tree seems to cost next to nothing.
pub(crate) fn wait_until_quiet() {
    thread::sleep(Duration::from_millis(500));
}

/// `MemAvailable` in KiB, 0 where it cannot be read.
pub(crate) fn available_kib() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// The difference of two readings, shared out over the namespaces of the shape, in KiB.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count of KiB is far below 2^53"
)]
pub(crate) fn per_namespace(before: i64, after: i64, shape: Shape) -> f64 {
    (before - after) as f64 / f64::from(shape.namespaces())
}
