//! Random cases that are the same in every run: a test that fails now and then is no test.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A runner of so many cases from a fixed seed, which shrinks a failing one in so many steps.
pub(crate) fn runner(cases: u32, max_shrink_iters: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The number of cases: `long` where `NESTNS_LONG` is set, else `short`.
pub(crate) fn cases<T>(short: T, long: T) -> T {
    if std::env::var_os("NESTNS_LONG").is_some() {
        long
    } else {
        short
    }
}
