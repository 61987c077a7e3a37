use super::{Evidence, HostSnapshot, Search};
use crate::namespace_link::linked;

#[test]
fn the_reader_is_in_the_first_namespace_and_sees_itself() {
    let machine = HostSnapshot::read(Search::Everything).unwrap();
    let own = machine.space(machine.own());
    assert_eq!(
        own.inode,
        linked(nix::fcntl::AT_FDCWD, "/proc/self/ns/pid", "pid").unwrap()
    );
    assert_eq!(
        (own.level, own.parent, &own.evidence),
        (0, None, &Evidence::Member)
    );
    let myself = machine.process(std::process::id().cast_signed()).unwrap();
    assert_eq!(myself.space, Some(machine.own()));
    assert_eq!(machine.number_in(myself, machine.own()), Some(myself.pid()));
    assert!(
        machine
            .bearers(myself.pid())
            .iter()
            .any(|&(space, process)| space == Some(machine.own()) && process == myself)
    );
}

#[test]
fn every_namespace_stands_behind_the_one_around_it() {
    let machine = HostSnapshot::read(Search::Members).unwrap();
    for (id, space) in machine.spaces() {
        assert_eq!(space.parent.is_none(), id == machine.own());
        assert!(space.parent.is_none_or(|parent| parent < id));
        assert_eq!(machine.line(id).len(), space.level + 1);
        assert!(machine.is_within(id, machine.own()) && machine.is_within(id, id));
    }
    for process in machine.processes() {
        if let Some(space) = process.space {
            assert_eq!(
                process.numbers.len(),
                machine.space(space).level + 1,
                "{process:?}"
            );
        }
    }
}
