//go:build race

package realtime_test

// slowdown is how many times fewer random rules are compared with SQL under the
// race detector, which has nothing to find in them and makes SQLite slow.
const slowdown = 4
