//! What the benchmarks and the load generator share.

pub mod figures;
pub mod http;
pub mod writer;
