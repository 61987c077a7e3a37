//! Order in which processes were created.
//!
//! Their numbers give the order, but start again from below when the greatest is reached (`pid_max`). Start times give
//! it as well, in hundredths of a second, in which many processes start.

use std::collections::HashMap;

use nix::unistd::Pid;

use crate::process;

/// Position of each of these processes in that order. A process that is gone comes last.
pub(super) fn order(pids: impl Iterator<Item = i32>) -> HashMap<i32, usize> {
    let born = |pid| process::start_time(Pid::from_raw(pid)).unwrap_or(u64::MAX);
    let mut starts: Vec<(u64, i32)> = pids.map(|pid| (born(pid), pid)).collect();
    let greatest = std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    sort(&mut starts, greatest.unwrap_or(1 << 22));
    starts
        .into_iter()
        .enumerate()
        .map(|(place, (_, pid))| (pid, place))
        .collect()
}

/// Sorts start times and numbers. Numbers of one time that are further apart than half of all numbers have wrapped
/// around.
fn sort(starts: &mut [(u64, i32)], greatest: i32) {
    starts.sort_unstable();
    for together in starts.chunk_by_mut(|one, next| one.0 == next.0) {
        let (Some(&(_, least)), Some(&(_, most))) = (together.first(), together.last()) else {
            continue;
        };
        if most - least > greatest / 2 {
            let again = together.partition_point(|&(_, pid)| pid <= greatest / 2);
            together.rotate_left(again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn numbers_that_have_started_again_are_later() {
        let sorted = |starts: &[(u64, i32)]| {
            let mut starts = starts.to_vec();
            sort(&mut starts, 32768);
            starts.into_iter().map(|(_, pid)| pid).collect::<Vec<_>>()
        };
        assert_eq!(sorted(&[(5, 30), (4, 32), (4, 31)]), [31, 32, 30]);
        assert_eq!(
            sorted(&[(5, 301), (5, 302), (5, 32766), (5, 32767), (4, 32765)]),
            [32765, 32766, 32767, 301, 302]
        );
        assert!(sorted(&[]).is_empty());
    }
}
