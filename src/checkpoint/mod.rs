//! The checkpoint: takes acknowledgements in any order, gives the position up to which all is delivered.
