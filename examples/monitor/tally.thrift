// What the service offers. Both sides read this file; there is no generated code.

struct Status {
    1: i32 process,
    2: i64 calls,
}

exception Refused {
    1: string reason,
}

service Tally {
    Status status(),
    // Adds to a named sum, and gives the new one. Sums do not go below 0.
    i64 add(1: string name, 2: i64 amount) throws (1: Refused refused),
    // Two bugs, for the monitor to find: blocking everything for a time, and ending all of a sudden.
    void hang(1: double seconds),
    oneway void crash(),
}
