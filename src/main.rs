//! The `remora` program: command line to library.

fn main() {}
