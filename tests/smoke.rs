//! The shortest life of the smallest trees, as root and as an ordinary user: whether the house stands at all.

use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;

#[test]
fn a_tree_starts_and_stops() {
    for_each_identity(|identity| {
        let nest =
            Nest::new("[ns.@]\nproc.one = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\n");
        let mut running = nest.identity(identity).up();
        let truth = running.until_running();
        let root = running.nest.root.clone();
        assert_eq!(
            truth.pids(&format!("{root}/in/init"))[1..],
            [3, 1],
            "{identity:?}"
        );
        let ended = running.stop();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (130, ""),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}
