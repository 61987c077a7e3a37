//! Visibility: the numbers under which observers know processes, each measured by a mechanism of the kernel.
//!
//! An observer is a place: the namespaces and the credentials of one process. Its view is not computed but measured, by
//! a throw-away process that is put there (`entry`) and tries the numbers of the processes in question, in whichever
//! namespace they count: an invisible process is proved to be so (`probe`). One mechanism needs no process inside: the
//! chains, which the kernel tells from outside.
//!
//! All views are sparse: a process that is not in a view was looked for, and not found.

mod credentials;
mod entry;
mod identity;
mod probe;
mod senders;

use std::collections::HashMap;
use std::io;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo};
use super::translation;
use nestns_sys::errno::spelled;
use nestns_topology::expectation::Mechanism;
use probe::{ProbeAnswer, Question, Tasks};

/// Process that looks, or a place to look from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// PID namespace that it is in.
    pub space: PidNamespaceId,
    /// Processes whose place it can take: the first that may be looked into is used. None is the caller's own place.
    pub candidates: Vec<i32>,
}

/// Answer about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The process is there.
    Yes,
    /// Errno of the system call. `ESRCH` is invisible; `EPERM` and `EACCES` are visible, but forbidden to the observer.
    Failed(Errno),
    /// The process is not in the list.
    Unlisted,
    /// Zero was delivered.
    Zero,
}

impl Answer {
    /// True if the observer now knows that the process exists.
    pub fn is_sighting(self) -> bool {
        match self {
            Self::Yes => true,
            Self::Failed(errno) => !matches!(
                errno,
                Errno::ESRCH | Errno::EINVAL | Errno::ECHILD | Errno::EREMOTE
            ),
            Self::Unlisted | Self::Zero => false,
        }
    }
}

/// The answer as documents have it.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::Failed(errno) => write!(f, "{errno:?}"),
            Self::Unlisted => f.write_str("ENOENT"),
            Self::Zero => f.write_str("0"),
        }
    }
}

/// Answer of one observer about one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Number of the process.
    pub number: i32,
    /// Answer about the process.
    pub answer: Answer,
}

/// View of an observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Cells by the index of the process among those asked about.
    pub cells: HashMap<usize, Cell>,
    /// Answer about all others.
    pub otherwise: Answer,
    /// Namespace whose numbers its /proc has, if that was asked; `None` if it has none of its own there.
    pub proc: Option<PidNamespaceId>,
    /// Processes that its /proc hides, `hidepid=…`.
    pub hidden: Option<String>,
    /// Reason why nothing was measured.
    pub trouble: Option<String>,
}

impl View {
    fn new(via: Mechanism) -> Self {
        let otherwise = match via {
            Mechanism::Proc => Answer::Unlisted,
            Mechanism::Cred => Answer::Zero,
            _ => Answer::Failed(Errno::ESRCH),
        };
        Self {
            cells: HashMap::new(),
            otherwise,
            proc: None,
            hidden: None,
            trouble: None,
        }
    }

    /// The answer about one of the processes.
    pub fn answer(&self, row: usize) -> Answer {
        self.cells
            .get(&row)
            .map_or(self.otherwise, |cell| cell.answer)
    }

    /// Number of the process for the observer; `None` if it has none, or is not seen.
    pub fn number(&self, row: usize) -> Option<i32> {
        self.cells.get(&row).map(|cell| cell.number)
    }
}

/// Processes that are asked about, and the namespaces in which each is known.
#[derive(Debug)]
pub struct Rows<'a> {
    machine: &'a HostSnapshot,
    processes: Vec<&'a ProcessInfo>,
    /// Processes that have a number in a namespace, and the number, by namespace.
    known: HashMap<PidNamespaceId, Vec<(usize, i32)>>,
}

impl<'a> Rows<'a> {
    /// Sorts the processes by the namespaces that see them.
    pub fn new(machine: &'a HostSnapshot, processes: Vec<&'a ProcessInfo>) -> Self {
        let mut known: HashMap<PidNamespaceId, Vec<(usize, i32)>> = HashMap::new();
        let mut lines: HashMap<PidNamespaceId, Vec<PidNamespaceId>> = HashMap::new();
        for (row, process) in processes.iter().enumerate() {
            // A process whose namespace may not be seen is in the reader's at least.
            let own = process.space.unwrap_or(machine.own());
            let line = lines.entry(own).or_insert_with(|| machine.line(own));
            for (&space, &number) in line.iter().zip(&process.numbers) {
                known.entry(space).or_default().push((row, number));
            }
        }
        Self {
            machine,
            processes,
            known,
        }
    }

    /// The processes.
    pub fn processes(&self) -> &[&'a ProcessInfo] {
        &self.processes
    }

    /// Processes known in a namespace, and their numbers.
    fn known(&self, space: PidNamespaceId) -> &[(usize, i32)] {
        self.known.get(&space).map_or(&[], Vec::as_slice)
    }

    /// Every number that one of them has anywhere, each once.
    fn numbers(&self) -> Vec<i32> {
        let mut numbers: Vec<i32> = self
            .processes
            .iter()
            .flat_map(|process| process.numbers.iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// Measures the view of each observer.
///
/// Forks, but for the chains: the caller has one thread.
///
/// # Errors
///
/// The error of fork(2). An error at one observer is in its view.
pub fn look(rows: &Rows<'_>, observers: &[Observer], via: Mechanism) -> io::Result<Vec<View>> {
    if via == Mechanism::Chain {
        return Ok(observers
            .iter()
            .map(|observer| chains(rows, observer))
            .collect());
    }
    let numbers = rows.numbers();
    let has_threads = rows
        .processes
        .iter()
        .any(|process| process.leader.is_some());
    let tasks = if has_threads {
        Tasks::Threads
    } else {
        Tasks::Processes
    };
    let identities = if via == Mechanism::Pidfd {
        identity::of_all(rows)
    } else {
        HashMap::new()
    };
    let look = |observer: &Observer| -> io::Result<View> {
        let mut view = View::new(via);
        let probe_answer = match via {
            Mechanism::Cred => credentials::measure(rows, observer)?,
            _ => entry::ask(rows.machine, observer, &question(via, &numbers, tasks))?,
        };
        match probe_answer {
            ProbeAnswer::Failed { stage, errno } => {
                let errno = Errno::from_raw(errno);
                view.trouble = Some(format!(
                    "cannot place a probe there: {stage}: {}",
                    spelled(errno)
                ));
            }
            ProbeAnswer::Numbers(answers) => {
                judge(
                    &mut view,
                    rows,
                    observer.space,
                    &Tried {
                        numbers: &numbers,
                        answers,
                        identities: &identities,
                    },
                );
            }
            ProbeAnswer::Proc {
                levels,
                numbers,
                hidden,
            } => {
                list(&mut view, rows, observer.space, levels, &numbers);
                view.hidden = hidden;
            }
            ProbeAnswer::Credentials(delivered) => {
                let seen = delivered.into_iter().filter(|&(_, number)| number != 0);
                view.cells.extend(seen.map(|(row, number)| {
                    (
                        row as usize,
                        Cell {
                            number,
                            answer: Answer::Yes,
                        },
                    )
                }));
            }
        }
        Ok(view)
    };
    observers.iter().map(look).collect()
}

fn question(via: Mechanism, numbers: &[i32], tasks: Tasks) -> Question<'_> {
    match via {
        Mechanism::Kill => Question::Kill(numbers),
        Mechanism::Pidfd => Question::Pidfd(numbers),
        Mechanism::Ptrace => Question::Ptrace(numbers),
        Mechanism::Proc | Mechanism::Chain | Mechanism::Cred => Question::Proc(tasks),
    }
}

fn chains(rows: &Rows<'_>, observer: &Observer) -> View {
    let mut view = View::new(Mechanism::Chain);
    let known = rows.known(observer.space).iter();
    view.cells.extend(known.map(|&(row, number)| {
        (
            row,
            Cell {
                number,
                answer: Answer::Yes,
            },
        )
    }));
    view
}

/// Numbers that were tried, with the result of each.
struct Tried<'a> {
    /// Sorted.
    numbers: &'a [i32],
    /// Errno, 0 for success, and the identity of the process, if known.
    answers: Vec<(i32, u64)>,
    /// Identities of the processes, if known.
    identities: &'a HashMap<usize, u64>,
}

impl Tried<'_> {
    fn of(&self, number: i32) -> Option<(Answer, u64)> {
        let place = self.numbers.binary_search(&number).ok()?;
        let (errno, identity) = self.answers.get(place).copied()?;
        Some((
            if errno == 0 {
                Answer::Yes
            } else {
                Answer::Failed(Errno::from_raw(errno))
            },
            identity,
        ))
    }
}

/// Attributes answers about numbers to processes.
fn judge(view: &mut View, rows: &Rows<'_>, space: PidNamespaceId, tried: &Tried<'_>) {
    let mut known = vec![false; rows.processes.len()];
    let mut borne = std::collections::HashSet::new();
    for &(row, number) in rows.known(space) {
        known[row] = true;
        borne.insert(number);
        let Some((answer, identity)) = tried.of(number) else {
            continue;
        };
        let is_it = identity == 0
            || tried
                .identities
                .get(&row)
                .is_none_or(|&expected| expected == identity);
        // Another process under the same number: this one has ended meanwhile.
        if answer != view.otherwise && is_it {
            view.cells.insert(row, Cell { number, answer });
        }
    }
    // A process that should be invisible was tried under each number that it has elsewhere. A sighting is one unless
    // the number is another process's in the observer's namespace.
    for (row, process) in rows
        .processes
        .iter()
        .enumerate()
        .filter(|&(row, _)| !known[row])
    {
        for &number in &process.numbers {
            let Some((answer, identity)) =
                tried.of(number).filter(|(answer, _)| answer.is_sighting())
            else {
                continue;
            };
            let is_it = match (identity, tried.identities.get(&row)) {
                (0, _) | (_, None) => {
                    !borne.contains(&number) && is_borne_by(rows.machine, space, number, process)
                }
                (identity, Some(&expected)) => identity == expected,
            };
            if is_it {
                view.cells.insert(row, Cell { number, answer });
            }
        }
    }
}

/// True if the kernel says that a number belongs to this process in a namespace.
fn is_borne_by(
    machine: &HostSnapshot,
    space: PidNamespaceId,
    number: i32,
    process: &ProcessInfo,
) -> bool {
    translation::bearer(machine.space(space), number) == Ok(Some(Pid::from_raw(process.pid())))
}

/// Attributes the entries of a /proc, which are numbers of the namespace that it was mounted in.
fn list(view: &mut View, rows: &Rows<'_>, space: PidNamespaceId, levels: usize, listed: &[i32]) {
    let line = rows.machine.line(space);
    // The observer has so many numbers there: its own level and those around it that this /proc knows of.
    view.proc = line
        .len()
        .checked_sub(levels)
        .and_then(|place| line.get(place))
        .copied()
        .filter(|_| levels > 0);
    let Some(counting) = view.proc else { return };
    let listed: std::collections::HashSet<i32> = listed.iter().copied().collect();
    let found = rows
        .known(counting)
        .iter()
        .filter(|(_, number)| listed.contains(number));
    view.cells.extend(found.map(|&(row, number)| {
        (
            row,
            Cell {
                number,
                answer: Answer::Yes,
            },
        )
    }));
}
