//! Where we are in a server's history: GTIDs, exact GTID sets, file positions.
//!
//! Pure types shared by the stages; how a position is stored is `checkpoint`'s matter.
