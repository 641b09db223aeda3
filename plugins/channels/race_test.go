//go:build race

package channels_test

// raceEnabled tells that everything takes ten times as long.
const raceEnabled = true
