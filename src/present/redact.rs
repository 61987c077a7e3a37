//! Reproducible output: values that differ between any two runs are replaced, for outputs that are compared whole.
//!
//! Host PIDs become `[pid]`, inodes and ids of namespaces `[ns]`, times `[t]`. PIDs below the host stay: a tree that is built
//! in file order has the same ones every time.

use std::fmt::Display;

use serde_json::Value;

/// Treatment of values that are different on every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Redaction {
    /// Values are shown.
    #[default]
    Off,
    /// Values are replaced.
    On,
}

/// Replacement for a host PID.
const PID: &str = "[pid]";
/// Replacement for an inode or an id of a namespace.
const NAMESPACE: &str = "[ns]";
/// Replacement for a time or a duration.
const TIME: &str = "[t]";

/// Keys whose values are host PIDs.
const PIDS: [&str; 4] = ["controller", "host_pid", "reader", "tracer"];
/// Keys whose values are inodes or ids of namespaces.
const NAMESPACES: [&str; 7] = [
    "pidns",
    "pidns_id",
    "userns",
    "mntns",
    "host_pidns",
    "inode",
    "id",
];
/// Replacement for a measurement.
const MEASURE: &str = "[n]";
/// Keys whose values are measurements.
const MEASURES: [&str; 2] = ["resident_kib", "oom_score"];
/// Keys whose values are times.
const TIMES: [&str; 5] = ["since", "start_time", "age", "started", "boot_id"];

impl Redaction {
    /// Text of a host PID; 0 is no process, on every run.
    pub(crate) fn host_pid(self, pid: i32) -> String {
        if pid == 0 {
            pid.to_string()
        } else {
            self.replace(pid, PID)
        }
    }

    /// Text of an inode or an id.
    pub(crate) fn inode(self, inode: u64) -> String {
        self.replace(inode, NAMESPACE)
    }

    /// Text of a time.
    pub(crate) fn time(self, time: impl Display) -> String {
        self.replace(time, TIME)
    }

    /// Text of a measurement.
    pub(crate) fn measure(self, measure: impl Display) -> String {
        self.replace(measure, MEASURE)
    }

    /// Text of a chain of PIDs, the host's first.
    pub(crate) fn chain(self, pids: &[Option<i32>]) -> String {
        let number = |(level, pid): (usize, &Option<i32>)| match (level, pid) {
            (_, None) => "?".to_owned(),
            (0, Some(pid)) => self.host_pid(*pid),
            (_, Some(pid)) => pid.to_string(),
        };
        pids.iter()
            .enumerate()
            .map(number)
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Redacts a whole document.
    pub(crate) fn document(self, document: &mut Value) {
        if self == Self::On {
            redact(document);
        }
    }

    fn replace(self, value: impl Display, by: &str) -> String {
        match self {
            Self::Off => value.to_string(),
            Self::On => by.to_owned(),
        }
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.as_str();
                let by = match key {
                    // The host's number is the first of each list.
                    "pids" | "ppids" | "pgids" | "sids" if value.is_array() => {
                        if let Some(host) = value.get_mut(0) {
                            replace(host, PID);
                        }
                        continue;
                    }
                    _ if PIDS.contains(&key) => PID,
                    _ if NAMESPACES.contains(&key) => NAMESPACE,
                    _ if TIMES.contains(&key) => TIME,
                    _ if MEASURES.contains(&key) => MEASURE,
                    _ => {
                        redact(value);
                        continue;
                    }
                };
                replace(value, by);
            }
        }
        _ => {}
    }
}

/// Replaces a value. An absent value stays so; so does 0, which is no process.
fn replace(value: &mut Value, by: &str) {
    if !value.is_null() && value.as_i64() != Some(0) {
        *value = by.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Redaction;

    #[test]
    fn what_differs_from_run_to_run_is_replaced_and_what_does_not_stays() {
        let mut document = json!({
            "schema": "x/1",
            "controller": 12,
            "processes": [{ "pids": [5303, 7, 4], "ppids": [0, 0, 0], "start_time": 17, "exit": null, "pidns": null }],
            "namespaces": { "net": { "inode": 4_026_531_840_u64, "id": 3, "shared": true } },
        });
        Redaction::Off.document(&mut document);
        assert_eq!(document["controller"], 12);
        Redaction::On.document(&mut document);
        let expected = json!({
            "schema": "x/1",
            "controller": "[pid]",
            "processes": [
                { "pids": ["[pid]", 7, 4], "ppids": [0, 0, 0], "start_time": "[t]", "exit": null, "pidns": null }
            ],
            "namespaces": { "net": { "inode": "[ns]", "id": "[ns]", "shared": true } },
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn chains() {
        let chain = [Some(5303), Some(7), None];
        assert_eq!(
            [Redaction::Off, Redaction::On].map(|redaction| redaction.chain(&chain)),
            ["5303/7/?", "[pid]/7/?"]
        );
    }
}
