//! What crosses the crates merkle and verify: whole evidence, and the golden vectors in `testdata/vectors`.

#![expect(clippy::unwrap_used, reason = "a failing test is what unwrap is for")]

mod documents;
mod evidence;
mod sample;
mod vectors;
