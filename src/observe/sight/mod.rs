//! Who sees whom: the numbers under which observers know processes, each measured by a mechanism of the kernel's.
//!
//! An observer is a place: the namespaces and the credentials of one process. What it sees is not computed but tried out, by a
//! throw-away process that is put there (`entry`), with the numbers of the processes that are asked about, whichever
//! namespace counts them: what is invisible is proved to be so (`probe`). One mechanism needs nobody inside: the chains, which
//! the kernel tells from outside.
//!
//! All is kept sparse: what is not in a view was looked for, and not found.

mod credentials;
mod entry;
mod identity;
mod probe;
mod senders;

use std::collections::HashMap;
use std::io;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::machine::{Inhabitant, Machine, SpaceId};
use super::translation;
use crate::sys::errno::spelled;
use crate::topology::expectation::Via;
use probe::{Glimpse, Question, Tasks};

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// The PID namespace that it is in.
    pub space: SpaceId,
    /// Whose place it takes: of several candidates the first that may be looked into. None is the caller's own.
    pub candidates: Vec<i32>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// There it is.
    Yes,
    /// The system call failed so. `ESRCH` is invisible; `EPERM` and `EACCES` are visible, and not for the observer.
    Failed(Errno),
    /// It is not in the list.
    Unlisted,
    /// Zero was delivered.
    Zero,
}

impl Answer {
    /// Whether the observer knows now that it exists.
    pub fn is_sighting(self) -> bool {
        match self {
            Self::Yes => true,
            Self::Failed(errno) => !matches!(errno, Errno::ESRCH | Errno::EINVAL | Errno::ECHILD | Errno::EREMOTE),
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

/// One process as one observer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Under which number.
    pub number: i32,
    /// With which answer.
    pub answer: Answer,
}

/// What an observer sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// By the place of the process among those asked about.
    pub cells: HashMap<usize, Cell>,
    /// The answer about all others.
    pub otherwise: Answer,
    /// Whose numbers its /proc has, where that was asked; `None` where it has none of its own there.
    pub proc: Option<SpaceId>,
    /// What its /proc hides, `hidepid=…`.
    pub hidden: Option<String>,
    /// Why nothing was measured.
    pub trouble: Option<String>,
}

impl View {
    fn new(via: Via) -> Self {
        let otherwise = match via {
            Via::Proc => Answer::Unlisted,
            Via::Cred => Answer::Zero,
            _ => Answer::Failed(Errno::ESRCH),
        };
        Self { cells: HashMap::new(), otherwise, proc: None, hidden: None, trouble: None }
    }

    /// The answer about one of the processes.
    pub fn answer(&self, row: usize) -> Answer {
        self.cells.get(&row).map_or(self.otherwise, |cell| cell.answer)
    }

    /// The number that it has for the observer; `None` where it has none, or is not seen.
    pub fn number(&self, row: usize) -> Option<i32> {
        self.cells.get(&row).map(|cell| cell.number)
    }
}

/// Who is asked about, and where each of them is known.
#[derive(Debug)]
pub struct Rows<'a> {
    machine: &'a Machine,
    processes: Vec<&'a Inhabitant>,
    /// By namespace: who has a number there, and which.
    known: HashMap<SpaceId, Vec<(usize, i32)>>,
}

impl<'a> Rows<'a> {
    /// Sorts the processes by the namespaces that see them.
    pub fn new(machine: &'a Machine, processes: Vec<&'a Inhabitant>) -> Self {
        let mut known: HashMap<SpaceId, Vec<(usize, i32)>> = HashMap::new();
        let mut lines: HashMap<SpaceId, Vec<SpaceId>> = HashMap::new();
        for (row, process) in processes.iter().enumerate() {
            // One whose namespace may not be seen is in the reader's at least.
            let own = process.space.unwrap_or(machine.own());
            let line = lines.entry(own).or_insert_with(|| machine.line(own));
            for (&space, &number) in line.iter().zip(&process.numbers) {
                known.entry(space).or_default().push((row, number));
            }
        }
        Self { machine, processes, known }
    }

    /// The processes.
    pub fn processes(&self) -> &[&'a Inhabitant] {
        &self.processes
    }

    /// Who is known in a namespace, and under which number.
    fn known(&self, space: SpaceId) -> &[(usize, i32)] {
        self.known.get(&space).map_or(&[], Vec::as_slice)
    }

    /// Every number that one of them has anywhere, each once.
    fn numbers(&self) -> Vec<i32> {
        let mut numbers: Vec<i32> = self.processes.iter().flat_map(|process| process.numbers.iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// Looks through the eyes of each observer.
///
/// Forks, but for the chains: the caller has one thread.
///
/// # Errors
///
/// When nobody can be forked. What goes wrong at one observer is in its view.
pub fn look(rows: &Rows<'_>, observers: &[Observer], via: Via) -> io::Result<Vec<View>> {
    if via == Via::Chain {
        return Ok(observers.iter().map(|observer| chains(rows, observer)).collect());
    }
    let numbers = rows.numbers();
    let has_threads = rows.processes.iter().any(|process| process.leader.is_some());
    let tasks = if has_threads { Tasks::Threads } else { Tasks::Processes };
    let identities = if via == Via::Pidfd { identity::of_all(rows) } else { HashMap::new() };
    let look = |observer: &Observer| -> io::Result<View> {
        let mut view = View::new(via);
        let glimpse = match via {
            Via::Cred => credentials::measure(rows, observer)?,
            _ => entry::ask(rows.machine, observer, &question(via, &numbers, tasks))?,
        };
        match glimpse {
            Glimpse::Failed { stage, errno } => {
                let errno = Errno::from_raw(errno);
                view.trouble = Some(format!("nobody can be put there: {stage}: {}", spelled(errno)));
            }
            Glimpse::Numbers(answers) => {
                judge(&mut view, rows, observer.space, &Tried { numbers: &numbers, answers, identities: &identities });
            }
            Glimpse::Proc { levels, numbers, hidden } => {
                list(&mut view, rows, observer.space, levels, &numbers);
                view.hidden = hidden;
            }
            Glimpse::Credentials(delivered) => {
                let seen = delivered.into_iter().filter(|&(_, number)| number != 0);
                view.cells.extend(seen.map(|(row, number)| (row as usize, Cell { number, answer: Answer::Yes })));
            }
        }
        Ok(view)
    };
    observers.iter().map(look).collect()
}

fn question(via: Via, numbers: &[i32], tasks: Tasks) -> Question<'_> {
    match via {
        Via::Kill => Question::Kill(numbers),
        Via::Pidfd => Question::Pidfd(numbers),
        Via::Ptrace => Question::Ptrace(numbers),
        Via::Proc | Via::Chain | Via::Cred => Question::Proc(tasks),
    }
}

fn chains(rows: &Rows<'_>, observer: &Observer) -> View {
    let mut view = View::new(Via::Chain);
    let known = rows.known(observer.space).iter();
    view.cells.extend(known.map(|&(row, number)| (row, Cell { number, answer: Answer::Yes })));
    view
}

/// What was tried with numbers, and what came of each.
struct Tried<'a> {
    /// Sorted.
    numbers: &'a [i32],
    /// The errno, 0 for success, and who it was, where that can be told.
    answers: Vec<(i32, u64)>,
    /// Who the processes are, where that can be told.
    identities: &'a HashMap<usize, u64>,
}

impl Tried<'_> {
    fn of(&self, number: i32) -> Option<(Answer, u64)> {
        let place = self.numbers.binary_search(&number).ok()?;
        let (errno, identity) = self.answers.get(place).copied()?;
        Some((if errno == 0 { Answer::Yes } else { Answer::Failed(Errno::from_raw(errno)) }, identity))
    }
}

/// Attributes answers about numbers to processes.
fn judge(view: &mut View, rows: &Rows<'_>, space: SpaceId, tried: &Tried<'_>) {
    let mut known = vec![false; rows.processes.len()];
    let mut borne = std::collections::HashSet::new();
    for &(row, number) in rows.known(space) {
        known[row] = true;
        borne.insert(number);
        let Some((answer, identity)) = tried.of(number) else { continue };
        let is_it = identity == 0 || tried.identities.get(&row).is_none_or(|&expected| expected == identity);
        // Somebody else under the same number: it has ended meanwhile.
        if answer != view.otherwise && is_it {
            view.cells.insert(row, Cell { number, answer });
        }
    }
    // Whoever should be invisible was tried under each number that he has elsewhere. A sighting is one unless the number is
    // somebody else's in the observer's namespace.
    for (row, process) in rows.processes.iter().enumerate().filter(|&(row, _)| !known[row]) {
        for &number in &process.numbers {
            let Some((answer, identity)) = tried.of(number).filter(|(answer, _)| answer.is_sighting()) else {
                continue;
            };
            let is_it = match (identity, tried.identities.get(&row)) {
                (0, _) | (_, None) => !borne.contains(&number) && is_borne_by(rows.machine, space, number, process),
                (identity, Some(&expected)) => identity == expected,
            };
            if is_it {
                view.cells.insert(row, Cell { number, answer });
            }
        }
    }
}

/// Whether the kernel says that a number belongs to this process in a namespace.
fn is_borne_by(machine: &Machine, space: SpaceId, number: i32, process: &Inhabitant) -> bool {
    translation::bearer(machine.space(space), number) == Ok(Some(Pid::from_raw(process.pid())))
}

/// Attributes the entries of a /proc, which are numbers of the namespace that it was mounted in.
fn list(view: &mut View, rows: &Rows<'_>, space: SpaceId, levels: usize, listed: &[i32]) {
    let line = rows.machine.line(space);
    // So many numbers the observer has there: its own level and those around it that this /proc knows of.
    view.proc = line.len().checked_sub(levels).and_then(|place| line.get(place)).copied().filter(|_| levels > 0);
    let Some(counting) = view.proc else { return };
    let listed: std::collections::HashSet<i32> = listed.iter().copied().collect();
    let found = rows.known(counting).iter().filter(|(_, number)| listed.contains(number));
    view.cells.extend(found.map(|&(row, number)| (row, Cell { number, answer: Answer::Yes })));
}
