//go:build race

package schema_test

// slowdown is how many times fewer random edits are made under the race
// detector, which has nothing to find in them and makes SQLite slow. All of them
// are made without it.
const slowdown = 6
