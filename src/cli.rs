//! One file per verb.

pub mod sim;
