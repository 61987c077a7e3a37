//! Trees of any shape: what the kernel has is what the file says, and the numbers below the host are those of every run
//! and of the prediction.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::harness::blueprint::{Blueprint, Enter, Init, Namespace, numbers_below};
use crate::harness::identity::{Identity, identities};
use crate::harness::nest::Nest;
use crate::harness::random;
use crate::harness::requirement::{nesting, require};

/// Greatest depth of a random tree.
const DEEPEST: usize = 10;

pub(crate) fn blueprints() -> impl Strategy<Value = Blueprint> {
    let init = prop_oneof![4 => Just(Init::Builtin), 2 => Just(Init::Pause), 2 => Just(Init::Actor), 1 => Just(Init::Program)];
    let enter = prop_oneof![2 => Just(Enter::Fork), 1 => Just(Enter::Join)];
    let namespace = (any::<u32>(), any::<bool>(), init, vec(enter, 0..3));
    vec(namespace, 1..60).prop_map(|seeds| {
        let mut namespaces: Vec<Namespace> = Vec::new();
        for (index, (seed, near, init, processes)) in seeds.into_iter().enumerate() {
            let seed = seed as usize;
            // Half of them go below one of the last three, or no tree would ever be deep.
            let candidate = match index {
                0 => None,
                _ if seed.is_multiple_of(16) => None,
                _ if near => Some(index - 1 - (seed / 16) % index.min(3)),
                _ => Some((seed / 16) % index),
            };
            let parent =
                candidate.filter(|&parent| namespaces[parent].path.split('/').count() < DEEPEST);
            // A root has the nest's name in its own, so that what it leaves behind is found.
            let path = parent.map_or_else(
                || format!("@-{index}"),
                |parent| format!("{}/n{index}", namespaces[parent].path),
            );
            namespaces.push(Namespace {
                path,
                parent,
                init,
                processes,
            });
        }
        Blueprint(namespaces)
    })
}

/// The identities of the runs; where the tests are long, each of them twice.
fn runs() -> Vec<Identity> {
    let mut runs = identities();
    if runs.len() == 1 || std::env::var_os("NESTNS_LONG").is_some() {
        runs.extend(runs.clone());
    }
    runs
}

#[test]
fn random_trees_are_built_as_declared_on_every_run() {
    require!(nesting());
    let cases = random::cases(40, 300);
    let mut runner = random::runner(cases, 200);
    let result = runner.run(&blueprints(), |blueprint| {
        for identity in runs() {
            let nest = Nest::new(&blueprint.topology()).identity(identity);
            let file = nest.file_name().to_owned();
            let output = nest
                .command(&["tree", &file, "--format", "json"])
                .output()
                .expect("the program was built");
            let predicted = serde_json::from_slice(&output.stdout).expect("a document");
            let mut running = nest.up();
            let truth = running.until_running();
            blueprint.confirm(&running, &truth);
            blueprint.until_term_is_handled(&mut running, &truth);
            // Names differ from nest to nest, numbers do not: all runs agree with a prediction that knows no run.
            assert_eq!(
                numbers_below(&truth.0),
                numbers_below(&predicted),
                "{identity:?}"
            );
            let ended = running.stop();
            assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
            assert!(
                !ended.stderr.contains("killed at deadline"),
                "{identity:?}: {}",
                ended.stderr
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn parallel_creation_gives_the_same_pids_as_creation_in_order() {
    require!(nesting());
    let mut runner = random::runner(random::cases(20, 100), 50);
    let result = runner.run(&blueprints(), |blueprint| {
        for identity in identities() {
            for jobs in ["2", "8"] {
                let nest = Nest::new(&blueprint.topology())
                    .identity(identity)
                    .arguments(&["--jobs", jobs]);
                let predicted = nest
                    .command(&["tree", nest.file_name(), "--format", "json"])
                    .output()
                    .expect("the program was built");
                let predicted = serde_json::from_slice(&predicted.stdout).expect("a document");
                let mut running = nest.up();
                let truth = running.until_running();
                blueprint.confirm(&running, &truth);
                assert_eq!(
                    numbers_below(&truth.0),
                    numbers_below(&predicted),
                    "{identity:?} {jobs}"
                );
                blueprint.until_term_is_handled(&mut running, &truth);
                let ended = running.stop();
                assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
