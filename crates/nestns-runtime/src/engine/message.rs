//! Messages that are one value each: [`Command`](super::control_channel::Command) and
//! [`Answer`](super::control_channel::Answer) on a control channel, [`SyncMessage`](super::sync_channel::SyncMessage) during a
//! creation, [`ExecError`](super::exec_error::ExecError) of a process on its way to its program.
//!
//! Both ends are copies of one program, but a program of the tree may have taken the sender's
//! descriptor: the bytes are untrusted.

use serde::de::DeserializeOwned;

/// The value of a message, with nothing behind it; `None` for anything else.
pub fn read<T: DeserializeOwned>(message: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(message).ok()?;
    rest.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::read;
    use crate::engine::control_channel::{Answer, Command};
    use crate::engine::exec_error::ExecError;
    use crate::engine::sync_channel::SyncMessage;

    fn is_read_again<T>(message: &[u8]) -> Result<(), TestCaseError>
    where
        T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let Some(value) = read::<T>(message) else {
            return Ok(());
        };
        let written = postcard::to_stdvec(&value).expect("what was read can be written");
        prop_assert!(written.len() <= message.len());
        prop_assert_eq!(read::<T>(&written), Some(value));
        prop_assert!(read::<T>(&[written, vec![0]].concat()).is_none());
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_of_anything_can_be_written_and_read_again(
            mut message in proptest::collection::vec(any::<u8>(), 0..40),
            variant in 0_u8..6,
        ) {
            for _ in 0..2 {
                is_read_again::<Command>(&message)?;
                is_read_again::<Answer>(&message)?;
                is_read_again::<SyncMessage>(&message)?;
                is_read_again::<ExecError>(&message)?;
                message.insert(0, variant);
            }
        }
    }
}
