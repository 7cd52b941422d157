//! What a binlog holds: the closed list of events, borrowed from the bytes they came in.
